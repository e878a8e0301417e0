//! What can be asked about events that are stored.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Method;

use crate::{Event, EventId};

/// Which events to list. The default is the newest of all.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// Only this organization's.
    pub organization: Option<Arc<str>>,
    /// Only this flow's.
    pub flow: Option<Arc<str>>,
    /// Only those received at this time or later.
    pub since: Option<SystemTime>,
    /// Only those received before this time.
    pub until: Option<SystemTime>,
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those older than this one: where the page before ended.
    pub before: Option<EventId>,
    /// How many at most; 0 stands for 50, and no page has more than 1,000.
    pub limit: usize,
}

/// Some events, newest first.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventSummary>,
    /// Where to go on, as the next query's `before`; `None`: there are no more.
    ///
    /// A page is short, or empty, and still has a `next` where a search had to look at very many events to find few.
    pub next: Option<EventId>,
}

/// An event without its headers and body. Its `Debug` shows no query.
#[derive(Clone)]
#[non_exhaustive]
pub struct EventSummary {
    /// Its name.
    pub id: EventId,
    /// The tenant that owned the flow when it came in.
    pub organization: Arc<str>,
    /// The flow it was addressed to.
    pub flow: Arc<str>,
    /// When it came in.
    pub received: SystemTime,
    /// Its method.
    pub method: Method,
    /// Its request target.
    pub target: Box<str>,
    /// The id of the key that its signature matched.
    pub key: Option<Arc<str>>,
    /// The length of its body.
    pub size: u64,
    /// How it stands, over all its deliveries.
    pub state: State,
    /// Its deliveries, one for each step.
    pub deliveries: Vec<Delivery>,
}

impl fmt::Debug for EventSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        f.debug_struct("EventSummary")
            .field("id", &self.id)
            .field("organization", &self.organization)
            .field("flow", &self.flow)
            .field("received", &self.received)
            .field("method", &self.method)
            .field("path", &path)
            .field("size", &self.size)
            .field("state", &self.state)
            .field("deliveries", &self.deliveries)
            .finish_non_exhaustive()
    }
}

/// An event with its deliveries.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// How it stands, over all its deliveries.
    pub state: State,
    /// Its deliveries, one for each step.
    pub deliveries: Vec<Delivery>,
}

/// What an event owes, or owed, to one step.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// The step, by name.
    pub step: Arc<str>,
    /// How it stands.
    pub state: State,
    /// How many attempts are over.
    pub attempts: u32,
    /// When it is tried again, if it waits for that.
    pub due: Option<SystemTime>,
    /// Why it is dead, if it is.
    pub reason: Option<Box<str>>,
}

/// How a delivery stands; and an event, by the worst of its deliveries.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// Delivered. An event that owes nothing is done too.
    Done,
    /// To be tried, again or for the first time.
    Pending,
    /// Given up.
    Dead,
}

impl State {
    /// A stable, lowercase label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Done => "done",
            Self::Pending => "pending",
        }
    }

    pub(crate) fn of(deliveries: &[Delivery]) -> Self {
        deliveries
            .iter()
            .map(|delivery| delivery.state)
            .max()
            .unwrap_or(Self::Done)
    }
}

/// One try at a delivery, as it was recorded. Its `Debug` shows nothing that the receiver said.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// The step, by name.
    pub step: Arc<str>,
    /// Which attempt of that step, counted from 1.
    pub number: u32,
    /// When it began.
    pub started: SystemTime,
    /// How long it took, to the microsecond.
    pub took: Duration,
    /// What came of it, in one word. `interrupted`: the process ended before it was recorded; `abandoned`: its worker did.
    pub outcome: Box<str>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub answer: Bytes,
    /// What went wrong.
    pub error: Option<Box<str>>,
}

impl fmt::Debug for AttemptRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptRecord")
            .field("step", &self.step)
            .field("number", &self.number)
            .field("started", &self.started)
            .field("took", &self.took)
            .field("outcome", &self.outcome)
            .field("status", &self.status)
            .field("answer_len", &self.answer.len())
            .finish_non_exhaustive()
    }
}

/// How the queue stands.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// One entry for each step that ever was owed something.
    pub lanes: Vec<LaneStats>,
    /// Events appended since it was opened, repeats not counted.
    pub appended: u64,
    /// Repeats that were recognised since it was opened.
    pub repeats: u64,
    /// Commits since it was opened.
    pub commits: u64,
    /// Events removed by retention since it was opened.
    pub removed: u64,
    /// Replay keys that are remembered.
    pub replay_keys: usize,
    /// Replay keys that had to be forgotten early, for the cap's sake, since it was opened.
    pub replay_evicted: u64,
    /// The last append found the disk full.
    pub full: bool,
}

impl Stats {
    /// Deliveries that are not settled yet, those being tried included.
    pub fn pending(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.pending).sum()
    }

    /// Deliveries that are being tried now.
    pub fn in_flight(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.in_flight).sum()
    }

    /// Deliveries that were given up.
    pub fn dead(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.dead).sum()
    }

    /// Deliveries that were made.
    pub fn done(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.done).sum()
    }
}

/// How one step of one flow stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaneStats {
    /// The tenant that owns the flow.
    pub organization: Arc<str>,
    /// The flow.
    pub flow: Arc<str>,
    /// The step, by name.
    pub step: Arc<str>,
    /// Deliveries that are not settled yet, those being tried included.
    pub pending: u64,
    /// Of these, those that were tried and are due again.
    pub retrying: u64,
    /// Of these, those being tried now.
    pub in_flight: u64,
    /// Deliveries that were made, as far as retention keeps them.
    pub done: u64,
    /// Deliveries that were given up, as far as retention keeps them.
    pub dead: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_of_what_is_listed_shows_no_query_and_no_answer() {
        let summary = EventSummary {
            id: EventId::new(1, 2),
            organization: "default".into(),
            flow: "orders".into(),
            received: SystemTime::UNIX_EPOCH,
            method: Method::POST,
            target: "/hooks/orders?token=hunter2".into(),
            key: None,
            size: 3,
            state: State::Done,
            deliveries: Vec::new(),
        };
        let record = AttemptRecord {
            step: "billing".into(),
            number: 1,
            started: SystemTime::UNIX_EPOCH,
            took: Duration::ZERO,
            outcome: "refused".into(),
            status: Some(403),
            answer: "hunter2".into(),
            error: Some("hunter2".into()),
        };
        let shown = format!("{summary:?} {record:?}");
        assert!(
            shown.contains("/hooks/orders") && shown.contains("403"),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
