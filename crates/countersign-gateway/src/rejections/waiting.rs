//! Refused requests that wait for a closer look: the last few of each flow, in the order in which they came.
//!
//! Where there is no room, the flow with the most gives way, so that a burst to one flow leaves the others their looks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::diagnose::Case;

/// The queue; its clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<Desk>);

#[derive(Debug, Default)]
struct Desk {
    bell: Notify,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    bytes: usize,
    cases: VecDeque<Case>,
}

impl Waiting {
    /// Puts one more into the line, and hands out those that gave way.
    pub(super) fn push(&self, case: Case) -> Vec<Case> {
        let out = self.line().push(case);
        self.0.bell.notify_one();
        out
    }

    /// The next one, as soon as there is one. Dropped while it waits, it loses nothing.
    pub(super) async fn next(&self) -> Case {
        loop {
            if let Some(case) = self.line().pop() {
                return case;
            }
            self.0.bell.notified().await;
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn push(&mut self, case: Case) -> Vec<Case> {
        let mut out = Vec::new();
        let of_same = |other: &Case| other.flow() == case.flow();
        if self.cases.iter().filter(|other| of_same(other)).count() >= OF_ONE_FLOW {
            let first = self.cases.iter().position(of_same);
            out.extend(first.and_then(|at| self.remove(at)));
        }
        self.bytes += case.size();
        self.cases.push_back(case);
        while self.cases.len() > IN_ALL || self.bytes > MOST_BYTES {
            let Some(case) = self.longest().and_then(|at| self.remove(at)) else {
                break;
            };
            out.push(case);
        }
        out
    }

    fn pop(&mut self) -> Option<Case> {
        self.remove(0)
    }

    /// The oldest one of the flow that has the most.
    fn longest(&self) -> Option<usize> {
        let mut counts = HashMap::<_, usize>::new();
        for case in &self.cases {
            *counts.entry(case.flow()).or_default() += 1;
        }
        let most = counts.values().max();
        let of_most = |case: &Case| counts.get(case.flow()) == most;
        self.cases.iter().position(of_most)
    }

    fn remove(&mut self, at: usize) -> Option<Case> {
        let case = self.cases.remove(at)?;
        self.bytes -= case.size();
        Some(case)
    }
}

/// How many of one flow may wait.
pub(super) const OF_ONE_FLOW: usize = 8;
/// How many of all flows may wait.
const IN_ALL: usize = 64;
/// How many bytes those that wait have together.
const MOST_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn flows(line: &Line) -> Vec<&str> {
        line.cases.iter().map(Case::flow).collect()
    }

    #[test]
    fn a_burst_to_one_flow_leaves_the_others_their_looks_and_its_own_last_ones() {
        let mut line = Line::default();
        let mut out = 0;
        for size in 0..100 {
            out += line.push(Case::of("flooded", size)).len();
        }
        assert!(line.push(Case::of("quiet", 1)).is_empty());

        assert_eq!(out, 100 - OF_ONE_FLOW);
        assert_eq!(
            flows(&line).iter().filter(|flow| **flow == "quiet").count(),
            1
        );
        let sizes = line.cases.iter().take(OF_ONE_FLOW).map(Case::size);
        assert!(sizes.eq(100 - OF_ONE_FLOW..100), "the last ones");
    }

    #[test]
    fn many_flows_stay_within_the_number_and_each_gives_way_in_turn() {
        let mut line = Line::default();
        for flow in 0..20 {
            for _ in 0..OF_ONE_FLOW {
                line.push(Case::of(&format!("flow-{flow}"), 1));
                assert!(line.cases.len() <= IN_ALL);
            }
        }

        for flow in 0..20 {
            assert!(flows(&line).contains(&&*format!("flow-{flow}")), "{flow}");
        }
        while line.pop().is_some() {}
        assert_eq!(line.bytes, 0);
    }

    #[test]
    fn large_bodies_stay_within_the_bytes() {
        let mut line = Line::default();
        for flow in 0..40 {
            line.push(Case::of(&format!("flow-{flow}"), 1 << 20));
            assert!(line.bytes <= MOST_BYTES);
        }
        assert_eq!(flows(&line).last(), Some(&"flow-39"));
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_and_gets_them_in_order() {
        let waiting = Waiting::default();
        let both = async { (waiting.next().await.size(), waiting.next().await.size()) };
        let push = async {
            waiting.push(Case::of("a", 1));
            waiting.push(Case::of("b", 2));
        };

        let (sizes, ()) = tokio::join!(both, push);

        assert_eq!(sizes, (1, 2));
    }
}
