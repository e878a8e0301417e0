//! What an attempt came to, and what follows from it.
//!
//! Pure: the clock and the dice are arguments, so every rule is a line in a table.

use std::time::{Duration, SystemTime};

use countersign_queue::Next;
use http::{HeaderMap, StatusCode, header};

use super::schedule::Schedule;
use crate::deliver::Failure;

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
            Self::Impossible(impossible) => return dead(impossible.as_str()),
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
mod tests {
    use super::*;

    fn moment(attempt: u32) -> Moment {
        Moment {
            attempt,
            now: now(),
            roll: 0.5,
        }
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn schedule() -> Schedule {
        Schedule::stepped([seconds(5)], 2)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn again(wait: u64) -> Next {
        Next::Again {
            after: seconds(wait),
        }
    }

    fn answered(status: u16, retry_after: Option<&str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        }
        Outcome::answered(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn every_status_has_one_label_and_one_consequence() {
        for (status, label, next) in [
            (200, "delivered", Next::Done),
            (204, "delivered", Next::Done),
            (299, "delivered", Next::Done),
            (301, "redirected", again(5)),
            (304, "redirected", again(5)),
            (400, "client_error", again(5)),
            (401, "client_error", again(5)),
            (404, "client_error", again(5)),
            (410, "gone", dead("gone")),
            (429, "too_many_requests", again(60)),
            (500, "server_error", again(5)),
            (503, "unavailable", again(5)),
            (199, "unexpected_status", again(5)),
            (600, "unexpected_status", again(5)),
        ] {
            let outcome = answered(status, None);
            assert_eq!(outcome.as_str(), label, "{status}");
            assert_eq!(outcome.next(&schedule(), moment(1)), next, "{status}");
        }
    }

    #[test]
    fn retry_after_is_honoured_within_the_floor_and_a_day() {
        let in_ninety_seconds = httpdate::fmt_http_date(now() + seconds(90));
        let in_a_year = httpdate::fmt_http_date(now() + seconds(365 * 86_400));
        for (status, value, wait) in [
            (503, "120", 120),
            (503, "1", 5),
            (503, in_ninety_seconds.as_str(), 90),
            (503, in_a_year.as_str(), 86_400),
            (503, "Sun, 06 Nov 1994 08:49:37 GMT", 5),
            (503, "99999999999999999999999999", 86_400),
            (503, "soon", 5),
            (503, "-5", 5),
            (503, "1.5", 5),
            (429, "1", 60),
            (429, "300", 300),
            (500, "300", 5),
            (302, "300", 5),
        ] {
            let next = answered(status, Some(value)).next(&schedule(), moment(1));
            assert_eq!(next, again(wait), "{status} {value}");
        }
    }

    #[test]
    fn a_receiver_cannot_prolong_a_delivery_past_its_last_attempt() {
        assert_eq!(
            answered(503, Some("60")).next(&schedule(), moment(3)),
            dead("exhausted")
        );
        assert_eq!(
            answered(503, Some("60")).next(&schedule(), moment(u32::MAX)),
            dead("exhausted")
        );
    }

    #[test]
    fn every_failure_is_tried_again_and_a_time_out_after_a_minute_at_least() {
        for (failure, wait) in [
            (Failure::AddressDenied, 5),
            (Failure::BadAnswer, 5),
            (Failure::ConnectFailed, 5),
            (Failure::ConnectionLost, 5),
            (Failure::ConnectionRefused, 5),
            (Failure::DnsFailed, 5),
            (Failure::Panicked, 5),
            (Failure::SignFailed, 5),
            (Failure::TimedOut, 60),
            (Failure::TlsFailed, 5),
        ] {
            let outcome = Outcome::Failed(failure);
            assert_eq!(
                outcome.next(&schedule(), moment(1)),
                again(wait),
                "{failure}"
            );
            assert_eq!(
                outcome.next(&schedule(), moment(3)),
                dead("exhausted"),
                "{failure}"
            );
        }
    }

    #[test]
    fn what_cannot_be_sent_is_dead_at_once() {
        for impossible in [
            Impossible::Exhausted,
            Impossible::StepRemoved,
            Impossible::TooManyHops,
            Impossible::Unsendable,
        ] {
            let next = Outcome::Impossible(impossible).next(&schedule(), moment(1));
            assert_eq!(next, dead(impossible.as_str()));
        }
    }

    #[test]
    fn a_fixed_delay_has_no_floor() {
        let schedule = Schedule::fixed(seconds(1), 1);

        assert_eq!(answered(429, None).next(&schedule, moment(1)), again(1));
        assert_eq!(
            Outcome::Failed(Failure::TimedOut).next(&schedule, moment(1)),
            again(1)
        );
    }
}
