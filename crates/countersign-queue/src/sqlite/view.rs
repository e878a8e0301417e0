//! One moment of the store, as a reader sees it: what is filed, and over it what is not filed yet.

use std::borrow::Borrow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::sql::{Stored, count};
use super::trouble::is_damage;
use crate::id::LAST_ROW;
use crate::key::{DeliveryKey, LaneNumber};
use crate::names::NO_STEP;
use crate::options::from_millis;
use crate::{Delivery, EventId, ReadError, State};

/// One moment of the store.
#[derive(Debug)]
pub(super) struct View<'c> {
    connection: &'c Connection,
    /// Every event up to this one is filed.
    pub(super) filed_events: u64,
    filed_attempts: u64,
    /// The deliveries that the attempts since then say are done, each with its attempt.
    done: OnceCell<HashMap<i64, u64>>,
}

/// The steps that a flow had when an event came in.
#[derive(Debug)]
pub(super) struct PlanNames {
    pub(super) organization: Arc<str>,
    pub(super) flow: Arc<str>,
    pub(super) lanes: Vec<(LaneNumber, Arc<str>)>,
}

impl<'c> View<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self, ReadError> {
        let mut view = Self {
            connection,
            filed_events: 0,
            filed_attempts: 0,
            done: OnceCell::new(),
        };
        let mut meta = view.prepare("SELECT value FROM meta WHERE name = ?")?;
        let mut meta = |name: &str| {
            meta.query_row([name], |row| Ok(count(row, 0)))
                .map_err(of_engine)
        };
        let (events, attempts) = (meta("filed_events")?, meta("filed_attempts")?);
        (view.filed_events, view.filed_attempts) = (events, attempts);
        Ok(view)
    }

    pub(super) fn prepare(&self, select: &str) -> Result<CachedStatement<'c>, ReadError> {
        self.connection.prepare_cached(select).map_err(of_engine)
    }

    /// The event's plan, if the whole id is right.
    pub(super) fn plan_of(&self, id: EventId) -> Result<Option<PlanNames>, ReadError> {
        let mut select = self.prepare("SELECT plan FROM events WHERE id = ? AND tail = ?")?;
        let plan = select.query_row(params![id.row() as i64, id.tail() as i64], |row| {
            Ok(count(row, 0))
        });
        plan.optional()
            .map_err(of_engine)?
            .map(|plan| self.plan(plan))
            .transpose()
    }

    pub(super) fn plan(&self, number: u64) -> Result<PlanNames, ReadError> {
        let select = "SELECT f.organization, f.name, p.lanes FROM plans p JOIN flows f ON f.id = p.flow WHERE p.id = ?";
        let names =
            |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?));
        let (organization, flow, lanes) = self
            .prepare(select)?
            .query_row([number as i64], names)
            .map_err(of_engine)?;
        let mut step = self.prepare("SELECT step FROM lanes WHERE id = ?")?;
        let lanes = LaneNumber::parse_list(&lanes)
            .map(|lane| Ok((lane, step.query_row([lane.0], |row| row.get(0))?)));
        let lanes = lanes.collect::<rusqlite::Result<_>>().map_err(of_engine)?;
        Ok(PlanNames {
            organization,
            flow,
            lanes,
        })
    }

    /// What the event in row `event` owes, or owed, to the steps of these lanes.
    pub(super) fn deliveries(
        &self,
        event: u64,
        lanes: &[(LaneNumber, Arc<str>)],
    ) -> Result<Vec<Delivery>, ReadError> {
        let mut select =
            self.prepare("SELECT state, attempts, due, reason FROM deliveries WHERE id = ?")?;
        let mut found = Vec::with_capacity(lanes.len());
        for (lane, step) in lanes.iter().filter(|(_, step)| **step != *NO_STEP) {
            let key = DeliveryKey::new(*lane, event.min(LAST_ROW));
            let row = select.query_row([key.stored()], |row| {
                let state = state_of(row.get(0)?);
                // When it is settled, the same column says since when.
                let due = row.get::<_, Option<i64>>(2)?;
                let due = due.filter(|_| state == State::Pending);
                Ok(Delivery {
                    step: Arc::clone(step),
                    state,
                    attempts: u32::try_from(count(row, 1)).unwrap_or(u32::MAX),
                    due: due.map(|due| from_millis(due.max(0) as u64)),
                    reason: row.get(3)?,
                })
            });
            if let Some(delivery) = row.optional().map_err(of_engine)? {
                found.push(delivery);
            } else if event > self.filed_events {
                let done = self.unfiled_done()?.contains_key(&key.stored());
                let (state, attempts) = if done {
                    (State::Done, 1)
                } else {
                    (State::Pending, 0)
                };
                found.push(Delivery {
                    step: Arc::clone(step),
                    state,
                    attempts,
                    due: None,
                    reason: None,
                });
            }
        }
        Ok(found)
    }

    /// The row of a delivery's last recorded attempt, 0 if there is none.
    pub(super) fn last_attempt(&self, delivery: DeliveryKey) -> Result<u64, ReadError> {
        let mut select = self.prepare("SELECT last FROM deliveries WHERE id = ?")?;
        let filed = select
            .query_row([delivery.stored()], |row| Ok(count(row, 0)))
            .optional()
            .map_err(of_engine)?;
        match filed {
            Some(last) => Ok(last),
            None => Ok(self
                .unfiled_done()?
                .get(&delivery.stored())
                .copied()
                .unwrap_or(0)),
        }
    }

    fn unfiled_done(&self) -> Result<&HashMap<i64, u64>, ReadError> {
        if let Some(done) = self.done.get() {
            return Ok(done);
        }
        let mut select =
            self.prepare("SELECT delivery, id FROM attempts WHERE id > ? AND done = 1")?;
        let rows = select.query_map([self.filed_attempts as i64], |row| {
            Ok((row.get(0)?, count(row, 1)))
        });
        let done = rows
            .map_err(of_engine)?
            .collect::<rusqlite::Result<_>>()
            .map_err(of_engine)?;
        Ok(self.done.get_or_init(|| done))
    }
}

pub(super) fn of_engine(error: impl Borrow<rusqlite::Error>) -> ReadError {
    let error = error.borrow();
    let detail = error.to_string().into();
    if is_damage(error) {
        ReadError::Corrupt(detail)
    } else {
        ReadError::Store(detail)
    }
}

fn state_of(stored: i64) -> State {
    match stored {
        done if done == Stored::Done as i64 => State::Done,
        dead if dead == Stored::Dead as i64 => State::Dead,
        _ => State::Pending,
    }
}
