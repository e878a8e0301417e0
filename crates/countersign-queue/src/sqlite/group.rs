//! A group: everything that goes into one transaction.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::filing::Found;
use crate::command::{Command, Settlement};
use crate::key::DeliveryKey;
use crate::schedule::Lease;
use crate::{
    AppendError, Appended, Claim, ClaimError, Event, EventId, Limits, NewEvent, SettleError, Stats,
};

/// Everything that goes into one transaction.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) appends: Vec<Append>,
    pub(crate) claims: Vec<Claiming>,
    pub(crate) settles: Vec<Settling>,
    pub(crate) stats: Vec<oneshot::Sender<Stats>>,
}

/// One event to append.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) event: NewEvent,
    pub(crate) weight: usize,
    pub(crate) plan: usize,
    /// Its name, from when it is written.
    pub(crate) id: Option<EventId>,
    pub(crate) answer: oneshot::Sender<Result<Appended, AppendError>>,
    /// Callers who sent a repeat while this one was waiting.
    pub(crate) echoes: Vec<oneshot::Sender<Result<Appended, AppendError>>>,
    pub(crate) _permit: OwnedSemaphorePermit,
}

impl Append {
    /// Tells the caller, and everybody who sent a repeat, that it was not appended.
    pub(crate) fn refuse(self, error: AppendError) {
        for echo in self.echoes {
            let _ = echo.send(Err(error.clone()));
        }
        let _ = self.answer.send(Err(error));
    }

    /// Tells the caller, and everybody who sent a repeat, that it is on disk.
    pub(crate) fn accept(self, id: EventId) {
        for echo in self.echoes {
            let _ = echo.send(Ok(Appended {
                id,
                duplicate: true,
            }));
        }
        let _ = self.answer.send(Ok(Appended {
            id,
            duplicate: false,
        }));
    }
}

/// A caller who claims, and what was picked.
#[derive(Debug)]
pub(crate) struct Claiming {
    pub(crate) limits: Limits,
    pub(crate) picks: Vec<Pick>,
    pub(crate) answer: oneshot::Sender<Result<Vec<Claim>, ClaimError>>,
}

/// One delivery that was picked.
#[derive(Debug)]
pub(crate) struct Pick {
    pub(crate) delivery: DeliveryKey,
    pub(crate) lease: Lease,
    /// What to deliver, or what is wrong with it.
    pub(crate) event: Result<Arc<Event>, &'static str>,
}

/// A claim that ends.
#[derive(Debug)]
pub(crate) struct Settling {
    pub(crate) delivery: DeliveryKey,
    pub(crate) how: Settlement,
    /// When it is due again, from when it is written.
    pub(crate) due: Option<u64>,
    /// How its delivery stands without a row, where the attempt's row says it all.
    pub(crate) found: Option<Found>,
    pub(crate) answer: Option<oneshot::Sender<Result<(), SettleError>>>,
}

impl Group {
    /// Takes from `waiting` what one transaction is to hold.
    pub(crate) fn fill(waiting: &mut VecDeque<Command>) -> Self {
        let mut group = Self::default();
        let (mut rows, mut bytes) = (0, 0);
        while rows < MOST_ROWS && bytes < MOST_BYTES {
            let Some(command) = waiting.pop_front() else {
                break;
            };
            rows += 1;
            match command {
                Command::Append {
                    event,
                    weight,
                    answer,
                    permit,
                } => {
                    bytes += weight;
                    let (plan, id, echoes) = (usize::MAX, None, Vec::new());
                    group.appends.push(Append {
                        event,
                        weight,
                        plan,
                        id,
                        answer,
                        echoes,
                        _permit: permit,
                    });
                }
                Command::Claim { limits, answer } => {
                    rows += limits.total.min(MOST_ROWS);
                    group.claims.push(Claiming {
                        limits,
                        picks: Vec::new(),
                        answer,
                    });
                }
                Command::Settle {
                    delivery,
                    how,
                    answer,
                } => {
                    group.settles.push(Settling {
                        delivery,
                        how,
                        due: None,
                        found: None,
                        answer,
                    });
                }
                Command::Stats { answer } => group.stats.push(answer),
            }
        }
        group
    }

    pub(crate) fn writes_nothing(&self) -> bool {
        self.appends.is_empty() && self.claims.is_empty() && self.settles.is_empty()
    }
}

/// How many rows one transaction holds, so that nobody waits long for a commit.
const MOST_ROWS: usize = 1024;

/// How many bytes of events one transaction holds, and at most one event more.
const MOST_BYTES: usize = 8 << 20;
