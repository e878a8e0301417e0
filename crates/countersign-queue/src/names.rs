//! The numbers of flows, lanes and plans, by name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::key::LaneNumber;

/// The numbers of flows, lanes and plans, by name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    flows: Vec<Flow>,
    plans: Vec<Plan>,
    /// By organization, then by flow.
    numbers: HashMap<Arc<str>, HashMap<Arc<str>, usize>>,
}

/// A flow with its lanes, and the plans that its events had.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) organization: Arc<str>,
    pub(crate) name: Arc<str>,
    lanes: Vec<(Arc<str>, LaneNumber)>,
    plans: Vec<usize>,
}

/// The lanes that an event goes into: those of its flow's steps when it came in.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) flow: usize,
    pub(crate) lanes: Arc<[LaneNumber]>,
    /// False for the plan of events that owe nothing.
    pub(crate) owes: bool,
    steps: Box<[Arc<str>]>,
    /// The list that was looked up last: most often it is the very same one again.
    same: Option<Arc<[Arc<str>]>>,
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
            plans: Vec::new(),
        });
        number
    }

    pub(crate) fn add_lane(&mut self, flow: usize, step: Arc<str>, lane: LaneNumber) {
        self.flows[flow].lanes.push((step, lane));
    }

    /// Adds the plan with the next number.
    pub(crate) fn add_plan(&mut self, flow: usize, lanes: Arc<[LaneNumber]>) -> usize {
        let number = self.plans.len();
        let known = &mut self.flows[flow];
        known.plans.push(number);
        let steps = lanes
            .iter()
            .filter_map(|lane| known.lanes.iter().find(|(_, other)| other == lane));
        let steps: Box<[_]> = steps.map(|(step, _)| Arc::clone(step)).collect();
        let owes = steps.iter().any(|step| **step != *NO_STEP);
        self.plans.push(Plan {
            flow,
            lanes,
            owes,
            steps,
            same: None,
        });
        number
    }

    pub(crate) fn flow(&self, number: usize) -> &Flow {
        &self.flows[number]
    }

    pub(crate) fn plan(&self, number: usize) -> &Plan {
        &self.plans[number]
    }

    pub(crate) fn count(&self) -> usize {
        self.flows.len()
    }

    pub(crate) fn plan_count(&self) -> usize {
        self.plans.len()
    }

    pub(crate) fn number(&self, organization: &str, flow: &str) -> Option<usize> {
        self.numbers.get(organization)?.get(flow).copied()
    }

    /// The number of the plan for these steps of a flow.
    pub(crate) fn plan_number(&mut self, flow: usize, steps: &Arc<[Arc<str>]>) -> Option<usize> {
        for &number in self.flows[flow].plans.iter().rev() {
            let plan = &mut self.plans[number];
            if plan
                .same
                .as_ref()
                .is_some_and(|same| Arc::ptr_eq(same, steps))
            {
                return Some(number);
            }
            if lane_names(steps).eq(plan.steps.iter().map(|step| &**step)) {
                plan.same = Some(Arc::clone(steps));
                return Some(number);
            }
        }
        None
    }
}

impl Flow {
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
