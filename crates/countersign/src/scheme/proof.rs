//! Requests whose verdict is known, kept with the scheme that they prove.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::description::MethodName;
use super::notation::List;
use crate::handshake::Expected;
use crate::{
    Auth, Handshakes, Key, KeyId, KeyProblem, Keyring, PublicUrl, Scheme, SchemeError, Secret,
    Signed, Unit, Verifier, Window,
};

/// A request, the keys and the time, and whether it is genuine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Proof {
    name: String,
    /// Whether the request is genuine.
    genuine: bool,
    /// The secret, or all that count, the first under the id `key`.
    secret: List<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<String, String>,
    #[serde(default = "post")]
    method: MethodName,
    #[serde(default = "url")]
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, List<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The same, where it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_base64: Option<Base64>,
    now: u64,
    /// Seconds around now; left out, the time is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<u64>,
    /// What it is answered, where it is a handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Expected>,
}

/// Bytes that stand in a file as base64 with its padding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Base64(pub(super) Vec<u8>);

/// A vector that did not come out as its scheme says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unproven {
    scheme: String,
    vector: String,
    outcome: String,
}

impl Proof {
    /// What the vector is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it says twice what the body is.
    pub(super) fn has_two_bodies(&self) -> bool {
        self.body.is_some() && self.body_base64.is_some()
    }

    fn body(&self) -> &[u8] {
        match &self.body_base64 {
            Some(Base64(bytes)) => bytes,
            None => self.body.as_deref().unwrap_or_default().as_bytes(),
        }
    }
}

impl Unproven {
    /// The scheme's name.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The vector's name.
    pub fn vector(&self) -> &str {
        &self.vector
    }

    /// What came of it, as it follows the vector's name.
    pub fn outcome(&self) -> &str {
        &self.outcome
    }
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "scheme `{}` does not hold: its vector `{}` {}",
            self.scheme, self.vector, self.outcome
        )
    }
}

impl Error for Unproven {}

impl Scheme {
    /// Proves the scheme with the vectors that it carries; how many of them this build could try.
    pub fn prove(&self) -> Result<usize, Unproven> {
        let mut trials = self.trials();
        trials.try_fold(0_usize, |tried, trial| {
            trial.map(|_| tried.saturating_add(1))
        })
    }

    /// Tries the scheme's vectors, in their order: the name of each, or how it does not hold. What
    /// this build leaves out is passed over.
    pub fn trials(&self) -> impl Iterator<Item = Result<&str, Unproven>> {
        let vectors = self.description().vectors.iter();
        vectors.filter_map(|vector| {
            let outcome = match vector.is_accepted(self) {
                Err(Refusal::NotBuilt) => return None,
                Ok(()) if vector.genuine => None,
                Ok(()) => Some("is accepted and must not be".to_owned()),
                Err(Refusal::Refused(why)) if vector.genuine => Some(format!("is refused: {why}")),
                Err(Refusal::Refused(_)) => None,
                Err(Refusal::Broken(why)) => Some(format!("cannot be tried: {why}")),
            };
            Some(match outcome {
                None => Ok(vector.name.as_str()),
                Some(outcome) => Err(Unproven {
                    scheme: self.name().to_owned(),
                    vector: vector.name.clone(),
                    outcome,
                }),
            })
        })
    }
}

enum Refusal {
    /// It cannot be a request or a keyring.
    Broken(String),
    /// This build leaves the kind of signature out.
    NotBuilt,
    Refused(String),
}

impl Proof {
    fn is_accepted(&self, scheme: &Scheme) -> Result<(), Refusal> {
        let mut scheme = scheme.clone();
        if let Some(unit) = self.unit {
            scheme = scheme.with_timestamp_unit(unit).map_err(broken)?;
        }
        let own: BTreeSet<_> = scheme.parameters().map(str::to_owned).collect();
        for (name, value) in self
            .parameters
            .iter()
            .filter(|(name, _)| own.contains(*name))
        {
            scheme = scheme.with_parameter(name, value).map_err(broken)?;
        }
        let mut handshakes = Handshakes::of(&scheme);
        for (name, value) in self
            .parameters
            .iter()
            .filter(|(name, _)| !own.contains(*name))
        {
            let value = Secret::new(value.as_str());
            handshakes = handshakes.with_parameter(name, value).map_err(broken)?;
        }
        let verifier = match Verifier::new(&scheme, &self.keys()?) {
            Err(SchemeError::Key(error)) if matches!(error.problem(), KeyProblem::NotBuilt(_)) => {
                return Err(Refusal::NotBuilt);
            }
            verifier => verifier.map_err(|error| Refusal::Refused(error.to_string()))?,
        };
        let window = self.window.map(Duration::from_secs).map(Window::symmetric);
        let verifier = match scheme.signs_time() {
            true => verifier.with_window(window).map_err(broken)?,
            false => verifier,
        };
        let host = self.url.find("://").and_then(|at| at.checked_add(3));
        let path =
            host.and_then(|host| Some(host.saturating_add(self.url.get(host..)?.find('/')?)));
        let (base, target) = self
            .url
            .split_at_checked(path.unwrap_or_default())
            .unwrap_or_default();
        let headers = self.headers()?;
        let request = Signed {
            method: &self.method.0,
            url: PublicUrl::new(base, target),
            headers: &headers,
            body: self.body(),
            now: SystemTime::UNIX_EPOCH
                .checked_add(Duration::from_secs(self.now))
                .ok_or_else(|| broken("its time is out of range"))?,
        };
        if let Some(expected) = &self.answer {
            let auth = Auth::Signature(verifier);
            return expected
                .check(&handshakes, &auth, &request)
                .map_err(Refusal::Refused);
        }
        verifier
            .verify(&request)
            .map(|_| ())
            .map_err(|rejection| Refusal::Refused(rejection.to_string()))
    }

    fn keys(&self) -> Result<Keyring, Refusal> {
        let keys = self.secret.iter().enumerate().map(|(index, secret)| {
            let id = match (&self.key, index) {
                (Some(id), 0) => KeyId::parse(id),
                _ => KeyId::parse(&format!("key-{index}")),
            };
            Ok(Key::new(id.map_err(broken)?, Secret::new(secret.as_str())).allow_weak())
        });
        Keyring::new(keys.collect::<Result<Vec<_>, _>>()?)
            .map_err(|error| Refusal::Refused(error.to_string()))
    }

    fn headers(&self) -> Result<HeaderMap, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, lines) in &self.headers {
            let name: HeaderName = name.parse().map_err(broken)?;
            for line in lines.iter() {
                headers.append(&name, HeaderValue::try_from(line).map_err(broken)?);
            }
        }
        Ok(headers)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn broken(why: impl ToString) -> Refusal {
    Refusal::Broken(why.to_string())
}

fn post() -> MethodName {
    MethodName(http::Method::POST)
}

fn url() -> String {
    "https://receiver.example.com/hooks/in".to_owned()
}
