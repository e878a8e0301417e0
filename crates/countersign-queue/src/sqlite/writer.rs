//! The writer: takes what waits, writes it in one transaction, commits, and only then changes what it knows and answers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::admit::refuse_all;
use super::filing::Unfiled;
use super::group::{Append, Group};
use super::recover::Recovered;
use super::retention::Sweep;
use super::sql::Sql;
use super::tails::Tails;
use super::trouble::{Later, Trouble};
use crate::command::Command;
use crate::inbox::Inbox;
use crate::lane::Lane;
use crate::names::{NO_STEP, Names};
use crate::replay::ReplaySet;
use crate::schedule::Schedule;
use crate::shared::Shared;
use crate::{AppendError, LaneStats, Options, Stats, StoreFailure};

/// Everything the writing thread knows.
#[derive(Debug)]
pub(crate) struct Writer<'c> {
    pub(super) sql: Sql<'c>,
    pub(super) shared: Arc<Shared>,
    pub(super) options: Options,
    /// The folder whose disk must have room.
    pub(super) folder: Box<Path>,
    pub(super) names: Names,
    pub(super) schedule: Schedule,
    pub(super) replays: ReplaySet,
    /// The longest time that any replay key was to be remembered, as stored.
    pub(super) replay_keep: u64,
    pub(super) next_event: u64,
    pub(super) next_attempt: i64,
    pub(super) next_claim: i64,
    /// How many of each batch end in the group that is being written.
    pub(super) ending: HashMap<i64, usize>,
    pub(super) tails: Tails,
    pub(super) unfiled: Unfiled,
    /// Events on pages that cannot be read.
    pub(super) unreadable: HashSet<u64>,
    pub(super) sweep: Sweep,
    pub(super) full: bool,
    /// Another program holds the file, and that was said.
    held: bool,
    pub(super) stats: Stats,
    waiting: VecDeque<Command>,
}

impl<'c> Writer<'c> {
    pub(super) fn new(
        sql: Sql<'c>,
        shared: Arc<Shared>,
        options: Options,
        folder: Box<Path>,
        recovered: Recovered,
    ) -> Self {
        Self {
            sql,
            shared,
            folder,
            names: recovered.names,
            schedule: recovered.schedule,
            replays: ReplaySet::new(options.replay_cap),
            replay_keep: recovered.replay_keep,
            next_event: recovered.next_event,
            next_attempt: recovered.next_attempt,
            next_claim: 1,
            ending: HashMap::new(),
            tails: Tails::default(),
            unfiled: Unfiled::new(recovered.next_event - 1),
            unreadable: HashSet::new(),
            sweep: Sweep::new(options.clock.now(), recovered.removed_through),
            full: false,
            held: false,
            stats: Stats::default(),
            waiting: VecDeque::new(),
            options,
        }
    }

    /// Works until the queue is closed and nothing waits, or it fails.
    pub(super) fn run(mut self) -> Result<(), StoreFailure> {
        self.warm_up()
            .map_err(|error| StoreFailure::new(&error.to_string()))?;
        self.shared.set_ready();
        self.shared.wake();
        loop {
            let inbox = Arc::clone(&self.shared.inbox);
            inbox.take(&mut self.waiting);
            if self.waiting.is_empty() {
                if inbox.is_closed() {
                    inbox.take(&mut self.waiting);
                    if self.waiting.is_empty() {
                        return self.file_or_wait();
                    }
                } else {
                    self.rest(&inbox)?;
                    continue;
                }
            }
            let group = Group::fill(&mut self.waiting);
            self.work(group)?;
            self.file_if_many()?;
            self.sweep_if_due(false)?;
        }
    }

    /// Does what can wait, and waits for something to do.
    fn rest(&mut self, inbox: &Inbox) -> Result<(), StoreFailure> {
        self.sweep_if_due(true)?;
        let rest = self.sweep.rest(self.options.clock.now());
        let waited = inbox.wait(if self.has_unfiled() {
            rest.min(FILING_INTERVAL)
        } else {
            rest
        });
        if waited { self.file_or_wait() } else { Ok(()) }
    }

    fn work(&mut self, mut group: Group) -> Result<(), StoreFailure> {
        let now = self.options.clock.now();
        let admitted = self
            .admit(std::mem::take(&mut group.appends), now)
            .or_else(|trouble| match trouble {
                Trouble::Fatal(failure) => Err(failure),
                // Both were answered where they came up.
                Trouble::Later(_) | Trouble::Page | Trouble::Row(_) => Ok(Vec::new()),
            });
        group.appends = match admitted {
            Ok(admitted) => admitted,
            Err(failure) => return Err(self.fail(failure)),
        };
        self.write(group, now).map_err(|failure| self.fail(failure))
    }

    /// Writes a group, and what went in well even if some of it cannot.
    fn write(&mut self, mut group: Group, now: u64) -> Result<(), StoreFailure> {
        let trouble = match self.transact(&mut group, now) {
            Ok(()) => {
                self.conclude(group, now);
                return Ok(());
            }
            Err(Trouble::Fatal(failure)) => {
                // Told before the callers are let go of, so that they learn why.
                self.shared.fail(&failure);
                return Err(failure);
            }
            Err(trouble) => trouble,
        };
        if let Trouble::Page = trouble {
            return self.write(group, now);
        }
        let appends = std::mem::take(&mut group.appends);
        if let Trouble::Later(later) = trouble {
            self.put_off(later, now);
            if appends.is_empty() {
                self.wait(group, later);
                return Ok(());
            }
            refuse_all(appends, &later.into());
            return self.write(group, now);
        }
        self.write(group, now)?;
        for append in appends {
            self.write_alone(append, now)?;
        }
        Ok(())
    }

    /// Writes one event of a group in which one cannot be written, to find out which.
    fn write_alone(&mut self, append: Append, now: u64) -> Result<(), StoreFailure> {
        let mut group = Group {
            appends: vec![append],
            ..Group::default()
        };
        match self.transact(&mut group, now) {
            Ok(()) => {
                self.conclude(group, now);
                Ok(())
            }
            Err(Trouble::Fatal(failure)) => {
                self.shared.fail(&failure);
                Err(failure)
            }
            Err(Trouble::Later(later)) => {
                self.put_off(later, now);
                refuse_all(group.appends, &later.into());
                Ok(())
            }
            Err(Trouble::Page) => self.write(group, now),
            Err(Trouble::Row(detail)) => {
                tracing::warn!(%detail, "an event cannot be stored");
                refuse_all(group.appends, &AppendError::Rejected(detail.into()));
                Ok(())
            }
        }
    }

    /// Writes and commits a group. If that fails, nothing of it was done, here or on disk.
    fn transact(&mut self, group: &mut Group, now: u64) -> Result<(), Trouble> {
        if group.writes_nothing() {
            return Ok(());
        }
        let before = (self.next_event, self.next_attempt, self.next_claim);
        let written = self.write_rows(group, now);
        let ended = self.end(written);
        if ended.is_ok() {
            self.stats.commits += 1;
            self.held = false;
            return ended;
        }
        (self.next_event, self.next_attempt, self.next_claim) = before;
        for claiming in group.claims.iter_mut().rev() {
            for pick in claiming.picks.drain(..).rev() {
                self.schedule.take_back(pick.delivery);
            }
        }
        ended
    }

    /// Commits what was written. If either fails, the lanes are as they were, and so is the disk unless the queue cannot go on.
    pub(super) fn end<T>(&mut self, written: Result<T, Trouble>) -> Result<T, Trouble> {
        let ended = written.and_then(|value| match self.sql.commit() {
            Ok(()) => Ok(value),
            Err(error) => Err(Trouble::at_commit(&error)),
        });
        match &ended {
            Ok(_) => self.schedule.keep_staged(),
            Err(trouble) => {
                self.schedule.drop_staged();
                if !matches!(trouble, Trouble::Fatal(_)) {
                    self.sql
                        .rollback()
                        .map_err(|error| Trouble::Fatal(StoreFailure::new(&error.to_string())))?;
                }
            }
        }
        ended
    }

    fn write_rows(&mut self, group: &mut Group, now: u64) -> Result<(), Trouble> {
        let fatal = |error: rusqlite::Error| Trouble::fatal(&error);
        self.ending.clear();
        self.sql.begin().map_err(fatal)?;
        for claiming in &mut group.claims {
            self.pick(claiming, now)?;
        }
        for settling in &mut group.settles {
            self.settle(settling, now).map_err(fatal)?;
        }
        for append in &mut group.appends {
            self.append(append, now)?;
        }
        for (lane, ledger) in self.schedule.staged() {
            self.sql.update_lane(lane, ledger).map_err(fatal)?;
        }
        Ok(())
    }

    /// Notes why nothing can be written for a while.
    pub(super) fn put_off(&mut self, later: Later, now: u64) {
        match later {
            Later::Full => {
                self.full = true;
                self.sweep.hurry(now);
            }
            Later::Busy if !self.held => {
                self.held = true;
                tracing::warn!(
                    "another program holds the queue's file locked; nothing is stored until it lets go"
                );
            }
            Later::Busy => {}
        }
    }

    /// Nothing can be written for a while: claims find nothing, what was tried is recorded later.
    fn wait(&mut self, group: Group, later: Later) {
        for answer in group.stats {
            let _ = answer.send(self.stats());
        }
        for claiming in group.claims {
            let _ = claiming.answer.send(Ok(Vec::new()));
        }
        if self.shared.inbox.is_closed() {
            // It may take for ever, and what was tried counts as interrupted at the next start.
            for answer in group
                .settles
                .into_iter()
                .filter_map(|settling| settling.answer)
            {
                let _ = answer.send(Err(later.into()));
            }
            return;
        }
        for settling in group.settles.into_iter().rev() {
            self.waiting.push_front(Command::Settle {
                delivery: settling.delivery,
                how: settling.how,
                answer: settling.answer,
            });
        }
        thread::sleep(PAUSE);
        self.shared.wake();
    }

    pub(super) fn fail(&self, failure: StoreFailure) -> StoreFailure {
        self.shared.fail(&failure);
        failure
    }

    pub(super) fn stats(&self) -> Stats {
        let lanes = self
            .schedule
            .lanes()
            .iter()
            .filter(|lane| *lane.step != *NO_STEP);
        Stats {
            lanes: lanes.map(|lane| self.lane_stats(lane)).collect(),
            replay_keys: self.replays.len(),
            replay_evicted: self.replays.evicted(),
            full: self.full,
            ..self.stats.clone()
        }
    }

    fn lane_stats(&self, lane: &Lane) -> LaneStats {
        let flow = self.names.flow(lane.flow);
        LaneStats {
            organization: Arc::clone(&flow.organization),
            flow: Arc::clone(&flow.name),
            step: Arc::clone(&lane.step),
            pending: lane.ledger.fresh + lane.ledger.waiting + lane.unfiled.owed,
            retrying: lane.ledger.waiting,
            in_flight: lane.in_flight as u64,
            done: lane.ledger.done + lane.unfiled.done,
            dead: lane.ledger.dead,
        }
    }
}

/// How long an idle queue leaves deliveries unfiled.
const FILING_INTERVAL: Duration = Duration::from_secs(5);
/// How long a file that cannot be written is left alone.
const PAUSE: Duration = Duration::from_millis(200);
