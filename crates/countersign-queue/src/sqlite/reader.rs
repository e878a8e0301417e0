//! The reader: answers questions on a connection of its own, a short look at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::search;
use super::sql::{self, Stored, count};
use crate::command::Question;
use crate::id::LAST_ROW;
use crate::key::{DeliveryKey, LaneNumber};
use crate::names::NO_STEP;
use crate::options::from_millis;
use crate::shared::Shared;
use crate::{AttemptRecord, Delivery, EventId, ReadError, State, StoredEvent};

/// Answers until there will be no more questions.
pub(super) fn run(connection: &Connection, shared: &Arc<Shared>) {
    let mut waiting = VecDeque::new();
    loop {
        shared.questions.take(&mut waiting);
        let Some(question) = waiting.pop_front() else {
            if shared.questions.is_closed() {
                return;
            }
            shared.questions.wait(Duration::from_secs(3600));
            continue;
        };
        // Whoever went away does not need the answer.
        match question {
            Question::Attempts { id, answer } => {
                drop(answer.send(at_once(connection, || attempts(connection, id))))
            }
            Question::Event { id, answer } => {
                drop(answer.send(at_once(connection, || event(connection, id))))
            }
            Question::Events { query, answer } => {
                drop(answer.send(at_once(connection, || search::events(connection, &query))));
            }
        }
    }
}

/// Looks at one moment of the store.
fn at_once<T>(
    connection: &Connection,
    look: impl FnOnce() -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let moment = connection.unchecked_transaction().map_err(of_engine)?;
    let found = look();
    moment.finish().map_err(of_engine)?;
    found
}

/// A flow by its number, its organization and its own name.
type FlowName = (u64, Arc<str>, Arc<str>);

/// A lane by its number and its step's name.
pub(super) type LaneName = (LaneNumber, Arc<str>);

fn event(connection: &Connection, id: EventId) -> Result<Option<StoredEvent>, ReadError> {
    let Some((flow, organization, name)) = flow_of(connection, id)? else {
        return Ok(None);
    };
    let select =
        "SELECT tail, received, method, key, target, headers, body FROM events WHERE id = ?";
    let found = connection
        .prepare_cached(select)
        .and_then(|mut row| {
            row.query_row([id.row() as i64], |row| {
                Ok(sql::event(id.row(), row, &organization, &name))
            })
        })
        .map_err(of_engine)?;
    let event = found.map_err(|reason| ReadError::Corrupt(reason.into()))?;
    let deliveries = deliveries(connection, id.row(), &lanes_of(connection, flow)?)?;
    Ok(Some(StoredEvent {
        event,
        state: State::of(&deliveries),
        deliveries,
    }))
}

fn attempts(connection: &Connection, id: EventId) -> Result<Vec<AttemptRecord>, ReadError> {
    let Some((flow, ..)) = flow_of(connection, id)? else {
        return Ok(Vec::new());
    };
    let select = "SELECT previous, number, started, took, outcome, status, error, answer FROM attempts WHERE id = ?";
    let mut select = connection.prepare_cached(select).map_err(of_engine)?;
    let mut found = Vec::new();
    for (lane, step) in lanes_of(connection, flow)? {
        let delivery = DeliveryKey::new(lane, id.row());
        let last = connection
            .prepare_cached("SELECT last FROM deliveries WHERE id = ?")
            .and_then(|mut last| {
                last.query_row([delivery.stored()], |row| Ok(count(row, 0)))
                    .optional()
            });
        let mut next = last.map_err(of_engine)?.unwrap_or(0);
        // The chain goes back from the last one; what goes forward is damaged.
        while next != 0 {
            let row = select
                .query_row([next as i64], |row| {
                    Ok((count(row, 0), attempt(row, &step)?))
                })
                .optional();
            let Some((previous, record)) = row.map_err(of_engine)? else {
                break;
            };
            found.push((next, record));
            next = if previous < next { previous } else { 0 };
        }
    }
    found.sort_unstable_by_key(|&(row, _)| row);
    Ok(found.into_iter().map(|(_, record)| record).collect())
}

fn attempt(row: &Row<'_>, step: &Arc<str>) -> rusqlite::Result<AttemptRecord> {
    Ok(AttemptRecord {
        step: Arc::clone(step),
        number: u32::try_from(count(row, 1)).unwrap_or(u32::MAX),
        started: from_millis(count(row, 2)),
        took: Duration::from_micros(count(row, 3)),
        outcome: row.get(4)?,
        status: row.get::<_, Option<u16>>(5)?,
        error: row.get(6)?,
        answer: row
            .get::<_, Option<Vec<u8>>>(7)?
            .map(Bytes::from)
            .unwrap_or_default(),
    })
}

/// The event's flow, organization and flow name, if the whole id is right.
fn flow_of(connection: &Connection, id: EventId) -> Result<Option<FlowName>, ReadError> {
    let select = "SELECT f.id, f.organization, f.name FROM events e JOIN flows f ON f.id = e.flow
                  WHERE e.id = ? AND e.tail = ?";
    let mut select = connection.prepare_cached(select).map_err(of_engine)?;
    let row = select.query_row(params![id.row() as i64, id.tail() as i64], |row| {
        Ok((count(row, 0), row.get(1)?, row.get(2)?))
    });
    row.optional().map_err(of_engine)
}

/// Every lane that the flow ever had.
pub(super) fn lanes_of(connection: &Connection, flow: u64) -> Result<Vec<LaneName>, ReadError> {
    let mut lanes = connection
        .prepare_cached("SELECT id, step FROM lanes WHERE flow = ?")
        .map_err(of_engine)?;
    let lanes = lanes.query_map([flow as i64], |row| {
        Ok((
            LaneNumber((count(row, 0) as usize).min(LaneNumber::LIMIT - 1) as u32),
            row.get(1)?,
        ))
    });
    lanes
        .map_err(of_engine)?
        .collect::<rusqlite::Result<_>>()
        .map_err(of_engine)
}

/// What the event in row `event` owes, or owed, to the steps of these lanes.
pub(super) fn deliveries(
    connection: &Connection,
    event: u64,
    lanes: &[LaneName],
) -> Result<Vec<Delivery>, ReadError> {
    let select = "SELECT state, attempts, due, reason FROM deliveries WHERE id = ?";
    let mut select = connection.prepare_cached(select).map_err(of_engine)?;
    let mut found = Vec::new();
    for (lane, step) in lanes.iter().filter(|(_, step)| **step != *NO_STEP) {
        let delivery = DeliveryKey::new(*lane, event.min(LAST_ROW));
        let row = select.query_row([delivery.stored()], |row| {
            let state = row.get(0)?;
            Ok(Delivery {
                step: Arc::clone(step),
                state: state_of(state),
                attempts: u32::try_from(count(row, 1)).unwrap_or(u32::MAX),
                due: row
                    .get::<_, Option<i64>>(2)?
                    .map(|due| from_millis(due.max(0) as u64)),
                reason: row.get(3)?,
            })
        });
        found.extend(row.optional().map_err(of_engine)?);
    }
    Ok(found)
}

fn state_of(stored: i64) -> State {
    match stored {
        done if done == Stored::Done as i64 => State::Done,
        dead if dead == Stored::Dead as i64 => State::Dead,
        _ => State::Pending,
    }
}

pub(super) fn of_engine(error: impl std::borrow::Borrow<rusqlite::Error>) -> ReadError {
    ReadError::Store(error.borrow().to_string().into())
}
