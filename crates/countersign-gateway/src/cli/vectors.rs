//! `countersign verify --vectors`: a file of requests whose verdict is known.
//!
//! A file is a JSON array; each entry has a family, its secrets, a request, the time of the check and the
//! verdict to expect; a handshake has the answer to expect instead. Weak secrets are accepted here, since published examples have them.
//! A field is one that is known or plainly a remark.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::slice;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::{
    Handshakes, Key, KeyId, Keyring, PublicUrl, Rejection, Scheme, Secret, Signed, Verifier, Window,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;

mod entry;
mod handshake;
mod null;
mod remarks;
mod report;

pub(crate) use self::entry::Entry;
use self::handshake::Expected;
use self::null::{or_nothing, written};
use self::remarks::is_remark;
pub(crate) use self::report::run;
use super::keys::UnitName;
use super::message::split_url;

/// One request and the verdict to expect.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    provider: String,
    /// Told by whoever holds the entry.
    #[serde(rename = "name")]
    _name: String,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default, deserialize_with = "or_nothing")]
    secrets: Vec<Option<String>>,
    method: String,
    #[serde(default, deserialize_with = "or_nothing")]
    url: String,
    #[serde(default, deserialize_with = "or_nothing")]
    headers: BTreeMap<String, Lines>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_base64: Option<String>,
    now: f64,
    /// Left out: the scheme's own window; `null`: no check.
    #[serde(default, deserialize_with = "written")]
    tolerance_s: Option<Option<f64>>,
    expect: Expect,
    #[serde(default, deserialize_with = "or_nothing")]
    reason: String,
    #[serde(default, deserialize_with = "or_nothing")]
    params: Params,
    /// Left out: yes.
    #[serde(default)]
    normative: Option<bool>,
    /// Of a handshake: what its sender waits for.
    #[serde(skip)]
    answer: Option<Expected>,
}

/// A header's value, or its repeated lines; null where it is left out.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lines {
    None,
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Accept,
    Reject,
}

/// What some families need besides.
#[derive(Default, Deserialize)]
struct Params {
    timestamp_unit: Option<UnitName>,
    /// The id of the first key, for families that name keys by it.
    public_key: Option<String>,
    /// The name by which tokens mean the first key, where it has none of its own.
    kid: Option<String>,
    /// The key named `secondary`, for families that have two.
    secondary_key: Option<String>,
    /// Words after a family's name, for families that have several schemes.
    algorithm: Option<String>,
    batch: Option<bool>,
    kind: Option<String>,
    /// Everything else may be a parameter of the scheme.
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

/// How one vector ended.
pub(crate) enum Outcome {
    /// As expected.
    Passed,
    /// Not as expected, and it had to.
    Failed(String),
    /// Not as expected, where implementations disagree.
    Noted(String),
}

impl Vector {
    /// Checks it.
    fn run(&self) -> Outcome {
        let judged = match &self.answer {
            Some(expected) => self.shake(expected),
            None => self.judge(),
        };
        let Err(wrong) = judged else {
            return Outcome::Passed;
        };
        let why = if self.reason.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.reason)
        };
        let text = format!("{wrong}{why}");
        if self.normative.unwrap_or(true) || self.is_unknown() {
            Outcome::Failed(text)
        } else {
            Outcome::Noted(text)
        }
    }

    /// What is said of a family that nobody knows.
    fn unknown(&self) -> String {
        format!("unknown family `{}`", self.provider)
    }

    /// Whether nothing here knows its family.
    fn is_unknown(&self) -> bool {
        let known = self.handshakes_with_any_scheme().is_some();
        !known && matches!(self.scheme(), Err(Refusal::UnknownFamily))
    }

    /// Whether the verdict is the expected one; what is wrong otherwise.
    fn judge(&self) -> Result<(), String> {
        let seen = match self.verify() {
            Ok(()) => Seen::Accepted,
            Err(Refusal::Rejected(rejection)) => Seen::Rejected(rejection.reason().as_str().into()),
            // No gateway would load it, or no request could carry it: refused all the same.
            Err(Refusal::Unusable(why)) => Seen::Rejected(why.into()),
            Err(Refusal::Untried(why)) => return Err(format!("cannot be tried: {why}")),
            Err(Refusal::UnknownFamily) => return Err(self.unknown()),
        };
        Err(match (self.expect, seen) {
            (Expect::Accept, Seen::Accepted) | (Expect::Reject, Seen::Rejected(_)) => {
                return Ok(());
            }
            (Expect::Accept, Seen::Rejected(why)) => format!("expected accept, but: {why}"),
            (Expect::Reject, Seen::Accepted) => "expected reject, but it was accepted".to_owned(),
        })
    }

    fn verify(&self) -> Result<(), Refusal> {
        let verifier = self.verifier()?;
        self.signed(|request| {
            verifier
                .verify(request)
                .map(|_| ())
                .map_err(Refusal::Rejected)
        })
    }

    /// Has its request judged.
    fn signed<T>(
        &self,
        judge: impl FnOnce(&Signed<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| Refusal::unusable("no such method"))?;
        let headers = self.headers()?;
        let body = self.body()?;
        let (base, target) = split_url(&self.url);
        let now = Duration::try_from_secs_f64(self.now)
            .ok()
            .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
            .ok_or_else(|| Refusal::unusable("`now` is out of range"))?;
        judge(&Signed {
            method: &method,
            url: PublicUrl { base, target },
            headers: &headers,
            body: &body,
            now,
        })
    }

    fn verifier(&self) -> Result<Verifier, Refusal> {
        let scheme = self.scheme()?;
        let verifier = Verifier::new(&scheme, &self.keyring()?).map_err(Refusal::unusable)?;
        // A family comes with every method that it signs, as to one flow.
        let verifier = match split_url(&self.url) {
            ("", _) => verifier,
            _ => verifier.refuse_url_bodies(),
        };
        self.in_window(&scheme, verifier)
    }

    fn in_window(&self, scheme: &Scheme, verifier: Verifier) -> Result<Verifier, Refusal> {
        let window = match self.tolerance_s {
            None => return Ok(verifier),
            Some(_) if !scheme.signs_time() => return Ok(verifier),
            Some(seconds) => seconds
                .map(|s| Duration::try_from_secs_f64(s).map(Window::symmetric))
                .transpose()
                .map_err(|_| Refusal::unusable("`tolerance_s` is out of range"))?,
        };
        verifier.with_window(window).map_err(Refusal::unusable)
    }

    fn scheme(&self) -> Result<Scheme, Refusal> {
        let name = match self.provider.as_str() {
            "native" => "designer-cloud",
            "discord-events" | "discord-interactions" => "discord",
            "x-twitter" => "x",
            name => name,
        };
        let params = &self.params;
        let batch = params.batch.filter(|batch| *batch).map(|_| "batch");
        let words = [params.kind.as_deref(), params.algorithm.as_deref(), batch];
        let mut words = words.into_iter().flatten();
        let mut scheme = words
            .find_map(|word| Scheme::preset(&format!("{name}-{word}")))
            .or_else(|| Scheme::preset(name))
            .ok_or(Refusal::UnknownFamily)?;
        let handshakes = Handshakes::of(&scheme);
        for (name, value) in &params.others {
            let of_scheme = scheme.parameters().any(|known| known == name);
            let of_handshakes = handshakes.parameters().any(|known| known == name);
            if !of_scheme && !of_handshakes && is_remark(name) {
                continue;
            }
            let Some(value) = value.as_str() else {
                let why = format!("the parameter `{name}` is no text");
                return Err(Refusal::Untried(why));
            };
            if of_scheme {
                scheme = scheme
                    .with_parameter(name, value)
                    .map_err(Refusal::unusable)?;
            } else if !of_handshakes {
                let why = format!("`params` has `{name}`, which the family does not know");
                return Err(Refusal::Untried(why));
            }
        }
        match params.timestamp_unit {
            None => Ok(scheme),
            Some(unit) => scheme
                .with_timestamp_unit(unit.into())
                .map_err(Refusal::unusable),
        }
    }

    fn keyring(&self) -> Result<Keyring, Refusal> {
        let secrets = if self.secrets.is_empty() {
            slice::from_ref(&self.secret)
        } else {
            &self.secrets
        };
        let secrets = secrets.iter().enumerate().map(|(index, secret)| {
            let own = self.params.public_key.as_ref().filter(|_| index == 0);
            let id = own.map_or_else(|| format!("secret-{}", index + 1), String::clone);
            (id, secret.as_deref().unwrap_or_default())
        });
        let secondary = self.params.secondary_key.as_deref();
        let secondary = secondary.map(|secret| ("secondary".to_owned(), secret));
        let mut all: Vec<_> = secrets.chain(secondary).collect();
        // One of several that is left out leaves the others; one that is the only one does not.
        if all.iter().any(|(_, secret)| !secret.is_empty()) {
            all.retain(|(_, secret)| !secret.is_empty());
        }
        let mut keys = Vec::with_capacity(all.len());
        for (index, (id, secret)) in all.into_iter().enumerate() {
            let id = KeyId::parse(&id).map_err(Refusal::unusable)?;
            let key = Key::new(id, Secret::new(secret.as_bytes().to_vec())).allow_weak();
            keys.push(match &self.params.kid {
                Some(name) if index == 0 => key.in_tokens(name),
                _ => key,
            });
        }
        Keyring::new(keys).map_err(Refusal::unusable)
    }

    fn headers(&self) -> Result<HeaderMap, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, lines) in &self.headers {
            let lines = match lines {
                Lines::None => &[],
                Lines::One(line) => slice::from_ref(line),
                Lines::Many(lines) => lines,
            };
            let name: HeaderName = name
                .parse()
                .map_err(|_| Refusal::unusable("no such header name"))?;
            for line in lines {
                // White space around a value is not part of it on the wire.
                let value = HeaderValue::from_bytes(line.as_bytes().trim_ascii())
                    .map_err(|_| Refusal::unusable("a value that no header can have"))?;
                headers.append(name.clone(), value);
            }
        }
        Ok(headers)
    }

    fn body(&self) -> Result<Cow<'_, [u8]>, Refusal> {
        match (&self.body_base64, &self.body) {
            (Some(text), _) => STANDARD
                .decode(text)
                .map(Cow::Owned)
                .map_err(|_| Refusal::unusable("`body_base64` is not base64")),
            (None, body) => Ok(body.as_deref().unwrap_or_default().as_bytes().into()),
        }
    }
}

enum Seen {
    Accepted,
    Rejected(Cow<'static, str>),
}

/// Why a vector was not accepted.
enum Refusal {
    Rejected(Rejection),
    UnknownFamily,
    /// The file says something that is not understood here, whatever it expects.
    Untried(String),
    Unusable(String),
}

impl Refusal {
    #[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
    fn unusable(why: impl ToString) -> Self {
        Self::Unusable(why.to_string())
    }
}

#[cfg(test)]
mod tests;
