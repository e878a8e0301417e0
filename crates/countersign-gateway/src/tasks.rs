//! One way to start a task and one way to stop them all.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A group of tasks that is asked to stop, and waited for, as one.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// An empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` until it returns; it is handed the signal to return by.
    pub fn spawn<F>(&self, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(task(self.stop.child_token()));
    }

    /// The signal that [`Tasks::drain`] gives.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// How many tasks have not returned yet.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Asks every task to stop and waits for all of them, at most `grace`.
    ///
    /// # Errors
    ///
    /// [`Abandoned`] says how many were still running when `grace` was over; they are
    /// not waited for any longer.
    pub async fn drain(self, grace: Duration) -> Result<(), Abandoned> {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait())
            .await
            .map_err(|_| Abandoned {
                tasks: self.tracker.len(),
            })
    }
}

/// Tasks that did not return within the grace period.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{tasks} tasks did not finish within the grace period")]
pub struct Abandoned {
    /// How many.
    pub tasks: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drain_waits_for_a_task_that_heeds_the_signal() {
        let tasks = Tasks::new();
        let (done, seen) = tokio::sync::oneshot::channel();
        tasks.spawn(|stop| async move {
            stop.cancelled().await;
            let _ = done.send(());
        });

        let drained = tasks.drain(Duration::from_secs(5)).await;

        assert_eq!(drained, Ok(()));
        assert!(seen.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn drain_gives_up_after_the_grace_period_and_counts_who_is_left() {
        let tasks = Tasks::new();
        tasks.spawn(|_| std::future::pending());

        let drained = tasks.drain(Duration::from_secs(1)).await;

        assert_eq!(drained, Err(Abandoned { tasks: 1 }));
    }
}
