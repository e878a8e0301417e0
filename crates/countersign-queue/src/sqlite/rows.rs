//! Appends and settlements, as rows; and what the writer knows after their commit.

use std::sync::Arc;

use super::filing::Found;
use super::group::{Append, Claiming, Group, Pick, Settling};
use super::sql::{AttemptRow, Filed, Stored};
use super::trouble::Trouble;
use super::writer::Writer;
use crate::claim::Lease as Token;
use crate::command::Settlement;
use crate::id::LAST_ROW;
use crate::key::DeliveryKey;
use crate::lane::Taken;
use crate::options::{duration_millis, millis};
use crate::schedule::Lease;
use crate::{Attempt, Claim, EventId, Next, Replay};

impl Writer<'_> {
    /// Writes an event and its deliveries.
    pub(super) fn append(&mut self, append: &mut Append, now: u64) -> Result<(), Trouble> {
        let row = self.next_event;
        if row > LAST_ROW {
            return Err(Trouble::Row("the queue has used up its numbers".into()));
        }
        let tail = self
            .tails
            .draw()
            .map_err(|error| Trouble::Row(error.to_string()))?;
        let id = EventId::new(row, tail);
        let event = &append.event;
        let keep = event.replay.map_or(0, Replay::millis);
        let remember = now.saturating_add(keep);
        let written =
            self.sql
                .insert_event(id, append.plan, millis(event.received), event, remember);
        written.map_err(|error| Trouble::of_row(&error))?;
        append.id = Some(id);
        self.next_event += 1;
        Ok(())
    }

    /// Writes how a claim ended.
    pub(super) fn settle(&mut self, settling: &mut Settling, now: u64) -> rusqlite::Result<()> {
        let delivery = settling.delivery;
        let Some(lease) = self.schedule.lease(delivery) else {
            return Ok(());
        };
        let abandoned = Next::Again {
            after: self.options.abandoned_delay,
        };
        let untried = Next::Again {
            after: std::time::Duration::ZERO,
        };
        let (tried, next) = match &settling.how {
            Settlement::Settled { attempt, next } => (attempt.is_some(), next),
            Settlement::Abandoned => (true, &abandoned),
            Settlement::Untried => (false, &untried),
        };
        // Most often the attempt's row says it all.
        let alone =
            tried && lease.attempt == 1 && *next == Next::Done && self.unfiled.contains(delivery);
        match &settling.how {
            Settlement::Settled {
                attempt: Some(attempt),
                ..
            } => self.record(delivery, &lease, attempt, alone)?,
            Settlement::Abandoned => self.record_end(delivery, &lease, "abandoned", now)?,
            Settlement::Settled { .. } | Settlement::Untried => {}
        }
        let (attempts, last) = if tried {
            (lease.attempt, self.next_attempt - 1)
        } else {
            (lease.attempt - 1, lease.last)
        };
        let settled = self.options.clock.latest();
        let (state, due, reason) = match next {
            Next::Done => (Stored::Done, settled, None),
            Next::Again { after } => {
                let wait = duration_millis(*after).min(LONGEST_WAIT);
                (Stored::Waiting, now + wait, None)
            }
            Next::Dead { reason } => (Stored::Dead, settled, Some(cut(reason, LONGEST_LABEL))),
        };
        settling.due = (state == Stored::Waiting).then_some(due);
        settling.found = alone.then_some(Found::Done { last });
        if !alone {
            self.sql.file(
                delivery,
                &Filed {
                    state,
                    attempts,
                    due: Some(due),
                    last,
                    reason,
                },
            )?;
            self.stage_move(delivery, lease.taken, state);
        }
        let ending = self.ending.entry(lease.batch).or_default();
        *ending += 1;
        if *ending == self.schedule.left(lease.batch) {
            self.sql.delete_claim(lease.batch)?;
        } else if !tried {
            self.unmark(lease.batch, delivery)?;
        }
        Ok(())
    }

    /// Changes what is known by what a committed group did, and answers everybody in it.
    pub(super) fn conclude(&mut self, group: Group, now: u64) {
        let changed = !group.settles.is_empty() || !group.appends.is_empty();
        if changed {
            self.unfiled.settle_at(self.options.clock.latest());
        }
        for claiming in group.claims {
            self.hand_out(claiming);
        }
        for settling in group.settles {
            self.take_in(settling);
        }
        for append in group.appends {
            self.queue_up(append, now);
        }
        self.shared.set_next_due(self.schedule.next_due());
        if changed {
            self.shared.wake();
        }
        for answer in group.stats {
            let _ = answer.send(self.stats());
        }
    }

    /// Answers a claim with what was picked and marked.
    fn hand_out(&mut self, claiming: Claiming) {
        let mut claims = Vec::with_capacity(claiming.picks.len());
        for Pick {
            delivery,
            lease,
            event,
        } in claiming.picks
        {
            let lane = self.schedule.lane(delivery.lane());
            if let Taken::Fresh { event } = lease.taken {
                lane.claimed = lane.claimed.max(event);
            }
            let step = Arc::clone(&lane.step);
            match event {
                Ok(event) => {
                    let token = Token::new(Arc::clone(&self.shared.inbox), delivery);
                    claims.push(Claim {
                        event,
                        step,
                        attempt: lease.attempt,
                        lease: token,
                    });
                }
                Err(reason) => {
                    let row = delivery.event();
                    tracing::error!(row, %step, reason, "a stored event is damaged; its delivery is dead");
                    self.settled(delivery, None);
                }
            }
        }
        // A caller who is gone drops them, and they come back untried.
        let _ = claiming.answer.send(Ok(claims));
    }

    fn take_in(&mut self, settling: Settling) {
        let delivery = settling.delivery;
        if self.schedule.is_out(delivery) {
            if let Some(due) = settling.due {
                self.schedule
                    .lane(delivery.lane())
                    .retry
                    .push(due, delivery.event());
            }
            self.settled(delivery, settling.found);
        }
        if let Some(answer) = settling.answer {
            let _ = answer.send(Ok(()));
        }
    }

    /// Notes that a delivery is no longer out; `found` if it still has no row of its own.
    fn settled(&mut self, delivery: DeliveryKey, found: Option<Found>) {
        self.schedule.give_back(delivery);
        if self.unfiled.contains(delivery) {
            let unfiled = &mut self.schedule.lane(delivery.lane()).unfiled;
            unfiled.owed -= 1;
            match found {
                Some(found) => {
                    unfiled.done += 1;
                    self.unfiled.put(delivery, found);
                }
                None => self.unfiled.remove(delivery),
            }
        }
        self.schedule.arm(delivery.lane());
    }

    fn queue_up(&mut self, append: Append, now: u64) {
        let Some(id) = append.id else { return };
        let plan = self.names.plan(append.plan);
        for &number in &*plan.lanes {
            let delivery = DeliveryKey::new(number, id.row());
            let lane = self.schedule.lane(number);
            if plan.owes {
                lane.unfiled.owed += 1;
                self.unfiled.put(delivery, Found::Owed);
                lane.fresh.push(id.row());
                self.schedule.arm(number);
            } else {
                lane.unfiled.done += 1;
                self.unfiled.put(delivery, Found::Done { last: 0 });
            }
        }
        if let Some(replay) = append.event.replay {
            let until = now.saturating_add(replay.millis());
            let key = (plan.flow as u32, replay.key);
            self.replays.remember(key, id, until, now);
        }
        self.stats.appended += 1;
        append.accept(id);
    }

    fn record(
        &mut self,
        delivery: DeliveryKey,
        lease: &Lease,
        attempt: &Attempt,
        done: bool,
    ) -> rusqlite::Result<()> {
        let answer = &attempt.answer[..attempt.answer.len().min(LONGEST_ANSWER)];
        self.insert_attempt(&AttemptRow {
            id: self.next_attempt,
            previous: lease.last,
            delivery,
            number: lease.attempt,
            done,
            started: millis(attempt.started),
            took: u64::try_from(attempt.took.as_micros())
                .unwrap_or(u64::MAX)
                .min(LONGEST_TOOK),
            outcome: cut(&attempt.outcome, LONGEST_LABEL),
            status: attempt.status,
            error: attempt
                .error
                .as_deref()
                .map(|error| cut(error, LONGEST_ERROR)),
            answer,
        })
    }

    fn record_end(
        &mut self,
        delivery: DeliveryKey,
        lease: &Lease,
        outcome: &str,
        now: u64,
    ) -> rusqlite::Result<()> {
        self.insert_attempt(&AttemptRow {
            id: self.next_attempt,
            previous: lease.last,
            delivery,
            number: lease.attempt,
            done: false,
            started: lease.at,
            took: now.saturating_sub(lease.at).saturating_mul(1000),
            outcome,
            status: None,
            error: None,
            answer: &[],
        })
    }

    fn insert_attempt(&mut self, row: &AttemptRow<'_>) -> rusqlite::Result<()> {
        self.sql.insert_attempt(row)?;
        self.next_attempt += 1;
        Ok(())
    }
}

/// The beginning of `text`, at most `length` bytes of it.
fn cut(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

/// The longest that a delivery may wait, in milliseconds: 30 days.
pub(super) const LONGEST_WAIT: u64 = 30 * 24 * 60 * 60 * 1000;
/// In microseconds: what a stored number can hold with room to spare.
const LONGEST_TOOK: u64 = 1 << 48;
const LONGEST_ANSWER: usize = 20 << 10;
const LONGEST_ERROR: usize = 2 << 10;
const LONGEST_LABEL: usize = 64;
