//! What the handles and the threads of one queue share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};

use crate::inbox::{Inbox, Questions};
use crate::{Clock, StoreFailure};

/// What the handles and the threads of one queue share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) questions: Questions,
    /// The memory that waiting events may take, in KiB.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) clock: Clock,
    due: Notify,
    next_due: AtomicU64,
    ready: AtomicBool,
    failure: watch::Sender<Option<StoreFailure>>,
    /// Turns true when it is known why nobody answers any more.
    over: watch::Sender<bool>,
    /// Turns true when the writer has let go of the file.
    done: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(clock: Clock, room: usize) -> Self {
        Self {
            inbox: Arc::new(Inbox::new()),
            questions: Questions::new(),
            room: Arc::new(Semaphore::new(room)),
            clock,
            due: Notify::new(),
            next_due: AtomicU64::new(NEVER),
            ready: AtomicBool::new(false),
            failure: watch::Sender::new(None),
            over: watch::Sender::new(false),
            done: watch::Sender::new(false),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
            && self.failure.borrow().is_none()
            && !self.inbox.is_closed()
    }

    pub(crate) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Wakes the dispatcher. The wake-up is kept if it is not waiting at the moment.
    pub(crate) fn wake(&self) {
        self.due.notify_one();
    }

    pub(crate) async fn due(&self) {
        self.due.notified().await;
    }

    pub(crate) fn set_next_due(&self, at: Option<u64>) {
        self.next_due.store(at.unwrap_or(NEVER), Ordering::Release);
    }

    pub(crate) fn next_due(&self) -> Option<Duration> {
        let at = self.next_due.load(Ordering::Acquire);
        (at != NEVER).then(|| Duration::from_millis(at.saturating_sub(self.clock.now())))
    }

    pub(crate) fn fail(&self, failure: &StoreFailure) {
        self.failure.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                *known = Some(failure.clone());
            }
            first
        });
        self.over.send_replace(true);
    }

    pub(crate) fn failure(&self) -> Option<StoreFailure> {
        self.failure.borrow().clone()
    }

    /// The failure that let a caller go without an answer, if it was one. Callers may be let go a moment before it is
    /// told.
    pub(crate) async fn verdict(&self) -> Option<StoreFailure> {
        let mut over = self.over.subscribe();
        // It fails only without a sender, and that is in self.
        let _ = over.wait_for(|over| *over).await;
        self.failure()
    }

    pub(crate) async fn failed(&self) -> StoreFailure {
        let mut failure = self.failure.subscribe();
        let found = failure.wait_for(Option::is_some).await;
        found
            .ok()
            .and_then(|found| found.clone())
            .expect("the sender is in self")
    }

    /// Takes nothing more, and lets go of everybody who waits for an answer.
    pub(crate) fn stop(&self) {
        self.inbox.close();
        self.questions.close();
        self.room.close();
        let mut rest = VecDeque::new();
        self.inbox.take(&mut rest);
        let mut rest = VecDeque::new();
        self.questions.take(&mut rest);
        self.over.send_replace(true);
    }

    pub(crate) fn set_done(&self) {
        self.done.send_replace(true);
    }

    pub(crate) async fn done(&self) {
        let mut done = self.done.subscribe();
        // It fails only without a sender, and that is in self.
        let _ = done.wait_for(|done| *done).await;
    }
}

const NEVER: u64 = u64::MAX;
