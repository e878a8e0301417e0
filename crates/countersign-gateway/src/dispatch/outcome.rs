//! What an attempt came to, and what follows from it.
//!
//! Pure: the clock and the dice are arguments, so every rule is a line in a table.

use std::time::{Duration, SystemTime};

use countersign_queue::Next;
use http::{HeaderMap, StatusCode, header};

use crate::deliver::Failure;
use crate::schedule::Schedule;

/// What an attempt came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The receiver answered, and may have said when it wants to be asked again.
    Answered {
        status: StatusCode,
        retry_after: Option<RetryAfter>,
    },
    /// No answer came.
    Failed(Failure),
    /// No attempt can be made, now or later.
    Impossible(Impossible),
}

/// Why a delivery cannot be attempted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Impossible {
    /// All attempts are used up, the last of them cut short by a crash.
    Exhausted,
    /// The step is no longer part of its flow.
    StepRemoved,
    /// The event has gone round through too many gateways.
    TooManyHops,
    /// The event and the step's URL make no request together.
    Unsendable,
}

/// When a receiver wants to be asked again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RetryAfter {
    At(SystemTime),
    In(Duration),
}

/// What a delivery needs to know for the decision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The attempt that was made, counted from 1.
    pub(crate) attempt: u32,
    pub(crate) now: SystemTime,
    /// In `0.0..1.0`.
    pub(crate) roll: f64,
}

impl Outcome {
    /// The outcome of an answer with this head.
    pub(crate) fn answered(status: StatusCode, headers: &HeaderMap) -> Self {
        let says_when = matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        );
        let retry_after = headers.get(header::RETRY_AFTER).filter(|_| says_when);
        Self::Answered {
            status,
            retry_after: retry_after.and_then(|value| RetryAfter::parse(value.to_str().ok()?)),
        }
    }

    /// A stable, lowercase label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Answered { status, .. } => match status.as_u16() {
                200..=299 => "delivered",
                300..=399 => "redirected",
                410 => "gone",
                429 => "too_many_requests",
                400..=499 => "client_error",
                503 => "unavailable",
                500..=599 => "server_error",
                _ => "unexpected_status",
            },
            Self::Failed(failure) => failure.as_str(),
            Self::Impossible(impossible) => impossible.as_str(),
        }
    }

    /// The status of the answer, if there was one.
    pub(crate) fn status(self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(status.as_u16()),
            Self::Failed(_) | Self::Impossible(_) => None,
        }
    }

    /// Whether an attempt was made of it at all; otherwise there is nothing to put on record but the end.
    pub(crate) fn is_attempt(self) -> bool {
        !matches!(
            self,
            Self::Impossible(Impossible::Exhausted | Impossible::StepRemoved)
        )
    }

    /// What happens to the delivery now.
    pub(crate) fn next(self, schedule: &Schedule, moment: Moment) -> Next {
        let Moment { attempt, now, roll } = moment;
        let (delay, asked) = match self {
            Self::Answered { status, .. } if status.is_success() => return Next::Done,
            Self::Answered {
                status: StatusCode::GONE,
                ..
            } => return dead("gone"),
            Self::Impossible(impossible) => return impossible.end(),
            Self::Answered {
                status,
                retry_after,
            } => {
                let asked = retry_after.map_or(Duration::ZERO, |retry_after| retry_after.wait(now));
                let delay = match status {
                    StatusCode::TOO_MANY_REQUESTS => schedule.delay_after_overload(attempt, roll),
                    _ => schedule.delay(attempt, roll),
                };
                (delay, asked)
            }
            Self::Failed(Failure::TimedOut) => {
                (schedule.delay_after_overload(attempt, roll), Duration::ZERO)
            }
            Self::Failed(_) => (schedule.delay(attempt, roll), Duration::ZERO),
        };
        match delay {
            Some(delay) => Next::Again {
                after: delay.max(asked),
            },
            None => dead(EXHAUSTED),
        }
    }
}

fn dead(reason: &'static str) -> Next {
    Next::Dead {
        reason: reason.into(),
    }
}

impl Impossible {
    /// What happens to such a delivery.
    pub(crate) fn end(self) -> Next {
        dead(self.as_str())
    }

    /// A stable, lowercase label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => EXHAUSTED,
            Self::StepRemoved => "step_removed",
            Self::TooManyHops => "too_many_hops",
            Self::Unsendable => "unsendable",
        }
    }
}

impl RetryAfter {
    /// Reads seconds or an HTTP date.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than fit are a long time all the same.
            return Some(Self::In(Duration::from_secs(
                text.parse().unwrap_or(u64::MAX),
            )));
        }
        httpdate::parse_http_date(text).ok().map(Self::At)
    }

    /// The wait from `now` on, of which a day is honoured.
    fn wait(self, now: SystemTime) -> Duration {
        let wait = match self {
            Self::At(time) => time.duration_since(now).unwrap_or_default(),
            Self::In(wait) => wait,
        };
        wait.min(LONGEST_RETRY_AFTER)
    }
}

const EXHAUSTED: &str = "exhausted";

/// A receiver may push us away for this long, and no longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests;
