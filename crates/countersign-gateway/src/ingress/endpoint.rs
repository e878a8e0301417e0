//! What stands at a flow's place: the Layer, and the inner service that the flow asks for.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use countersign_queue::Queue;
use countersign_tower::{Fixed, MemoryReplayGuard, Problem, VerifiedBody, Verify, VerifyLayer};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::reply::Answer;
use crate::accept::Accept;
use crate::config::{self, Flow, Then};
use crate::forward::Forward;
use crate::deliver::Client;

/// A flow, ready to answer.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) flow: Arc<Flow>,
    pub(crate) verify: Verify<Inner, Fixed, Problem, MemoryReplayGuard>,
}

/// What endpoints are built upon.
#[derive(Clone, Debug)]
pub(crate) struct Backends {
    pub(crate) client: Client,
    /// Remembers what forwarding flows let through; queueing flows leave that to the queue.
    pub(crate) guard: MemoryReplayGuard,
    pub(crate) queue: Queue,
}

impl Endpoint {
    /// Builds the services of `flow`.
    pub(crate) fn new(flow: &Arc<Flow>, ingress: &config::Ingress, backends: &Backends) -> Self {
        let inner = match &flow.then {
            Then::Forward(upstream) => Inner::Forward(Forward::new(
                Arc::clone(flow),
                upstream.clone(),
                ingress.trusted_proxies.as_slice().into(),
                backends.client.clone(),
            )),
            Then::Queue { steps } => {
                let steps = steps.iter().map(|step| step.name.as_str());
                Inner::Accept(Accept::new(Arc::clone(flow), steps, backends.queue.clone()))
            }
        };
        Self {
            flow: Arc::clone(flow),
            verify: VerifyLayer::new(Arc::clone(&flow.policy))
                .replay(backends.guard.clone())
                .layer(inner),
        }
    }

    /// Whether requests are passed on inline.
    pub(crate) fn forwards(&self) -> bool {
        matches!(self.flow.then, Then::Forward(_))
    }
}

/// What happens to a genuine request: choosing it is choosing the flow's kind.
#[derive(Clone, Debug)]
pub(crate) enum Inner {
    Accept(Accept),
    Forward(Forward),
}

impl Service<Request<VerifiedBody>> for Inner {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match self {
            Self::Accept(accept) => accept.poll_ready(context),
            Self::Forward(forward) => forward.poll_ready(context),
        }
    }

    fn call(&mut self, request: Request<VerifiedBody>) -> Self::Future {
        match self {
            Self::Accept(accept) => accept.call(request),
            Self::Forward(forward) => forward.call(request),
        }
    }
}
