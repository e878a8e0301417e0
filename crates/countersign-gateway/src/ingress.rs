//! Where webhooks come in: socket, route, Layer, answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use countersign_tower::Refusal;
use http::{Request, Response};
use hyper::body::Incoming;

use self::endpoint::Endpoint;
use self::listener::Answer;
use self::reply::Body;
use self::timed::Timed;
use crate::forward::Peer;
use crate::live::Current;

pub(crate) mod endpoint;
pub(crate) mod listener;
pub(crate) mod reply;
pub(crate) mod route;
mod timed;

/// Answers requests by the configuration of the moment.
#[derive(Clone, Debug)]
pub(crate) struct Ingress {
    body_timeout: Duration,
    current: Current,
}

impl Ingress {
    /// Answers from `current`; a body must be whole within `body_timeout`.
    pub(crate) fn new(current: Current, body_timeout: Duration) -> Self {
        Self {
            body_timeout,
            current,
        }
    }

    fn endpoint(&self, path: &str) -> Option<Arc<Endpoint>> {
        self.current.load().routes.find(path).map(Arc::clone)
    }
}

impl Answer for Ingress {
    type Body = Body;

    /// The path of a webhook up to its acknowledgement.
    async fn answer(&self, mut request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let Some(endpoint) = self.endpoint(request.uri().path()) else {
            tracing::info!(client.address = %peer, "refused: no such flow");
            return reply::no_such_flow();
        };
        if endpoint.forwards() {
            request.extensions_mut().insert(Peer(peer));
        }
        let request = request.map(|body| Timed::new(body, self.body_timeout));
        let response = endpoint.answer(request).await;
        if let Some(refusal) = response.extensions().get::<Refusal>() {
            tracing::info!(
                flow.id = %endpoint.flow.id,
                client.address = %peer,
                reason = refusal.as_str(),
                hint = refusal.hint().map(tracing::field::display),
                "refused"
            );
        }
        response
    }
}
