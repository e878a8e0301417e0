//! What would have made a refused request genuine: each hint was tried and passed.
//!
//! Pure: one thing is changed at a time. The window is left out of every try but the clock's own, so that
//! an old capture is explained as well as a new one. `countersign explain` and flows that diagnose ask here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use countersign::{
    Auth, Handshakes, Key, KeyId, Keyring, PublicUrl, Scheme, Secret, Unit, Validity, Verifier,
};
use http::header::HOST;
use http::{HeaderMap, Method};

use self::credentials::CREDENTIALS;
use crate::config::{Flow, Spare};
use crate::moment;

mod attempt;
mod credentials;
mod missing;
mod variants;
mod ways;

/// A change after which the request is genuine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hint {
    /// What kind of change, for scripts.
    pub(crate) kind: &'static str,
    /// The change in words.
    pub(crate) text: String,
}

/// A refused request and everything that can be changed about it.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    /// What it was refused by.
    pub(crate) auth: &'a Auth,
    pub(crate) captured: Captured<'a>,
    pub(crate) now: SystemTime,
    /// Other flows that it may have been meant for.
    pub(crate) others: &'a [Arc<Flow>],
    /// The schemes and keys of the signatures in `auth`, in order, where the secrets themselves are at hand.
    pub(crate) spare: &'a [Spare],
    pub(crate) url: PublicUrl<'a>,
    pub(crate) voice: Voice,
}

/// A request as it was received.
#[derive(Clone, Copy)]
pub(crate) struct Captured<'a> {
    pub(crate) method: &'a Method,
    /// Scheme and authority, where the request line had them; else empty.
    pub(crate) base: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) client: Option<IpAddr>,
}

/// Whom hints are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Voice {
    /// Somebody who gives flags and has the request at hand.
    CommandLine,
    /// Somebody who writes a configuration. Query strings are left out: these hints are logged.
    Configuration,
}

impl Case<'_> {
    /// Whether the request passes as it is, at its time.
    pub(crate) fn is_genuine(&self) -> bool {
        let (url, body) = (self.url, self.captured.body);
        self.judge(self.auth, url, body, self.now).is_some()
    }

    /// Whether it is the handshake by which a sender brings its secret.
    pub(crate) fn brings_a_secret(&self, handshakes: &Handshakes) -> bool {
        let request = self.signed(self.url, self.captured.body, self.now);
        let offer = handshakes.offer(self.auth, self.captured.client, &request);
        offer.is_some()
    }

    /// All hints, the most likely first.
    pub(crate) fn hints(&self) -> Vec<Hint> {
        let mut found = self.of_each_way();
        if !found.iter().any(|hint| CERTAIN.contains(&hint.kind)) {
            let flows = self.flows();
            if !flows.is_empty() {
                // They are another flow's: nobody has to correct them.
                found.retain(|hint| hint.kind != CREDENTIALS);
            }
            found.splice(0..0, flows);
        }
        found
    }

    /// Hints for one way of knowing senders, wherever they may be.
    fn of_this_way(&self) -> Vec<Hint> {
        let mut found = self.unit();
        if found.is_empty() {
            found.extend(self.clock());
        }
        if !found.is_empty() {
            return found;
        }
        found.extend(self.keys());
        if matches!(self.auth, Auth::Signature(_)) {
            found.extend(self.keys_of_others());
            found.extend(self.bodies());
            found.extend(self.urls());
            found.extend(self.secrets());
            found.extend(self.schemes());
        }
        if found.is_empty() {
            found.extend(self.missing().or_else(|| self.credentials()));
        }
        found
    }

    /// The same request with its time in another unit; only where its time makes no sense now.
    fn unit(&self) -> Vec<Hint> {
        let Some(Spare { scheme, keys }) = self.spare.first() else {
            return self.guess().into_iter().collect();
        };
        let as_it_is = self.passes(self.auth);
        if as_it_is.is_some_and(|genuine| self.is_recent(&genuine)) {
            return Vec::new();
        }
        let units = [
            (Unit::Seconds, "seconds"),
            (Unit::Milliseconds, "milliseconds"),
            (Unit::Rfc3339, "rfc3339"),
        ];
        let units = units
            .into_iter()
            .filter(|(unit, _)| scheme.timestamp_unit() != Some(*unit));
        units
            .filter_map(|(unit, name)| {
                let scheme = scheme.clone().with_timestamp_unit(unit).ok()?;
                let genuine = self.passes(&auth(&scheme, keys)?)?;
                let remedy = match self.voice {
                    Voice::CommandLine => format!("`--unit {name}`"),
                    Voice::Configuration => format!("`timestamp = \"{name}\"`"),
                };
                let text = format!("genuine with the timestamp in {name}: {remedy}");
                self.is_recent(&genuine).then(|| Hint::new("unit", text))
            })
            .collect()
    }

    /// What the verifier itself makes of the time.
    fn guess(&self) -> Option<Hint> {
        let guess = self.verdict().err()?.hint()?;
        Some(Hint::new("unit", guess.to_string()))
    }

    fn clock(&self) -> Option<Hint> {
        let genuine = self.passes(self.auth)?;
        let time = genuine.time()?;
        let when = moment::distance(time, self.now);
        let when = match time > self.now {
            true => format!("it says that it was signed {when}"),
            false => format!("it was signed {when}"),
        };
        let text = format!(
            "genuine but for its time: {when}. An old capture, or the clock of one side is off"
        );
        Some(Hint::new("clock", text))
    }

    /// Keys before or after their time.
    fn keys(&self) -> Vec<Hint> {
        let keys = self.auth.keys().into_iter();
        let inactive = keys.filter(|(_, validity)| !validity.covers(self.now));
        let passing = inactive.filter(|(id, validity)| {
            let genuine = inside(*validity).and_then(|now| self.judge_with(self.auth, now));
            genuine.is_some_and(|genuine| genuine.key() == Some(id))
        });
        passing
            .map(|(id, validity)| {
                let time = when(validity, self.now);
                let text = format!("genuine with the key `{id}` of this flow, which {time}");
                Hint::new("key", text)
            })
            .collect()
    }

    fn flows(&self) -> Vec<Hint> {
        let meant = self.others.iter().filter(|flow| {
            let auth = flow.policy.auth();
            let base = flow.policy.public_url().unwrap_or(self.url.base);
            let url = PublicUrl::new(base, self.url.target);
            let passes = || self.attempt(auth, url, self.captured.body, self.now);
            !matches!(auth, Auth::None) && passes().is_some()
        });
        meant
            .map(|flow| {
                let text = format!(
                    "genuine for the flow `{}`: sent to the wrong one, or the keys are mixed up",
                    flow.id
                );
                Hint::new("flow", text)
            })
            .collect()
    }

    /// Keys of other flows, where those are at hand.
    fn keys_of_others(&self) -> Vec<Hint> {
        let Some(own) = self.spare.first() else {
            return Vec::new();
        };
        let spares = self
            .others
            .iter()
            .flat_map(|flow| flow.spare.iter().map(move |spare| (flow, spare)));
        // With the same scheme it is genuine for that flow as it is.
        let other_schemes = spares.filter(|(_, spare)| spare.scheme.name() != own.scheme.name());
        let passing = other_schemes.filter_map(|(flow, spare)| {
            let genuine = self.passes(&auth(&own.scheme, &spare.keys)?)?;
            let key = genuine.key().map(KeyId::to_string).unwrap_or_default();
            let text = format!(
                "genuine with the key `{key}` of the flow `{}`: the keys are mixed up",
                flow.id
            );
            Some(Hint::new("flow", text))
        });
        passing.collect()
    }

    fn bodies(&self) -> Vec<Hint> {
        let body = self.captured.body;
        let tried = |kind, ways: Vec<(&str, Vec<u8>)>| -> Vec<Hint> {
            let passes = |body: &[u8]| self.attempt(self.auth, self.url, body, self.now).is_some();
            let passing = ways.into_iter().filter(|(_, body)| passes(body));
            let text = |words| format!("genuine {words}: something on the way changes the body");
            passing
                .map(|(words, _)| Hint::new(kind, text(words)))
                .collect()
        };
        let line_ends = tried("line_end", variants::line_ends(body));
        match line_ends.is_empty() {
            true => tried("json", variants::json(body)),
            // A line end is white space of JSON, too.
            false => line_ends,
        }
    }

    fn urls(&self) -> Vec<Hint> {
        let captured = self.captured;
        let covers = |verifier: &Verifier| verifier.scheme().covers_url(captured.method);
        if !matches!(self.auth, Auth::Signature(verifier) if covers(verifier)) {
            // There are many spellings, each to be tried with the whole body.
            return Vec::new();
        }
        let told = |name: &str| captured.headers.get(name)?.to_str().ok();
        let mut seen: Vec<String> = match captured.base {
            "" => Vec::new(),
            base => vec![base.to_owned()],
        };
        let hosts = [told("x-forwarded-host"), told(HOST.as_str())];
        seen.extend(
            hosts
                .into_iter()
                .flatten()
                .map(|host| format!("https://{host}")),
        );
        let others = self.others.iter();
        seen.extend(others.filter_map(|flow| flow.policy.public_url().map(str::to_owned)));
        let mut found: Vec<(String, String)> = Vec::new();
        for (base, target) in variants::urls(self.url.base, self.url.target, &seen) {
            // The port that goes without saying is told only where it has to be said.
            let with_port = |(known, path): &(String, String)| {
                *path == target && variants::without_port(&base) == known.as_str()
            };
            let url = PublicUrl::new(&base, &target);
            if !found.iter().any(with_port)
                && self
                    .attempt(self.auth, url, captured.body, self.now)
                    .is_some()
            {
                found.push((base, target));
            }
        }
        let texts = found.into_iter().map(|(base, target)| {
            let target = match (self.voice, target.split_once('?')) {
                (Voice::Configuration, Some((path, _))) => format!("{path}?…"),
                _ => target,
            };
            format!("genuine for the public URL {base}{target}")
        });
        texts.map(|text| Hint::new("url", text)).collect()
    }

    fn secrets(&self) -> Vec<Hint> {
        let Some(Spare { scheme, keys }) = self.spare.first() else {
            return Vec::new();
        };
        let readings = keys.iter().filter_map(Key::secret);
        let readings = readings.flat_map(variants::secrets);
        readings
            .filter(|(_, secret)| {
                let auth = single(secret).and_then(|key| auth(scheme, &key));
                auth.is_some_and(|auth| self.passes(&auth).is_some())
            })
            .map(|(words, _)| Hint::new("secret", format!("genuine {words}")))
            .collect()
    }

    fn schemes(&self) -> Vec<Hint> {
        let Some(Spare { scheme, keys }) = self.spare.first() else {
            return Vec::new();
        };
        let others = Scheme::presets().filter(|other| other.name() != scheme.name());
        let passing = others.filter(|other| {
            let auth = auth(other, keys);
            auth.is_some_and(|auth| self.passes(&auth).is_some())
        });
        passing
            .map(|other| {
                let name = other.name();
                let text = match self.voice {
                    Voice::CommandLine => format!("genuine as `--scheme {name}`"),
                    Voice::Configuration => format!("genuine as `scheme = \"{name}\"`"),
                };
                Hint::new("scheme", text)
            })
            .collect()
    }
}

impl Hint {
    pub(crate) fn new(kind: &'static str, text: String) -> Self {
        Self { kind, text }
    }
}

/// The same secrets under another scheme, whatever their strength and their times.
fn auth(scheme: &Scheme, keys: &Keyring) -> Option<Auth> {
    let keys = keys.iter().map(|key| {
        let secret = key.secret()?.clone();
        Some(Key::new(key.id().clone(), secret).allow_weak())
    });
    let keys = Keyring::new(keys.collect::<Option<Vec<_>>>()?).ok()?;
    Some(Auth::Signature(Verifier::new(scheme, &keys).ok()?))
}

fn single(secret: &Secret) -> Option<Keyring> {
    let id = KeyId::parse("default").ok()?;
    Keyring::new([Key::new(id, secret.clone())]).ok()
}

/// A moment at which a key counts.
fn inside(validity: Validity) -> Option<SystemTime> {
    let before_the_end = |end: SystemTime| end.checked_sub(Duration::from_millis(1));
    validity
        .not_after()
        .map_or(validity.not_before(), before_the_end)
}

/// Why a key does not count, in words.
fn when(validity: Validity, now: SystemTime) -> String {
    match (validity.not_before(), validity.not_after()) {
        (_, Some(end)) if end <= now => format!("expired {}", moment::distance(end, now)),
        (Some(first), _) => format!("counts only {}", moment::distance(first, now)),
        _ => "does not count now".to_owned(),
    }
}

/// What is said where there is no hint.
pub(crate) const NOTHING: &str = "nothing that was tried makes it genuine: look for another secret, for \
    another public URL where that is signed, or for something between the sender and this capture that changes the body";

/// The kinds of hints that say enough: whoever's request it is, these make it pass.
const CERTAIN: [&str; 2] = ["clock", "unit"];
