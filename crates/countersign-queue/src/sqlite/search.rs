//! Search: pages of events, newest first, each at the cost of a bounded number of rows.
//!
//! A lane lists the events of its flow in order of arrival, so a flow's events are its lanes merged, and so are an
//! organization's. Without either, and where events are not filed yet, the events themselves are read from the end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use http::Method;
use rusqlite::{OptionalExtension, params};

use super::merge::Merge;
use super::sql::count;
use super::trouble::is_damage;
use super::view::{PlanNames, View, of_engine};
use crate::id::LAST_ROW;
use crate::key::LaneNumber;
use crate::options::{from_millis, millis};
use crate::{EventId, EventPage, EventQuery, EventSummary, ReadError, State};

/// One page of what `query` asks for.
pub(super) fn events(view: &View<'_>, query: &EventQuery) -> Result<EventPage, ReadError> {
    let limit = if query.limit == 0 {
        USUAL_PAGE
    } else {
        query.limit.min(LONGEST_PAGE)
    };
    let since = query.since.map_or(0, millis);
    let until = query.until.map_or(u64::MAX, millis);
    let mut end = query.before.map_or(LAST_ROW, EventId::row);
    if query.until.is_some() {
        end = end.min(first_after(view, until.saturating_add(DISORDER))?);
    }
    let mut plans = Plans::default();
    let mut source = Source::of(view, query, end)?;
    let mut page = EventPage::default();
    for _ in 0..MOST_ROWS {
        let Some(row) = source.next(view)? else {
            return Ok(EventPage { next: None, ..page });
        };
        let Some(found) = read(view, row)? else {
            continue;
        };
        if found.received.saturating_add(DISORDER) < since {
            return Ok(EventPage { next: None, ..page });
        }
        page.next = Some(found.id);
        if found.received < since || found.received >= until {
            continue;
        }
        let plan = plans.get(view, found.plan)?;
        let is = |wanted: &Option<Arc<str>>, found: &Arc<str>| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        if !is(&query.organization, &plan.organization) || !is(&query.flow, &plan.flow) {
            continue;
        }
        let deliveries = view.deliveries(row, &plan.lanes)?;
        let state = State::of(&deliveries);
        if query.state.is_some_and(|wanted| wanted != state) {
            continue;
        }
        page.events.push(EventSummary {
            id: found.id,
            organization: Arc::clone(&plan.organization),
            flow: Arc::clone(&plan.flow),
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
struct Source {
    /// The events themselves, from before `end` down to above `floor`: all of them, or those that are not filed.
    end: u64,
    floor: u64,
    /// Then lanes, merged.
    lanes: Option<Merge>,
}

impl Source {
    fn of(view: &View<'_>, query: &EventQuery, end: u64) -> Result<Self, ReadError> {
        let dead = query.state == Some(State::Dead);
        if query.organization.is_none() && query.flow.is_none() && !dead {
            return Ok(Self {
                end,
                floor: 0,
                lanes: None,
            });
        }
        let select = "SELECT l.id FROM lanes l JOIN flows f ON f.id = l.flow
                      WHERE (?1 IS NULL OR f.organization = ?1) AND (?2 IS NULL OR f.name = ?2)
                        AND (l.dead > 0 OR NOT ?3) LIMIT ?4";
        let mut select = view.prepare(select)?;
        let wanted = params![query.organization, query.flow, dead, MOST_LANES as i64 + 1];
        let lanes = select
            .query_map(wanted, |row| Ok(LaneNumber(count(row, 0) as u32)))
            .map_err(of_engine)?;
        let lanes: Vec<_> = lanes.collect::<rusqlite::Result<_>>().map_err(of_engine)?;
        if lanes.len() > MOST_LANES {
            // To look at each of them first would hold one moment for too long, and with it the log.
            return Ok(Self {
                end,
                floor: 0,
                lanes: None,
            });
        }
        // What is dead has a row at once; the rest is complete in the lanes only where it is filed.
        let floor = if dead { LAST_ROW } else { view.filed_events };
        let lanes = Merge::new(view, lanes, end.min(floor.saturating_add(1)), dead)?;
        Ok(Self {
            end,
            floor,
            lanes: Some(lanes),
        })
    }

    /// The next row back.
    fn next(&mut self, view: &View<'_>) -> Result<Option<u64>, ReadError> {
        let select = "SELECT id FROM events WHERE id < ? AND id > ? ORDER BY id DESC LIMIT 1";
        let mut select = view.prepare(select)?;
        let mut skip = 1;
        let row = loop {
            let bounds = params![self.end as i64, self.floor as i64];
            let row = select.query_row(bounds, |row| Ok(count(row, 0)));
            match row.optional() {
                // Damaged pages are passed over, further and further.
                Err(error) if is_damage(&error) && self.end > self.floor => {
                    self.end = self.end.min(last_event(view)?).saturating_sub(skip);
                    skip *= 2;
                }
                row => break row.map_err(of_engine)?,
            }
        };
        self.end = row.unwrap_or(0);
        match (row, &mut self.lanes) {
            (None, Some(lanes)) => lanes.next(view),
            (row, _) => Ok(row),
        }
    }
}

/// What an event's row says without its body.
struct Found {
    id: EventId,
    plan: u64,
    received: u64,
    method: Method,
    target: Box<str>,
    key: Option<Arc<str>>,
    size: u64,
}

/// Reads a row; `None` if it is gone or damaged beyond listing.
fn read(view: &View<'_>, row: u64) -> Result<Option<Found>, ReadError> {
    let select = "SELECT tail, plan, received, size, method, key, target FROM events WHERE id = ?";
    let mut select = view.prepare(select)?;
    let found = select.query_row([row as i64], |found| {
        let tail: i64 = found.get(0)?;
        let method: String = found.get(4)?;
        Ok(Found {
            id: EventId::new(row, tail as u64),
            plan: count(found, 1),
            received: count(found, 2),
            size: count(found, 3),
            method: method.parse().unwrap_or_default(),
            key: found.get(5)?,
            target: found.get(6)?,
        })
    });
    match found.optional() {
        Ok(found) => Ok(found),
        Err(error) if error.sqlite_error_code().is_some() && !is_damage(&error) => {
            Err(of_engine(error))
        }
        Err(error) => {
            tracing::warn!(row, %error, "a stored event is damaged and was left out of a list");
            Ok(None)
        }
    }
}

/// The first row received at `time` or later, as near as the order of receipt allows.
fn first_after(view: &View<'_>, time: u64) -> Result<u64, ReadError> {
    let last = last_event(view)?;
    let select = "SELECT id, received FROM events WHERE id >= ? ORDER BY id LIMIT 1";
    let mut select = view.prepare(select)?;
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

fn last_event(view: &View<'_>) -> Result<u64, ReadError> {
    view.prepare("SELECT max(id) FROM events")?
        .query_row([], |row| Ok(count(row, 0)))
        .map_err(of_engine)
}

/// Plans that a page has met.
#[derive(Default)]
struct Plans(HashMap<u64, PlanNames>);

impl Plans {
    fn get(&mut self, view: &View<'_>, number: u64) -> Result<&PlanNames, ReadError> {
        match self.0.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => Ok(unknown.insert(view.plan(number)?)),
        }
    }
}

const USUAL_PAGE: usize = 50;
const LONGEST_PAGE: usize = 1000;
/// How many lanes are merged at most; where there are more, the events themselves are looked through.
const MOST_LANES: usize = 512;
/// How many events a page looks at.
const MOST_ROWS: usize = 5000;
/// How far times of receipt may be out of order (the clock was set, say) and still be found: an hour, in milliseconds.
const DISORDER: u64 = 3_600_000;
