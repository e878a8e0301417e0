//! Why a request was refused: it did not pass, or the store did not take it.

use std::fmt;

use countersign_tower::Refusal;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// It did not pass.
    Refused(Refusal),
    /// It passed, and the store does not take it.
    NotStored(NotStored),
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
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotStored(not_stored) => f.write_str(not_stored.message),
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
