//! The reader: answers questions on a connection of its own, a short look at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};

use super::search;
use super::sql::{self, count};
use super::view::{View, of_engine};
use crate::command::Question;
use crate::key::DeliveryKey;
use crate::options::from_millis;
use crate::shared::Shared;
use crate::{AttemptRecord, EventId, ReadError, State, StoreFailure, StoredEvent};

/// Lets go of everybody who asked when the reader ends, however it does.
#[derive(Debug)]
pub(super) struct Quit(pub(super) Arc<Shared>);

impl Drop for Quit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(&StoreFailure::new("the reader panicked"));
        }
        self.0.questions.close();
        self.0.questions.take(&mut VecDeque::new());
    }
}

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
                drop(answer.send(at_once(connection, |view| attempts(view, id))))
            }
            Question::Event { id, answer } => {
                drop(answer.send(at_once(connection, |view| event(view, id))))
            }
            Question::Events { query, answer } => {
                drop(answer.send(at_once(connection, |view| search::events(view, &query))));
            }
        }
    }
}

/// Looks at one moment of the store.
fn at_once<T>(
    connection: &Connection,
    look: impl FnOnce(&View<'_>) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let moment = connection.unchecked_transaction().map_err(of_engine)?;
    let found = View::new(connection).and_then(|view| look(&view));
    moment.finish().map_err(of_engine)?;
    found
}

fn event(view: &View<'_>, id: EventId) -> Result<Option<StoredEvent>, ReadError> {
    let Some(plan) = view.plan_of(id)? else {
        return Ok(None);
    };
    let select =
        "SELECT tail, received, method, key, target, headers, body FROM events WHERE id = ?";
    let (row, organization, flow) = (id.row(), &plan.organization, &plan.flow);
    let found = view
        .prepare(select)?
        .query_row([row as i64], |found| {
            Ok(sql::event(row, found, organization, flow))
        })
        .map_err(of_engine)?;
    let event = found.map_err(|reason| ReadError::Corrupt(reason.into()))?;
    let deliveries = view.deliveries(row, &plan.lanes)?;
    Ok(Some(StoredEvent {
        event,
        state: State::of(&deliveries),
        deliveries,
    }))
}

fn attempts(view: &View<'_>, id: EventId) -> Result<Vec<AttemptRecord>, ReadError> {
    let Some(plan) = view.plan_of(id)? else {
        return Ok(Vec::new());
    };
    let select = "SELECT previous, number, started, took, outcome, status, error, answer FROM attempts WHERE id = ?";
    let mut select = view.prepare(select)?;
    let mut found = Vec::new();
    for (lane, step) in &plan.lanes {
        let delivery = DeliveryKey::new(*lane, id.row());
        let mut next = view.last_attempt(delivery)?;
        // The chain goes back from the last one; what goes forward is damaged.
        while next != 0 {
            let row = select
                .query_row([next as i64], |row| {
                    Ok((count(row, 0), attempt(row, step)?))
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

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::Clock;

    #[test]
    fn a_reader_that_panics_leaves_nobody_waiting() {
        let shared = Arc::new(Shared::new(Clock::steady(), 1));
        let ask = |shared: &Shared| {
            let (answer, answered) = oneshot::channel();
            let query = Default::default();
            let pushed = shared.questions.push(Question::Events { query, answer });
            (pushed.is_ok(), answered)
        };
        let (taken, waiting) = ask(&shared);
        assert!(taken);

        let quit = Quit(Arc::clone(&shared));
        let reader = std::thread::spawn(move || {
            let _quit = quit;
            panic!("a defect");
        });
        assert!(reader.join().is_err());

        assert!(waiting.blocking_recv().is_err());
        assert!(!ask(&shared).0);
        assert!(shared.failure().is_some());
    }
}
