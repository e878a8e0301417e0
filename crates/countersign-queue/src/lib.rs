#![doc = include_str!("../README.md")]

mod claim;
mod command;
mod error;
mod event;
mod headers;
mod id;
mod inbox;
mod key;
mod lane;
mod names;
mod options;
mod queue;
mod read;
mod replay;
mod schedule;
mod shared;
mod sqlite;

pub use claim::{Attempt, Claim, Limits, Next};
pub use error::{AppendError, ClaimError, OpenError, ReadError, SettleError, StoreFailure};
pub use event::{Appended, Event, NewEvent, Replay};
pub use id::{EventId, InvalidEventId};
pub use options::{Clock, Options};
pub use queue::Queue;
pub use read::{
    AttemptRecord, Delivery, EventPage, EventQuery, EventSummary, LaneStats, State, Stats,
    StoredEvent,
};
