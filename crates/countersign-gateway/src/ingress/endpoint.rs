//! What stands at a flow's place: the Layer, and the inner service that the flow asks for.

use std::sync::Arc;

use countersign_queue::Queue;
use countersign_tower::{Fixed, MemoryReplayGuard, Problem, Verify, VerifyLayer};
use http::{Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt;
use tower_layer::Layer;

use super::chatter::Chatter;
use super::reply::Body;
use super::timed::Timed;
use crate::accept::Accept;
use crate::config::{self, Flow, Then};
use crate::deliver::Client;
use crate::forward::Forward;

/// A flow, ready to answer.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) flow: Arc<Flow>,
    /// How often its refusals are logged.
    pub(super) chatter: Chatter,
    door: Door,
}

/// What happens to a genuine request: choosing the inner service is choosing the flow's kind.
#[derive(Clone, Debug)]
enum Door {
    /// The queue recognises repeats by itself, across restarts, so the Layer does not.
    Accept(Verify<Accept>),
    Forward(Verify<Forward, Fixed, Problem, MemoryReplayGuard>),
}

/// What endpoints are built upon.
#[derive(Clone, Debug)]
pub(crate) struct Backends {
    pub(crate) client: Client,
    /// Remembers what forwarding flows let through.
    pub(crate) guard: MemoryReplayGuard,
    pub(crate) queue: Queue,
}

impl Endpoint {
    /// Builds the services of `flow`.
    pub(crate) fn new(flow: &Arc<Flow>, ingress: &config::Ingress, backends: &Backends) -> Self {
        let layer = VerifyLayer::new(Arc::clone(&flow.policy));
        let door = match &flow.then {
            Then::Forward(upstream) => {
                let forward = Forward::new(
                    Arc::clone(flow),
                    upstream.clone(),
                    ingress.trusted_proxies.clone(),
                    backends.client.clone(),
                );
                Door::Forward(layer.replay(backends.guard.clone()).layer(forward))
            }
            Then::Queue { steps } => {
                let steps = steps.iter().map(|step| step.name.as_str());
                let accept = Accept::new(Arc::clone(flow), steps, backends.queue.clone());
                Door::Accept(layer.layer(accept))
            }
        };
        Self {
            flow: Arc::clone(flow),
            chatter: Chatter::default(),
            door,
        }
    }

    /// Whether requests are passed on inline.
    pub(crate) fn forwards(&self) -> bool {
        matches!(self.flow.then, Then::Forward(_))
    }

    /// Lets `request` in or refuses it.
    pub(crate) async fn answer(&self, request: Request<Timed<'_, Incoming>>) -> Response<Body> {
        let Ok(response) = match &self.door {
            Door::Accept(verify) => verify.clone().oneshot(request).await,
            Door::Forward(verify) => verify.clone().oneshot(request).await,
        };
        response
    }
}
