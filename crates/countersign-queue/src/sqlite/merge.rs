//! Lanes merged into one list of events, newest first.

use std::collections::{BinaryHeap, VecDeque};

use rusqlite::params;

use super::sql::count;
use super::view::{View, of_engine};
use crate::ReadError;
use crate::id::LAST_ROW;
use crate::key::{DeliveryKey, LaneNumber};

/// Lanes read from their ends at the same pace.
#[derive(Debug)]
pub(super) struct Merge {
    lanes: Vec<Tail>,
    /// The newest unread event of each lane that has one, with the lane's place.
    heads: BinaryHeap<(u64, usize)>,
    dead: bool,
    given: u64,
}

/// The end of a lane.
#[derive(Debug)]
struct Tail {
    lane: LaneNumber,
    known: VecDeque<u64>,
    end: u64,
}

impl Merge {
    pub(super) fn new(
        view: &View<'_>,
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
            merge.advance(view, place, 1)?;
        }
        Ok(merge)
    }

    pub(super) fn next(&mut self, view: &View<'_>) -> Result<Option<u64>, ReadError> {
        while let Some((event, place)) = self.heads.pop() {
            self.advance(view, place, STRIDE)?;
            // An event with several steps is in several lanes.
            if event != self.given {
                self.given = event;
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn advance(&mut self, view: &View<'_>, place: usize, stride: usize) -> Result<(), ReadError> {
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
            let mut select = view.prepare(select)?;
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

/// How many rows of a lane are read at once.
const STRIDE: usize = 32;
