//! Handshakes: answered here, never seen by the service behind.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use countersign::HandshakeAnswer;
use http::{Response, request::Parts};

use crate::{
    Policy, Refusal, ReplyBody, Verdict,
    decision::{client, signed},
};

/// A sender made sure of its receiver, and was answered without the inner service.
///
/// It sits in the extensions of the response, for whoever is further out.
#[derive(Clone, Debug)]
pub struct Handshake {
    visit: Option<Arc<str>>,
}

impl Handshake {
    /// The URL that the receiver still has to visit for the handshake to be complete, on a host that the
    /// scheme names. The Layer does no I/O; an Amazon SNS subscription is the one that asks for it.
    pub fn visit(&self) -> Option<&str> {
        self.visit.as_deref()
    }
}

/// The answer to a handshake that the head alone is.
pub(crate) fn greet(
    policy: &Policy,
    parts: &Parts,
    now: SystemTime,
) -> Result<Option<HandshakeAnswer>, Refusal> {
    let handshakes = policy.handshakes();
    if handshakes.is_empty() {
        return Ok(None);
    }
    let request = signed(policy, parts, b"", now);
    let answer = handshakes.greet(policy.auth(), client(parts), &request);
    match answer {
        // The service behind may have a token of its own.
        Err(_) if policy.observes() => Ok(None),
        answer => answer.map_err(|_| Refusal::WrongToken),
    }
}

/// The answer to a genuine request that is a handshake.
pub(crate) fn confirm(
    policy: &Policy,
    parts: &Parts,
    body: &[u8],
    verdict: &Verdict,
    now: SystemTime,
) -> Option<HandshakeAnswer> {
    let handshakes = policy.handshakes();
    let verified = verdict.verified().filter(|_| !handshakes.is_empty())?;
    let request = signed(policy, parts, body, now);
    handshakes.confirm(policy.auth(), &request, verified)
}

/// The answer as a response, marked as one to a handshake.
pub(crate) fn respond<B>(answer: HandshakeAnswer) -> Response<ReplyBody<B>> {
    let handshake = Handshake {
        visit: answer.visit().map(Arc::from),
    };
    let (status, headers, body) = answer.into_parts();
    let mut response = Response::new(Bytes::from(body).into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.extensions_mut().insert(handshake);
    response
}
