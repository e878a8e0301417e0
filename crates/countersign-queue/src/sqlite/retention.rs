//! Retention: settled events go when they are old enough, a few at a time, when there is nothing better to do.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use super::sql::{Stored, count};
use super::trouble::{Trouble, is_damage};
use super::writer::Writer;
use crate::StoreFailure;
use crate::id::LAST_ROW;
use crate::key::DeliveryKey;
use crate::options::duration_millis;

/// How far the search for old events is.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// The last row that was looked at, 0 before the first.
    cursor: u64,
    /// How far the next look is from the last one, where all that was seen is young.
    stride: u64,
    /// How often all rows were gone through.
    rounds: u64,
    /// When to go on.
    next: u64,
    /// How long a busy queue puts it off.
    patience: u64,
    /// When a full disk last made it hurry.
    hurried: u64,
    /// The highest event that was ever removed, as stored.
    removed_through: u64,
}

impl Sweep {
    /// The first look comes late: right after a start the clock may be wrong, until it is set.
    pub(super) fn new(now: u64, removed_through: u64) -> Self {
        Self {
            cursor: 0,
            stride: 0,
            rounds: 0,
            next: now + FIRST_REST,
            patience: LONGEST_PATIENCE,
            hurried: 0,
            removed_through,
        }
    }

    /// How long there is nothing to do.
    pub(super) fn rest(&self, now: u64) -> Duration {
        Duration::from_millis(self.next.saturating_sub(now).min(LONGEST_REST))
    }

    /// A full disk needs room now.
    pub(super) fn hurry(&mut self, now: u64) {
        if self.rounds > 0 && now >= self.hurried.saturating_add(HURRY_INTERVAL) {
            self.hurried = now;
            self.next = self.next.min(now);
            self.patience = 0;
        }
    }

    /// Goes on with the next rows, soon.
    fn go_on(&mut self, now: u64) {
        self.next = now;
        self.patience = (self.patience / 4).max(SHORTEST_PATIENCE);
    }

    /// Begins anew after a rest.
    fn begin_anew(&mut self, now: u64, retention: u64) {
        self.cursor = 0;
        self.stride = 0;
        self.rounds += 1;
        self.next = now + (retention / 100).clamp(SHORT_REST, LONGEST_REST);
        self.patience = LONGEST_PATIENCE;
    }

    /// Notes that the rows up to `last` were looked at.
    ///
    /// What follows young rows is younger still, unless the clock was set; so then the looks are further and further
    /// apart, and in another place every time.
    fn pass(&mut self, last: u64, all_young: bool) {
        self.stride = match (all_young, self.stride) {
            (false, _) => 0,
            (true, 0) => 1 + self.rounds % BATCH as u64,
            (true, stride) => stride.saturating_mul(2),
        };
        self.cursor = last.saturating_add(self.stride).min(LAST_ROW);
    }
}

/// An event's row, as far as retention goes.
#[derive(Clone, Copy, Debug)]
struct Row {
    event: u64,
    plan: usize,
    /// Until when its replay key is needed; not before the event was appended.
    remember: u64,
}

impl Writer<'_> {
    /// Removes some old events, if it is time to; when busy, only after having put it off for a while.
    pub(super) fn sweep_if_due(&mut self, idle: bool) -> Result<(), StoreFailure> {
        let now = self.options.clock.now();
        let patience = if idle { 0 } else { self.sweep.patience };
        if now < self.sweep.next.saturating_add(patience) {
            return Ok(());
        }
        let filed = if self.sweep.cursor == 0 {
            self.file()
        } else {
            Ok(())
        };
        // By a clock that was set meanwhile an event may look old. It must be old by both.
        let surely = self.options.clock.earliest();
        match filed.and_then(|()| self.sweep(surely)) {
            Ok(true) => self.sweep.go_on(now),
            Ok(false) => {
                let retention = duration_millis(self.options.retention);
                self.sweep.begin_anew(now, retention);
            }
            Err(Trouble::Fatal(failure)) => return Err(self.fail(failure)),
            Err(Trouble::Later(_) | Trouble::Page | Trouble::Row(_)) => {
                self.sweep.next = now + SHORT_REST
            }
        }
        Ok(())
    }

    /// Looks at some events and removes those that are settled and old enough; false when there are no more.
    fn sweep(&mut self, now: u64) -> Result<bool, Trouble> {
        let fatal = |error: rusqlite::Error| Trouble::fatal(&error);
        let rows = match self.next_rows() {
            Err(error) if is_damage(&error) => {
                let next = self.sweep.cursor + BATCH as u64;
                tracing::error!(row = self.sweep.cursor, %error, "some events cannot be read, and are not removed");
                self.sweep.pass(next, false);
                return Ok(next < self.unfiled.filed_events());
            }
            rows => rows.map_err(fatal)?,
        };
        let Some(last) = rows.last().map(|row| row.event) else {
            return Ok(false);
        };
        let retention = duration_millis(self.options.retention);
        // It was appended no earlier than this, and settled after that.
        let appended = |row: &Row| row.remember.saturating_sub(self.replay_keep);
        let young = |row: &Row| appended(row).saturating_add(retention) > now;
        let all_young = rows.iter().all(young);
        let mut old = rows;
        old.retain(|row| !young(row) && row.remember <= now);
        self.sweep.pass(last, all_young);
        if !old.is_empty() {
            let settled = now.checked_sub(retention);
            settled.map_or(Ok(()), |settled| self.remove_all(&old, settled))?;
        }
        Ok(true)
    }

    /// The next rows that everything about is filed.
    fn next_rows(&self) -> rusqlite::Result<Vec<Row>> {
        let connection = self.sql.connection;
        let mut rows = connection.prepare_cached(
            "SELECT id, plan, remember FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
        )?;
        let rows = rows.query_map(
            params![
                self.sweep.cursor as i64,
                self.unfiled.filed_events() as i64,
                BATCH as i64
            ],
            |row| {
                Ok(Row {
                    event: count(row, 0),
                    plan: count(row, 1) as usize,
                    remember: count(row, 2),
                })
            },
        )?;
        rows.collect()
    }

    /// Removes those of which everything was settled by `settled`, in one transaction.
    fn remove_all(&mut self, rows: &[Row], settled: u64) -> Result<(), Trouble> {
        let fatal = |error: rusqlite::Error| Trouble::fatal(&error);
        let written = self.write_removals(rows, settled);
        let damaged = written.as_ref().is_err_and(is_damage);
        let ended = self.end(written.map_err(fatal));
        if damaged {
            self.sql.rollback().map_err(fatal)?;
            tracing::error!("some old events cannot be removed, their pages are damaged");
            return Ok(());
        }
        let (removed, last) = ended?;
        self.stats.removed += removed;
        self.sweep.removed_through = self.sweep.removed_through.max(last);
        if removed > 0 {
            tracing::debug!(removed, "old events were removed");
        }
        Ok(())
    }

    /// Begins a transaction and removes; how many that were, and the last one.
    fn write_removals(&mut self, rows: &[Row], settled: u64) -> rusqlite::Result<(u64, u64)> {
        self.sql.begin()?;
        let (mut removed, mut last) = (0, 0);
        for row in rows {
            if self.remove_event(row, settled)? {
                removed += 1;
                last = row.event;
            }
        }
        for (lane, ledger) in self.schedule.staged() {
            self.sql.update_lane(lane, ledger)?;
        }
        if last > self.sweep.removed_through {
            let note = "UPDATE meta SET value = ? WHERE name = 'removed_through'";
            self.sql.connection.execute(note, [last as i64])?;
        }
        Ok((removed, last))
    }

    /// Removes one event with everything about it, unless something of it is still owed or was settled later.
    fn remove_event(&mut self, row: &Row, by: u64) -> rusqlite::Result<bool> {
        let Row {
            event,
            plan,
            remember,
        } = *row;
        let known = plan < self.names.plan_count();
        let lanes: Arc<[_]> = if known {
            Arc::clone(&self.names.plan(plan).lanes)
        } else {
            Arc::default()
        };
        let connection = self.sql.connection;
        let select = "SELECT state, due, last FROM deliveries WHERE id = ?";
        let mut select = connection.prepare_cached(select)?;
        let mut settled = Vec::with_capacity(lanes.len());
        for &lane in &*lanes {
            let delivery = DeliveryKey::new(lane, event);
            let found = select.query_row([delivery.stored()], |row| {
                let since = row.get::<_, Option<i64>>(1).unwrap_or_default();
                let since = since.map_or(remember, |since| since.max(0) as u64);
                Ok((row.get(0).unwrap_or(-1), since, count(row, 2) as i64))
            });
            match found.optional()? {
                None => {}
                Some((state, since, last))
                    if (state == Stored::Done as i64 || state == Stored::Dead as i64)
                        && since <= by =>
                {
                    settled.push((delivery, state, last));
                }
                Some(_) => return Ok(false),
            }
        }
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
/// How long a busy queue puts it off at first, and at least, in milliseconds: while there is something to do it is done
/// more and more often, so that it keeps up with what comes in.
const LONGEST_PATIENCE: u64 = 10_000;
const SHORTEST_PATIENCE: u64 = 20;
const HURRY_INTERVAL: u64 = 1000;
const FIRST_REST: u64 = 600_000;
const SHORT_REST: u64 = 60_000;
const LONGEST_REST: u64 = 3_600_000;
