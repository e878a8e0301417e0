//! Where webhooks come in: route, Layer, answer.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_tower::Refusal;
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;

use self::chatter::Chatter;
use self::endpoint::Endpoint;
use self::reply::Body;
use self::timed::Timed;
use crate::forward::Peer;
use crate::listener::{Responder, Unread};
use crate::live::Current;

mod chatter;
pub(crate) mod endpoint;
pub(crate) mod reply;
pub(crate) mod route;
mod timed;

/// Answers requests by the configuration of the moment.
#[derive(Clone, Debug)]
pub(crate) struct Ingress {
    current: Current,
    /// How often requests to no flow are logged.
    strays: Arc<Chatter>,
}

impl Ingress {
    /// Answers from `current`.
    pub(crate) fn new(current: Current) -> Self {
        Self {
            current,
            strays: Arc::default(),
        }
    }

    fn stray(&self, peer: SocketAddr) -> Response<Body> {
        if let Some(suppressed) = self.strays.may_speak() {
            tracing::info!(
                client.address = %peer,
                suppressed = some(suppressed),
                "refused: no such flow"
            );
        }
        reply::no_such_flow()
    }
}

impl Responder for Ingress {
    type Body = Body;

    /// The path of a webhook up to its acknowledgement.
    async fn answer(&self, mut request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let mut read = request.body().is_end_stream();
        let found = {
            let live = self.current.load();
            let endpoint = live.routes.find(request.uri().path()).map(Arc::clone);
            endpoint.map(|endpoint| (endpoint, live.config.ingress.body_timeout))
        };
        let mut response = match found {
            None => self.stray(peer),
            Some((endpoint, body_timeout)) => {
                if endpoint.forwards() {
                    request.extensions_mut().insert(Peer(peer));
                }
                let request = request.map(|body| Timed::new(body, body_timeout, &mut read));
                let response = endpoint.answer(request).await;
                if let Some(refusal) = response.extensions().get() {
                    report(&endpoint, refusal, peer);
                }
                response
            }
        };
        if !read {
            response.extensions_mut().insert(Unread);
        }
        response
    }
}

/// Tells the operator why the inner service was not asked.
fn report(endpoint: &Endpoint, refusal: &Refusal, peer: SocketAddr) {
    if matches!(refusal, Refusal::Acknowledged) {
        tracing::debug!(
            flow.id = %endpoint.flow.id,
            client.address = %peer,
            "a repeat, acknowledged once more"
        );
        return;
    }
    let Some(suppressed) = endpoint.chatter.may_speak() else {
        return;
    };
    tracing::info!(
        flow.id = %endpoint.flow.id,
        client.address = %peer,
        reason = refusal.as_str(),
        hint = refusal.hint().map(tracing::field::display),
        suppressed = some(suppressed),
        "refused"
    );
}

/// A count worth a field of its line.
fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}
