//! The statements of the writer, prepared once.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use rusqlite::{Connection, OptionalExtension, Result, Row, Statement, params};

use crate::key::{DeliveryKey, LaneNumber};
use crate::lane::Ledger;
use crate::options::from_millis;
use crate::{Event, EventId, NewEvent, headers};

/// The statements of the writer.
#[derive(Debug)]
pub(crate) struct Sql<'c> {
    pub(crate) connection: &'c Connection,
    begin: Statement<'c>,
    commit: Statement<'c>,
    rollback: Statement<'c>,
    insert_event: Statement<'c>,
    insert_attempt: Statement<'c>,
    insert_claim: Statement<'c>,
    delete_claim: Statement<'c>,
    file: Statement<'c>,
    note_filed: Statement<'c>,
    update_lane: Statement<'c>,
    select_event: Statement<'c>,
    select_fresh: Statement<'c>,
    select_retries: Statement<'c>,
    select_delivery: Statement<'c>,
    buffer: Vec<u8>,
}

/// The states of a delivery, as stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stored {
    Fresh = 0,
    Waiting = 1,
    Done = 2,
    Dead = 3,
}

/// A delivery's row.
#[derive(Debug)]
pub(crate) struct Filed<'a> {
    pub(crate) state: Stored,
    pub(crate) attempts: u32,
    pub(crate) due: Option<u64>,
    pub(crate) last: i64,
    pub(crate) reason: Option<&'a str>,
}

impl Filed<'_> {
    pub(crate) fn new(state: Stored) -> Self {
        Self {
            state,
            attempts: 0,
            due: None,
            last: 0,
            reason: None,
        }
    }
}

/// An attempt's row.
#[derive(Debug)]
pub(crate) struct AttemptRow<'a> {
    pub(crate) id: i64,
    pub(crate) previous: i64,
    pub(crate) delivery: DeliveryKey,
    pub(crate) number: u32,
    /// It was the first attempt, and the delivery is done.
    pub(crate) done: bool,
    pub(crate) started: u64,
    pub(crate) took: u64,
    pub(crate) outcome: &'a str,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<&'a str>,
    pub(crate) answer: &'a [u8],
}

impl<'c> Sql<'c> {
    pub(crate) fn prepare(connection: &'c Connection) -> Result<Self> {
        let prepare = |text| connection.prepare(text);
        Ok(Self {
            connection,
            begin: prepare("BEGIN IMMEDIATE")?,
            commit: prepare("COMMIT")?,
            rollback: prepare("ROLLBACK")?,
            insert_event: prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?,
            insert_attempt: prepare("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?,
            insert_claim: prepare("INSERT INTO claims VALUES (?, ?, ?)")?,
            delete_claim: prepare("DELETE FROM claims WHERE id = ?")?,
            file: prepare("INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?)")?,
            note_filed: prepare(
                "UPDATE meta SET value = iif(name = 'filed_events', ?, ?) WHERE name IN ('filed_events', 'filed_attempts')",
            )?,
            update_lane: prepare(
                "UPDATE lanes SET cursor = ?, fresh = ?, waiting = ?, done = ?, dead = ? WHERE id = ?",
            )?,
            select_event: prepare(
                "SELECT tail, received, method, key, target, headers, body FROM events WHERE id = ?",
            )?,
            select_fresh: prepare(
                "SELECT id FROM deliveries WHERE id > ? AND id <= ? AND state = 0 ORDER BY id LIMIT ?",
            )?,
            select_retries: prepare(
                "SELECT due, id FROM deliveries WHERE state = 1 AND lane = ?1 AND id > ?2 AND id <= ?3
                 ORDER BY due, id LIMIT ?4",
            )?,
            select_delivery: prepare("SELECT state, attempts, last FROM deliveries WHERE id = ?")?,
            buffer: Vec::new(),
        })
    }

    pub(crate) fn begin(&mut self) -> Result<()> {
        self.begin.raw_execute().map(drop)
    }

    pub(crate) fn commit(&mut self) -> Result<()> {
        self.commit.raw_execute().map(drop)
    }

    /// Undoes the transaction, unless the engine has done so already.
    pub(crate) fn rollback(&mut self) -> Result<()> {
        if self.connection.is_autocommit() {
            Ok(())
        } else {
            self.rollback.raw_execute().map(drop)
        }
    }

    pub(crate) fn insert_event(
        &mut self,
        id: EventId,
        plan: usize,
        received: u64,
        event: &NewEvent,
        remember: u64,
    ) -> Result<()> {
        self.buffer.clear();
        headers::encode(&event.headers, &mut self.buffer);
        self.insert_event
            .execute(params![
                id.row() as i64,
                id.tail() as i64,
                plan as i64,
                received as i64,
                event.replay.as_ref().map(|replay| &replay.key[..]),
                remember as i64,
                event.body.len() as i64,
                event.method.as_str(),
                event.key.as_deref(),
                &*event.target,
                self.buffer,
                &*event.body,
            ])
            .map(drop)
    }

    pub(crate) fn insert_attempt(&mut self, row: &AttemptRow<'_>) -> Result<()> {
        self.insert_attempt
            .execute(params![
                row.id,
                (row.previous != 0).then_some(row.previous),
                row.delivery.stored(),
                row.number,
                row.done.then_some(1),
                row.started as i64,
                row.took as i64,
                row.outcome,
                row.status,
                row.error,
                (!row.answer.is_empty()).then_some(row.answer),
            ])
            .map(drop)
    }

    pub(crate) fn insert_claim(&mut self, id: i64, at: u64, claimed: &[u8]) -> Result<()> {
        self.insert_claim
            .execute(params![id, at as i64, claimed])
            .map(drop)
    }

    pub(crate) fn delete_claim(&mut self, id: i64) -> Result<()> {
        self.delete_claim.execute([id]).map(drop)
    }

    /// Writes a delivery's row, over the one that it may have.
    pub(crate) fn file(&mut self, delivery: DeliveryKey, row: &Filed<'_>) -> Result<()> {
        self.file
            .execute(params![
                delivery.stored(),
                delivery.lane().0,
                row.state as i64,
                (row.attempts != 0).then_some(row.attempts),
                row.due.map(|due| due as i64),
                (row.last != 0).then_some(row.last),
                row.reason,
            ])
            .map(drop)
    }

    /// Notes that everything up to this event and this attempt is filed.
    pub(crate) fn note_filed(&mut self, events: u64, attempts: i64) -> Result<()> {
        self.note_filed.execute([events as i64, attempts]).map(drop)
    }

    pub(crate) fn update_lane(&mut self, lane: LaneNumber, ledger: &Ledger) -> Result<()> {
        self.update_lane
            .execute(params![
                ledger.cursor as i64,
                ledger.fresh as i64,
                ledger.waiting as i64,
                ledger.done as i64,
                ledger.dead as i64,
                lane.0,
            ])
            .map(drop)
    }

    /// Rows of the lane that were never settled, past the event `after`.
    pub(crate) fn fresh(&mut self, lane: LaneNumber, after: u64, limit: usize) -> Result<Vec<u64>> {
        let (after, last) = (DeliveryKey::new(lane, after), DeliveryKey::last(lane));
        let rows = self.select_fresh.query_map(
            params![after.stored(), last.stored(), limit as i64],
            delivery(0),
        )?;
        rows.map(|row| row.map(DeliveryKey::event)).collect()
    }

    /// Rows of the lane that are due again, the earliest first, with their due times.
    pub(crate) fn retries(
        &mut self,
        lane: LaneNumber,
        limit: usize,
    ) -> Result<Vec<(u64, DeliveryKey)>> {
        let (first, last) = (DeliveryKey::new(lane, 0), DeliveryKey::last(lane));
        let bounds = params![lane.0, first.stored(), last.stored(), limit as i64];
        let rows = self
            .select_retries
            .query_map(bounds, |row| Ok((count(row, 0), delivery(1)(row)?)))?;
        rows.collect()
    }

    /// A delivery's state, the attempts that are over, and the row of the last one.
    pub(crate) fn delivery(&mut self, delivery: DeliveryKey) -> Result<Option<(i64, u32, i64)>> {
        let row = self.select_delivery.query_row([delivery.stored()], |row| {
            let attempts = u32::try_from(count(row, 1)).unwrap_or(u32::MAX);
            Ok((row.get(0).unwrap_or(-1), attempts, count(row, 2) as i64))
        });
        row.optional()
    }

    /// The event in row `id`; the inner error is what is wrong with the row.
    pub(crate) fn event(
        &mut self,
        id: u64,
        organization: &Arc<str>,
        flow: &Arc<str>,
    ) -> Result<std::result::Result<Event, &'static str>> {
        let found = self
            .select_event
            .query_row([id as i64], |row| Ok(event(id, row, organization, flow)));
        Ok(found.optional()?.unwrap_or(Err("the event is not there")))
    }
}

/// Reads an event from the columns `tail, received, method, key, target, headers, body`.
pub(crate) fn event(
    id: u64,
    row: &Row<'_>,
    organization: &Arc<str>,
    flow: &Arc<str>,
) -> std::result::Result<Event, &'static str> {
    let text = |column, what| {
        row.get_ref(column)
            .ok()
            .and_then(|value| value.as_str().ok())
            .ok_or(what)
    };
    let blob = |column, what| {
        row.get_ref(column)
            .ok()
            .and_then(|value| value.as_blob().ok())
            .ok_or(what)
    };
    let tail: i64 = row.get(0).map_err(|_| "its tail is not a number")?;
    let received: i64 = row.get(1).map_err(|_| "its time is not a number")?;
    let method = text(2, "its method is not text")?;
    let key: Option<Arc<str>> = row.get(3).map_err(|_| "its key is not text")?;
    Ok(Event {
        id: EventId::new(id, tail as u64),
        organization: Arc::clone(organization),
        flow: Arc::clone(flow),
        received: from_millis(received.max(0) as u64),
        method: Method::from_bytes(method.as_bytes()).map_err(|_| "its method is not one")?,
        key,
        target: text(4, "its target is not text")?.into(),
        headers: headers::decode(blob(5, "its headers are not bytes")?)?,
        body: Bytes::copy_from_slice(blob(6, "its body is not bytes")?),
    })
}

/// Reads a count or a time; anything else than a number from 0 up is 0.
pub(crate) fn count(row: &Row<'_>, column: usize) -> u64 {
    row.get_ref(column)
        .ok()
        .and_then(|value| value.as_i64().ok())
        .unwrap_or(0)
        .max(0) as u64
}

/// Reads the number of a delivery from a column.
fn delivery(column: usize) -> impl Fn(&Row<'_>) -> Result<DeliveryKey> {
    move |row| {
        let number = row.get(column)?;
        DeliveryKey::from_stored(number)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
    }
}
