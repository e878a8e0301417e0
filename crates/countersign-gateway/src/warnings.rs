//! What about a flow's keys deserves a look: pure, at one moment, and a task that says it once a day.

use std::time::{Duration, SystemTime};

use countersign::{Auth, KeyId, Validity};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::live::Current;
use crate::moment;
use crate::tally::{KeyTally, Tally};

/// Something that deserves a look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Warning {
    pub(crate) help: &'static str,
    /// The kind, for scripts.
    pub(crate) kind: &'static str,
    pub(crate) key: Option<KeyId>,
    pub(crate) message: String,
}

/// A key, and what was seen of it.
#[derive(Clone, Debug)]
struct Known {
    id: KeyId,
    validity: Validity,
    /// None where nothing is counted.
    seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    last: Option<SystemTime>,
    since: SystemTime,
}

/// What about the flow's keys deserves a look now; without a tally, only what their dates say.
pub(crate) fn of_keys(auth: &Auth, tally: Option<&Tally>, now: SystemTime) -> Vec<Warning> {
    let keys = auth.keys().into_iter();
    let keys = keys.map(|(id, validity)| Known {
        seen: tally
            .and_then(|tally| tally.key(&id))
            .map(|key| Seen::of(&key)),
        id,
        validity,
    });
    let mut found = judge(&keys.collect::<Vec<_>>(), now);
    let has_none =
        |part: &Auth| matches!(part, Auth::Signature(verifier) if verifier.keys().next().is_none());
    // Only where what senders brought is known, too.
    if tally.is_some() && auth.parts().any(has_none) {
        found.push(Warning {
            help: "let its sender bring one: `countersign handshake FLOW`, then make the webhook there",
            kind: "no_key",
            key: None,
            message: "there is no key yet: every request is refused".to_owned(),
        });
    }
    found
}

/// Says at the start, and then once a day, what deserves a look, until `stop`.
pub(crate) async fn tell(current: Current, stop: CancellationToken) {
    let mut day = interval(DAY);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = day.tick() => {}
        }
        let live = current.load_full();
        let now = SystemTime::now();
        let flows = live.config.flows.iter();
        for endpoint in flows.filter_map(|flow| live.endpoint(flow.id.as_str())) {
            let tally = endpoint.ledger.tally();
            for warning in of_keys(endpoint.policy().auth(), Some(tally), now) {
                tracing::warn!(
                    flow.id = %endpoint.flow.id,
                    key.id = warning.key.as_ref().map(tracing::field::display),
                    kind = warning.kind,
                    help = warning.help,
                    "{}",
                    warning.message
                );
            }
        }
    }
}

fn judge(keys: &[Known], now: SystemTime) -> Vec<Warning> {
    let mut found = Vec::new();
    if !keys.is_empty() && !keys.iter().any(|key| key.validity.covers(now)) {
        found.push(Warning {
            help: "add a key, or correct the times of those that are there",
            kind: "no_active_key",
            key: None,
            message: "no key counts now: every request is refused".to_owned(),
        });
    }
    let another_is_in_use = |than: &Known| {
        keys.iter()
            .any(|key| key.id != than.id && key.is_in_use(now))
    };
    for key in keys {
        let of_key = |kind, help, what: String| Warning {
            help,
            kind,
            key: Some(key.id.clone()),
            message: format!("the key `{}` {what}", key.id),
        };
        match key.validity.not_after() {
            Some(end) if end <= now => found.push(of_key(
                "key_expired",
                "remove it once the sender signs with another one",
                format!("expired {}", moment::distance(end, now)),
            )),
            Some(end) if end <= now + WEEK => found.push(of_key(
                "key_expires_soon",
                "add the next key before that: a new secret, which the sender gets, or the sender's new certificate",
                format!("expires {}", moment::distance(end, now)),
            )),
            _ => {}
        }
        let unused = key.quiet(now).filter(|quiet| *quiet >= WEEK);
        if let Some(quiet) = unused.filter(|_| key.validity.covers(now) && another_is_in_use(key)) {
            found.push(of_key(
                "key_unused",
                "remove it if the sender has changed over to another one; if it is the new one, the sender does not use it yet",
                format!("has not been seen for {} days, while another one was", quiet.as_secs() / DAY.as_secs()),
            ));
        }
    }
    found
}

impl Known {
    /// For how long it has not been seen although it counts.
    fn quiet(&self, now: SystemTime) -> Option<Duration> {
        let Seen { last, since } = self.seen?;
        let first = self.validity.not_before().unwrap_or(since);
        let from = last.unwrap_or(since).max(first);
        now.duration_since(from).ok()
    }

    fn is_in_use(&self, now: SystemTime) -> bool {
        let last = self.seen.and_then(|seen| seen.last);
        last.is_some_and(|last| now.duration_since(last).unwrap_or_default() < WEEK)
    }
}

impl Seen {
    fn of(tally: &KeyTally) -> Self {
        Self {
            last: tally.last_seen(),
            since: tally.since(),
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use countersign::{ApiKey, Key, Keyring, Scheme, Secret, Verifier};

    use super::*;

    fn day(day: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * (10_000 + day)
    }

    /// A key that has counted since day 0 and was seen on this day.
    fn key(id: &str, last: Option<u32>) -> Known {
        Known {
            id: KeyId::parse(id).unwrap(),
            validity: Validity::default(),
            seen: Some(Seen {
                last: last.map(day),
                since: day(0),
            }),
        }
    }

    fn dated(from: Option<u32>, to: Option<u32>) -> Validity {
        let mut key = Key::new(
            KeyId::parse("a").unwrap(),
            Secret::new("a key of some length"),
        );
        if let Some(from) = from {
            key = key.not_before(day(from));
        }
        if let Some(to) = to {
            key = key.not_after(day(to));
        }
        let auth = Auth::ApiKey(ApiKey::new(&Keyring::new([key]).unwrap()).unwrap());
        auth.keys()[0].1
    }

    fn kinds(keys: &[Known], now: u32) -> Vec<(&'static str, Option<String>)> {
        let found = judge(keys, day(now)).into_iter();
        found
            .map(|warning| (warning.kind, warning.key.map(|key| key.to_string())))
            .collect()
    }

    #[test]
    fn an_old_key_that_is_not_seen_for_a_week_while_another_is_may_go() {
        let keys = [key("old", Some(1)), key("new", Some(8))];

        assert_eq!(kinds(&keys, 7), []);
        assert_eq!(kinds(&keys, 8), [("key_unused", Some("old".to_owned()))]);
        let said = &judge(&keys, day(9))[0].message;
        assert_eq!(
            said,
            "the key `old` has not been seen for 8 days, while another one was"
        );
    }

    #[test]
    fn a_key_never_seen_is_told_only_once_it_was_watched_for_a_week() {
        let keys = [key("old", None), key("new", Some(6))];

        assert_eq!(kinds(&keys, 6), []);
        assert_eq!(kinds(&keys, 7), [("key_unused", Some("old".to_owned()))]);
    }

    #[test]
    fn a_flow_that_nobody_sends_to_says_nothing_about_its_keys() {
        assert_eq!(kinds(&[key("old", Some(1)), key("new", Some(2))], 30), []);
        assert_eq!(kinds(&[key("only", None)], 30), []);
    }

    #[test]
    fn a_key_that_begins_later_is_watched_from_then_on() {
        let mut new = key("new", None);
        new.validity = dated(Some(5), None);
        let keys = [key("old", Some(12)), new];

        assert_eq!(kinds(&keys, 4), []);
        assert_eq!(kinds(&keys, 11), []);
        assert_eq!(kinds(&keys, 12), [("key_unused", Some("new".to_owned()))]);
    }

    #[test]
    fn a_key_is_told_a_week_before_its_end_and_after_it() {
        let mut old = key("old", Some(9));
        old.validity = dated(None, Some(10));
        let keys = [old.clone(), key("new", Some(9))];

        assert_eq!(kinds(&keys, 2), []);
        for now in [3, 9] {
            assert_eq!(
                kinds(&keys, now),
                [("key_expires_soon", Some("old".to_owned()))]
            );
        }
        assert_eq!(kinds(&keys, 10), [("key_expired", Some("old".to_owned()))]);
        assert_eq!(
            kinds(&[old], 10),
            [
                ("no_active_key", None),
                ("key_expired", Some("old".to_owned()))
            ]
        );
    }

    #[test]
    fn without_counts_the_dates_are_told_all_the_same() {
        let mut old = key("old", None);
        (old.seen, old.validity) = (None, dated(None, Some(1)));

        assert_eq!(
            kinds(&[old, key("new", Some(2))], 2),
            [("key_expired", Some("old".to_owned()))]
        );
    }

    #[test]
    fn a_flow_whose_sender_has_brought_no_key_yet_says_so_while_it_runs() {
        let with = |keys: &Keyring| {
            let scheme = Scheme::preset("asana").unwrap();
            Auth::Signature(Verifier::new(&scheme, keys).unwrap())
        };
        let tally = Tally::new([], None, day(0));
        let told = |auth: &Auth, tally| -> Vec<_> {
            let found = of_keys(auth, tally, day(1)).into_iter();
            found.map(|warning| warning.kind).collect()
        };

        let none = with(&Keyring::awaiting());
        assert_eq!(told(&none, Some(&tally)), ["no_key"]);
        assert_eq!(told(&none, None), [] as [&str; 0]);
        let one = with(&Keyring::single(Secret::new("a key of some length")));
        assert_eq!(told(&one, Some(&tally)), [] as [&str; 0]);
    }
}
