//! One delivery from claim to settlement.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use countersign_queue::{Attempt, Claim, Next, Queue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::caught::caught;
use super::outcome::{Impossible, Moment};
use super::report::Report;
use crate::config::{Flow, Step};
use crate::deliver::{Client, Failure, SendError, StepRequest, answer};
use crate::live::Current;

/// What every delivery works with.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) client: Client,
    pub(super) current: Current,
    pub(super) queue: Queue,
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
                let removed = Impossible::StepRemoved;
                (Report::impossible(removed), removed.end())
            }
        };
        let took = clock.elapsed();
        let step = target.map(|(_, step)| &**step);
        tell(&claim, step, &report, &next, took);
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
        Report::answered(&head, kept.freeze())
    }

    async fn send(
        &self,
        step: &Step,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
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

/// One line an attempt: nothing of what was sent or answered but the status.
fn tell(claim: &Claim, step: Option<&Step>, report: &Report, next: &Next, took: Duration) {
    let status = report.outcome.status();
    // What is recorded of an answer came from the receiver; why there was none did not.
    let error = report.error.as_deref().filter(|_| status.is_none());
    macro_rules! tell {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                flow.id = %claim.event.flow,
                event.id = %claim.event.id,
                step = %claim.step,
                attempt = claim.attempt,
                outcome = report.outcome.as_str(),
                status,
                duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                target.host = step.map(|step| step.url.host()),
                error,
                $message
            )
        };
    }
    match next {
        Next::Done => tell!(debug, "delivered"),
        Next::Again { .. } => tell!(info, "attempt failed, will be tried again"),
        Next::Dead { .. } => tell!(warn, "delivery is dead: it is not tried again"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_stay_in_range() {
        for _ in 0..1000 {
            assert!((0.0..1.0).contains(&roll()));
        }
    }
}
