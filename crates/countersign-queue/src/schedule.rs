//! Whose turn it is: a ring of lanes that may have work, timers of lanes that wait, and the leases that are out.
//!
//! A lane is in the ring, or waits for its timer, or has nothing to do, or has as many claims out as it may; settling one
//! of its claims puts it back. So a claim never walks past lanes that cannot take part, however many there are.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::key::{DeliveryKey, LaneNumber};
use crate::lane::{Lane, Ledger, Taken};

/// All lanes, and whose turn it is.
#[derive(Debug)]
pub(crate) struct Schedule {
    lanes: Vec<Lane>,
    ring: VecDeque<LaneNumber>,
    timers: BTreeSet<(u64, LaneNumber)>,
    leases: HashMap<DeliveryKey, Lease>,
    /// Claimed batches by their marker, with how many of each are not settled.
    batches: HashMap<i64, usize>,
    /// Lanes whose ledger the group that is being written has changed.
    staged: Vec<LaneNumber>,
    window: usize,
    /// How many claims of a lane could be out when lanes last left the ring for that.
    per_step: usize,
    /// Lanes that left the ring although they might have had more out.
    passed_over: Vec<LaneNumber>,
}

/// A delivery that is being tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    /// Which attempt this is.
    pub(crate) attempt: u32,
    /// When it was claimed.
    pub(crate) at: u64,
    /// The marker that it was committed under.
    pub(crate) batch: i64,
    /// The row of its last recorded attempt, 0 if there is none.
    pub(crate) last: i64,
    pub(crate) taken: Taken,
}

impl Schedule {
    pub(crate) fn new(window: usize) -> Self {
        Self {
            lanes: Vec::new(),
            ring: VecDeque::new(),
            timers: BTreeSet::new(),
            leases: HashMap::new(),
            batches: HashMap::new(),
            staged: Vec::new(),
            window: window.max(1),
            per_step: 0,
            passed_over: Vec::new(),
        }
    }

    /// Adds the lane with the next number.
    pub(crate) fn add(&mut self, flow: usize, step: Arc<str>, ledger: Ledger) -> LaneNumber {
        let number = LaneNumber(self.lanes.len() as u32);
        self.lanes
            .push(Lane::new(number, flow, step, ledger, self.window));
        self.arm(number);
        number
    }

    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    pub(crate) fn lane(&mut self, number: LaneNumber) -> &mut Lane {
        &mut self.lanes[number.index()]
    }

    /// Sees to it that the lane gets its turn when it has something to do.
    pub(crate) fn arm(&mut self, number: LaneNumber) {
        let lane = &mut self.lanes[number.index()];
        if lane.in_ring {
            return;
        }
        let next = lane.next();
        if let Some(at) = lane.timer.take() {
            self.timers.remove(&(at, number));
        }
        match next {
            None => {}
            Some(0) => {
                lane.in_ring = true;
                self.ring.push_back(number);
            }
            Some(at) => {
                lane.timer = Some(at);
                self.timers.insert((at, number));
            }
        }
    }

    /// Puts the lanes whose time has come into the ring.
    pub(crate) fn ring_timers(&mut self, now: u64) {
        while let Some(&(at, number)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            let lane = &mut self.lanes[number.index()];
            lane.timer = None;
            if !lane.in_ring {
                lane.in_ring = true;
                self.ring.push_back(number);
            }
        }
    }

    /// Notes how many claims of a lane may be out; when these are more than before, lanes that had as many as they might
    /// get their turn again. So do those that were passed over for the sake of others: each has claims out, so there
    /// are never more of them than claims.
    pub(crate) fn allow(&mut self, per_step: usize) {
        if per_step > self.per_step {
            for number in (0..self.lanes.len() as u32).map(LaneNumber) {
                if self.lanes[number.index()].in_flight > 0 {
                    self.arm(number);
                }
            }
        }
        self.per_step = per_step;
        for number in std::mem::take(&mut self.passed_over) {
            self.arm(number);
        }
    }

    /// Takes the lane whose turn it is out of the ring; it has fewer than `most` claims out. Lanes with as many as
    /// [allowed](Self::allow) leave the ring too, and come back when one of these is settled.
    pub(crate) fn turn(&mut self, most: usize) -> Option<LaneNumber> {
        loop {
            let number = self.ring.pop_front()?;
            let lane = &mut self.lanes[number.index()];
            lane.in_ring = false;
            if lane.in_flight < most {
                return Some(number);
            }
            if lane.in_flight < self.per_step {
                self.passed_over.push(number);
            }
        }
    }

    /// Puts a lane that took its turn at the end of the ring.
    pub(crate) fn again(&mut self, number: LaneNumber) {
        let lane = &mut self.lanes[number.index()];
        if !lane.in_ring {
            lane.in_ring = true;
            self.ring.push_back(number);
        }
    }

    /// When there is something to claim without any further event, as far as is known.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.timers.first().map(|&(at, _)| at)
    }

    pub(crate) fn lease(&self, delivery: DeliveryKey) -> Option<Lease> {
        self.leases.get(&delivery).copied()
    }

    pub(crate) fn is_out(&self, delivery: DeliveryKey) -> bool {
        self.leases.contains_key(&delivery)
    }

    /// Notes a delivery that was picked, so that it is not picked again.
    pub(crate) fn lend(&mut self, delivery: DeliveryKey, lease: Lease) {
        self.leases.insert(delivery, lease);
        *self.batches.entry(lease.batch).or_default() += 1;
    }

    /// Notes a settlement that was committed.
    pub(crate) fn give_back(&mut self, delivery: DeliveryKey) {
        if self.forget(delivery).is_some() {
            self.lanes[delivery.lane().index()].in_flight -= 1;
        }
    }

    /// Takes back a delivery that was picked and not given out after all.
    pub(crate) fn take_back(&mut self, delivery: DeliveryKey) {
        if let Some(lease) = self.forget(delivery) {
            self.lanes[delivery.lane().index()].restore(lease.taken);
            self.arm(delivery.lane());
        }
    }

    fn forget(&mut self, delivery: DeliveryKey) -> Option<Lease> {
        let lease = self.leases.remove(&delivery)?;
        if let Some(left) = self.batches.get_mut(&lease.batch) {
            *left -= 1;
            if *left == 0 {
                self.batches.remove(&lease.batch);
            }
        }
        Some(lease)
    }

    /// How many of a batch are not settled.
    pub(crate) fn left(&self, batch: i64) -> usize {
        self.batches.get(&batch).copied().unwrap_or(0)
    }

    /// The ledger of a lane as the group that is being written changes it.
    pub(crate) fn stage(&mut self, number: LaneNumber) -> &mut Ledger {
        let lane = &mut self.lanes[number.index()];
        if lane.staged == lane.ledger {
            self.staged.push(number);
        }
        lane.staged.cursor = lane.claimed;
        &mut lane.staged
    }

    /// The ledgers that the group changes.
    pub(crate) fn staged(&self) -> impl Iterator<Item = (LaneNumber, &Ledger)> {
        self.staged
            .iter()
            .map(|&number| (number, &self.lanes[number.index()].staged))
    }

    /// The group was committed.
    pub(crate) fn keep_staged(&mut self) {
        for number in self.staged.drain(..) {
            let lane = &mut self.lanes[number.index()];
            lane.ledger = lane.staged;
        }
    }

    /// The group was rolled back.
    pub(crate) fn drop_staged(&mut self) {
        for number in self.staged.drain(..) {
            let lane = &mut self.lanes[number.index()];
            lane.staged = lane.ledger;
        }
    }
}
