//! Why a request was refused: it could not be read, it did not pass, or the store did not take it.

use std::fmt;

use countersign_tower::Refusal;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri};

/// Why a request was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// It did not pass.
    Refused(Refusal),
    /// It passed, and the store does not take it.
    NotStored(NotStored),
    /// It was answered before there was a request.
    Unreadable(Unreadable),
}

/// What is no request that can be read; the connection is closed after the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unreadable {
    HeadTooLarge,
    Malformed,
}

impl Unreadable {
    /// Every one that there is.
    pub(crate) const ALL: [Self; 2] = [Self::HeadTooLarge, Self::Malformed];

    /// The label of the reason.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::HeadTooLarge => "head_too_large",
            Self::Malformed => "malformed_request",
        }
    }
}

/// What is left of a request that is refused once the store has it; in the extensions of the answer.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    /// How long its body is.
    pub(crate) bytes: usize,
    /// With the headers of which somebody kept a copy.
    pub(crate) head: Parts,
}

impl Outline {
    pub(crate) fn new(method: Method, target: Uri, headers: HeaderMap, bytes: usize) -> Self {
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = target;
        *request.headers_mut() = headers;
        let head = request.into_parts().0;
        Self { bytes, head }
    }
}

/// A genuine request that is not made durable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NotStored {
    /// How long its body is.
    pub(crate) bytes: usize,
    pub(crate) message: &'static str,
    pub(crate) reason: &'static str,
}

impl Cause {
    /// The label of the reason.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.as_str(),
            Self::NotStored(not_stored) => not_stored.reason,
            Self::Unreadable(unreadable) => unreadable.as_str(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotStored(not_stored) => f.write_str(not_stored.message),
            Self::Unreadable(Unreadable::HeadTooLarge) => {
                f.write_str("its head has more bytes or headers than are read")
            }
            Self::Unreadable(Unreadable::Malformed) => {
                f.write_str("it is no HTTP/1.1 request that can be read")
            }
        }
    }
}

impl From<Refusal> for Cause {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<NotStored> for Cause {
    fn from(not_stored: NotStored) -> Self {
        Self::NotStored(not_stored)
    }
}
