//! What is known of one flow's requests: counted, and the refused ones told to the operator.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use countersign::{Reason, Verified};
use countersign_tower::{Policy, Refusal, VerifiedBody};
use http::request::Parts;

use super::chatter::Chatter;
use crate::config::Flow;
use crate::rejections::{Entry, NotStored, Rejections, Sender, Sketch};
use crate::tally::Tally;

/// What is known of a refused request.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    /// None where it is gone already.
    pub(super) head: Option<&'a Parts>,
    /// The body, where it was read and judged, and is not genuine.
    pub(super) body: Option<&'a Bytes>,
    /// How long the body is, where it was read.
    pub(super) read: Option<usize>,
    pub(super) policy: &'a Policy,
    pub(super) sender: Sender,
}

/// Counts and tells what becomes of one flow's requests.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// How often refusals are told that anybody can cause.
    chatter: Chatter,
    /// How often those are told that only a sender can cause: strangers shall not hide them.
    concerns: Chatter,
    /// How often handshakes are told.
    greetings: Chatter,
    flow: Arc<Flow>,
    rejections: Arc<Rejections>,
    tally: Tally,
}

impl Ledger {
    /// For `flow`, going on from what was counted before.
    pub(crate) fn new(
        flow: &Arc<Flow>,
        rejections: &Arc<Rejections>,
        previous: Option<&Self>,
    ) -> Self {
        let keys = flow.policy.auth().keys().into_iter().map(|(id, _)| id);
        let previous = previous.map(|previous| &previous.tally);
        Self {
            chatter: Chatter::default(),
            concerns: Chatter::default(),
            greetings: Chatter::default(),
            flow: Arc::clone(flow),
            rejections: Arc::clone(rejections),
            tally: Tally::new(keys, previous, SystemTime::now()),
        }
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// A genuine request has come in.
    pub(crate) fn genuine(&self, verified: Option<&Verified>, now: SystemTime) {
        for key in verified.into_iter().flat_map(Verified::keys) {
            self.tally.used(key, now);
        }
    }

    /// A request that does not verify and is let in, because the flow only observes.
    pub(crate) fn observed(
        &self,
        reason: Reason,
        head: &Parts,
        body: &VerifiedBody,
        sender: Sender,
    ) {
        self.tally.observed(reason.as_str());
        let refusal = Refusal::Rejected(reason.into());
        let Some(suppressed) = self.may_speak(refusal) else {
            return;
        };
        let now = SystemTime::now();
        let sketch = Sketch::new(refusal, head, sender);
        let (bytes, auth) = (body.bytes(), body.policy().auth());
        let mut sketch = sketch.judged(bytes.len(), auth, now).let_in();
        if self.flow.diagnose {
            sketch = sketch.looked_at();
        }
        let entry = self.note(sketch, suppressed, now);
        if self.flow.diagnose {
            self.rejections.diagnose(&entry, head, bytes);
        }
        tracing::info!(
            flow.id = %self.flow.id,
            client.address = %sender,
            reason = reason.as_str(),
            rejection = entry.number,
            suppressed = some(suppressed),
            "observed: would be refused, was let in"
        );
    }

    /// A request was refused.
    pub(super) fn refused(&self, refusal: Refusal, told: Told<'_>) {
        let sender = told.sender;
        if matches!(refusal, Refusal::Acknowledged) {
            self.tally.repeated();
            tracing::debug!(
                flow.id = %self.flow.id,
                client.address = %sender,
                "a repeat, acknowledged once more"
            );
            return;
        }
        self.tally.refused(refusal.as_str());
        let Some(suppressed) = self.may_speak(refusal) else {
            return;
        };
        let head = told.head;
        let entry = head.map(|head| self.keep(refusal, head, told, suppressed));
        let entry = entry.as_deref();
        tracing::info!(
            flow.id = %self.flow.id,
            client.address = %sender,
            reason = refusal.as_str(),
            hint = refusal.hint().map(tracing::field::display),
            help = help(refusal, told.policy.auth().asks(), head, sender),
            clock_difference_ms = entry.and_then(|entry| entry.sketch.clock_difference),
            rejection = entry.map(|entry| entry.number),
            suppressed = some(suppressed),
            "refused"
        );
    }

    /// A genuine request was not made durable; it is in the log already.
    pub(super) fn not_stored(&self, not_stored: NotStored, head: &Parts, sender: Sender) {
        self.tally.refused(not_stored.reason);
        if let Some(suppressed) = self.may_speak_by(&self.concerns) {
            let sketch = Sketch::new(not_stored, head, sender);
            self.note(sketch, suppressed, SystemTime::now());
        }
    }

    /// A handshake was answered.
    pub(super) fn shaken(&self, sender: Sender) {
        let Some(suppressed) = self.greetings.may_speak() else {
            return;
        };
        tracing::info!(
            flow.id = %self.flow.id,
            client.address = %sender,
            suppressed = some(suppressed),
            "handshake answered"
        );
    }

    /// Whether to tell now what anybody can cause; if so, how much was kept back since the last time.
    pub(crate) fn may_tell_of_strangers(&self) -> Option<u64> {
        self.chatter.may_speak()
    }

    fn keep(&self, refusal: Refusal, head: &Parts, told: Told<'_>, suppressed: u64) -> Arc<Entry> {
        let now = SystemTime::now();
        let mut sketch = Sketch::new(refusal, head, told.sender);
        sketch.read = told.read;
        if let Some(body) = told.body {
            sketch = sketch.judged(body.len(), told.policy.auth(), now);
        }
        // Whoever could not be asked has not said that it is not genuine.
        let looks = self.flow.diagnose && matches!(refusal, Refusal::Rejected(_));
        let body = told.body.filter(|_| looks);
        if body.is_some() {
            sketch = sketch.looked_at();
        }
        let entry = self.note(sketch, suppressed, now);
        if let Some(body) = body {
            self.rejections.diagnose(&entry, head, body);
        }
        entry
    }

    fn note(&self, sketch: Sketch, suppressed: u64, now: SystemTime) -> Arc<Entry> {
        let (flow, organization) = (self.flow.id.to_shared(), self.flow.organization.to_shared());
        self.rejections
            .note(Some(flow), organization, sketch, suppressed, now)
    }

    fn may_speak(&self, refusal: Refusal) -> Option<u64> {
        self.may_speak_by(match is_of_a_sender(refusal) {
            true => &self.concerns,
            false => &self.chatter,
        })
    }

    fn may_speak_by(&self, chatter: &Chatter) -> Option<u64> {
        let spoken = chatter.may_speak();
        if spoken.is_none() {
            self.tally.unlogged();
        }
        spoken
    }
}

/// Whether only somebody who has the secret, or a request of theirs, is refused so.
fn is_of_a_sender(refusal: Refusal) -> bool {
    match refusal {
        Refusal::InFlight | Refusal::Repeated => true,
        Refusal::Rejected(rejection) => matches!(
            rejection.reason(),
            Reason::FutureTimestamp | Reason::StaleTimestamp
        ),
        _ => false,
    }
}

/// What to do where passwords find no room although their senders may be many.
fn help(
    refusal: Refusal,
    asks: bool,
    head: Option<&Parts>,
    sender: Sender,
) -> Option<&'static str> {
    let head = head.filter(|_| asks && refusal == Refusal::Unavailable)?;
    let of_the_peer = sender.client == Some(sender.peer.ip().to_canonical());
    let proxied = |name: &str| head.headers.contains_key(name);
    let is_one_of_many = of_the_peer && (proxied("x-forwarded-for") || proxied("forwarded"));
    is_one_of_many.then_some(BEHIND_A_PROXY)
}

/// Where a proxy that nobody trusts speaks for many senders.
const BEHIND_A_PROXY: &str = "it came through a proxy that is not one of `ingress.trusted_proxies`: all its senders \
    are one address, whose passwords are checked one after another";

/// A count worth a field of its line.
pub(crate) fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use http::Request;

    use super::*;
    use crate::config::Config;
    use crate::rejections::Asked;
    use crate::rejections::waiting::Waiting;

    const DIAGNOSED: &str = "[[flows]]\nid = \"orders\"\ndiagnose = true\n\
        auth = { mode = \"api_key\", keys = [{ secret = \"the secret of the flow\" }] }\n";

    #[test]
    fn only_what_was_judged_is_looked_at_more_closely() {
        for (refusal, looked_at) in [
            (Refusal::Rejected(Reason::BadCredentials.into()), true),
            (Refusal::Unavailable, false),
        ] {
            let config = Config::parse(DIAGNOSED, Path::new("countersign.toml")).unwrap();
            let rejections = Rejections::new(SystemTime::now(), Waiting::default());
            let rejections = Arc::new(rejections);
            let ledger = Ledger::new(&config.flows[0], &rejections, None);
            let (head, ()) = Request::post("/").body(()).unwrap().into_parts();

            ledger.refused(
                refusal,
                Told {
                    head: Some(&head),
                    body: Some(&Bytes::from("four")),
                    read: Some(4),
                    policy: &config.flows[0].policy,
                    sender: Sender {
                        client: None,
                        peer: "127.0.0.1:5000".parse().unwrap(),
                    },
                },
            );

            let listed = rejections.list(Asked {
                after: None,
                before: None,
                flow: Some("orders"),
                limit: 9,
                organization: "default",
                reason: None,
            });
            assert_eq!(listed[0].is_looked_at(), looked_at, "{refusal}");
            assert_eq!(listed[0].sketch.read, Some(4));
        }
    }

    #[test]
    fn whoever_waits_behind_a_proxy_that_nobody_trusts_is_told_of_it() {
        let proxied = Request::post("/").header("x-forwarded-for", "192.0.2.1");
        let (proxied, ()) = proxied.body(()).unwrap().into_parts();
        let (direct, ()) = Request::post("/").body(()).unwrap().into_parts();
        let from = |client: &str| Sender {
            client: client.parse().ok(),
            peer: "127.0.0.1:5000".parse().unwrap(),
        };
        let (peer, behind) = (from("127.0.0.1"), from("192.0.2.1"));
        let busy = Refusal::Unavailable;

        assert_eq!(help(busy, true, Some(&proxied), peer), Some(BEHIND_A_PROXY));
        for (refusal, asks, head, sender) in [
            (busy, true, Some(&proxied), behind),
            (busy, true, Some(&direct), peer),
            (busy, false, Some(&proxied), peer),
            (busy, true, None, peer),
            (Refusal::BodyFailed, true, Some(&proxied), peer),
        ] {
            assert_eq!(help(refusal, asks, head, sender), None);
        }
    }
}
