//! The numbers of flows and lanes, by name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::key::LaneNumber;

/// The numbers of flows and lanes, by name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    flows: Vec<Flow>,
    /// By organization, then by flow.
    numbers: HashMap<Arc<str>, HashMap<Arc<str>, usize>>,
}

/// A flow and its lanes.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) organization: Arc<str>,
    pub(crate) name: Arc<str>,
    lanes: Vec<(Arc<str>, LaneNumber)>,
}

impl Names {
    /// Adds the flow with the next number.
    pub(crate) fn add_flow(&mut self, organization: Arc<str>, name: Arc<str>) -> usize {
        let number = self.flows.len();
        let flows = self.numbers.entry(Arc::clone(&organization)).or_default();
        flows.insert(Arc::clone(&name), number);
        self.flows.push(Flow {
            organization,
            name,
            lanes: Vec::new(),
        });
        number
    }

    pub(crate) fn add_lane(&mut self, flow: usize, step: Arc<str>, lane: LaneNumber) {
        self.flows[flow].lanes.push((step, lane));
    }

    pub(crate) fn flow(&self, number: usize) -> &Flow {
        &self.flows[number]
    }

    pub(crate) fn count(&self) -> usize {
        self.flows.len()
    }

    pub(crate) fn number(&self, organization: &str, flow: &str) -> Option<usize> {
        self.numbers.get(organization)?.get(flow).copied()
    }
}

impl Flow {
    /// Every lane that the flow ever had.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = LaneNumber> {
        self.lanes.iter().map(|&(_, lane)| lane)
    }

    pub(crate) fn lane(&self, step: &str) -> Option<LaneNumber> {
        self.lanes
            .iter()
            .find(|(name, _)| **name == *step)
            .map(|&(_, lane)| lane)
    }
}

/// The distinct names of the lanes that an event with these steps goes into: one without a name if it owes nothing.
pub(crate) fn lane_names(steps: &[Arc<str>]) -> impl Iterator<Item = &str> {
    let distinct = steps
        .iter()
        .enumerate()
        .filter(|&(n, step)| !steps[..n].contains(step))
        .map(|(_, step)| &**step);
    distinct.chain(steps.is_empty().then_some(NO_STEP))
}

/// The name of the lane of events that owe nothing.
pub(crate) const NO_STEP: &str = "";
