//! A lane: the deliveries of one step of one flow, and which of them comes next.
//!
//! A lane knows a bounded number of rows at a time, in two windows: rows that were never tried, in order of arrival,
//! and rows that are due again, in order of due time. When a window runs dry and the store has more, the lane asks for
//! more. Nothing here touches the store.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::key::LaneNumber;

/// One step of one flow.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) number: LaneNumber,
    pub(crate) flow: usize,
    pub(crate) step: Arc<str>,
    pub(crate) fresh: Fresh,
    pub(crate) retry: Retry,
    pub(crate) in_flight: usize,
    /// Every row up to this event has been claimed at some time.
    pub(crate) claimed: u64,
    /// Rows that the ledger does not count yet.
    pub(crate) unfiled: Unfiled,
    /// As committed.
    pub(crate) ledger: Ledger,
    /// As it will be with the group that is being written.
    pub(crate) staged: Ledger,
    /// Whether it waits in the ring of lanes that may have work.
    pub(crate) in_ring: bool,
    /// The due time under which it waits among the timers.
    pub(crate) timer: Option<u64>,
    /// Whether the last one taken was a retry, so that the two kinds alternate.
    took_retry: bool,
}

/// What is stored about a lane itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Ledger {
    /// Every row up to this event has been claimed at some time.
    pub(crate) cursor: u64,
    /// Rows that were never settled.
    pub(crate) fresh: u64,
    /// Rows that were tried and are due again.
    pub(crate) waiting: u64,
    /// Rows that were delivered.
    pub(crate) done: u64,
    /// Rows that were given up.
    pub(crate) dead: u64,
}

/// How many deliveries have no row of their own yet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Unfiled {
    pub(crate) owed: u64,
    pub(crate) done: u64,
}

/// What a lane gave out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Taken {
    /// A row that was never tried.
    Fresh { event: u64 },
    /// A row that was due again.
    Retry { event: u64, due: u64 },
}

impl Taken {
    pub(crate) fn event(self) -> u64 {
        match self {
            Self::Fresh { event } | Self::Retry { event, .. } => event,
        }
    }
}

impl Lane {
    /// A lane as stored, with windows that hold at most `window` rows each.
    pub(crate) fn new(
        number: LaneNumber,
        flow: usize,
        step: Arc<str>,
        ledger: Ledger,
        window: usize,
    ) -> Self {
        Self {
            number,
            flow,
            step,
            fresh: Fresh::new(window, ledger.cursor, ledger.fresh == 0),
            retry: Retry::new(window, ledger.waiting == 0),
            in_flight: 0,
            claimed: ledger.cursor,
            unfiled: Unfiled::default(),
            ledger,
            staged: ledger,
            in_ring: false,
            timer: None,
            took_retry: false,
        }
    }

    /// The next row to try, if one is due and known.
    pub(crate) fn take(&mut self, now: u64) -> Option<Taken> {
        let fresh = |lane: &mut Self| {
            Some(Taken::Fresh {
                event: lane.fresh.take()?,
            })
        };
        let retry = |lane: &mut Self| {
            let (due, event) = lane.retry.take(now)?;
            Some(Taken::Retry { event, due })
        };
        let taken = if self.took_retry {
            fresh(self).or_else(|| retry(self))
        } else {
            retry(self).or_else(|| fresh(self))
        };
        if let Some(taken) = taken {
            self.took_retry = matches!(taken, Taken::Retry { .. });
            self.in_flight += 1;
        }
        taken
    }

    /// Takes back what was not given out after all, the last one first.
    pub(crate) fn restore(&mut self, taken: Taken) {
        self.in_flight -= 1;
        match taken {
            Taken::Fresh { event } => self.fresh.window.push_front(event),
            Taken::Retry { event, due } => self.retry.restore((due, event)),
        }
    }

    /// When there may be something to take: `Some(0)` for now.
    pub(crate) fn next(&self) -> Option<u64> {
        if self.fresh.may_have() {
            Some(0)
        } else {
            self.retry.next()
        }
    }
}

/// Rows that were never tried, in order of arrival.
#[derive(Debug)]
pub(crate) struct Fresh {
    window: VecDeque<u64>,
    limit: usize,
    /// The last row that entered the window.
    resume: u64,
    /// The store has no fresh rows past `resume`.
    complete: bool,
}

impl Fresh {
    fn new(limit: usize, resume: u64, complete: bool) -> Self {
        Self {
            window: VecDeque::new(),
            limit,
            resume,
            complete,
        }
    }

    /// Notes a row that was just stored.
    pub(crate) fn push(&mut self, event: u64) {
        if self.complete && self.window.len() < self.limit {
            self.window.push_back(event);
            self.resume = event;
        } else {
            self.complete = false;
        }
    }

    /// After which row, and how many, to read from the store before taking.
    pub(crate) fn wants(&self) -> Option<(u64, usize)> {
        (self.window.is_empty() && !self.complete).then_some((self.resume, self.limit))
    }

    /// Takes in what the store had for [`wants`](Self::wants).
    pub(crate) fn refill(&mut self, rows: impl IntoIterator<Item = u64>) {
        self.window.extend(rows);
        self.complete = self.window.len() < self.limit;
        self.resume = self.window.back().copied().unwrap_or(self.resume);
    }

    fn take(&mut self) -> Option<u64> {
        self.window.pop_front()
    }

    fn may_have(&self) -> bool {
        !self.window.is_empty() || !self.complete
    }
}

/// Rows that are due again, in order of due time.
#[derive(Debug)]
pub(crate) struct Retry {
    /// Due time and event.
    window: BTreeSet<(u64, u64)>,
    limit: usize,
    reach: Reach,
}

/// How much of the store a window of retries covers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reach {
    /// Every row.
    Whole,
    /// Every row up to this one.
    UpTo((u64, u64)),
    /// Nobody has looked.
    Unknown,
}

impl Retry {
    fn new(limit: usize, none: bool) -> Self {
        Self {
            window: BTreeSet::new(),
            limit,
            reach: if none { Reach::Whole } else { Reach::Unknown },
        }
    }

    /// Notes a row that was just stored.
    pub(crate) fn push(&mut self, due: u64, event: u64) {
        let covered = match self.reach {
            Reach::Whole => true,
            Reach::UpTo(last) => (due, event) <= last,
            Reach::Unknown => false,
        };
        if !covered {
            return;
        }
        self.window.insert((due, event));
        if self.window.len() > self.limit {
            self.window.pop_last();
            self.reach = self
                .window
                .last()
                .map_or(Reach::Unknown, |&last| Reach::UpTo(last));
        }
    }

    /// How many to read from the store before taking, the earliest due first. Rows that are out do not count.
    pub(crate) fn wants(&self) -> Option<usize> {
        (self.window.is_empty() && self.reach != Reach::Whole).then_some(self.limit)
    }

    /// Takes in what the store had for [`wants`](Self::wants); `all` if it had no more.
    pub(crate) fn refill(&mut self, rows: impl IntoIterator<Item = (u64, u64)>, all: bool) {
        self.window.extend(rows);
        self.reach = match self.window.last() {
            _ if all => Reach::Whole,
            Some(&last) => Reach::UpTo(last),
            None => Reach::Unknown,
        };
    }

    fn take(&mut self, now: u64) -> Option<(u64, u64)> {
        let &(due, _) = self.window.first()?;
        if due > now {
            None
        } else {
            self.window.pop_first()
        }
    }

    fn restore(&mut self, row: (u64, u64)) {
        self.window.insert(row);
    }

    fn next(&self) -> Option<u64> {
        match self.window.first() {
            Some(&(due, _)) => Some(due),
            None if self.reach == Reach::Whole => None,
            None => Some(0),
        }
    }
}
