//! Warming up: the replay keys of the newest events are remembered again.

use rusqlite::{Result, params};

use super::sql::count;
use super::trouble::is_damage;
use super::writer::Writer;
use crate::EventId;

impl Writer<'_> {
    /// Remembers the replay keys of the newest events, until they are too old or there is no more room.
    pub(super) fn warm_up(&mut self) -> Result<()> {
        if self.replay_keep == 0 {
            return Ok(());
        }
        let now = self.options.clock.now();
        let (mut end, mut skip) = (self.next_event, 1);
        loop {
            match self.recall(&mut end, now) {
                Err(error) if is_damage(&error) && end > 0 => {
                    tracing::error!(row = end, %error, "the replay keys of some events cannot be read; repeats of these are new events");
                    end = end.saturating_sub(skip);
                    skip *= 2;
                }
                recalled => return recalled,
            }
        }
    }

    /// Remembers the keys of events before `end`, which moves along.
    fn recall(&mut self, end: &mut u64, now: u64) -> Result<()> {
        let newest =
            "SELECT id, tail, plan, replay, remember FROM events WHERE id < ? ORDER BY id DESC";
        let mut rows = self.sql.connection.prepare(newest)?;
        let mut rows = rows.query(params![*end as i64])?;
        let mut stale = 0;
        while let Some(row) = rows.next()? {
            *end = count(row, 0);
            let until = count(row, 4);
            // Older events were appended before that time, and none was to be remembered for longer than this. The
            // clock may have been behind for a while, so a few more are looked at.
            if until.saturating_add(self.replay_keep) < now {
                stale += 1;
                if stale > MOST_STALE {
                    break;
                }
                continue;
            }
            stale = 0;
            let key = row.get_ref(3)?.as_blob().ok();
            let key = key.and_then(|key| <[u8; 16]>::try_from(key).ok());
            let plan = count(row, 2) as usize;
            let (Some(key), true) = (key, now <= until && plan < self.names.plan_count()) else {
                continue;
            };
            // The clock may have been ahead: nothing is remembered for longer than it was asked to be.
            let until = until.min(now.saturating_add(self.replay_keep));
            let key = (self.names.plan(plan).flow as u32, key);
            let tail: i64 = row.get(1)?;
            if !self
                .replays
                .recall(key, EventId::new(*end, tail as u64), until)
            {
                break;
            }
        }
        Ok(())
    }
}

/// How many events in a row may look too old before the rest is taken to be so.
const MOST_STALE: u32 = 10_000;
