//! The front: what a gateway calls.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::command::{Command, Question, Settlement};
use crate::shared::Shared;
use crate::{
    AppendError, Appended, Attempt, AttemptRecord, Claim, ClaimError, EventId, EventPage,
    EventQuery, Limits, NewEvent, Next, OpenError, Options, ReadError, SettleError, Stats,
    StoreFailure, StoredEvent, sqlite,
};

/// A durable queue of events in one file.
///
/// A handle: clones are the same queue. It needs no runtime; its two threads end when it is closed or its last handle is
/// dropped.
#[derive(Clone, Debug)]
pub struct Queue {
    handle: Arc<Handle>,
}

impl Queue {
    /// Opens the queue in the file at `path`, or makes a new one. Blocks for as long as that takes.
    ///
    /// Whatever was claimed and not settled when it was last open counts as one attempt and is due at once.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; each says what to do, and none changes the file.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let max_event_bytes = options.max_event_bytes;
        let shared = sqlite::open(path, options)?;
        Ok(Self {
            handle: Arc::new(Handle {
                shared,
                max_event_bytes,
            }),
        })
    }

    /// Whether repeats are recognised and appends are answered. False right after opening, and after a failure.
    pub fn is_ready(&self) -> bool {
        self.handle.shared.is_ready()
    }

    /// Appends `event` with its deliveries; when this returns, they are on disk.
    ///
    /// A repeat, while its first copy is remembered, adds nothing: its answer waits for the first one's commit and names
    /// the first one's id. Dropping the future does not undo an append that has begun.
    ///
    /// # Errors
    ///
    /// On any error the event must not be acknowledged. It may be stored nevertheless where the queue
    /// [failed](Self::failed), never otherwise.
    pub async fn append(&self, event: NewEvent) -> Result<Appended, AppendError> {
        let shared = &self.handle.shared;
        let weight = event.weight();
        if weight > self.handle.max_event_bytes {
            return Err(AppendError::TooLarge {
                limit: self.handle.max_event_bytes,
            });
        }
        // The semaphore was made so that the largest event passes.
        let share = u32::try_from(weight.div_ceil(1024)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&shared.room).acquire_many_owned(share).await;
        let permit = permit.map_err(|_closed| self.end(AppendError::Closed))?;
        let (answer, answered) = oneshot::channel();
        // From here on the caller's going away changes nothing.
        let pushed = shared.inbox.push(Command::Append {
            event,
            weight,
            answer,
            permit,
        });
        match pushed {
            Ok(()) => match answered.await {
                Ok(answer) => answer,
                Err(_gone) => Err(self.gone(AppendError::Closed).await),
            },
            Err(_command) => Err(self.end(AppendError::Closed)),
        }
    }

    /// Claims what is due now, fairly: one delivery of each step in turn. Returns at once, maybe with nothing.
    ///
    /// The claims are on record when this returns, so each counts as an attempt whatever happens to this process.
    ///
    /// # Errors
    ///
    /// When the queue is closed or has failed.
    pub async fn claim(&self, limits: Limits) -> Result<Vec<Claim>, ClaimError> {
        let (answer, answered) = oneshot::channel();
        let pushed = self
            .handle
            .shared
            .inbox
            .push(Command::Claim { limits, answer });
        let claims = match pushed {
            Ok(()) => match answered.await {
                Ok(answer) => answer,
                Err(_gone) => Err(self.gone(ClaimError::Closed).await),
            },
            Err(_command) => Err(self.end(ClaimError::Closed)),
        };
        let mut claims = claims?;
        claims.iter_mut().for_each(|claim| claim.lease.hand_over());
        Ok(claims)
    }

    /// Resolves when there may be something to claim: events came in, claims were settled, a due time changed.
    ///
    /// For one dispatcher: [`claim`](Self::claim) until nothing comes, then wait for this or for
    /// [`next_due`](Self::next_due). What happens between the look and the wait is kept, and resolves the wait at once,
    /// so nothing is missed. Dropping the future loses nothing.
    pub async fn due(&self) {
        self.handle.shared.due().await;
    }

    /// How long until a retry becomes due, zero if one is; `None` if none waits. Changes to it resolve
    /// [`due`](Self::due).
    pub fn next_due(&self) -> Option<Duration> {
        self.handle.shared.next_due()
    }

    /// Records how a claim ended; when this returns, it is on disk. `attempt` is `None` where nothing was tried, and
    /// then no attempt is counted.
    ///
    /// # Errors
    ///
    /// When the queue is closed or has failed; the delivery is then tried again after the next start. A full disk is no
    /// error: it is waited out, unless the queue is closing.
    pub async fn settle(
        &self,
        claim: Claim,
        attempt: impl Into<Option<Attempt>>,
        next: Next,
    ) -> Result<(), SettleError> {
        let how = Settlement::Settled {
            attempt: attempt.into(),
            next,
        };
        self.end_claim(claim, how).await
    }

    /// Gives a claim back untried: it counts no attempt and is due at once.
    ///
    /// # Errors
    ///
    /// As for [`settle`](Self::settle).
    pub async fn release(&self, claim: Claim) -> Result<(), SettleError> {
        self.end_claim(claim, Settlement::Untried).await
    }

    /// Lists events, newest first, a page at a time.
    ///
    /// # Errors
    ///
    /// When the queue is closed, or the file cannot be read.
    pub async fn events(&self, query: EventQuery) -> Result<EventPage, ReadError> {
        self.ask(|answer| Question::Events { query, answer }).await
    }

    /// One event with its deliveries; `None` if no event has exactly this id.
    ///
    /// # Errors
    ///
    /// When the queue is closed, the file cannot be read or the event is damaged.
    pub async fn event(&self, id: EventId) -> Result<Option<StoredEvent>, ReadError> {
        self.ask(|answer| Question::Event { id, answer }).await
    }

    /// The attempts at one event's deliveries, in the order in which they were recorded; none if no event has this id.
    ///
    /// # Errors
    ///
    /// When the queue is closed, or the file cannot be read.
    pub async fn attempts(&self, id: EventId) -> Result<Vec<AttemptRecord>, ReadError> {
        self.ask(|answer| Question::Attempts { id, answer }).await
    }

    /// How the queue stands.
    ///
    /// # Errors
    ///
    /// When the queue is closed or has failed.
    pub async fn stats(&self) -> Result<Stats, ReadError> {
        let (answer, answered) = oneshot::channel();
        let pushed = self.handle.shared.inbox.push(Command::Stats { answer });
        pushed.map_err(|_command| ReadError::Closed)?;
        answered.await.map_err(|_gone| ReadError::Closed)
    }

    /// Resolves when a commit has failed: the process must then stop acknowledging, say so and exit. Never resolves
    /// otherwise.
    pub async fn failed(&self) -> StoreFailure {
        self.handle.shared.failed().await
    }

    /// Takes nothing more, finishes what waits, and lets go of the file, for every handle. Claims that are still out
    /// count as attempts when the queue is next opened, and so do those that a full disk kept from being settled.
    pub async fn close(self) {
        self.handle.shared.inbox.close();
        self.handle.shared.done().await;
    }

    async fn end_claim(&self, claim: Claim, how: Settlement) -> Result<(), SettleError> {
        let delivery = claim.lease.take();
        let (answer, answered) = oneshot::channel();
        let pushed = self.handle.shared.inbox.push(Command::Settle {
            delivery,
            how,
            answer: Some(answer),
        });
        match pushed {
            Ok(()) => match answered.await {
                Ok(answer) => answer,
                Err(_gone) => Err(self.gone(SettleError::Closed).await),
            },
            Err(_command) => Err(self.end(SettleError::Closed)),
        }
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<T, ReadError>>) -> Question,
    ) -> Result<T, ReadError> {
        let (answer, answered) = oneshot::channel();
        let pushed = self.handle.shared.questions.push(question(answer));
        pushed.map_err(|_question| ReadError::Closed)?;
        answered.await.unwrap_or(Err(ReadError::Closed))
    }

    /// The reason why a caller was let go without an answer: a failure if there was one, else `closed`.
    async fn gone<E: From<StoreFailure>>(&self, closed: E) -> E {
        self.handle.shared.verdict().await.map_or(closed, E::from)
    }

    /// The reason why nothing is taken any more: a failure if there was one, else `closed`.
    fn end<E: From<StoreFailure>>(&self, closed: E) -> E {
        self.handle.shared.failure().map_or(closed, E::from)
    }
}

/// Closes the queue when the last handle goes.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    max_event_bytes: usize,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.inbox.close();
    }
}
