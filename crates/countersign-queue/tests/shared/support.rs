//! What the tests share.
#![allow(dead_code, reason = "each test uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use countersign_queue::{
    Attempt, Claim, Clock, EventId, Limits, NewEvent, Next, Options, Queue, Replay,
};
use http::{HeaderMap, Method};
use tempfile::TempDir;

/// A queue in a folder of its own.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) queue: Queue,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue::open(&folder.path().join("queue.db"), options).unwrap();
        Self { folder, queue }
    }

    /// Appends an event that has to be taken.
    pub(crate) async fn store(&self, event: NewEvent) -> EventId {
        self.queue.append(event).await.unwrap().id
    }

    /// Settles a claim that has to be known.
    pub(crate) async fn settle(
        &self,
        claim: Claim,
        attempt: impl Into<Option<Attempt>>,
        next: Next,
    ) {
        self.queue.settle(claim, attempt, next).await.unwrap();
    }

    /// Closes the queue and opens it again.
    pub(crate) async fn reopen(self, options: Options) -> Self {
        self.queue.close().await;
        let queue = Queue::open(&self.folder.path().join("queue.db"), options).unwrap();
        Self {
            folder: self.folder,
            queue,
        }
    }

    /// What a crash at this moment would leave, opened; the other queue goes on in its own folder.
    pub(crate) fn crash(&self, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["queue.db", "queue.db-wal"] {
            let from = self.folder.path().join(name);
            if from.exists() {
                std::fs::copy(from, folder.path().join(name)).unwrap();
            }
        }
        let queue = Queue::open(&folder.path().join("queue.db"), options).unwrap();
        Self { folder, queue }
    }
}

/// Time that moves when it is told to.
#[derive(Clone)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(crate) fn new() -> Self {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        Self(Arc::new(AtomicU64::new(now.as_millis() as u64)))
    }

    pub(crate) fn turn(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }

    pub(crate) fn turn_back(&self, by: Duration) {
        self.0.fetch_sub(by.as_millis() as u64, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn clock(&self) -> Clock {
        let hands = self.clone();
        Clock::new(move || hands.now())
    }

    pub(crate) fn options(&self) -> Options {
        let mut options = Options::default();
        options.clock = self.clock();
        options
    }
}

/// An event for these steps of the flow `orders`.
pub(crate) fn event(body: &str, steps: &[&str]) -> NewEvent {
    event_in("orders", body, steps)
}

pub(crate) fn event_in(flow: &str, body: &str, steps: &[&str]) -> NewEvent {
    NewEvent {
        organization: "default".into(),
        flow: flow.into(),
        received: SystemTime::now(),
        method: Method::POST,
        target: "/hooks/orders?a=%20b".into(),
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
        key: Some("2026".into()),
        replay: None,
        steps: steps.iter().map(|&step| step.into()).collect(),
    }
}

/// The same event with something to know repeats by.
pub(crate) fn with_replay(mut event: NewEvent, key: u8, keep: Duration) -> NewEvent {
    event.replay = Some(Replay {
        key: [key; 16],
        keep,
    });
    event
}

pub(crate) fn attempt(outcome: &'static str) -> Attempt {
    Attempt {
        started: SystemTime::now(),
        took: Duration::from_millis(5),
        outcome: outcome.into(),
        status: Some(200),
        answer: "thanks".into(),
        error: None,
    }
}

pub(crate) fn again(after: Duration) -> Next {
    Next::Again { after }
}

pub(crate) fn dead(reason: &'static str) -> Next {
    Next::Dead {
        reason: reason.into(),
    }
}

pub(crate) async fn claim_all(queue: &Queue) -> Vec<Claim> {
    queue
        .claim(Limits::new(usize::MAX, usize::MAX))
        .await
        .unwrap()
}

pub(crate) fn body(claim: &Claim) -> String {
    String::from_utf8(claim.event.body.to_vec()).unwrap()
}
