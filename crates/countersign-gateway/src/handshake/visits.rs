//! URLs that a genuine handshake asks to be visited: later, a few times, and as carefully as deliveries are sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::FlowId;
use crate::deliver::Client;
use crate::tasks::Tasks;

/// Visits under way, and those of late.
#[derive(Clone, Debug)]
pub(crate) struct Visits {
    client: Client,
    room: Arc<Semaphore>,
    /// What is being visited, and what was with success: a copy of a handshake asks for no second visit.
    made: Arc<Mutex<VecDeque<[u8; 32]>>>,
    tasks: Tasks,
}

/// What came of one try.
enum Outcome {
    Answered(StatusCode),
    Failed(String),
    TimedOut,
}

impl Visits {
    /// Visits through `client`, in tasks of `tasks`.
    pub(crate) fn new(client: Client, tasks: Tasks) -> Self {
        Self {
            client,
            room: Arc::new(Semaphore::new(AT_ONCE)),
            made: Arc::default(),
            tasks,
        }
    }

    /// Begins to visit `url`, which has been checked to be one of the sender's own, unless that is done already.
    ///
    /// False where too much is under way, so that the sender has to come again.
    #[must_use]
    pub(crate) fn begin(&self, flow: &FlowId, url: &str) -> bool {
        let mark: [u8; 32] = Sha256::digest(url).into();
        let mut made = self.made();
        if made.contains(&mark) {
            tracing::debug!(flow.id = %flow, "the handshake's URL was visited before");
            return true;
        }
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            tracing::warn!(flow.id = %flow, "too many handshakes at once: the sender is asked to come again");
            return false;
        };
        if made.len() == REMEMBERED {
            made.pop_front();
        }
        made.push_back(mark);
        drop(made);
        let (visits, flow, url) = (self.clone(), flow.clone(), url.to_owned());
        self.tasks.spawn(|stop| async move {
            if !visits.visit(&flow, &url, &stop).await {
                visits.made().retain(|other| *other != mark);
            }
            drop(room);
        });
        true
    }

    /// Tries until it works, the tries are used up, or the gateway stops.
    async fn visit(&self, flow: &FlowId, url: &str, stop: &CancellationToken) -> bool {
        let host = url.split('/').nth(2).unwrap_or_default();
        for (attempt, wait) in (1_u32..).zip(WAITS) {
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => return false,
            }
            let outcome = self.attempt(url).await;
            match &outcome {
                Outcome::Answered(status) if status.is_success() => {
                    tracing::info!(flow.id = %flow, target.host = host, attempt, "the handshake is complete");
                    return true;
                }
                Outcome::Answered(status) => tracing::warn!(
                    flow.id = %flow, target.host = host, attempt, status = status.as_u16(),
                    "the URL of a handshake was visited in vain"
                ),
                Outcome::Failed(error) => tracing::warn!(
                    flow.id = %flow, target.host = host, attempt, error,
                    "the URL of a handshake cannot be visited"
                ),
                Outcome::TimedOut => tracing::warn!(
                    flow.id = %flow, target.host = host, attempt,
                    "the URL of a handshake did not answer in time"
                ),
            }
        }
        tracing::error!(
            flow.id = %flow,
            target.host = host,
            "the handshake is not complete: have the sender repeat it"
        );
        false
    }

    /// One request: no redirect is followed, and nothing of the answer but its status is read.
    async fn attempt(&self, url: &str) -> Outcome {
        let request = match Request::get(url).body(Full::<Bytes>::default()) {
            Ok(request) => request,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        match timeout(PATIENCE, self.client.send(request)).await {
            Ok(Ok(response)) => Outcome::Answered(response.status()),
            Ok(Err(error)) => Outcome::Failed(error.chain()),
            Err(_) => Outcome::TimedOut,
        }
    }

    fn made(&self) -> MutexGuard<'_, VecDeque<[u8; 32]>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many visits are under way at once.
const AT_ONCE: usize = 16;
/// How long a visit may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many visits are remembered; more than are under way at once.
const REMEMBERED: usize = 256;
/// The wait before each try.
const WAITS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

#[cfg(test)]
mod tests;
