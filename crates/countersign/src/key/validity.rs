//! When a key counts.

use std::time::SystemTime;

use super::KeyProblem;
use crate::mac;

/// When a key counts: from `not_before` on, up to and without `not_after`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Validity {
    pub(super) not_before: Option<SystemTime>,
    pub(super) not_after: Option<SystemTime>,
}

impl Validity {
    pub(crate) fn new(not_before: SystemTime, not_after: SystemTime) -> Self {
        Self {
            not_before: Some(not_before),
            not_after: Some(not_after),
        }
    }

    pub(crate) fn until(not_after: SystemTime) -> Self {
        Self {
            not_before: None,
            not_after: Some(not_after),
        }
    }

    /// Reads when a certificate counts, from its DER; nothing else in it is looked at.
    pub fn of_certificate(der: &[u8]) -> Result<Self, KeyProblem> {
        mac::certificate::validity(der)
    }

    /// When both count.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            not_before: self.not_before.max(other.not_before),
            not_after: match (self.not_after, other.not_after) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }

    /// The first instant at which the key counts; none where it always has.
    pub fn not_before(&self) -> Option<SystemTime> {
        self.not_before
    }

    /// The first instant at which the key counts no longer; none where it always will.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.not_after
    }

    /// Whether the key counts at this instant.
    pub fn covers(&self, now: SystemTime) -> bool {
        self.not_before.is_none_or(|first| first <= now)
            && self.not_after.is_none_or(|end| now < end)
    }
}
