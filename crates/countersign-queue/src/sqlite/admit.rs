//! Who gets into a group: repeats are answered, what cannot be stored is refused, new names get their numbers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use rusqlite::params;

use super::file::PAGE;
use super::group::Append;
use super::sql::count;
use super::trouble::{Later, Trouble};
use super::writer::Writer;
use crate::key::LaneNumber;
use crate::lane::Ledger;
use crate::names::lane_names;
use crate::replay::FlowKey;
use crate::{AppendError, Appended, NewEvent, Replay};

impl Writer<'_> {
    /// The appends that are to be written.
    pub(super) fn admit(&mut self, asked: Vec<Append>, now: u64) -> Result<Vec<Append>, Trouble> {
        let mut admitted = self.without_repeats(asked, now);
        if admitted.is_empty() {
            return Ok(admitted);
        }
        let weight = admitted.iter().map(|append| append.weight as u64).sum();
        if !self.has_room(weight) {
            self.put_off(Later::Full, now);
            refuse_all(admitted, &AppendError::Full);
            return Ok(Vec::new());
        }
        self.full = false;
        let mut first = 0;
        while let Some(append) = admitted.get(first) {
            match self.find_numbers(&append.event) {
                Ok(plan) => admitted[first].plan = plan,
                Err(Trouble::Later(later)) => {
                    self.put_off(later, now);
                    refuse_all(admitted, &later.into());
                    return Ok(Vec::new());
                }
                Err(Trouble::Row(detail)) => {
                    admitted
                        .remove(first)
                        .refuse(AppendError::Rejected(detail.into()));
                    continue;
                }
                Err(fatal) => return Err(fatal),
            }
            first += 1;
        }
        Ok(admitted)
    }

    /// Answers repeats of what is on disk; repeats of what is in this very group wait for its commit.
    fn without_repeats(&mut self, asked: Vec<Append>, now: u64) -> Vec<Append> {
        let mut admitted: Vec<Append> = Vec::with_capacity(asked.len());
        let mut firsts: HashMap<FlowKey, usize> = HashMap::new();
        for append in asked {
            if let Err(detail) = check(&append.event) {
                append.refuse(AppendError::Rejected(detail.into()));
                continue;
            }
            if let Some(replay) = append.event.replay {
                let event = &append.event;
                let flow = self.names.number(&event.organization, &event.flow);
                let key = (flow.map_or(NEW_FLOW, |flow| flow as u32), replay.key);
                if let Some(id) = self.replays.find(&key, now) {
                    self.stats.repeats += 1;
                    let _ = append.answer.send(Ok(Appended {
                        id,
                        duplicate: true,
                    }));
                    continue;
                }
                match firsts.entry(key) {
                    Entry::Occupied(first) => {
                        let first = &mut admitted[*first.get()];
                        // Flows that are new have no numbers yet to tell them apart by.
                        if first.event.flow == event.flow
                            && first.event.organization == event.organization
                        {
                            self.stats.repeats += 1;
                            first.echoes.push(append.answer);
                            continue;
                        }
                    }
                    Entry::Vacant(first) => drop(first.insert(admitted.len())),
                }
            }
            admitted.push(append);
        }
        admitted
    }

    /// Whether the disk has room for `weight` bytes and the reserve.
    fn has_room(&self, weight: u64) -> bool {
        match (self.options.free_space)(&self.folder) {
            Ok(free) => {
                let reserve = self.options.reserve_bytes;
                let left = free.saturating_sub(weight);
                // What retention has emptied is room inside the file; the log beside it needs some of the disk still.
                left >= reserve || (left >= reserve / 2 && left + self.unused() >= reserve)
            }
            Err(error) => {
                tracing::warn!(%error, "cannot tell how full the disk is");
                true
            }
        }
    }

    /// How many bytes of the file are empty.
    fn unused(&self) -> u64 {
        let connection = self.sql.connection;
        let pages = connection.pragma_query_value(None, "freelist_count", |row| Ok(count(row, 0)));
        pages.unwrap_or(0).saturating_mul(u64::from(PAGE))
    }

    /// The number of the event's plan, after seeing to it that everything in it has one.
    fn find_numbers(&mut self, event: &NewEvent) -> Result<usize, Trouble> {
        let keep = event.replay.map_or(0, Replay::millis);
        let known = self.names.number(&event.organization, &event.flow);
        if let Some(plan) = known.and_then(|flow| self.names.plan_number(flow, &event.steps))
            && keep <= self.replay_keep
        {
            return Ok(plan);
        }
        let connection = self.sql.connection;
        let transaction = connection
            .unchecked_transaction()
            .map_err(|error| Trouble::fatal(&error))?;
        let run =
            |sql: &str, values: &[&dyn rusqlite::ToSql]| match transaction.execute(sql, values) {
                Ok(_) => Ok(()),
                Err(error) => Err(Trouble::of_row(&error)),
            };
        let flow = known.unwrap_or(self.names.count());
        if known.is_none() {
            run(
                "INSERT INTO flows VALUES (?, ?, ?)",
                params![flow as i64, event.organization, event.flow],
            )?;
        }
        let (mut lanes, mut new) = (Vec::new(), Vec::new());
        for step in lane_names(&event.steps) {
            if let Some(lane) = known.and_then(|flow| self.names.flow(flow).lane(step)) {
                lanes.push(lane);
                continue;
            }
            let number = self.schedule.lanes().len() + new.len();
            if number >= LaneNumber::LIMIT {
                return Err(Trouble::Row("there are too many steps".into()));
            }
            run(
                "INSERT INTO lanes (id, flow, step) VALUES (?, ?, ?)",
                params![number as i64, flow as i64, step],
            )?;
            lanes.push(LaneNumber(number as u32));
            new.push(Arc::from(step));
        }
        let known_plan = known.and_then(|flow| self.names.plan_number(flow, &event.steps));
        if known_plan.is_none() {
            let row = params![
                self.names.plan_count() as i64,
                flow as i64,
                LaneNumber::list(&lanes)
            ];
            run("INSERT INTO plans VALUES (?, ?, ?)", row)?;
        }
        if keep > self.replay_keep {
            run(
                "UPDATE meta SET value = ? WHERE name = 'replay_keep'",
                params![keep as i64],
            )?;
        }
        transaction
            .commit()
            .map_err(|error| Trouble::at_commit(&error))?;

        self.replay_keep = self.replay_keep.max(keep);
        if known.is_none() {
            self.names
                .add_flow(Arc::clone(&event.organization), Arc::clone(&event.flow));
        }
        for step in new {
            let lane = self
                .schedule
                .add(flow, Arc::clone(&step), Ledger::default());
            self.names.add_lane(flow, step, lane);
        }
        Ok(known_plan.unwrap_or_else(|| self.names.add_plan(flow, lanes.into())))
    }
}

/// Refuses them all for the same reason.
pub(super) fn refuse_all(appends: Vec<Append>, error: &AppendError) {
    for append in appends {
        append.refuse(error.clone());
    }
}

/// What the names and the target of an event may be.
fn check(event: &NewEvent) -> Result<(), &'static str> {
    let names = [&event.organization, &event.flow]
        .into_iter()
        .chain(event.key.as_ref())
        .chain(&*event.steps);
    for name in names {
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err("a name in it is empty or longer than 255 bytes");
        }
    }
    if event.target.len() > LONGEST_TARGET {
        Err("its target is longer than 64 KiB")
    } else {
        Ok(())
    }
}

/// Stands for the number of a flow that has none yet.
const NEW_FLOW: u32 = u32::MAX;
const LONGEST_NAME: usize = 255;
const LONGEST_TARGET: usize = 64 << 10;
