//! A replay guard in this process's memory: bounded, oldest out.

use std::{
    collections::{BTreeMap, HashMap},
    future::{Ready, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use countersign::ReplayKey;

use super::{ReplayGuard, Reservation, Reserve};

/// A [`ReplayGuard`] for one process: what it knows is lost with it.
///
/// It keeps at most a fixed number of keys. When that is not enough the oldest goes
/// first: a repeat of it would pass, which is better than refusing a new request.
#[derive(Clone, Debug)]
pub struct MemoryReplayGuard {
    seen: Arc<Mutex<Seen>>,
}

impl MemoryReplayGuard {
    /// Remembers at most `capacity` requests, and one at least.
    pub fn new(capacity: usize) -> Self {
        let seen = Seen {
            by_age: BTreeMap::new(),
            by_key: HashMap::new(),
            capacity: capacity.max(1),
            next: 0,
        };
        Self {
            seen: Arc::new(Mutex::new(seen)),
        }
    }

    /// How many requests are remembered or being worked on.
    pub fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // No operation can stop half-way: a poisoned set is a whole one.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryReplayGuard {
    /// Remembers at most 100,000 requests, about 10 MB.
    fn default() -> Self {
        Self::new(DEFAULT_CAPACITY)
    }
}

impl ReplayGuard for MemoryReplayGuard {
    type Reservation = MemoryReservation;
    type Reserving = Ready<Reserve<MemoryReservation>>;

    fn reserve(&self, key: ReplayKey, keep: Duration, now: SystemTime) -> Self::Reserving {
        ready(match self.lock().reserve(key, keep, now) {
            Reserve::Held(number) => Reserve::Held(MemoryReservation {
                guard: self.clone(),
                key,
                number,
            }),
            Reserve::InFlight => Reserve::InFlight,
            Reserve::Repeated => Reserve::Repeated,
            Reserve::Unguarded => Reserve::Unguarded,
        })
    }
}

/// A [`MemoryReplayGuard`]'s reservation.
#[derive(Debug)]
pub struct MemoryReservation {
    guard: MemoryReplayGuard,
    key: ReplayKey,
    number: u64,
}

impl Reservation for MemoryReservation {
    fn commit(self) {
        self.guard.lock().commit(self.key, self.number);
        // The drop that follows releases what is in flight only.
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.guard.lock().release(self.key, self.number);
    }
}

/// The set behind the lock.
#[derive(Debug)]
struct Seen {
    /// Same entries as `by_key`, numbered in the order they came.
    by_age: BTreeMap<u64, ReplayKey>,
    by_key: HashMap<ReplayKey, Entry>,
    capacity: usize,
    next: u64,
}

impl Seen {
    fn reserve(&mut self, key: ReplayKey, keep: Duration, now: SystemTime) -> Reserve<u64> {
        if let Some(entry) = self.by_key.get(&key) {
            if !entry.is_over(now) {
                return if entry.committed {
                    Reserve::Repeated
                } else {
                    Reserve::InFlight
                };
            }
            self.remove(key);
        }
        self.make_room(now);

        let number = self.next;
        self.next += 1;
        self.by_age.insert(number, key);
        let entry = Entry {
            committed: false,
            keep,
            number,
            since: now,
        };
        self.by_key.insert(key, entry);
        Reserve::Held(number)
    }

    fn commit(&mut self, key: ReplayKey, number: u64) {
        if let Some(entry) = self.by_key.get_mut(&key)
            && entry.number == number
        {
            entry.committed = true;
        }
    }

    fn release(&mut self, key: ReplayKey, number: u64) {
        let entry = self.by_key.get(&key);
        if entry.is_some_and(|entry| entry.number == number && !entry.committed) {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: ReplayKey) {
        if let Some(entry) = self.by_key.remove(&key) {
            self.by_age.remove(&entry.number);
        }
    }

    /// Drops what is over at the old end, and the oldest if there is still no room.
    fn make_room(&mut self, now: SystemTime) {
        while let Some(oldest) = self.by_age.first_entry() {
            let entry = self.by_key.get(oldest.get());
            let over = entry.is_none_or(|entry| entry.is_over(now));
            if !over && self.by_key.len() < self.capacity {
                break;
            }
            self.by_key.remove(&oldest.remove());
        }
    }
}

#[derive(Debug)]
struct Entry {
    committed: bool,
    keep: Duration,
    number: u64,
    since: SystemTime,
}

impl Entry {
    /// A clock that was set back makes an entry younger, never older; one in flight stays.
    fn is_over(&self, now: SystemTime) -> bool {
        let age = now.duration_since(self.since);
        self.committed && age.is_ok_and(|age| age > self.keep)
    }
}

const DEFAULT_CAPACITY: usize = 100_000;

#[cfg(test)]
mod tests;
