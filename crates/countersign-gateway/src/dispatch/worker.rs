//! One delivery from claim to settlement.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use countersign_queue::{Attempt, Claim, Next, Queue};
use http::{HeaderMap, Request, header};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};

use super::outcome::{Impossible, Moment, Outcome};
use crate::config::{Flow, Step};
use crate::deliver::{Client, Failure, SendError, StepRequest, Unsendable, answer};
use crate::live::Current;

/// What every delivery works with.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) client: Client,
    pub(super) current: Current,
    pub(super) queue: Queue,
}

/// What one attempt came to, and what is kept of it.
#[derive(Debug)]
struct Report {
    answer: Bytes,
    error: Option<String>,
    outcome: Outcome,
}

impl Worker {
    /// Makes one attempt at `claim` and settles it.
    pub(super) async fn deliver(&self, claim: Claim) {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let live = self.current.load_full();
        let target = live
            .flow(&claim.event.flow)
            .zip(live.step(&claim.event.flow, &claim.step));
        let (report, next) = match target {
            Some((flow, step)) => {
                let report = self.guarded_attempt(flow, step, &claim).await;
                let moment = Moment {
                    attempt: claim.attempt,
                    now: SystemTime::now(),
                    roll: roll(),
                };
                let next = report.outcome.next(&step.schedule, moment);
                (report, next)
            }
            None => {
                let outcome = Impossible::StepRemoved;
                (
                    Report::impossible(outcome),
                    Next::Dead {
                        reason: outcome.as_str().into(),
                    },
                )
            }
        };
        let took = clock.elapsed();
        tell(
            &claim,
            target.map(|(_, step)| &**step),
            &report,
            &next,
            took,
        );
        self.settle(claim, report, next, started, took).await;
    }

    /// An attempt; a panic inside is one that failed.
    async fn guarded_attempt(&self, flow: &Flow, step: &Step, claim: &Claim) -> Report {
        if claim.attempt.saturating_sub(1) > step.schedule.max_retries() {
            return Report::impossible(Impossible::Exhausted);
        }
        match caught(self.attempt(flow, step, claim)).await {
            Ok(report) => report,
            Err(panic) => Report::failed(Failure::Panicked, panic),
        }
    }

    async fn attempt(&self, flow: &Flow, step: &Step, claim: &Claim) -> Report {
        // One deadline for all of it: connecting, the request, the head of the answer and its body.
        let deadline = Instant::now() + step.timeout;
        let request = match StepRequest::new(claim, flow, step).build(SystemTime::now(), random()) {
            Ok(request) => request.map(Full::new),
            Err(error) => return Report::unsendable(&error),
        };
        let response = match timeout_at(deadline, self.send(step, request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Report::failed(error.failure(), error.chain()),
            Err(_) => {
                return Report::failed(
                    Failure::TimedOut,
                    format!("no answer within {:?}", step.timeout),
                );
            }
        };
        let (head, body) = response.into_parts();
        let mut kept = BytesMut::new();
        // The status is the receiver's word; a body that breaks off or never ends takes nothing back.
        let _ = timeout_at(deadline, answer::keep(&mut kept, body)).await;
        Report {
            answer: kept.freeze(),
            error: location(&head.headers),
            outcome: Outcome::answered(head.status, &head.headers),
        }
    }

    async fn send(
        &self,
        step: &Step,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<hyper::body::Incoming>, SendError> {
        if step.verify_tls {
            self.client.send(request).await
        } else {
            self.client.dangerous_send(request).await
        }
    }

    async fn settle(
        &self,
        claim: Claim,
        report: Report,
        next: Next,
        started: SystemTime,
        took: Duration,
    ) {
        let attempt = report.outcome.is_attempt().then(|| Attempt {
            started,
            took,
            outcome: Cow::Borrowed(report.outcome.as_str()),
            status: report.outcome.status(),
            answer: report.answer,
            error: report.error,
        });
        let (event, step) = (Arc::clone(&claim.event), Arc::clone(&claim.step));
        if let Err(error) = self.queue.settle(claim, attempt, next).await {
            tracing::error!(
                flow.id = %event.flow,
                event.id = %event.id,
                step = %step,
                error = &error as &dyn Error,
                "an attempt was made but could not be recorded; it will be made again"
            );
        }
    }
}

impl Report {
    fn failed(failure: Failure, error: String) -> Self {
        Self {
            answer: Bytes::new(),
            error: Some(error),
            outcome: Outcome::Failed(failure),
        }
    }

    fn impossible(impossible: Impossible) -> Self {
        Self {
            answer: Bytes::new(),
            error: None,
            outcome: Outcome::Impossible(impossible),
        }
    }

    fn unsendable(error: &Unsendable) -> Self {
        let outcome = match error {
            Unsendable::Hops => Outcome::Impossible(Impossible::TooManyHops),
            Unsendable::Sign(_) => Outcome::Failed(Failure::SignFailed),
            Unsendable::Stored(_) | Unsendable::Target => {
                Outcome::Impossible(Impossible::Unsendable)
            }
        };
        let cause = error
            .source()
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        Self {
            answer: Bytes::new(),
            error: Some(format!("{error}{cause}")),
            outcome,
        }
    }
}

/// Where a redirect pointed, for the record: it was not followed.
fn location(headers: &HeaderMap) -> Option<String> {
    let location = headers.get(header::LOCATION)?.as_bytes();
    let shown = &location[..location.len().min(LOCATION_LIMIT)];
    Some(format!(
        "redirects are not followed; location: {}",
        shown.escape_ascii()
    ))
}

/// One line an attempt: nothing of what was sent or answered but the status.
fn tell(claim: &Claim, step: Option<&Step>, report: &Report, next: &Next, took: Duration) {
    macro_rules! tell {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                flow.id = %claim.event.flow,
                event.id = %claim.event.id,
                step = %claim.step,
                attempt = claim.attempt,
                outcome = report.outcome.as_str(),
                status = report.outcome.status(),
                duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                target.host = step.and_then(|step| step.url.as_uri().host()),
                error = report.error.as_deref(),
                $message
            )
        };
    }
    match next {
        Next::Done => tell!(debug, "delivered"),
        Next::Again { .. } => tell!(info, "attempt failed, will be tried again"),
        Next::Dead { .. } => tell!(warn, "delivery is dead; it can be replayed"),
    }
}

/// Polls `future`; a panic in it becomes its message.
async fn caught<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        // Whatever the panic left half-done is dropped with the future, which is not polled again.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// Fresh random bytes; all zero if the system has none, which harms nothing here.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::warn!(%error, "the system has no random numbers");
    }
    bytes
}

/// A throw of the dice in `0.0..1.0`.
fn roll() -> f64 {
    f64::from(u32::from_ne_bytes(random())) / (f64::from(u32::MAX) + 1.0)
}

/// How much of a redirect's target is recorded.
const LOCATION_LIMIT: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_and_tells_its_message() {
        let plain = caught(async { panic!("out of cheese") }).await;
        let formatted = caught(async { panic!("error {}", 7) }).await;

        assert_eq!(plain, Err::<(), _>("out of cheese".to_owned()));
        assert_eq!(formatted, Err::<(), _>("error 7".to_owned()));
    }

    #[tokio::test]
    async fn what_does_not_panic_is_left_alone() {
        let output = caught(async {
            tokio::task::yield_now().await;
            7
        });

        assert_eq!(output.await, Ok(7));
    }

    #[test]
    fn dice_stay_in_range() {
        for _ in 0..1000 {
            assert!((0.0..1.0).contains(&roll()));
        }
    }

    #[test]
    fn a_redirects_target_is_recorded_escaped_and_cut() {
        let mut headers = HeaderMap::new();
        assert_eq!(location(&headers), None);

        let long = format!("http://a.example/{}", "x".repeat(2 * LOCATION_LIMIT));
        headers.insert(header::LOCATION, long.parse().unwrap());
        assert!(location(&headers).unwrap().len() < LOCATION_LIMIT + 100);
    }
}
