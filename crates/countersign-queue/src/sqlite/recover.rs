//! What is done before a queue that was open before is used again.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::pick::marked;
use super::rows::LONGEST_WAIT;
use super::sql::{AttemptRow, Filed, Sql, Stored, count};
use crate::Options;
use crate::id::LAST_ROW;
use crate::key::{DeliveryKey, LaneNumber};
use crate::lane::Ledger;
use crate::names::Names;
use crate::schedule::Schedule;

/// What the writer begins with.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) names: Names,
    pub(super) schedule: Schedule,
    pub(super) replay_keep: u64,
    pub(super) next_event: u64,
    pub(super) next_attempt: i64,
    pub(super) removed_through: u64,
}

/// Files what was not filed, counts what was interrupted as attempts, and reads what the writer begins with.
pub(super) fn recover(connection: &Connection, options: &Options) -> Result<Recovered> {
    let now = options.clock.now();
    let transaction = connection.unchecked_transaction()?;
    let mut sql = Sql::prepare(&transaction)?;
    let meta = |name: &str| {
        let value = transaction.query_row("SELECT value FROM meta WHERE name = ?", [name], |row| {
            Ok(count(row, 0))
        });
        value.optional().map(Option::unwrap_or_default)
    };
    let last = |table: &str| {
        transaction.query_row(&format!("SELECT max(id) FROM {table}"), [], |row| {
            Ok(count(row, 0))
        })
    };
    let (filed_events, filed_attempts) = (meta("filed_events")?, meta("filed_attempts")?);
    let settled = options.clock.latest();
    file_rest(
        &transaction,
        &mut sql,
        (filed_events, filed_attempts),
        settled,
    )?;
    let next_attempt = last("attempts")?.max(filed_attempts) as i64 + 1;
    let next_attempt = count_interrupted(&transaction, &mut sql, next_attempt, now)?;
    let (names, schedule) = read_names(&transaction, options.window)?;
    clamp_due_times(&transaction, &schedule, now)?;
    let (replay_keep, removed_through) = (meta("replay_keep")?, meta("removed_through")?);
    let claimed = schedule
        .lanes()
        .iter()
        .map(|lane| lane.ledger.cursor)
        .max()
        .unwrap_or(0);
    let next_event = last("events")?
        .max(removed_through)
        .max(filed_events)
        .max(claimed)
        + 1;
    sql.note_filed(next_event - 1, next_attempt - 1)?;
    drop(sql);
    transaction.commit()?;
    Ok(Recovered {
        names,
        schedule,
        replay_keep,
        next_event,
        next_attempt,
        removed_through,
    })
}

/// Gives every delivery its row: what the attempts say is done, what the events say is owed.
///
/// What is done counts as settled now, for retention's sake: when it was is not known by the queue's own clock.
fn file_rest(
    connection: &Connection,
    sql: &mut Sql<'_>,
    (events, attempts): (u64, u64),
    settled: u64,
) -> Result<()> {
    let mut moved: HashMap<LaneNumber, (i64, i64)> = HashMap::new();
    let mut done =
        connection.prepare("SELECT id, delivery FROM attempts WHERE id > ? AND done = 1")?;
    let mut done = done.query([attempts as i64])?;
    while let Some(row) = done.next()? {
        let Some(delivery) = DeliveryKey::from_stored(row.get(1)?) else {
            continue;
        };
        let own = sql.delivery(delivery)?;
        let fresh = matches!(own, Some((state, 0, _)) if state == Stored::Fresh as i64);
        if own.is_none() || fresh {
            sql.file(
                delivery,
                &Filed {
                    attempts: 1,
                    last: row.get(0)?,
                    due: Some(settled),
                    ..Filed::new(Stored::Done)
                },
            )?;
            let (owed, done) = moved.entry(delivery.lane()).or_default();
            *owed -= i64::from(fresh);
            *done += 1;
        }
    }
    let owed =
        "SELECT e.id, p.lanes, (SELECT step FROM lanes WHERE id = CAST(p.lanes AS INTEGER)) <> ''
                FROM events e JOIN plans p ON p.id = e.plan WHERE e.id > ?";
    let mut owed = connection.prepare(owed)?;
    let mut owed = owed.query([events as i64])?;
    while let Some(row) = owed.next()? {
        let event = count(row, 0).min(LAST_ROW);
        let owes: bool = row.get(2)?;
        for lane in LaneNumber::parse_list(row.get_ref(1)?.as_str()?) {
            let delivery = DeliveryKey::new(lane, event);
            if sql.delivery(delivery)?.is_some() {
                continue;
            }
            let row = Filed {
                due: (!owes).then_some(settled),
                ..Filed::new(if owes { Stored::Fresh } else { Stored::Done })
            };
            sql.file(delivery, &row)?;
            let (fresh, done) = moved.entry(lane).or_default();
            *(if owes { fresh } else { done }) += 1;
        }
    }
    for (lane, (fresh, done)) in moved {
        let update = "UPDATE lanes SET fresh = fresh + ?, done = done + ? WHERE id = ?";
        connection.execute(update, params![fresh, done, lane.0])?;
    }
    Ok(())
}

/// Whatever was claimed and not settled had one attempt that was cut short, and is due at once.
fn count_interrupted(
    connection: &Connection,
    sql: &mut Sql<'_>,
    first: i64,
    now: u64,
) -> Result<i64> {
    let mut next_attempt = first;
    let mut claims = connection.prepare("SELECT claimed, at FROM claims ORDER BY id")?;
    let claims = claims.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, count(row, 1))))?;
    let mut interrupted = 0_u64;
    for claim in claims {
        let (claimed, at) = claim?;
        for (delivery, number) in marked(&claimed) {
            let Some((state, attempts, last)) = sql.delivery(delivery)? else {
                continue;
            };
            let fresh = state == Stored::Fresh as i64;
            if attempts >= number || !(fresh || state == Stored::Waiting as i64) {
                continue;
            }
            let id = next_attempt;
            next_attempt += 1;
            sql.insert_attempt(&AttemptRow {
                id,
                previous: last,
                delivery,
                number,
                done: false,
                started: at,
                took: 0,
                outcome: "interrupted",
                status: None,
                error: None,
                answer: &[],
            })?;
            let row = Filed {
                attempts: number,
                due: Some(now),
                last: id,
                ..Filed::new(Stored::Waiting)
            };
            sql.file(delivery, &row)?;
            if fresh {
                let moved =
                    "UPDATE lanes SET fresh = fresh - 1, waiting = waiting + 1 WHERE id = ?";
                connection.execute(moved, [delivery.lane().0])?;
            }
            interrupted += 1;
        }
    }
    connection.execute("DELETE FROM claims", [])?;
    if interrupted > 0 {
        tracing::info!(
            interrupted,
            "deliveries were being tried when the queue was last open"
        );
    }
    Ok(next_attempt)
}

fn read_names(connection: &Connection, window: usize) -> Result<(Names, Schedule)> {
    let (mut names, mut schedule) = (Names::default(), Schedule::new(window));
    let mut flows = connection.prepare("SELECT id, organization, name FROM flows ORDER BY id")?;
    let mut flows = flows.query([])?;
    while let Some(row) = flows.next()? {
        let number = names.add_flow(row.get::<_, Arc<str>>(1)?, row.get::<_, Arc<str>>(2)?);
        expect_number(row.get(0)?, number)?;
    }
    let mut lanes = connection.prepare(
        "SELECT id, flow, step, cursor, fresh, waiting, done, dead FROM lanes ORDER BY id",
    )?;
    let mut lanes = lanes.query([])?;
    while let Some(row) = lanes.next()? {
        let (flow, step) = (count(row, 1) as usize, row.get::<_, Arc<str>>(2)?);
        let ledger = Ledger {
            cursor: count(row, 3).min(LAST_ROW),
            fresh: count(row, 4),
            waiting: count(row, 5),
            done: count(row, 6),
            dead: count(row, 7),
        };
        expect_number(row.get(0)?, schedule.lanes().len())?;
        if flow >= names.count() || schedule.lanes().len() >= LaneNumber::LIMIT {
            return Err(damaged(row.get(0)?));
        }
        let lane = schedule.add(flow, Arc::clone(&step), ledger);
        names.add_lane(flow, step, lane);
    }
    let mut plans = connection.prepare("SELECT id, flow, lanes FROM plans ORDER BY id")?;
    let mut plans = plans.query([])?;
    while let Some(row) = plans.next()? {
        let flow = count(row, 1) as usize;
        expect_number(row.get(0)?, names.plan_count())?;
        if flow >= names.count() {
            return Err(damaged(row.get(0)?));
        }
        let lanes = LaneNumber::parse_list(row.get_ref(2)?.as_str()?);
        names.add_plan(
            flow,
            lanes
                .filter(|lane| lane.index() < schedule.lanes().len())
                .collect(),
        );
    }
    Ok((names, schedule))
}

/// The clock may have been ahead when these were stored: nothing waits longer than it could have been told to.
fn clamp_due_times(connection: &Connection, schedule: &Schedule, now: u64) -> Result<()> {
    let latest = (now + LONGEST_WAIT) as i64;
    // Anything sorts after a number that is not one: what is damaged is due at once.
    let mut clamp = connection.prepare(
        "UPDATE deliveries SET due = CASE typeof(due) WHEN 'integer' THEN ?1 ELSE 0 END
         WHERE state = 1 AND lane = ?2 AND due > ?1",
    )?;
    for lane in schedule
        .lanes()
        .iter()
        .filter(|lane| lane.ledger.waiting > 0)
    {
        clamp.execute(params![latest, lane.number.0])?;
    }
    Ok(())
}

/// Numbers are given out without gaps, and nothing removes them.
fn expect_number(found: i64, expected: usize) -> Result<()> {
    if found == expected as i64 {
        Ok(())
    } else {
        Err(damaged(found))
    }
}

fn damaged(number: i64) -> rusqlite::Error {
    rusqlite::Error::IntegralValueOutOfRange(0, number)
}
