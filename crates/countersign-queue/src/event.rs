//! An event: one genuine request, kept byte for byte.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::EventId;
use crate::options::duration_millis;

/// An event on its way into the queue.
#[derive(Clone)]
pub struct NewEvent {
    /// The tenant that owns the flow.
    pub organization: Arc<str>,
    /// The flow it was addressed to.
    pub flow: Arc<str>,
    /// When it came in, by the wall clock.
    pub received: SystemTime,
    /// Its method.
    pub method: Method,
    /// Its request target, exactly as sent.
    pub target: Box<str>,
    /// Its headers: every name, raw value and repetition is kept.
    pub headers: HeaderMap,
    /// Its body, exactly as sent.
    pub body: Bytes,
    /// The id of the key that its signature matched.
    pub key: Option<Arc<str>>,
    /// What makes a second copy of it a repeat; `None`: it is appended every time.
    pub replay: Option<Replay>,
    /// The steps it is owed to. None at all: it is stored and complete. A name that comes twice counts once.
    pub steps: Arc<[Arc<str>]>,
}

impl NewEvent {
    /// What it takes in memory and on disk, near enough.
    pub(crate) fn weight(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        256 + self.target.len() + self.body.len() + headers
    }
}

impl fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEvent")
            .field("organization", &self.organization)
            .field("flow", &self.flow)
            .field("received", &self.received)
            .field("method", &self.method)
            .field("body_len", &self.body.len())
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// What tells a repeat from a new event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Replay {
    /// The same for every copy of one event, and different for any two events of one flow.
    pub key: [u8; 16],
    /// How long repeats are recognised.
    pub keep: Duration,
}

impl Replay {
    /// How long repeats are recognised, in milliseconds: a little longer than asked, so that no rounding and no pause
    /// between two clocks lets one through that is still genuine.
    pub(crate) fn millis(self) -> u64 {
        duration_millis(self.keep).saturating_add(SLACK)
    }
}

/// In milliseconds.
const SLACK: u64 = 5000;

/// The answer to an append: the event is on disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Appended {
    /// The event's name; for a repeat, the first copy's.
    pub id: EventId,
    /// It was a repeat, and nothing was added.
    pub duplicate: bool,
}

/// An event as it was stored.
#[derive(Clone)]
#[non_exhaustive]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// The tenant that owned the flow when it came in.
    pub organization: Arc<str>,
    /// The flow it was addressed to.
    pub flow: Arc<str>,
    /// When it came in, to the millisecond.
    pub received: SystemTime,
    /// Its method.
    pub method: Method,
    /// Its request target, exactly as sent.
    pub target: Box<str>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, exactly as sent.
    pub body: Bytes,
    /// The id of the key that its signature matched.
    pub key: Option<Arc<str>>,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("organization", &self.organization)
            .field("flow", &self.flow)
            .field("received", &self.received)
            .field("method", &self.method)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}
