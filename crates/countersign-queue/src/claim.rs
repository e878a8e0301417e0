//! A claim: one delivery, handed out to be tried once.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::Event;
use crate::command::{Command, Settlement};
use crate::inbox::Inbox;
use crate::key::DeliveryKey;

/// One delivery, handed out to be tried once and then settled.
///
/// A claim that is dropped unsettled (a worker panicked) counts as an attempt and comes back after a pause.
#[derive(Debug)]
pub struct Claim {
    /// What to deliver.
    pub event: Arc<Event>,
    /// The step to deliver it to, by name.
    pub step: Arc<str>,
    /// Which attempt this is, counted from 1. Attempts that were cut short by a crash are counted, so whoever is past
    /// the last allowed one settles as dead without trying.
    pub attempt: u32,
    pub(crate) lease: Lease,
}

/// How much to claim.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// How many claims to hand out at most.
    pub total: usize,
    /// How many claims of one step of one flow may be out at any time, earlier ones included.
    pub per_step: usize,
    /// Whether steps that have many claims out leave room for those that have few.
    pub sparing: bool,
}

impl Limits {
    /// At most `total` now, at most `per_step` of one step out at any time.
    pub fn new(total: usize, per_step: usize) -> Self {
        Self {
            total,
            per_step,
            sparing: false,
        }
    }

    /// Where `total` is all that there is room for, no step gets a claim while it has as many out as are left of
    /// `total`. So the more steps hang, the less each of them holds, and something is left for one that holds nothing.
    #[must_use]
    pub fn sparing(self) -> Self {
        Self {
            sparing: true,
            ..self
        }
    }

    /// How many claims of one step may be out for it to get another one, when `left` of the total are left.
    pub(crate) fn of_a_step(self, left: usize) -> usize {
        if self.sparing {
            self.per_step.min(left)
        } else {
            self.per_step
        }
    }
}

/// What came of one try. Its `Debug` shows nothing that the receiver said.
#[derive(Clone)]
pub struct Attempt {
    /// When it began, by the wall clock.
    pub started: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What came of it, in one word: `delivered`, `timeout`, …
    pub outcome: Cow<'static, str>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The beginning of the answer's body; what is past 20 KiB is cut off.
    pub answer: Bytes,
    /// What went wrong, for people; what is past 2 KiB is cut off.
    pub error: Option<String>,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("started", &self.started)
            .field("took", &self.took)
            .field("outcome", &self.outcome)
            .field("status", &self.status)
            .field("answer_len", &self.answer.len())
            .finish_non_exhaustive()
    }
}

/// What is to become of a delivery after an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    /// It was delivered.
    Done,
    /// It is due again, this long from now (at most 30 days).
    Again {
        /// The wait.
        after: Duration,
    },
    /// It is not tried again, and stays visible as dead.
    Dead {
        /// Why, in one word: `exhausted`, `gone`, `step_removed`, …
        reason: Cow<'static, str>,
    },
}

/// The right to settle one delivery; returns it when dropped.
pub(crate) struct Lease {
    inbox: Option<Arc<Inbox>>,
    delivery: DeliveryKey,
    /// Whether the claim reached its caller: only then does losing it count as an attempt.
    handed: bool,
}

impl Lease {
    pub(crate) fn new(inbox: Arc<Inbox>, delivery: DeliveryKey) -> Self {
        Self {
            inbox: Some(inbox),
            delivery,
            handed: false,
        }
    }

    pub(crate) fn hand_over(&mut self) {
        self.handed = true;
    }

    /// The delivery, which is now the caller's to settle.
    pub(crate) fn take(mut self) -> DeliveryKey {
        self.inbox = None;
        self.delivery
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(inbox) = self.inbox.take() else {
            return;
        };
        let how = if self.handed {
            Settlement::Abandoned
        } else {
            Settlement::Untried
        };
        // A closed queue takes nothing more: its claims count as one attempt when it is next opened.
        let _ = inbox.push(Command::Settle {
            delivery: self.delivery,
            how,
            answer: None,
        });
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.delivery).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_of_an_attempt_shows_no_answer() {
        let attempt = Attempt {
            started: SystemTime::UNIX_EPOCH,
            took: Duration::from_millis(7),
            outcome: "refused".into(),
            status: Some(403),
            answer: "the password is hunter2".into(),
            error: Some("https://a.example/?key=hunter2 refused".into()),
        };
        let shown = format!("{attempt:?}");
        assert!(
            shown.contains("403") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
