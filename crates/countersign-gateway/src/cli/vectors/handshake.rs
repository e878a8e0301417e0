//! Vectors of handshakes: a request, and the answer that its sender waits for.

use std::collections::BTreeMap;

use countersign::{
    Auth, HandshakeAnswer, Handshakes, Keyring, Reason, Scheme, Secret, Signed, Verifier,
};
use serde::Deserialize;
use serde_json::Value;

use super::null::{or_nothing, written};
use super::remarks::left_out;
use super::{Expect, Lines, Params, Refusal, Vector};

/// The answer to expect.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    status: u16,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default, deserialize_with = "or_nothing")]
    headers: BTreeMap<String, String>,
}

/// A handshake as files have it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    provider: String,
    name: String,
    /// The flow's secret, or the token that the sender was given. Without one, nothing can be verified.
    #[serde(default)]
    secret: Option<String>,
    #[serde(deserialize_with = "left_out")]
    request: Request,
    #[serde(deserialize_with = "left_out")]
    response: Expected,
    #[serde(default, deserialize_with = "or_nothing")]
    params: Params,
    #[serde(default)]
    normative: Option<bool>,
    /// Left out: no window is checked.
    #[serde(default)]
    now: Option<f64>,
    /// Left out: the scheme's own window; `null`: no check.
    #[serde(default, deserialize_with = "written")]
    tolerance_s: Option<Option<f64>>,
    #[serde(default, deserialize_with = "or_nothing")]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    url: String,
    #[serde(default, deserialize_with = "or_nothing")]
    headers: BTreeMap<String, Lines>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_base64: Option<String>,
}

impl From<Written> for Vector {
    fn from(written: Written) -> Self {
        let request = written.request;
        Self {
            provider: written.provider,
            _name: written.name,
            secret: written.secret,
            secrets: Vec::new(),
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            body_base64: request.body_base64,
            now: written.now.unwrap_or_default(),
            tolerance_s: match written.now {
                Some(_) => written.tolerance_s,
                // Who does not say when asks for no window.
                None => Some(None),
            },
            expect: Expect::Accept,
            reason: written.reason,
            params: written.params,
            normative: written.normative,
            answer: Some(written.response),
        }
    }
}

impl Vector {
    /// Whether the handshake is answered as expected; what is wrong otherwise.
    pub(super) fn shake(&self, expected: &Expected) -> Result<(), String> {
        match self.answered(expected) {
            Ok(Some(answer)) => expected.compare(&answer),
            // Senders take any of them for a no.
            Ok(None) | Err(Refusal::Rejected(_)) if expected.is_refusal() => Ok(()),
            Ok(None) => Err("expected an answer, but it is not answered".to_owned()),
            Err(Refusal::Rejected(rejection)) => {
                let why = rejection.reason().as_str();
                Err(format!("expected an answer, but: {why}"))
            }
            Err(Refusal::Unusable(why) | Refusal::Untried(why)) => {
                Err(format!("cannot be tried: {why}"))
            }
            Err(Refusal::UnknownFamily) => Err(self.unknown()),
        }
    }

    /// What a gateway answers while it waits for a secret.
    fn answered(&self, expected: &Expected) -> Result<Option<HandshakeAnswer>, Refusal> {
        let (handshakes, auth) = match self.handshakes_with_any_scheme() {
            Some(handshakes) => (handshakes, Auth::None),
            None => {
                let scheme = self.scheme()?;
                let keys = match self.secret.as_deref() {
                    None | Some("") => Keyring::awaiting(),
                    _ => self.keyring()?,
                };
                let verifier = Verifier::new(&scheme, &keys).map_err(Refusal::unusable)?;
                let auth = Auth::Signature(self.in_window(&scheme, verifier)?);
                (self.handshakes(&scheme)?, auth)
            }
        };
        self.signed(|request| {
            let head = Signed {
                body: b"",
                ..*request
            };
            if let Some((_, answer)) = handshakes.offer(&auth, None, &head) {
                return Ok(Some(answer));
            }
            match handshakes.greet(&auth, None, &head) {
                Ok(None) => {}
                Ok(answer) => return Ok(answer),
                Err(_) => return Ok(None),
            }
            match auth.verify(request) {
                Ok(verified) => Ok(handshakes.confirm(&auth, request, &verified)),
                // The file leaves the signature out: what follows a good one is judged.
                Err(rejection) if !expected.is_refusal() && is_unsigned(rejection.reason()) => {
                    let verified = Auth::None.verify(request).map_err(Refusal::Rejected)?;
                    Ok(handshakes.confirm(&Auth::None, request, &verified))
                }
                Err(rejection) => Err(Refusal::Rejected(rejection)),
            }
        })
    }

    /// The handshakes of a family that has nothing else.
    pub(super) fn handshakes_with_any_scheme(&self) -> Option<Handshakes> {
        self.answer.as_ref()?;
        Handshakes::preset(&self.provider)
    }

    /// The family's handshakes, with every text that they want.
    fn handshakes(&self, scheme: &Scheme) -> Result<Handshakes, Refusal> {
        let mut handshakes = Handshakes::of(scheme);
        let missing: Vec<_> = handshakes.missing().map(str::to_owned).collect();
        for name in missing {
            let given = self.params.others.get(&name).and_then(Value::as_str);
            let text = given.or(self.secret.as_deref()).unwrap_or_default();
            if !text.is_empty() {
                handshakes = handshakes
                    .with_parameter(&name, Secret::new(text))
                    .map_err(Refusal::unusable)?;
            }
        }
        Ok(handshakes)
    }
}

impl Expected {
    fn is_refusal(&self) -> bool {
        (400..500).contains(&self.status)
    }

    fn compare(&self, answer: &HandshakeAnswer) -> Result<(), String> {
        let (status, body) = (answer.status().as_u16(), answer.body());
        if status != self.status {
            return Err(format!("expected {}, but it is {status}", self.status));
        }
        if let Some(expected) = self.body.as_ref().filter(|expected| *expected != body) {
            return Err(format!(
                "expected the body `{expected}`, but it is `{body}`"
            ));
        }
        let json = || serde_json::from_str::<Value>(body).ok();
        if let Some(expected) = self
            .json
            .as_ref()
            .filter(|expected| json().as_ref() != Some(*expected))
        {
            return Err(format!("expected the JSON {expected}, but it is `{body}`"));
        }
        for (name, expected) in &self.headers {
            let value = answer.headers().get(name);
            if value.is_none_or(|value| value != expected.as_str()) {
                return Err(format!("expected the header `{name}: {expected}`"));
            }
        }
        Ok(())
    }
}

/// Whether there is nothing to verify, or nothing to verify it with.
fn is_unsigned(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::MissingHeader | Reason::MissingSignature | Reason::NoActiveKey
    )
}
