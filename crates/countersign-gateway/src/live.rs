//! What the gateway does at this moment: one configuration and what is built from it.
//!
//! A request takes one snapshot and keeps it to its end; a new configuration is built beside
//! the old one and swapped in whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{Config, Flow, Step, Then};
use crate::deliver::Client;
use crate::ingress::endpoint::{Backends, Endpoint};
use crate::ingress::route::{Place, Routes};

/// One configuration, ready to be used.
#[derive(Debug)]
pub(crate) struct Live {
    /// Reaches what this configuration lets it reach.
    pub(crate) client: Client,
    pub(crate) config: Config,
    pub(crate) routes: Routes<Arc<Endpoint>>,
    endpoints: HashMap<Box<str>, Arc<Endpoint>>,
}

/// The snapshot that everybody reads and that a reload replaces.
pub(crate) type Current = Arc<ArcSwap<Live>>;

impl Live {
    /// Builds everything that `config` asks for; the client of `backends` has to follow its address rules.
    ///
    /// What was counted under `previous` is counted on.
    pub(crate) fn new(config: Config, backends: &Backends, previous: Option<&Self>) -> Self {
        let mut routes = Routes::new(&config.ingress.prefix);
        let mut endpoints = HashMap::new();
        for flow in &config.flows {
            let previous = previous.and_then(|previous| previous.endpoint(flow.id.as_str()));
            let previous = previous.map(|endpoint| &**endpoint);
            let endpoint = Endpoint::new(flow, &config.ingress, backends, previous);
            let endpoint = Arc::new(endpoint);
            routes.insert(place(flow), Arc::clone(&endpoint));
            endpoints.insert(flow.id.as_str().into(), endpoint);
        }
        Self {
            client: backends.client.clone(),
            config,
            routes,
            endpoints,
        }
    }

    /// The flow of this id, as it is configured now.
    pub(crate) fn flow(&self, id: &str) -> Option<&Arc<Flow>> {
        Some(&self.endpoint(id)?.flow)
    }

    /// What stands at the place of the flow of this id.
    pub(crate) fn endpoint(&self, id: &str) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(id)
    }

    /// The step of this name in the flow of this id, as it is configured now.
    pub(crate) fn step(&self, flow: &str, step: &str) -> Option<&Arc<Step>> {
        match &self.flow(flow)?.then {
            Then::Queue { steps } => steps.iter().find(|known| known.name.as_str() == step),
            Then::Forward(_) => None,
        }
    }
}

fn place(flow: &Flow) -> Place<'_> {
    match &flow.path {
        None => Place::Id(flow.id.as_str()),
        Some(path) if path.is_open() => Place::Below(path.as_str()),
        Some(path) => Place::Exact(path.as_str()),
    }
}
