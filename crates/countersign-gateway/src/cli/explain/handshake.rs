//! A request that is no event but a handshake, and how a gateway answers it.

use std::io::{self, Write as _};

use countersign::{HandshakeAnswer, Handshakes, Secret, Signed, Verified};
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde_json::{Value, json};

use crate::cli::keys::SchemeArgs;
use crate::cli::out::{Out, printable};
use crate::cli::usage;
use crate::cli::verify::{Judge, JudgeArgs};

/// What becomes of a handshake.
pub(super) enum Shake {
    /// It is answered so, and is no event.
    Answered(HandshakeAnswer),
    /// It brings a secret, and is refused unless somebody waits for that.
    Brings,
    /// Its token is not the receiver's.
    WrongToken,
}

impl Shake {
    /// What the request is, given what verifying it has come to.
    pub(super) fn of(
        args: &JudgeArgs,
        judge: &Judge,
        request: &Signed<'_>,
        verified: Option<&Verified>,
    ) -> anyhow::Result<Option<Self>> {
        let own;
        let (auth, handshakes, observes) = match judge {
            Judge::Flow { flow, .. } => {
                let policy = &flow.policy;
                (policy.auth(), policy.handshakes(), policy.observes())
            }
            Judge::Keys(auth) => {
                own = known(&args.scheme)?;
                (auth, &own, false)
            }
        };
        let head = Signed {
            body: b"",
            ..*request
        };
        match handshakes.greet(auth, args.client, &head) {
            Ok(Some(answer)) => return Ok(Some(Self::Answered(answer))),
            Err(_) if !observes => return Ok(Some(Self::WrongToken)),
            _ => {}
        }
        if let Some(verified) = verified {
            let answer = handshakes.confirm(auth, request, verified);
            return Ok(answer.map(Self::Answered));
        }
        let offer = handshakes.offer(auth, args.client, &head);
        Ok(offer.map(|_| Self::Brings))
    }

    pub(super) fn is_answered(&self) -> bool {
        matches!(self, Self::Answered(_))
    }

    pub(super) fn print(&self, out: &mut Out) -> io::Result<()> {
        let answer = match self {
            Self::Answered(answer) => answer,
            Self::Brings => {
                return writeln!(
                    out,
                    "handshake: it brings a secret, which is taken once while `countersign handshake FLOW` waits for it, \
                     and refused otherwise"
                );
            }
            Self::WrongToken => {
                let refused = out.bad("refused");
                return writeln!(
                    out,
                    "{refused}: {WRONG_TOKEN}, a handshake whose token is not the one that is configured"
                );
            }
        };
        write!(
            out,
            "handshake: no event; answered with {}",
            answer.status()
        )?;
        if !answer.body().is_empty() {
            write!(out, " and `{}`", printable(answer.body()))?;
        }
        for (name, value) in headers(answer) {
            write!(out, ", `{name}: {}`", printable(value))?;
        }
        if let Some(url) = answer.visit() {
            write!(out, "; the gateway visits {} then", printable(url))?;
        }
        writeln!(out)
    }

    pub(super) fn as_json(&self) -> Value {
        match self {
            Self::Answered(answer) => json!({
                "answered": true,
                "status": answer.status().as_u16(),
                "headers": headers(answer).map(|(name, value)| (name, value.into())).collect::<serde_json::Map<_, _>>(),
                "body": answer.body(),
                "visit": answer.visit(),
            }),
            Self::Brings => json!({ "answered": false, "reason": "brings_a_secret" }),
            Self::WrongToken => json!({ "answered": false, "reason": WRONG_TOKEN }),
        }
    }
}

/// What an answer's headers say beyond what all have.
fn headers(answer: &HandshakeAnswer) -> impl Iterator<Item = (String, &str)> {
    let headers = answer.headers().iter();
    let own = headers.filter(|(name, _)| ![CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS].contains(name));
    own.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?)))
}

/// The handshakes of the scheme that was asked for.
fn known(args: &SchemeArgs) -> anyhow::Result<Handshakes> {
    let mut handshakes = Handshakes::of(&args.scheme()?);
    for (name, text) in &args.parameter {
        if handshakes.parameters().any(|known| known == name) {
            handshakes = handshakes
                .with_parameter(name, Secret::new(text.as_str()))
                .map_err(|error| usage(error.to_string()))?;
        }
    }
    Ok(handshakes)
}

const WRONG_TOKEN: &str = "wrong_token";
