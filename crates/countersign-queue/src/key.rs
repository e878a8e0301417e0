//! The number of a delivery: its lane and its event in one integer.
//!
//! Deliveries are stored by this number, so the deliveries of one lane lie side by side in order of arrival, and
//! finding the next one is a step in a table, with no index to keep.

use crate::id::LAST_ROW;

/// The number of a lane: one step of one flow.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct LaneNumber(pub(crate) u32);

impl LaneNumber {
    /// The most lanes there can be: about two million.
    pub(crate) const LIMIT: usize = 1 << 21;

    /// Lanes as stored: their numbers with commas.
    pub(crate) fn list(lanes: &[Self]) -> String {
        let numbers: Vec<_> = lanes.iter().map(|lane| lane.0.to_string()).collect();
        numbers.join(",")
    }

    /// Reads what [`list`](Self::list) wrote; what is no lane's number is left out.
    pub(crate) fn parse_list(stored: &str) -> impl Iterator<Item = Self> {
        let numbers = stored.split(',').filter_map(|number| number.parse().ok());
        numbers.map(Self).filter(|lane| lane.index() < Self::LIMIT)
    }

    /// The lane's place in a list of all lanes.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of a delivery.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct DeliveryKey(i64);

impl DeliveryKey {
    /// The delivery of the event in row `event` by `lane`.
    pub(crate) fn new(lane: LaneNumber, event: u64) -> Self {
        debug_assert!(event <= LAST_ROW && lane.index() < LaneNumber::LIMIT);
        Self((i64::from(lane.0) << EVENT_BITS) | event as i64)
    }

    /// The last number that `lane` can have.
    pub(crate) fn last(lane: LaneNumber) -> Self {
        Self::new(lane, LAST_ROW)
    }

    pub(crate) fn from_stored(number: i64) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }

    pub(crate) fn stored(self) -> i64 {
        self.0
    }

    pub(crate) fn lane(self) -> LaneNumber {
        LaneNumber((self.0 >> EVENT_BITS) as u32)
    }

    pub(crate) fn event(self) -> u64 {
        self.0 as u64 & LAST_ROW
    }
}

const EVENT_BITS: u32 = LAST_ROW.count_ones();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_number_gives_back_its_parts() {
        let highest = LaneNumber(LaneNumber::LIMIT as u32 - 1);
        for (lane, event) in [(LaneNumber(0), 1), (LaneNumber(7), 9), (highest, LAST_ROW)] {
            let key = DeliveryKey::new(lane, event);
            assert_eq!((key.lane(), key.event()), (lane, event));
            assert_eq!(DeliveryKey::from_stored(key.stored()), Some(key));
        }
    }

    #[test]
    fn lanes_do_not_overlap() {
        assert!(DeliveryKey::last(LaneNumber(3)) < DeliveryKey::new(LaneNumber(4), 0));
    }
}
