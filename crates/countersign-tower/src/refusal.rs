//! Why a request did not reach the inner service.

use std::{error::Error, fmt};

use bytes::Bytes;
use countersign::{Hint, Reason, Rejection};
use http::request::Parts;

/// A request that was answered without the inner service.
///
/// It sits in the extensions of the response, for logs and metrics further out; the
/// sender is told none of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// A repeat of an accepted request, acknowledged once more.
    Acknowledged,
    /// The body broke off.
    BodyFailed,
    /// The body did not arrive in the time that something outside gives it.
    BodyTimedOut,
    /// The body is larger than the policy takes, or says it will be.
    BodyTooLarge,
    /// An equal request is being worked on.
    InFlight,
    /// The policy does not take this method.
    MethodNotAllowed,
    /// The request did not verify.
    Rejected(Rejection),
    /// A repeat of an accepted request.
    Repeated,
    /// What is needed to decide cannot be reached now.
    Unavailable,
    /// There is no flow at this address.
    UnknownFlow,
    /// A handshake came with a token that is not the receiver's.
    WrongToken,
}

impl Refusal {
    /// What the operator should look at, for the log: the sender is not told.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::Rejected(rejection) => rejection.hint(),
            _ => None,
        }
    }

    /// Every label that there is.
    pub fn labels() -> impl Iterator<Item = &'static str> {
        let own = OWN.iter().map(Self::as_str);
        own.chain(Reason::ALL.iter().map(|reason| reason.as_str()))
    }

    /// A stable, lowercase label; for a rejection, the label of its reason.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::BodyFailed => "body_failed",
            Self::BodyTimedOut => "body_timed_out",
            Self::BodyTooLarge => "body_too_large",
            Self::InFlight => "in_flight",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Rejected(rejection) => rejection.reason().as_str(),
            Self::Repeated => "repeated",
            Self::Unavailable => "unavailable",
            Self::UnknownFlow => "unknown_flow",
            Self::WrongToken => "wrong_token",
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acknowledged => "a repeat, acknowledged once more",
            Self::BodyFailed => "the body broke off",
            Self::BodyTimedOut => "the body did not arrive in time",
            Self::BodyTooLarge => "the body is larger than the limit",
            Self::InFlight => "an equal request is being worked on",
            Self::MethodNotAllowed => "the method is not allowed",
            Self::Rejected(rejection) => return rejection.fmt(f),
            Self::Repeated => "a repeat of an accepted request",
            Self::Unavailable => "what is needed to decide cannot be reached",
            Self::UnknownFlow => "no such flow",
            Self::WrongToken => "the handshake's token is not the one that is configured",
        })
    }
}

impl Error for Refusal {}

/// What was read of a request that was refused; see [`VerifyLayer::keep_refused`](crate::VerifyLayer::keep_refused).
///
/// It is unverified, and it may hold credentials.
pub struct Refused {
    body: Option<Bytes>,
    head: Parts,
    len: Option<usize>,
}

impl Refused {
    pub(crate) fn new(head: Parts, body: Option<Bytes>, len: Option<usize>) -> Self {
        Self { body, head, len }
    }

    /// The body, where it was read to its end and is why the request was refused: of a repeat, which is genuine,
    /// only [`body_len`](Self::body_len) is left.
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// How long the body is, where it was read to its end.
    pub fn body_len(&self) -> Option<usize> {
        self.len
    }

    /// Everything before the body.
    pub fn head(&self) -> &Parts {
        &self.head
    }
}

impl fmt::Debug for Refused {
    /// Without what may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("method", &self.head.method)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// The refusals that are none of a verdict's.
const OWN: [Refusal; 10] = [
    Refusal::Acknowledged,
    Refusal::BodyFailed,
    Refusal::BodyTimedOut,
    Refusal::BodyTooLarge,
    Refusal::InFlight,
    Refusal::MethodNotAllowed,
    Refusal::Repeated,
    Refusal::Unavailable,
    Refusal::UnknownFlow,
    Refusal::WrongToken,
];
