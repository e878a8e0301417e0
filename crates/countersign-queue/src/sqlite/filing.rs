//! Filing: deliveries get their rows later than their events, many at once and sorted.
//!
//! The deliveries of a lane lie together, so those of events that come in together lie far apart. Writing a page for each
//! of them in every commit is what would make many flows slow. An event's row says which deliveries it owes, and the row
//! of a first attempt that succeeded says that its delivery is done; so until they are filed, that is enough. Everything
//! that is rarer is written to the delivery's row at once.

use std::collections::BTreeMap;

use super::sql::{Filed, Stored};
use super::trouble::Trouble;
use super::writer::Writer;
use crate::StoreFailure;
use crate::key::{DeliveryKey, LaneNumber};

/// The deliveries that have no row of their own yet.
#[derive(Debug, Default)]
pub(crate) struct Unfiled {
    deliveries: BTreeMap<DeliveryKey, Found>,
    /// Every event up to this one is filed.
    events: u64,
    /// When the last of them was settled, for retention.
    settled: u64,
}

/// How a delivery without a row of its own stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    /// It was never settled.
    Owed,
    /// It was done at the first attempt, in this row; or never owed anything, if 0.
    Done { last: i64 },
}

impl Unfiled {
    pub(super) fn new(events: u64) -> Self {
        Self {
            deliveries: BTreeMap::new(),
            events,
            settled: 0,
        }
    }

    /// Notes that something is settled at this time.
    pub(super) fn settle_at(&mut self, time: u64) {
        self.settled = self.settled.max(time);
    }

    pub(super) fn contains(&self, delivery: DeliveryKey) -> bool {
        self.deliveries.contains_key(&delivery)
    }

    pub(super) fn put(&mut self, delivery: DeliveryKey, found: Found) {
        self.deliveries.insert(delivery, found);
    }

    pub(super) fn remove(&mut self, delivery: DeliveryKey) {
        self.deliveries.remove(&delivery);
    }

    /// Deliveries of a lane that were never settled, past the event `after`.
    pub(super) fn owed(&self, lane: LaneNumber, after: u64) -> impl Iterator<Item = u64> {
        let first = std::ops::Bound::Excluded(DeliveryKey::new(lane, after));
        let range = self
            .deliveries
            .range((first, std::ops::Bound::Included(DeliveryKey::last(lane))));
        range
            .filter(|&(_, &found)| found == Found::Owed)
            .map(|(delivery, _)| delivery.event())
    }

    /// Up to which event everything is filed.
    pub(super) fn filed_events(&self) -> u64 {
        self.events
    }
}

impl Writer<'_> {
    /// Files what is unfiled, if it is enough for that to be worth it.
    pub(super) fn file_if_many(&mut self) -> Result<(), StoreFailure> {
        if self.unfiled.deliveries.len() < self.options.filing.max(1) {
            Ok(())
        } else {
            self.file_or_wait()
        }
    }

    /// Files what is unfiled; a full disk puts it off.
    pub(super) fn file_or_wait(&mut self) -> Result<(), StoreFailure> {
        match self.file() {
            Ok(()) | Err(Trouble::Later(_) | Trouble::Page | Trouble::Row(_)) => Ok(()),
            Err(Trouble::Fatal(failure)) => Err(self.fail(failure)),
        }
    }

    pub(super) fn has_unfiled(&self) -> bool {
        !self.unfiled.deliveries.is_empty()
    }

    /// Gives every delivery its row.
    pub(super) fn file(&mut self) -> Result<(), Trouble> {
        let (events, attempts) = (self.next_event - 1, self.next_attempt - 1);
        // What was settled at once is not in the list, and its event is to be counted as filed nevertheless.
        if !self.has_unfiled() && self.unfiled.events == events {
            return Ok(());
        }
        let written = self
            .write_unfiled(events, attempts)
            .map_err(|error| Trouble::fatal(&error));
        self.end(written)?;
        for delivery in std::mem::take(&mut self.unfiled.deliveries).into_keys() {
            self.schedule.lane(delivery.lane()).unfiled = Default::default();
        }
        self.unfiled.events = events;
        Ok(())
    }

    fn write_unfiled(&mut self, events: u64, attempts: i64) -> rusqlite::Result<()> {
        self.sql.begin()?;
        let settled = Some(self.unfiled.settled);
        for (&delivery, &found) in &self.unfiled.deliveries {
            let ledger = self.schedule.stage(delivery.lane());
            let row = match found {
                Found::Owed => {
                    ledger.fresh += 1;
                    Filed::new(Stored::Fresh)
                }
                Found::Done { last } => {
                    ledger.done += 1;
                    Filed {
                        attempts: u32::from(last != 0),
                        last,
                        due: settled,
                        ..Filed::new(Stored::Done)
                    }
                }
            };
            self.sql.file(delivery, &row)?;
        }
        for (lane, ledger) in self.schedule.staged() {
            self.sql.update_lane(lane, ledger)?;
        }
        self.sql.note_filed(events, attempts)
    }
}
