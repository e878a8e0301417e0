//! Appends and settlements, as rows; and what the writer knows after their commit.

use std::sync::Arc;

use super::group::{Append, Group, Settling};
use super::sql::{AttemptRow, Settled, Stored};
use super::trouble::Trouble;
use super::writer::Writer;
use crate::claim::Lease as Token;
use crate::command::Settlement;
use crate::id::LAST_ROW;
use crate::key::DeliveryKey;
use crate::names::lane_names;
use crate::options::{duration_millis, millis};
use crate::schedule::Lease;
use crate::{Attempt, Claim, EventId, Next};

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
        let keep = event
            .replay
            .map_or(0, |replay| duration_millis(replay.keep));
        let remember = now.saturating_add(keep);
        let written =
            self.sql
                .insert_event(id, append.flow, millis(event.received), event, remember);
        written.map_err(|error| Trouble::of_row(&error))?;
        let owes = !event.steps.is_empty();
        let state = if owes { Stored::Fresh } else { Stored::Done };
        let flow = self.names.flow(append.flow);
        for lane in lane_names(&event.steps).filter_map(|step| flow.lane(step)) {
            let written = self.sql.insert_delivery(DeliveryKey::new(lane, row), state);
            written.map_err(|error| Trouble::of_row(&error))?;
            let ledger = self.schedule.stage(lane);
            if owes {
                ledger.fresh += 1;
            } else {
                ledger.done += 1;
            }
        }
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
            Settlement::Settled {
                attempt: Some(attempt),
                next,
            } => {
                self.record(delivery, &lease, attempt)?;
                (true, next)
            }
            Settlement::Settled {
                attempt: None,
                next,
            } => (false, next),
            Settlement::Abandoned => {
                self.record_end(delivery, &lease, "abandoned", now)?;
                (true, &abandoned)
            }
            Settlement::Untried => (false, &untried),
        };
        let (attempts, last) = if tried {
            (lease.attempt, self.next_attempt - 1)
        } else {
            (lease.attempt - 1, lease.last)
        };
        let (state, due, reason) = match next {
            Next::Done => (Stored::Done, None, None),
            Next::Again { after } => {
                let wait = duration_millis(*after).min(LONGEST_WAIT);
                (Stored::Waiting, Some(now + wait), None)
            }
            Next::Dead { reason } => (Stored::Dead, None, Some(cut(reason, LONGEST_LABEL))),
        };
        self.sql.settle(
            delivery,
            &Settled {
                state,
                attempts,
                due,
                last,
                reason,
            },
        )?;
        settling.due = due;
        self.stage_move(delivery.lane(), lease.taken, state);
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
        for claiming in group.claims {
            let mut claims = Vec::with_capacity(claiming.picks.len());
            for pick in claiming.picks {
                let step = Arc::clone(&self.schedule.lane(pick.delivery.lane()).step);
                match pick.event {
                    Ok(event) => {
                        let lease = Token::new(Arc::clone(&self.shared.inbox), pick.delivery);
                        claims.push(Claim {
                            event,
                            step,
                            attempt: pick.lease.attempt,
                            lease,
                        });
                    }
                    Err(reason) => {
                        self.schedule.give_back(pick.delivery);
                        let row = pick.delivery.event();
                        self.schedule.arm(pick.delivery.lane());
                        tracing::error!(row, %step, reason, "a stored event is damaged; its delivery is dead");
                    }
                }
            }
            // A caller who is gone drops them, and they come back untried.
            let _ = claiming.answer.send(Ok(claims));
        }
        for settling in group.settles {
            let lane = settling.delivery.lane();
            if self.schedule.is_out(settling.delivery) {
                self.schedule.give_back(settling.delivery);
                if let Some(due) = settling.due {
                    self.schedule
                        .lane(lane)
                        .retry
                        .push(due, settling.delivery.event());
                }
                self.schedule.arm(lane);
            }
            if let Some(answer) = settling.answer {
                let _ = answer.send(Ok(()));
            }
        }
        for append in group.appends {
            let Some(id) = append.id else { continue };
            let flow = self.names.flow(append.flow);
            if !append.event.steps.is_empty() {
                for lane in lane_names(&append.event.steps).filter_map(|step| flow.lane(step)) {
                    self.schedule.lane(lane).fresh.push(id.row());
                    self.schedule.arm(lane);
                }
            }
            if let Some(replay) = append.event.replay {
                let until = now.saturating_add(duration_millis(replay.keep));
                self.replays.remember(replay.key, id, until, now);
            }
            self.stats.appended += 1;
            append.accept(id);
        }
        self.shared.set_next_due(self.schedule.next_due());
        if changed {
            self.shared.wake();
        }
        for answer in group.stats {
            let _ = answer.send(self.stats());
        }
    }

    fn record(
        &mut self,
        delivery: DeliveryKey,
        lease: &Lease,
        attempt: &Attempt,
    ) -> rusqlite::Result<()> {
        let answer = &attempt.answer[..attempt.answer.len().min(LONGEST_ANSWER)];
        self.insert_attempt(&AttemptRow {
            id: self.next_attempt,
            previous: lease.last,
            delivery,
            number: lease.attempt,
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
