//! Refused requests that are kept whole: the last few of each flow, for an hour, up to a number of bytes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::diagnose::Case;

/// Requests in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: usize,
    requests: VecDeque<(Instant, Case)>,
}

impl Kept {
    /// Keeps one more, and lets go of what there is no room for any longer.
    pub(super) fn push(&mut self, case: Case, now: Instant) {
        let of_same = |other: &Case| other.flow() == case.flow();
        let same = self
            .requests
            .iter()
            .filter(|(_, other)| of_same(other))
            .count();
        if same >= OF_ONE_FLOW
            && let Some(first) = self.requests.iter().position(|(_, other)| of_same(other))
        {
            self.remove(first);
        }
        self.bytes += case.size();
        self.requests.push_back((now, case));
        while self.bytes > MOST_BYTES {
            self.remove(0);
        }
        self.expire(now);
    }

    /// Lets go of what was kept for its time.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((since, _)) = self.requests.front()
            && now.saturating_duration_since(*since) >= KEPT_FOR
        {
            self.remove(0);
        }
    }

    /// Lets go of all whose flows are not wanted, and hands out the rest.
    pub(super) fn of_flows(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<Case> {
        self.requests.retain(|(_, case)| wanted(case.flow()));
        self.bytes = self.requests.iter().map(|(_, case)| case.size()).sum();
        self.requests.iter().map(|(_, case)| case.clone()).collect()
    }

    fn remove(&mut self, at: usize) {
        if let Some((_, case)) = self.requests.remove(at) {
            self.bytes -= case.size();
        }
    }
}

/// How many of one flow are kept.
const OF_ONE_FLOW: usize = 8;
const KEPT_FOR: Duration = Duration::from_secs(3_600);
/// How many bytes all of them have together.
const MOST_BYTES: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn flows(kept: &mut Kept) -> Vec<String> {
        let all = kept.of_flows(|_| true);
        all.iter().map(|case| case.flow().to_owned()).collect()
    }

    #[test]
    fn a_flow_that_is_flooded_keeps_its_last_few_and_leaves_the_others_alone() {
        let now = Instant::now();
        let mut kept = Kept::default();
        kept.push(Case::of("quiet", 10), now);

        for _ in 0..1_000 {
            kept.push(Case::of("flooded", 10), now);
        }

        let flows = flows(&mut kept);
        assert_eq!(flows.iter().filter(|flow| *flow == "quiet").count(), 1);
        assert_eq!(
            flows.iter().filter(|flow| *flow == "flooded").count(),
            OF_ONE_FLOW
        );
    }

    #[test]
    fn an_hour_later_nothing_is_kept() {
        let start = Instant::now();
        let mut kept = Kept::default();
        kept.push(Case::of("one", 10), start);
        kept.push(Case::of("two", 10), start + Duration::from_secs(60));

        kept.expire(start + KEPT_FOR);

        assert_eq!(flows(&mut kept), ["two"]);
        kept.expire(start + KEPT_FOR + Duration::from_secs(60));
        assert_eq!(kept.bytes, 0);
    }

    #[test]
    fn many_flows_with_large_bodies_stay_within_the_bytes() {
        let now = Instant::now();
        let mut kept = Kept::default();

        for number in 0..100 {
            kept.push(Case::of(&format!("flow-{number}"), 1 << 20), now);
            assert!(kept.bytes <= MOST_BYTES);
        }

        assert_eq!(flows(&mut kept).last().unwrap(), "flow-99");
        assert!(kept.of_flows(|_| false).is_empty());
        assert_eq!(kept.bytes, 0);
    }
}
