//! Claims: whose turn it is, read from the store and marked there before anybody tries.

use std::sync::Arc;

use rusqlite::Error;

use super::group::{Claiming, Pick};
use super::sql::{Filed, Stored};
use super::trouble::{Trouble, is_damage};
use super::writer::Writer;
use crate::key::{DeliveryKey, LaneNumber};
use crate::lane::Taken;
use crate::schedule::Lease;

impl Writer<'_> {
    /// Picks what is due, one of each lane in turn, and marks it as claimed.
    ///
    /// Runs before anything else in its transaction, so that what it reads is committed.
    pub(super) fn pick(&mut self, claiming: &mut Claiming, now: u64) -> Result<(), Trouble> {
        if claiming.limits.per_step == 0 {
            return Ok(());
        }
        self.schedule.allow(claiming.limits.per_step);
        self.schedule.ring_timers(now);
        let batch = self.next_claim;
        let fatal = |error: Error| Trouble::fatal(&error);
        while claiming.picks.len() < claiming.limits.total {
            let left = claiming.limits.total - claiming.picks.len();
            let Some(number) = self.schedule.turn(claiming.limits.of_a_step(left)) else {
                break;
            };
            self.look(number).map_err(fatal)?;
            let Some(taken) = self.schedule.lane(number).take(now) else {
                self.schedule.arm(number);
                continue;
            };
            self.schedule.again(number);
            let unreadable = self.unreadable.len();
            if let Some(pick) = self.load(number, taken, batch, now)? {
                self.schedule.lend(pick.delivery, pick.lease);
                claiming.picks.push(pick);
                // The engine writes nothing more in a transaction that met a bad page.
                if self.unreadable.len() > unreadable {
                    return Err(Trouble::Page);
                }
            } else {
                self.schedule.lane(number).in_flight -= 1;
            }
        }
        self.mark(&claiming.picks, batch, now).map_err(fatal)
    }

    /// Reads what a lane asks for.
    fn look(&mut self, number: LaneNumber) -> rusqlite::Result<()> {
        if let Some((after, limit)) = self.schedule.lane(number).fresh.wants() {
            let mut rows = self.sql.fresh(number, after, limit)?;
            if rows.len() < limit {
                let past = rows.last().copied().unwrap_or(after);
                rows.extend(self.unfiled.owed(number, past).take(limit - rows.len()));
            }
            self.schedule.lane(number).fresh.refill(rows);
        }
        let lane = self.schedule.lane(number);
        if let Some(limit) = lane.retry.wants() {
            // The store still has the rows that are out as due: so many more are read.
            let limit = limit + lane.in_flight;
            let rows = self.sql.retries(number, limit)?;
            let all = rows.len() < limit;
            let rows: Vec<_> = rows
                .into_iter()
                .filter(|&(_, delivery)| !self.schedule.is_out(delivery))
                .collect();
            let rows = rows
                .into_iter()
                .map(|(due, delivery)| (due, delivery.event()));
            self.schedule.lane(number).retry.refill(rows, all);
        }
        Ok(())
    }

    /// Reads what was taken; `None` if the store has it settled already.
    fn load(
        &mut self,
        number: LaneNumber,
        taken: Taken,
        batch: i64,
        at: u64,
    ) -> Result<Option<Pick>, Trouble> {
        let fatal = |error: Error| Trouble::fatal(&error);
        let delivery = DeliveryKey::new(number, taken.event());
        let (attempt, last) = match taken {
            Taken::Fresh { .. } => (1, 0),
            Taken::Retry { .. } => match self.sql.delivery(delivery).map_err(fatal)? {
                Some((state, attempts, last)) if state == Stored::Waiting as i64 => {
                    (attempts.saturating_add(1), last)
                }
                _ => return Ok(None),
            },
        };
        let event = if self.unreadable.contains(&taken.event()) {
            Err(UNREADABLE)
        } else {
            let flow = self.names.flow(self.schedule.lane(number).flow);
            let read = self
                .sql
                .event(taken.event(), &flow.organization, &flow.name);
            match read {
                Ok(event) => event.map(Arc::new),
                // One page must not stop the rest, now and after every start.
                Err(error) if is_damage(&error) => {
                    self.unreadable.insert(taken.event());
                    Err(UNREADABLE)
                }
                Err(error) => return Err(fatal(error)),
            }
        };
        let lease = Lease {
            attempt,
            at,
            batch,
            last,
            taken,
        };
        Ok(Some(Pick {
            delivery,
            lease,
            event,
        }))
    }

    /// Writes the marker of a batch; what cannot be delivered because it is damaged is dead.
    fn mark(&mut self, picks: &[Pick], batch: i64, now: u64) -> rusqlite::Result<()> {
        let mut claimed = Vec::with_capacity(picks.len() * MARK);
        for pick in picks {
            if let Err(reason) = pick.event {
                let attempts = pick.lease.attempt - 1;
                let reason = format!("damaged: {reason}");
                let row = Filed {
                    attempts,
                    due: Some(self.options.clock.latest()),
                    last: pick.lease.last,
                    reason: Some(&reason),
                    ..Filed::new(Stored::Dead)
                };
                self.sql.file(pick.delivery, &row)?;
                self.stage_move(pick.delivery, pick.lease.taken, Stored::Dead);
            } else {
                put_mark(pick.delivery, pick.lease.attempt, &mut claimed);
            }
        }
        if !claimed.is_empty() {
            self.sql.insert_claim(batch, now, &claimed)?;
            self.next_claim += 1;
        }
        Ok(())
    }

    /// Takes a delivery that was not tried off its marker, so that it does not count as an attempt after all.
    pub(super) fn unmark(&mut self, batch: i64, delivery: DeliveryKey) -> rusqlite::Result<()> {
        let connection = self.sql.connection;
        let select = "SELECT claimed FROM claims WHERE id = ?";
        let claimed: Vec<u8> = connection
            .prepare_cached(select)?
            .query_row([batch], |row| row.get(0))?;
        let others = marked(&claimed).filter(|&(other, _)| other != delivery);
        let mut left = Vec::with_capacity(claimed.len());
        others.for_each(|(other, attempt)| put_mark(other, attempt, &mut left));
        let update = "UPDATE claims SET claimed = ? WHERE id = ?";
        connection
            .prepare_cached(update)?
            .execute(rusqlite::params![left, batch])
            .map(drop)
    }

    /// Counts a delivery in its new state.
    pub(super) fn stage_move(&mut self, delivery: DeliveryKey, from: Taken, to: Stored) {
        let filed = !self.unfiled.contains(delivery);
        let ledger = self.schedule.stage(delivery.lane());
        match from {
            Taken::Fresh { .. } => ledger.fresh -= u64::from(filed).min(ledger.fresh),
            Taken::Retry { .. } => ledger.waiting = ledger.waiting.saturating_sub(1),
        }
        match to {
            Stored::Fresh => ledger.fresh += 1,
            Stored::Waiting => ledger.waiting += 1,
            Stored::Done => ledger.done += 1,
            Stored::Dead => ledger.dead += 1,
        }
    }
}

fn put_mark(delivery: DeliveryKey, attempt: u32, claimed: &mut Vec<u8>) {
    claimed.extend(delivery.stored().to_le_bytes());
    claimed.extend(attempt.to_le_bytes());
}

/// Reads the deliveries and attempt numbers of a marker.
pub(super) fn marked(claimed: &[u8]) -> impl Iterator<Item = (DeliveryKey, u32)> {
    claimed.as_chunks::<MARK>().0.iter().filter_map(|mark| {
        let (delivery, attempt) = mark.split_first_chunk::<8>()?;
        let attempt = u32::from_le_bytes(attempt.try_into().ok()?);
        Some((
            DeliveryKey::from_stored(i64::from_le_bytes(*delivery))?,
            attempt,
        ))
    })
}

const MARK: usize = 8 + 4;
const UNREADABLE: &str = "it lies on a page that cannot be read";
