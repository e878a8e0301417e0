//! What would have made a refused request genuine: each hint was tried and passed.
//!
//! Pure: one thing is changed at a time. The window is left out of every try but the clock's own, so that
//! an old capture is explained as well as a new one. `countersign explain` and flows that diagnose ask here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use countersign::{
    Auth, Given, Key, KeyId, Keyring, PublicUrl, Scheme, Secret, Signed, Unit, Validity, Verified,
    Verifier,
};
use http::header::HOST;
use http::{HeaderMap, Method};

use crate::config::Flow;
use crate::moment;

mod variants;

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
    /// The verifier's own guess.
    pub(crate) guess: Option<countersign::Hint>,
    pub(crate) now: SystemTime,
    /// Other flows that it may have been meant for.
    pub(crate) others: &'a [Arc<Flow>],
    /// The scheme and its keys, where the secrets themselves are at hand.
    pub(crate) spare: Option<(&'a Scheme, &'a Keyring)>,
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

    /// All hints, the most likely first.
    pub(crate) fn hints(&self) -> Vec<Hint> {
        let mut found = self.unit();
        if found.is_empty() {
            found.extend(self.clock());
        }
        if !found.is_empty() {
            return found;
        }
        found.extend(self.keys());
        found.extend(self.flows());
        found.extend(self.bodies());
        found.extend(self.urls());
        found.extend(self.secrets());
        found.extend(self.schemes());
        found
    }

    /// The same request with its time in another unit; only where its time makes no sense now.
    fn unit(&self) -> Vec<Hint> {
        let Some((scheme, keys)) = self.spare else {
            let guess = self.guess.map(|guess| Hint::new("unit", guess.to_string()));
            return guess.into_iter().collect();
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

    fn clock(&self) -> Option<Hint> {
        let genuine = self.passes(self.auth)?;
        let when = moment::distance(genuine.time()?, self.now);
        Some(Hint::new(
            "clock",
            format!(
                "genuine but for its time: it was signed {when}. An old capture, or the clock of one side is off"
            ),
        ))
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

    fn bodies(&self) -> Vec<Hint> {
        let body = self.captured.body;
        let line_ends = variants::line_ends(body)
            .into_iter()
            .map(|way| ("line_end", way));
        let json = variants::json(body).into_iter().map(|way| ("json", way));
        let passes = |body: &[u8]| self.attempt(self.auth, self.url, body, self.now).is_some();
        line_ends
            .chain(json)
            .filter(|(_, (_, body))| passes(body))
            .map(|(kind, (words, _))| {
                Hint::new(
                    kind,
                    format!("genuine {words}: something on the way changes the body"),
                )
            })
            .collect()
    }

    fn urls(&self) -> Vec<Hint> {
        let captured = self.captured;
        let host = captured.headers.get(HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let seen = match (captured.base, host) {
            ("", Some(host)) => format!("https://{host}"),
            (base, _) => base.to_owned(),
        };
        variants::urls(self.url.base, self.url.target, &seen)
            .into_iter()
            .filter(|(base, target)| {
                let url = PublicUrl::new(base, target);
                self.attempt(self.auth, url, captured.body, self.now)
                    .is_some()
            })
            .map(|(base, target)| {
                let target = match (self.voice, target.split_once('?')) {
                    (Voice::Configuration, Some((path, _))) => format!("{path}?…"),
                    _ => target,
                };
                Hint::new("url", format!("genuine for the public URL {base}{target}"))
            })
            .collect()
    }

    fn secrets(&self) -> Vec<Hint> {
        let Some((scheme, keys)) = self.spare else {
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
        let Some((scheme, keys)) = self.spare else {
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

    fn passes(&self, auth: &Auth) -> Option<Verified> {
        self.judge_with(auth, self.now)
    }

    fn judge_with(&self, auth: &Auth, now: SystemTime) -> Option<Verified> {
        self.attempt(auth, self.url, self.captured.body, now)
    }

    /// One try, at any distance of the signed time.
    fn attempt(
        &self,
        auth: &Auth,
        url: PublicUrl<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Option<Verified> {
        let auth =
            auth.clone()
                .with_signatures(|verifier| match verifier.clone().with_window(None) {
                    Ok(timeless) => timeless,
                    Err(_) => verifier,
                });
        self.judge(&auth, url, body, now)
    }

    fn judge(
        &self,
        auth: &Auth,
        url: PublicUrl<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Option<Verified> {
        let Captured {
            method, headers, ..
        } = self.captured;
        let signed = Signed {
            method,
            url,
            headers,
            body,
            now,
        };
        let client = self.captured.client;
        let given = Given {
            client,
            ..Given::default()
        };
        auth.check_head_from(client, method, headers).ok()?;
        auth.judge(&signed, given).ok()
    }

    /// Whether the signed time is one that somebody could mean.
    fn is_recent(&self, genuine: &Verified) -> bool {
        let far = |time: SystemTime| {
            let either = self.now.duration_since(time);
            either.unwrap_or_else(|error| error.duration()) > MEANT
        };
        !genuine.time().is_some_and(far)
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
pub(crate) const NOTHING: &str = "nothing that was tried makes it genuine: look for another secret, or for \
    something between the sender and this capture that changes the body";

/// How long ago or ahead a capture's time may lie to be believed: ten years.
const MEANT: Duration = Duration::from_secs(10 * 365 * 86_400);
