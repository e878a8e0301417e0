//! What stands at a flow's place: the Layer, and the inner service that the flow asks for.

use std::sync::Arc;

use countersign_queue::Queue;
use countersign_tower::{MemoryReplayGuard, Policy, Problem, Verify, VerifyLayer};
use http::{Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt;
use tower_layer::Layer;

use super::ledger::Ledger;
use super::reply::Body;
use super::timed::Timed;
use crate::accept::Accept;
use crate::config::{self, Flow, Then};
use crate::deliver::Client;
use crate::forward::Forward;
use crate::handshake::{self, Registrations, Standing};
use crate::keysource::Keys;
use crate::rejections::{Rejections, Sender};

/// A flow, ready to answer.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) flow: Arc<Flow>,
    pub(crate) ledger: Arc<Ledger>,
    door: Door,
    /// Whether it asks where a request comes from: for its auth, or so that no sender keeps the others from theirs.
    reads_address: bool,
    registrations: Registrations,
    standing: Standing,
}

/// What happens to a genuine request: choosing the inner service is choosing the flow's kind.
#[derive(Clone, Debug)]
enum Door {
    /// The queue recognises repeats by itself, across restarts, so the Layer does not.
    Accept(Verify<Accept, Standing>),
    Forward(Verify<Forward, Standing, Problem, MemoryReplayGuard>),
}

/// What endpoints are built upon.
#[derive(Clone, Debug)]
pub(crate) struct Backends {
    pub(crate) client: Client,
    /// Remembers what forwarding flows let through.
    pub(crate) guard: MemoryReplayGuard,
    /// Fetches the keys that requests name.
    pub(crate) keys: Keys,
    pub(crate) queue: Queue,
    /// Has the secrets that senders brought.
    pub(crate) registrations: Registrations,
    /// Remembers what flows refused.
    pub(crate) rejections: Arc<Rejections>,
}

impl Endpoint {
    /// Builds the services of `flow`, which go on counting where `previous` is.
    pub(crate) fn new(
        flow: &Arc<Flow>,
        ingress: &config::Ingress,
        backends: &Backends,
        previous: Option<&Self>,
    ) -> Self {
        let previous = previous.map(|previous| &*previous.ledger);
        let ledger = Arc::new(Ledger::new(flow, &backends.rejections, previous));
        let standing = backends.registrations.stand(flow);
        let layer = VerifyLayer::with(standing.clone()).keep_refused(true);
        let layer = match flow.policy.auth().fetches_key() {
            true => layer.key_source(backends.keys.for_flow()),
            false => layer,
        };
        let door = match &flow.then {
            Then::Forward(upstream) => {
                let forward = Forward::new(
                    Arc::clone(flow),
                    upstream.clone(),
                    ingress.trusted_proxies.clone(),
                    backends.client.clone(),
                    Arc::clone(&ledger),
                );
                Door::Forward(layer.replay(backends.guard.clone()).layer(forward))
            }
            Then::Queue { steps } => {
                let steps = steps.iter().map(|step| step.name.as_str());
                let queue = backends.queue.clone();
                let accept = Accept::new(Arc::clone(flow), steps, queue, Arc::clone(&ledger));
                Door::Accept(layer.layer(accept))
            }
        };
        let auth = flow.policy.auth();
        Self {
            flow: Arc::clone(flow),
            ledger,
            door,
            reads_address: auth.reads_address() || auth.asks(),
            registrations: backends.registrations.clone(),
            standing,
        }
    }

    /// What requests are held to now.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.standing.policy()
    }

    /// Takes the secret that `request` brings, if it is time for that.
    pub(super) async fn welcome<B>(
        &self,
        request: &Request<B>,
        sender: impl FnOnce() -> Sender,
    ) -> Option<Response<Body>> {
        let (known, flow, standing) = (&self.registrations, &self.flow, &self.standing);
        handshake::welcome(known, flow, standing, &self.ledger, request, sender).await
    }

    /// Whether somebody is told where a request comes from once its headers are gone: it may be a handshake, or the
    /// store may not take it.
    pub(super) fn notes_address(&self) -> bool {
        self.reads_address || !self.forwards() || !self.flow.policy.handshakes().is_empty()
    }

    /// Whether it has to be known where a request comes from.
    pub(crate) fn reads_address(&self) -> bool {
        self.reads_address
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
