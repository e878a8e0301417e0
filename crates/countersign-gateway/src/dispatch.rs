//! From the queue to the steps: claim what is due, deliver each in a task of its own, settle what came of it.
//!
//! A delivery owns one permit of the total while it is under way, and the queue hands out at most so many of one
//! step: a receiver that hangs fills its own share and holds up nobody else.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use countersign_queue::{Claim, ClaimError, Limits, Queue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::deliver::Client;
use crate::live::Current;
use crate::tasks::Tasks;

mod caught;
mod outcome;
mod report;
pub(crate) mod schedule;
mod worker;

use worker::Worker;

/// Delivers what the queue owes.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    permits: Arc<Semaphore>,
    tasks: Tasks,
    worker: Arc<Worker>,
}

impl Dispatcher {
    /// Delivers what `queue` owes to the steps of `current`, through `client`, each delivery a task of `tasks`.
    pub(crate) fn new(client: Client, current: Current, queue: Queue, tasks: Tasks) -> Self {
        let total = current
            .load()
            .config
            .delivery
            .concurrency
            .clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(total)),
            tasks,
            worker: Arc::new(Worker {
                client,
                current,
                queue,
            }),
        }
    }

    /// Delivers until `stop`; what is under way then goes on in its own tasks.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if !self.worker.current.load().config.delivery.enabled {
            tracing::warn!(
                "delivery is switched off (`delivery.enabled = false`): events are stored and wait"
            );
            return stop.cancelled().await;
        }
        // A claim is never cut off by `stop`: it would be counted as an attempt that nobody made.
        while let Some(permits) = stop.run_until_cancelled(self.free_permits()).await {
            match self.claim(permits.num_permits()).await {
                Ok(claims) if claims.is_empty() => {
                    drop(permits);
                    stop.run_until_cancelled(self.sleep()).await;
                }
                Ok(claims) if stop.is_cancelled() => self.give_back(claims).await,
                Ok(claims) => self.start(claims, permits),
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

    /// All permits that are free, at least one. Dropping the wait takes none.
    async fn free_permits(&self) -> OwnedSemaphorePermit {
        let free = u32::try_from(self.permits.available_permits())
            .unwrap_or(u32::MAX)
            .max(1);
        Arc::clone(&self.permits)
            .acquire_many_owned(free)
            .await
            .expect("the semaphore is never closed")
    }

    async fn claim(&self, total: usize) -> Result<Vec<Claim>, ClaimError> {
        let per_step = self
            .worker
            .current
            .load()
            .config
            .delivery
            .concurrency_per_step
            .max(1);
        self.worker.queue.claim(Limits::new(total, per_step)).await
    }

    fn start(&self, claims: Vec<Claim>, mut permits: OwnedSemaphorePermit) {
        for claim in claims {
            let worker = Arc::clone(&self.worker);
            let permit = permits.split(1);
            self.tasks.spawn(|_| async move {
                worker.deliver(claim).await;
                drop(permit);
            });
        }
    }

    /// What was claimed while `stop` came is due again, as if nobody had claimed it.
    async fn give_back(&self, claims: Vec<Claim>) {
        for claim in claims {
            if let Err(error) = self.worker.queue.release(claim).await {
                tracing::warn!(
                    error = &error as &dyn Error,
                    "a claim could not be given back: it counts as an attempt"
                );
            }
        }
    }

    /// Sleeps until something may be due. The queue keeps a wake-up that comes before the wait.
    async fn sleep(&self) {
        let queue = &self.worker.queue;
        let wait = queue.next_due().unwrap_or(LONGEST_SLEEP);
        let wait = wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
        tokio::select! {
            () = queue.due() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// What is due and cannot be claimed must not be asked for all the time.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// A look this often costs nothing and makes up for any wake-up that was missed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
