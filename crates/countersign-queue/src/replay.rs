//! The replay keys that are remembered: bounded, the oldest forgotten first.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use crate::EventId;

/// A replay key and the number of the flow that it was used in.
pub(crate) type FlowKey = (u32, [u8; 16]);

/// The replay keys that are remembered.
#[derive(Debug)]
pub(crate) struct ReplaySet {
    known: HashMap<FlowKey, Known>,
    /// In order of arrival, each with the row that it was remembered for.
    order: VecDeque<(FlowKey, u64)>,
    cap: usize,
    evicted: u64,
}

#[derive(Debug)]
struct Known {
    id: EventId,
    until: u64,
}

impl ReplaySet {
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            known: HashMap::new(),
            order: VecDeque::new(),
            cap,
            evicted: 0,
        }
    }

    /// The event that `key` belongs to, if it is still remembered at `now`; the last moment counts.
    pub(crate) fn find(&self, key: &FlowKey, now: u64) -> Option<EventId> {
        self.known
            .get(key)
            .filter(|known| now <= known.until)
            .map(|known| known.id)
    }

    /// Remembers `key` until `until`, newer than everything remembered so far.
    pub(crate) fn remember(&mut self, key: FlowKey, id: EventId, until: u64, now: u64) {
        if until < now || self.cap == 0 {
            return;
        }
        self.forget_expired(now);
        if self.order.len() >= self.cap {
            self.evicted += u64::from(self.forget_oldest());
        }
        self.known.insert(key, Known { id, until });
        self.order.push_back((key, id.row()));
    }

    /// Remembers `key`, older than everything remembered so far; false when there is no more room.
    pub(crate) fn recall(&mut self, key: FlowKey, id: EventId, until: u64) -> bool {
        if self.order.len() >= self.cap {
            return false;
        }
        // A newer event with the same key was taken for a new one, and answers from now on.
        if let Entry::Vacant(entry) = self.known.entry(key) {
            entry.insert(Known { id, until });
            self.order.push_front((key, id.row()));
        }
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    fn forget_expired(&mut self, now: u64) {
        while let Some((key, row)) = self.order.front() {
            let known = self.known.get(key);
            if known.is_some_and(|known| known.id.row() == *row && now <= known.until) {
                break;
            }
            self.forget_oldest();
        }
    }

    /// Whether that forgot anything: a key that was remembered anew since is kept.
    fn forget_oldest(&mut self) -> bool {
        let Some((key, row)) = self.order.pop_front() else {
            return false;
        };
        let stale = self
            .known
            .get(&key)
            .is_some_and(|known| known.id.row() == row);
        stale && self.known.remove(&key).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> FlowKey {
        (0, [byte; 16])
    }

    fn id(row: u64) -> EventId {
        EventId::new(row, 7)
    }

    #[test]
    fn a_key_is_remembered_until_its_time() {
        let mut set = ReplaySet::new(8);
        set.remember(key(1), id(1), 100, 0);

        assert_eq!(set.find(&key(1), 100), Some(id(1)));
        assert_eq!(set.find(&key(1), 101), None);
    }

    #[test]
    fn a_key_belongs_to_its_flow() {
        let mut set = ReplaySet::new(8);
        set.remember((1, [1; 16]), id(1), 100, 0);

        assert_eq!(set.find(&(2, [1; 16]), 50), None);
        set.remember((2, [1; 16]), id(2), 100, 0);
        assert_eq!(set.find(&(1, [1; 16]), 50), Some(id(1)));
    }

    #[test]
    fn a_full_set_forgets_the_oldest_and_says_so() {
        let mut set = ReplaySet::new(2);
        for n in 1..=3 {
            set.remember(key(n), id(n.into()), 100, 0);
        }

        assert_eq!(set.find(&key(1), 0), None);
        assert_eq!(set.find(&key(2), 0), Some(id(2)));
        assert_eq!((set.len(), set.evicted()), (2, 1));
    }

    #[test]
    fn an_expired_key_makes_room_without_being_counted_as_lost() {
        let mut set = ReplaySet::new(2);
        set.remember(key(1), id(1), 10, 0);
        set.remember(key(2), id(2), 100, 0);
        set.remember(key(3), id(3), 100, 50);

        assert_eq!((set.len(), set.evicted()), (2, 0));
    }

    #[test]
    fn a_key_that_came_anew_after_its_time_outlives_its_first_entry() {
        let mut set = ReplaySet::new(3);
        set.remember(key(9), id(1), 1000, 0);
        set.remember(key(1), id(2), 10, 0);
        set.remember(key(1), id(3), 2000, 20);
        set.remember(key(2), id(4), 5000, 1500);

        assert_eq!(set.find(&key(1), 1500), Some(id(3)));
    }

    #[test]
    fn recalling_goes_backwards_and_stops_when_full() {
        let mut set = ReplaySet::new(2);
        assert!(set.recall(key(3), id(3), 100));
        assert!(set.recall(key(2), id(2), 100));
        assert!(!set.recall(key(1), id(1), 100));

        set.remember(key(4), id(4), 100, 0);
        assert_eq!(set.find(&key(2), 0), None);
        assert_eq!(set.find(&key(3), 0), Some(id(3)));
    }
}
