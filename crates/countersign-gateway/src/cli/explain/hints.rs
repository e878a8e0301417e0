//! What would have made a refused request genuine: each hint was tried and passed.
//!
//! Pure: one thing is changed at a time. The window is left out of every try but the clock's own, so that
//! an old capture is explained as well as a new one.

use std::time::{Duration, SystemTime};

use countersign::{Auth, Key, KeyId, Keyring, PublicUrl, Scheme, Secret, Unit, Verified, Verifier};
use http::header::HOST;

use super::variants;
use crate::cli::message::Message;
use crate::cli::verify::{Judge, Refused};
use crate::moment;

/// A change after which the request is genuine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hint {
    /// What kind of change, for scripts.
    pub(crate) kind: &'static str,
    /// The change in words.
    pub(crate) text: String,
}

/// A refused request and everything that can be changed about it.
pub(crate) struct Case<'a> {
    pub(crate) judge: &'a Judge,
    pub(crate) refused: &'a Refused,
    pub(crate) message: &'a Message,
    pub(crate) url: PublicUrl<'a>,
    pub(crate) now: SystemTime,
    /// The scheme and the secrets, where they were given and not a flow.
    pub(crate) given: Option<(&'a Scheme, &'a [Secret])>,
}

impl Case<'_> {
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
        found.extend(self.bodies());
        found.extend(self.urls());
        found.extend(self.secrets());
        found.extend(self.schemes());
        found
    }

    /// The same request with its time in another unit; only where its time makes no sense now.
    fn unit(&self) -> Vec<Hint> {
        let Some((scheme, secrets)) = self.given else {
            let Refused::Rejected(rejection) = self.refused else {
                return Vec::new();
            };
            return rejection
                .hint()
                .map(|hint| Hint::new("unit", hint.to_string()))
                .into_iter()
                .collect();
        };
        let as_it_is = self.passes(self.auth());
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
                let genuine = self.passes(Some(&auth(&scheme, secrets)?))?;
                let text = format!("genuine with the timestamp in {name}: `--unit {name}`");
                self.is_recent(&genuine).then(|| Hint::new("unit", text))
            })
            .collect()
    }

    fn clock(&self) -> Option<Hint> {
        let genuine = self.passes(self.auth())?;
        let when = moment::distance(genuine.time()?, self.now);
        Some(Hint::new(
            "clock",
            format!(
                "genuine but for its time: it was signed {when}. An old capture, or the clock of one side is off"
            ),
        ))
    }

    /// Keys before or after their time, and the other flows of the configuration.
    fn keys(&self) -> Vec<Hint> {
        let Judge::Flow { others, .. } = self.judge else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for days in DAYS {
            let span = Duration::from_secs(days * 86_400);
            let moments = [self.now.checked_sub(span), self.now.checked_add(span)];
            for (moment, words) in moments.into_iter().zip(["ago", "from now"]) {
                let genuine = moment.and_then(|now| self.judge_with(self.auth(), now));
                let key = genuine.as_ref().and_then(Verified::key);
                let fresh = |key: &KeyId| {
                    let named = format!("`{key}`");
                    !found.iter().any(|hint: &Hint| hint.text.contains(&named))
                };
                if let Some(key) = key.filter(|key| fresh(key)) {
                    let text = format!(
                        "genuine with the key `{key}` of this flow, which is not active now and is {days} days {words}"
                    );
                    found.push(Hint::new("key", text));
                }
            }
        }
        for flow in others {
            let auth = flow.policy.auth();
            let is_open = matches!(auth, Auth::None);
            let base = flow.policy.public_url().unwrap_or(self.url.base);
            let url = PublicUrl::new(base, self.url.target);
            if !is_open
                && self
                    .attempt(Some(auth), url, &self.message.body, self.now)
                    .is_some()
            {
                found.push(Hint::new("flow", format!("genuine for the flow `{}`: sent to the wrong one, or the keys are mixed up", flow.id)));
            }
        }
        found
    }

    fn bodies(&self) -> Vec<Hint> {
        let body = &self.message.body;
        let line_ends = variants::line_ends(body)
            .into_iter()
            .map(|way| ("line_end", way));
        let json = variants::json(body).into_iter().map(|way| ("json", way));
        let passes = |body: &[u8]| {
            self.attempt(self.auth(), self.url, body, self.now)
                .is_some()
        };
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
        let host = self
            .message
            .headers
            .get(HOST)
            .and_then(|host| host.to_str().ok());
        let seen = match (self.message.base.as_str(), host) {
            ("", Some(host)) => format!("https://{host}"),
            (base, _) => base.to_owned(),
        };
        let body = &self.message.body;
        variants::urls(self.url.base, self.url.target, &seen)
            .into_iter()
            .filter(|(base, target)| {
                let url = PublicUrl::new(base, target);
                self.attempt(self.auth(), url, body, self.now).is_some()
            })
            .map(|(base, target)| {
                Hint::new("url", format!("genuine for the public URL {base}{target}"))
            })
            .collect()
    }

    fn secrets(&self) -> Vec<Hint> {
        let Some((scheme, secrets)) = self.given else {
            return Vec::new();
        };
        let readings = secrets.iter().flat_map(variants::secrets);
        readings
            .filter(|(_, secret)| {
                let auth = auth(scheme, std::slice::from_ref(secret));
                self.passes(auth.as_ref()).is_some()
            })
            .map(|(words, _)| Hint::new("secret", format!("genuine {words}")))
            .collect()
    }

    fn schemes(&self) -> Vec<Hint> {
        let Some((scheme, secrets)) = self.given else {
            return Vec::new();
        };
        Scheme::presets()
            .filter(|other| other.name() != scheme.name())
            .filter(|other| self.passes(auth(other, secrets).as_ref()).is_some())
            .map(|other| Hint::new("scheme", format!("genuine as `--scheme {}`", other.name())))
            .collect()
    }

    fn auth(&self) -> Option<&Auth> {
        Some(match self.judge {
            Judge::Keys(auth) => auth,
            Judge::Flow { flow, .. } => flow.policy.auth(),
        })
    }

    fn passes(&self, auth: Option<&Auth>) -> Option<Verified> {
        self.judge_with(auth, self.now)
    }

    fn judge_with(&self, auth: Option<&Auth>, now: SystemTime) -> Option<Verified> {
        self.attempt(auth, self.url, &self.message.body, now)
    }

    /// One try, at any distance of the signed time.
    fn attempt(
        &self,
        auth: Option<&Auth>,
        url: PublicUrl<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Option<Verified> {
        let auth = match auth?.clone() {
            Auth::Signature(verifier) => Auth::Signature(verifier.with_window(None).ok()?),
            other => other,
        };
        Judge::Keys(auth).verify(self.message, url, body, now).ok()
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
    fn new(kind: &'static str, text: String) -> Self {
        Self { kind, text }
    }
}

fn auth(scheme: &Scheme, secrets: &[Secret]) -> Option<Auth> {
    let keys = secrets.iter().enumerate().map(|(index, secret)| {
        let id = KeyId::parse(&format!("secret-{index}")).ok()?;
        Some(Key::new(id, secret.clone()).allow_weak())
    });
    let keys = Keyring::new(keys.collect::<Option<Vec<_>>>()?).ok()?;
    Some(Auth::Signature(Verifier::new(scheme, &keys).ok()?))
}

/// How long ago or ahead a capture's time may lie to be believed: ten years.
const MEANT: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The distances, in days, at which keys with dates are tried.
const DAYS: [u64; 5] = [1, 7, 30, 90, 365];

#[cfg(test)]
mod tests;
