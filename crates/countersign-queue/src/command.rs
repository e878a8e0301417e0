//! What the threads are asked to do.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::key::DeliveryKey;
use crate::{
    AppendError, Appended, Attempt, AttemptRecord, Claim, ClaimError, EventId, EventPage,
    EventQuery, Limits, NewEvent, Next, ReadError, SettleError, Stats, StoredEvent,
};

/// Asked of the writer.
#[derive(Debug)]
pub(crate) enum Command {
    Append {
        event: NewEvent,
        weight: usize,
        answer: oneshot::Sender<Result<Appended, AppendError>>,
        /// Its share of the memory for waiting events, given back with the answer.
        permit: OwnedSemaphorePermit,
    },
    Claim {
        limits: Limits,
        answer: oneshot::Sender<Result<Vec<Claim>, ClaimError>>,
    },
    Settle {
        delivery: DeliveryKey,
        how: Settlement,
        answer: Option<oneshot::Sender<Result<(), SettleError>>>,
    },
    Stats {
        answer: oneshot::Sender<Stats>,
    },
}

/// How a claim ends.
#[derive(Debug)]
pub(crate) enum Settlement {
    /// The caller says so; without an attempt if nothing was tried.
    Settled {
        attempt: Option<Attempt>,
        next: Next,
    },
    /// It was lost while it was being tried.
    Abandoned,
    /// It was given back untried.
    Untried,
}

/// Asked of the reader.
#[derive(Debug)]
pub(crate) enum Question {
    Attempts {
        id: EventId,
        answer: oneshot::Sender<Result<Vec<AttemptRecord>, ReadError>>,
    },
    Event {
        id: EventId,
        answer: oneshot::Sender<Result<Option<StoredEvent>, ReadError>>,
    },
    Events {
        query: EventQuery,
        answer: oneshot::Sender<Result<EventPage, ReadError>>,
    },
}
