//! One delivery from claim to settlement.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use countersign_queue::{Attempt, Claim, Next, Queue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::caught::caught;
use super::outcome::{Impossible, Moment};
use super::report::Report;
use crate::config::{Flow, Step};
use crate::deliver::{Client, Failure, SendError, StepRequest, answer};
use crate::live::Current;
use crate::random;

/// What every delivery works with.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) current: Current,
    pub(super) queue: Queue,
    cut: CancellationToken,
    interrupted: AtomicUsize,
}

impl Worker {
    /// Delivers what `queue` hands out, as `current` says at that moment.
    pub(super) fn new(current: Current, queue: Queue) -> Self {
        Self {
            current,
            queue,
            cut: CancellationToken::new(),
            interrupted: AtomicUsize::new(0),
        }
    }

    /// Makes every attempt that is under way end now, uncounted.
    pub(super) fn interrupt(&self) {
        self.cut.cancel();
    }

    /// How many attempts were [interrupted](Self::interrupt) and are due again.
    pub(super) fn interrupted(&self) -> usize {
        self.interrupted.load(Ordering::Acquire)
    }

    /// Makes one attempt at `claim` and settles it.
    pub(super) async fn deliver(&self, claim: Claim) {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let live = self.current.load_full();
        let target = live
            .flow(&claim.event.flow)
            .zip(live.step(&claim.event.flow, &claim.step));
        let (report, next) = match target {
            Some((flow, step)) => {
                let attempt = self.guarded_attempt(&live.client, flow, step, &claim);
                let Some(report) = self.cut.run_until_cancelled(attempt).await else {
                    if self.give_back(claim).await {
                        self.interrupted.fetch_add(1, Ordering::AcqRel);
                    }
                    return;
                };
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

    /// Makes `claim` due again as if nobody had claimed it; false if that could not be recorded.
    pub(super) async fn give_back(&self, claim: Claim) -> bool {
        let (event, step) = (Arc::clone(&claim.event), Arc::clone(&claim.step));
        let released = self.queue.release(claim).await;
        if let Err(error) = &released {
            tracing::warn!(
                flow.id = %event.flow,
                event.id = %event.id,
                step = %step,
                error = error as &dyn Error,
                "a claim could not be given back: it counts as an attempt"
            );
        }
        released.is_ok()
    }

    /// An attempt; a panic inside is one that failed.
    async fn guarded_attempt(
        &self,
        client: &Client,
        flow: &Flow,
        step: &Step,
        claim: &Claim,
    ) -> Report {
        if claim.attempt.saturating_sub(1) > step.schedule.max_retries() {
            return Report::exhausted();
        }
        match caught(attempt(client, flow, step, claim)).await {
            Ok(report) => report,
            Err(panic) => Report::failed(Failure::Panicked, panic),
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

async fn attempt(client: &Client, flow: &Flow, step: &Step, claim: &Claim) -> Report {
    // One deadline for all of it: connecting, the request, the head of the answer and its body.
    let deadline = Instant::now() + step.timeout;
    let request = match StepRequest::new(claim, flow, step).build(SystemTime::now(), dice()) {
        Ok(request) => request.map(Full::new),
        Err(error) => return Report::unsendable(&error),
    };
    let response = match timeout_at(deadline, send(client, step, request)).await {
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
    client: &Client,
    step: &Step,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, SendError> {
    if step.verify_tls {
        client.send(request).await
    } else {
        client.dangerous_send(request).await
    }
}

/// One line an attempt: nothing of what was sent or answered but the status.
fn tell(claim: &Claim, step: Option<&Step>, report: &Report, next: &Next, took: Duration) {
    let status = report.outcome.status();
    // What is recorded of an answer came from the receiver; why there was none did not.
    let error = report.error.as_deref().filter(|_| status.is_none());
    let unmade = u32::from(!report.outcome.is_attempt());
    macro_rules! tell {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                flow.id = %claim.event.flow,
                event.id = %claim.event.id,
                step = %claim.step,
                attempt = claim.attempt.saturating_sub(unmade),
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
fn dice<const N: usize>() -> [u8; N] {
    random::bytes().unwrap_or_else(|error| {
        tracing::warn!(%error, "the system has no random numbers");
        [0; N]
    })
}

/// A throw of the dice in `0.0..1.0`.
fn roll() -> f64 {
    f64::from(u32::from_ne_bytes(dice())) / (f64::from(u32::MAX) + 1.0)
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
