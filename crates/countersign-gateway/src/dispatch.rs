//! From the queue to the steps: claim what is due, deliver each in a task of its own, settle what came of it.
//!
//! A delivery owns one permit of the total while it is under way, and claims are [sparing](Limits::sparing), so that steps
//! that hang never hold all of them: receivers that do not answer hold up nobody else, however many they are.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use countersign_queue::{Claim, ClaimError, Limits, Queue};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::live::Current;
use crate::tasks::Tasks;

mod caught;
mod flight;
mod outcome;
mod report;
mod worker;

use flight::Flight;
use worker::Worker;

/// Everything that is delivered, to be started and ended as one.
#[derive(Clone, Debug)]
pub(crate) struct Deliveries {
    tasks: Tasks,
    worker: Arc<Worker>,
}

impl Deliveries {
    /// What `queue` owes to the steps of `current`.
    pub(crate) fn new(current: Current, queue: Queue) -> Self {
        Self {
            tasks: Tasks::new(),
            worker: Arc::new(Worker::new(current, queue)),
        }
    }

    /// Delivers until [`end`](Self::end).
    pub(crate) fn start(&self) {
        let dispatcher = Dispatcher {
            flight: Flight::default(),
            tasks: self.tasks.clone(),
            worker: Arc::clone(&self.worker),
        };
        self.tasks.spawn(|stop| dispatcher.run(stop));
    }

    /// Claims nothing more, lets what is under way finish until `deadline` and interrupts the rest, which is due again
    /// as if nobody had tried: that a gateway was stopped is no receiver's failure. Returns how many these were.
    pub(crate) async fn end(self, deadline: Instant) -> usize {
        let grace = deadline.saturating_duration_since(Instant::now());
        if self.tasks.clone().drain(grace).await.is_ok() {
            tracing::debug!("deliveries ended");
            return 0;
        }
        self.worker.interrupt();
        let given_back = self.tasks.drain(GIVING_BACK).await;
        let interrupted = self.worker.interrupted();
        tracing::warn!(
            interrupted,
            "grace period over: deliveries were interrupted; no attempt is counted, they are due at the next start"
        );
        if let Err(abandoned) = given_back {
            tracing::warn!(
                left = abandoned.tasks,
                "deliveries whose end could not be recorded in time count as attempts"
            );
        }
        interrupted
    }
}

/// Claims for as long as it runs.
#[derive(Debug)]
struct Dispatcher {
    flight: Flight,
    tasks: Tasks,
    worker: Arc<Worker>,
}

impl Dispatcher {
    /// Delivers until `stop`; what is under way then goes on in its own tasks.
    async fn run(self, stop: CancellationToken) {
        let mut switched_off = false;
        // A claim is never cut off by `stop`: it would be counted as an attempt that nobody made.
        while !stop.is_cancelled() {
            if !self.is_enabled() {
                if !switched_off {
                    tracing::warn!(
                        "delivery is switched off (`delivery.enabled = false`): events are stored and wait"
                    );
                }
                switched_off = true;
                stop.run_until_cancelled(self.rest(LOOK_AGAIN, false)).await;
                continue;
            }
            switched_off = false;
            let Some(free) = stop.run_until_cancelled(self.room()).await else {
                break;
            };
            let per_step = self.per_step();
            match self
                .worker
                .queue
                .claim(Limits::new(free, per_step).sparing())
                .await
            {
                Ok(claims) if claims.is_empty() => {
                    // With this many a step may have been passed over for the sake of others.
                    let sleep = self.sleep(free < per_step);
                    stop.run_until_cancelled(sleep).await;
                }
                Ok(claims) if stop.is_cancelled() => self.give_back(claims).await,
                Ok(claims) => self.begin(claims),
                Err(ClaimError::Closed) => break,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn Error,
                        "no more deliveries until the next start"
                    );
                    break;
                }
            }
        }
        tracing::debug!(deliveries = self.tasks.running(), "claiming has stopped");
    }

    fn is_enabled(&self) -> bool {
        self.worker.current.load().config.delivery.enabled
    }

    /// How many deliveries may start, at least one. Dropping the wait loses nothing.
    async fn room(&self) -> usize {
        let total = || {
            self.worker
                .current
                .load()
                .config
                .delivery
                .concurrency
                .max(1)
        };
        self.flight.room(total).await
    }

    fn per_step(&self) -> usize {
        self.worker
            .current
            .load()
            .config
            .delivery
            .concurrency_per_step
            .max(1)
    }

    fn begin(&self, claims: Vec<Claim>) {
        for claim in claims {
            let worker = Arc::clone(&self.worker);
            let permit = self.flight.permit();
            self.tasks.spawn(|_| async move {
                worker.deliver(claim).await;
                drop(permit);
            });
        }
    }

    /// What was claimed while `stop` came is due again, as if nobody had claimed it.
    async fn give_back(&self, claims: Vec<Claim>) {
        for claim in claims {
            self.worker.give_back(claim).await;
        }
    }

    /// Sleeps until something may be due; where permits are `tight`, until there is one more. The queue keeps a wake-up
    /// that comes before the wait.
    async fn sleep(&self, tight: bool) {
        let wait = self.worker.queue.next_due().unwrap_or(LONGEST_SLEEP);
        self.rest(wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP), tight)
            .await;
    }

    /// Sleeps until something happens in the queue, or `wait` is over.
    async fn rest(&self, wait: Duration, tight: bool) {
        tokio::select! {
            () = self.worker.queue.due() => {}
            // What a delivery gives back counts only after its settlement has woken us.
            () = self.flight.landed(), if tight => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// What is due and cannot be claimed must not be asked for all the time.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// A look this often costs nothing and makes up for any wake-up that was missed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// How soon it is seen that delivery was switched on.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long giving back what was interrupted may take.
const GIVING_BACK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
