//! Search: pages of events, newest first, each at the cost of a bounded number of rows.
//!
//! A lane lists the events of its flow in order of arrival, so a flow's events are its lanes merged, and so are an
//! organization's. Without either, the events themselves are read from the end.

use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use http::Method;
use rusqlite::{Connection, OptionalExtension, params};

use super::reader::{LaneName, deliveries, lanes_of, of_engine};
use super::sql::count;
use crate::id::LAST_ROW;
use crate::key::{DeliveryKey, LaneNumber};
use crate::options::{from_millis, millis};
use crate::{EventId, EventPage, EventQuery, EventSummary, ReadError, State};

/// One page of what `query` asks for.
pub(super) fn events(connection: &Connection, query: &EventQuery) -> Result<EventPage, ReadError> {
    let limit = if query.limit == 0 {
        USUAL_PAGE
    } else {
        query.limit.min(LONGEST_PAGE)
    };
    let since = query.since.map_or(0, millis);
    let until = query.until.map_or(u64::MAX, millis);
    let mut end = query.before.map_or(LAST_ROW, EventId::row);
    if query.until.is_some() {
        end = end.min(first_after(connection, until.saturating_add(DISORDER))?);
    }
    let mut flows = Flows::default();
    let mut source = Source::of(connection, query, end)?;
    let mut page = EventPage::default();
    for _ in 0..MOST_ROWS {
        let Some(row) = source.next(connection)? else {
            return Ok(EventPage { next: None, ..page });
        };
        let Some(found) = read(connection, row)? else {
            continue;
        };
        if found.received.saturating_add(DISORDER) < since {
            return Ok(EventPage { next: None, ..page });
        }
        page.next = Some(found.id);
        if found.received < since || found.received >= until {
            continue;
        }
        let flow = flows.get(connection, found.flow)?;
        if query
            .organization
            .as_ref()
            .is_some_and(|wanted| *wanted != flow.organization)
        {
            continue;
        }
        let deliveries = deliveries(connection, row, &flow.lanes)?;
        let state = State::of(&deliveries);
        if query.state.is_some_and(|wanted| wanted != state) {
            continue;
        }
        page.events.push(EventSummary {
            id: found.id,
            organization: Arc::clone(&flow.organization),
            flow: Arc::clone(&flow.name),
            received: from_millis(found.received),
            method: found.method,
            target: found.target,
            key: found.key,
            size: found.size,
            state,
            deliveries,
        });
        if page.events.len() == limit {
            break;
        }
    }
    Ok(page)
}

/// Where the rows come from.
enum Source {
    /// The events themselves, before this row.
    All { end: u64 },
    /// Lanes, merged.
    Lanes(Merge),
}

impl Source {
    fn of(connection: &Connection, query: &EventQuery, end: u64) -> Result<Self, ReadError> {
        let dead = query.state == Some(State::Dead);
        if query.organization.is_none() && query.flow.is_none() && !dead {
            return Ok(Self::All { end });
        }
        let select = "SELECT l.id FROM lanes l JOIN flows f ON f.id = l.flow
                      WHERE (?1 IS NULL OR f.organization = ?1) AND (?2 IS NULL OR f.name = ?2)
                        AND (l.dead > 0 OR NOT ?3)";
        let mut select = connection.prepare_cached(select).map_err(of_engine)?;
        let wanted = params![query.organization, query.flow, dead];
        let lanes = select
            .query_map(wanted, |row| Ok(LaneNumber(count(row, 0) as u32)))
            .map_err(of_engine)?;
        let lanes: Vec<_> = lanes.collect::<rusqlite::Result<_>>().map_err(of_engine)?;
        Merge::new(connection, lanes, end, dead).map(Self::Lanes)
    }

    /// The next row back.
    fn next(&mut self, connection: &Connection) -> Result<Option<u64>, ReadError> {
        match self {
            Self::Lanes(merge) => merge.next(connection),
            Self::All { end } => {
                let select = "SELECT id FROM events WHERE id < ? ORDER BY id DESC LIMIT 1";
                let mut select = connection.prepare_cached(select).map_err(of_engine)?;
                let row = select
                    .query_row([*end as i64], |row| Ok(count(row, 0)))
                    .optional();
                let row = row.map_err(of_engine)?;
                *end = row.unwrap_or(0);
                Ok(row)
            }
        }
    }
}

/// Lanes read from their ends at the same pace.
struct Merge {
    lanes: Vec<Tail>,
    /// The newest unread event of each lane that has one, with the lane's place.
    heads: BinaryHeap<(u64, usize)>,
    dead: bool,
    given: u64,
}

/// The end of a lane.
struct Tail {
    lane: LaneNumber,
    known: VecDeque<u64>,
    end: u64,
}

impl Merge {
    fn new(
        connection: &Connection,
        lanes: Vec<LaneNumber>,
        end: u64,
        dead: bool,
    ) -> Result<Self, ReadError> {
        let lanes: Vec<_> = lanes
            .into_iter()
            .map(|lane| Tail {
                lane,
                known: VecDeque::new(),
                end,
            })
            .collect();
        let mut merge = Self {
            heads: BinaryHeap::with_capacity(lanes.len()),
            lanes,
            dead,
            given: u64::MAX,
        };
        for place in 0..merge.lanes.len() {
            merge.advance(connection, place, 1)?;
        }
        Ok(merge)
    }

    fn next(&mut self, connection: &Connection) -> Result<Option<u64>, ReadError> {
        while let Some((event, place)) = self.heads.pop() {
            self.advance(connection, place, STRIDE)?;
            // An event with several steps is in several lanes.
            if event != self.given {
                self.given = event;
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn advance(
        &mut self,
        connection: &Connection,
        place: usize,
        stride: usize,
    ) -> Result<(), ReadError> {
        let tail = &mut self.lanes[place];
        if tail.known.is_empty() {
            let select = if self.dead {
                "SELECT id FROM deliveries WHERE id > ? AND id < ? AND state = 3 ORDER BY id DESC LIMIT ?"
            } else {
                "SELECT id FROM deliveries WHERE id > ? AND id < ? ORDER BY id DESC LIMIT ?"
            };
            let (first, end) = (
                DeliveryKey::new(tail.lane, 0),
                DeliveryKey::new(tail.lane, tail.end),
            );
            let mut select = connection.prepare_cached(select).map_err(of_engine)?;
            let rows = select
                .query_map(
                    params![first.stored(), end.stored(), stride as i64],
                    |row| Ok(count(row, 0) & LAST_ROW),
                )
                .map_err(of_engine)?;
            tail.known = rows.collect::<rusqlite::Result<_>>().map_err(of_engine)?;
        }
        if let Some(event) = tail.known.pop_front() {
            tail.end = event;
            self.heads.push((event, place));
        }
        Ok(())
    }
}

/// What an event's row says without its body.
struct Found {
    id: EventId,
    flow: u64,
    received: u64,
    method: Method,
    target: Box<str>,
    key: Option<Arc<str>>,
    size: u64,
}

/// Reads a row; `None` if it is gone or damaged beyond listing.
fn read(connection: &Connection, row: u64) -> Result<Option<Found>, ReadError> {
    let select = "SELECT tail, flow, received, size, method, key, target FROM events WHERE id = ?";
    let mut select = connection.prepare_cached(select).map_err(of_engine)?;
    let found = select.query_row([row as i64], |found| {
        let tail: i64 = found.get(0)?;
        let method: String = found.get(4)?;
        Ok(Found {
            id: EventId::new(row, tail as u64),
            flow: count(found, 1),
            received: count(found, 2),
            size: count(found, 3),
            method: method.parse().unwrap_or_default(),
            key: found.get(5)?,
            target: found.get(6)?,
        })
    });
    match found.optional() {
        Ok(found) => Ok(found),
        Err(error) if error.sqlite_error_code().is_some() => Err(of_engine(error)),
        Err(error) => {
            tracing::warn!(row, %error, "a stored event is damaged and was left out of a list");
            Ok(None)
        }
    }
}

/// The first row received at `time` or later, as near as the order of receipt allows.
fn first_after(connection: &Connection, time: u64) -> Result<u64, ReadError> {
    let last = connection
        .query_row("SELECT max(id) FROM events", [], |row| Ok(count(row, 0)))
        .map_err(of_engine)?;
    let select = "SELECT id, received FROM events WHERE id >= ? ORDER BY id LIMIT 1";
    let mut select = connection.prepare_cached(select).map_err(of_engine)?;
    let (mut low, mut high) = (0, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let row = select
            .query_row([middle as i64], |row| Ok((count(row, 0), count(row, 1))))
            .optional();
        match row.map_err(of_engine)? {
            Some((row, received)) if received < time => low = row + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Flows that a page has met.
#[derive(Default)]
struct Flows(HashMap<u64, FlowNames>);

struct FlowNames {
    organization: Arc<str>,
    name: Arc<str>,
    lanes: Vec<LaneName>,
}

impl Flows {
    fn get(&mut self, connection: &Connection, number: u64) -> Result<&FlowNames, ReadError> {
        match self.0.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let select = "SELECT organization, name FROM flows WHERE id = ?";
                let names = connection.query_row(select, [number as i64], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                });
                let (organization, name) = names.map_err(of_engine)?;
                let lanes = lanes_of(connection, number)?;
                Ok(unknown.insert(FlowNames {
                    organization,
                    name,
                    lanes,
                }))
            }
        }
    }
}

const USUAL_PAGE: usize = 50;
const LONGEST_PAGE: usize = 1000;
/// How many events a page looks at.
const MOST_ROWS: usize = 5000;
/// How many rows of a lane are read at once.
const STRIDE: usize = 32;
/// How far times of receipt may be out of order (the clock was set, say) and still be found: an hour, in milliseconds.
const DISORDER: u64 = 3_600_000;
