//! Retention: settled events go when they are old enough, a few at a time, when there is nothing better to do.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::sql::{Stored, count};
use super::trouble::Trouble;
use super::writer::Writer;
use crate::StoreFailure;
use crate::key::DeliveryKey;
use crate::options::duration_millis;

/// How far the search for old events is.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// The last row that was looked at.
    cursor: u64,
    /// When to go on.
    next: u64,
    /// The highest event that was ever removed, as stored.
    removed_through: u64,
}

impl Sweep {
    pub(super) fn new(now: u64, removed_through: u64) -> Self {
        Self {
            cursor: 0,
            next: now,
            removed_through,
        }
    }

    /// How long there is nothing to do.
    pub(super) fn rest(&self, now: u64) -> Duration {
        Duration::from_millis(self.next.saturating_sub(now).min(LONGEST_REST))
    }
}

impl Writer<'_> {
    /// Removes some old events, if it is time to; when busy, only after having put it off for a while.
    pub(super) fn sweep_if_due(&mut self, idle: bool) -> Result<(), StoreFailure> {
        let now = self.options.clock.now();
        let patience = if idle { 0 } else { PUT_OFF };
        if now < self.sweep.next.saturating_add(patience) {
            return Ok(());
        }
        match self.file().and_then(|()| self.sweep(now)) {
            Ok(true) => self.sweep.next = now,
            Ok(false) => {
                self.sweep.cursor = 0;
                self.sweep.next = now
                    + (duration_millis(self.options.retention) / 100)
                        .clamp(SHORT_REST, LONGEST_REST);
            }
            Err(Trouble::Fatal(failure)) => return Err(self.fail(failure)),
            Err(Trouble::Full | Trouble::Row(_)) => self.sweep.next = now + SHORT_REST,
        }
        Ok(())
    }

    /// Looks at some events and removes those that are settled and old enough; false when the rest is too young.
    fn sweep(&mut self, now: u64) -> Result<bool, Trouble> {
        let fatal = |error: rusqlite::Error| Trouble::fatal(&error);
        let old = now.saturating_sub(duration_millis(self.options.retention));
        let batch = self.old_events(old).map_err(fatal)?;
        let Some(&(last, _)) = batch.last() else {
            return Ok(false);
        };
        let removed = self.remove(&batch);
        let removed = removed.and_then(|removed| {
            self.sql
                .commit()
                .map_err(|error| Trouble::at_commit(&error))?;
            Ok(removed)
        });
        match removed {
            Ok(removed) => {
                self.schedule.keep_staged();
                self.stats.removed += removed;
                if removed > 0 {
                    self.sweep.removed_through = self.sweep.removed_through.max(last);
                    tracing::debug!(removed, "old events were removed");
                }
            }
            Err(trouble) => {
                self.schedule.drop_staged();
                if !matches!(trouble, Trouble::Fatal(_)) {
                    self.sql.rollback().map_err(fatal)?;
                }
                return Err(trouble);
            }
        }
        self.sweep.cursor = last;
        Ok(true)
    }

    /// The next events received before `old`, with their plans.
    fn old_events(&self, old: u64) -> rusqlite::Result<Vec<(u64, usize)>> {
        let connection = self.sql.connection;
        let mut rows = connection.prepare_cached(
            "SELECT id, plan, received FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
        )?;
        let mut rows = rows.query(params![
            self.sweep.cursor as i64,
            self.unfiled.filed_events() as i64,
            BATCH as i64
        ])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            if count(row, 2) >= old {
                break;
            }
            events.push((count(row, 0), count(row, 1) as usize));
        }
        Ok(events)
    }

    /// Removes those that are settled, in an open transaction; how many that were.
    fn remove(&mut self, batch: &[(u64, usize)]) -> Result<u64, Trouble> {
        let fatal = |error: rusqlite::Error| Trouble::fatal(&error);
        self.sql.begin().map_err(fatal)?;
        let mut removed = 0;
        for &(event, plan) in batch {
            removed += u64::from(self.remove_event(event, plan).map_err(fatal)?);
        }
        for (lane, ledger) in self.schedule.staged() {
            self.sql.update_lane(lane, ledger).map_err(fatal)?;
        }
        let last = batch.last().map_or(0, |&(last, _)| last);
        if removed > 0 && last > self.sweep.removed_through {
            let note = "UPDATE meta SET value = ? WHERE name = 'removed_through'";
            self.sql
                .connection
                .execute(note, [last as i64])
                .map_err(fatal)?;
        }
        Ok(removed)
    }

    /// Removes one event with everything about it, unless something of it is still owed.
    fn remove_event(&mut self, event: u64, plan: usize) -> rusqlite::Result<bool> {
        let known = plan < self.names.plan_count();
        let lanes: Arc<[_]> = if known {
            Arc::clone(&self.names.plan(plan).lanes)
        } else {
            Arc::default()
        };
        let mut settled = Vec::with_capacity(lanes.len());
        for &lane in &*lanes {
            let delivery = DeliveryKey::new(lane, event);
            match self.sql.delivery(delivery)? {
                None => {}
                Some((state, _, last))
                    if state == Stored::Done as i64 || state == Stored::Dead as i64 =>
                {
                    settled.push((delivery, state, last));
                }
                Some(_) => return Ok(false),
            }
        }
        let connection = self.sql.connection;
        for (delivery, state, mut last) in settled {
            // A chain is as long as there were attempts; a damaged one is left where it stops making sense.
            while last != 0 {
                let chain = "DELETE FROM attempts WHERE id = ? RETURNING previous";
                let previous = connection
                    .prepare_cached(chain)?
                    .query_row([last], |row| Ok(count(row, 0) as i64));
                last = previous
                    .optional()?
                    .filter(|&previous| previous < last)
                    .unwrap_or(0);
            }
            connection
                .prepare_cached("DELETE FROM deliveries WHERE id = ?")?
                .execute([delivery.stored()])?;
            let ledger = self.schedule.stage(delivery.lane());
            let counted = if state == Stored::Done as i64 {
                &mut ledger.done
            } else {
                &mut ledger.dead
            };
            *counted = counted.saturating_sub(1);
        }
        connection
            .prepare_cached("DELETE FROM events WHERE id = ?")?
            .execute([event as i64])?;
        Ok(true)
    }
}

/// How many events are looked at in one transaction.
const BATCH: usize = 256;
/// How long a busy queue puts it off, in milliseconds.
const PUT_OFF: u64 = 10_000;
const SHORT_REST: u64 = 60_000;
const LONGEST_REST: u64 = 3_600_000;
