//! Where webhooks come in: route, Layer, answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use countersign_tower::{ClientAddress, Handshake, Refusal, Refused};
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;

use self::chatter::Chatter;
use self::endpoint::Endpoint;
use self::ledger::{Told, some};
use self::reply::Body;
use self::timed::Timed;
use crate::forward::Peer;
use crate::handshake::Visits;
use crate::listener::{Responder, Unread};
use crate::live::Current;
use crate::rejections::{NotStored, Outline, Rejections, Sender, Sketch, Unreadable};

mod chatter;
pub(crate) mod client;
pub(crate) mod endpoint;
pub(crate) mod ledger;
pub(crate) mod reply;
pub(crate) mod route;
mod timed;

/// Answers requests by the configuration of the moment.
#[derive(Clone, Debug)]
pub(crate) struct Ingress {
    current: Current,
    rejections: Arc<Rejections>,
    /// What handshakes ask to be visited.
    visits: Visits,
    /// How often requests to no flow are told.
    strays: Arc<Chatter>,
    /// How often that is told which is no request.
    unreadable: Arc<Chatter>,
}

impl Ingress {
    /// Answers from `current`; what is addressed to no flow is noted in `rejections`.
    pub(crate) fn new(current: Current, rejections: Arc<Rejections>, visits: Visits) -> Self {
        Self {
            current,
            rejections,
            visits,
            strays: Arc::default(),
            unreadable: Arc::default(),
        }
    }

    fn stray<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<Body> {
        if let Some(suppressed) = self.strays.may_speak() {
            let (head, _) = request.into_parts();
            let sender = self.sender(&head.headers, peer);
            let sketch = Sketch::new(Refusal::UnknownFlow, &head, sender);
            // It may be a tenant's by its path, and nobody can say whose: whoever runs the gateway is told.
            let operator = self.current.load().config.organization.to_shared();
            let now = SystemTime::now();
            let entry = self
                .rejections
                .note(None, operator, sketch, suppressed, now);
            tracing::info!(
                client.address = %sender,
                rejection = entry.number,
                suppressed = some(suppressed),
                "refused: no such flow"
            );
        }
        reply::no_such_flow()
    }
}

impl Ingress {
    /// Whom a request is from, for those who read about it.
    fn sender(&self, headers: &HeaderMap, peer: SocketAddr) -> Sender {
        let live = self.current.load();
        let trusts = |hop| live.config.ingress.trusts(hop);
        let client = client::address(peer.ip(), headers, trusts);
        Sender { client, peer }
    }

    /// A handshake was answered; what it asks for beyond that is done later. The answer instead, if it cannot be.
    fn shaken(
        &self,
        endpoint: &Endpoint,
        handshake: &Handshake,
        sender: Sender,
    ) -> Option<Response<Body>> {
        let url = handshake.visit();
        if url.is_some_and(|url| !self.visits.begin(&endpoint.flow.id, url)) {
            return Some(reply::not_now(RETRY_AFTER));
        }
        endpoint.ledger.shaken(sender);
        None
    }
}

impl Responder for Ingress {
    type Body = Body;

    /// The path of a webhook up to its acknowledgement.
    async fn answer(&self, mut request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let mut read = request.body().is_end_stream();
        let found = {
            let live = self.current.load();
            let ingress = &live.config.ingress;
            live.routes.find(request.uri().path()).map(|endpoint| {
                let client = endpoint.notes_address().then(|| {
                    client::address(peer.ip(), request.headers(), |hop| ingress.trusts(hop))
                });
                (Arc::clone(endpoint), client.flatten(), ingress.body_timeout)
            })
        };
        let mut response = match found {
            None => self.stray(request, peer),
            Some((endpoint, client, body_timeout)) => {
                if let Some(address) = client.filter(|_| endpoint.reads_address()) {
                    request.extensions_mut().insert(ClientAddress(address));
                }
                if endpoint.forwards() {
                    request.extensions_mut().insert(Peer(peer));
                }
                let request = request.map(|body| Timed::new(body, body_timeout, &mut read));
                let sender = || self.sender(request.headers(), peer);
                let mut response = match endpoint.welcome(&request, sender).await {
                    Some(response) => response,
                    None => endpoint.answer(request).await,
                };
                let handshake = response.extensions().get::<Handshake>();
                if let Some(instead) = handshake.and_then(|handshake| {
                    self.shaken(&endpoint, handshake, Sender { client, peer })
                }) {
                    response = instead;
                }
                let outline = response.extensions_mut().remove::<Outline>();
                if let Some(refusal) = response.extensions().get::<Refusal>().copied() {
                    // Taken out, so that it does not live as long as the sender takes to read its answer.
                    let refused = response.extensions_mut().remove::<Arc<Refused>>();
                    let policy = endpoint.policy();
                    let refused = refused.as_deref();
                    let head = refused
                        .map(Refused::head)
                        .or(outline.as_ref().map(|outline| &outline.head));
                    let sender = match refused {
                        Some(refused) => self.sender(&refused.head().headers, peer),
                        None => Sender { client, peer },
                    };
                    let told = Told {
                        head,
                        body: refused.and_then(Refused::body),
                        read: refused
                            .and_then(Refused::body_len)
                            .or(outline.as_ref().map(|outline| outline.bytes)),
                        policy: &policy,
                        sender,
                    };
                    endpoint.ledger.refused(refusal, told);
                }
                let not_stored = response.extensions_mut().remove::<NotStored>();
                if let Some((not_stored, outline)) = not_stored.zip(outline.as_ref()) {
                    let sender = Sender { client, peer };
                    endpoint
                        .ledger
                        .not_stored(not_stored, &outline.head, sender);
                }
                response
            }
        };
        if !read {
            response.extensions_mut().insert(Unread);
        }
        response
    }

    /// What cannot be read has no flow and no sender but the peer: whoever runs the gateway is told.
    fn unreadable(&self, error: &hyper::Error, peer: SocketAddr) {
        let Some(unreadable) = unreadable(error) else {
            return;
        };
        let Some(suppressed) = self.unreadable.may_speak() else {
            return;
        };
        let operator = self.current.load().config.organization.to_shared();
        let sketch = Sketch::of_nothing(unreadable, Sender { client: None, peer });
        let now = SystemTime::now();
        let entry = self
            .rejections
            .note(None, operator, sketch, suppressed, now);
        tracing::info!(
            client.address = %peer,
            reason = unreadable.as_str(),
            %error,
            rejection = entry.number,
            suppressed = some(suppressed),
            "refused: it cannot be read"
        );
    }
}

/// Whether a connection ended because what came over it is no request.
fn unreadable(error: &hyper::Error) -> Option<Unreadable> {
    match error {
        error if error.is_parse_too_large() => Some(Unreadable::HeadTooLarge),
        error if error.is_parse() => Some(Unreadable::Malformed),
        // Who hangs up or is too slow has not said anything yet.
        _ => None,
    }
}

/// When a sender is asked to come again whose handshake there is no room for.
const RETRY_AFTER: Duration = Duration::from_secs(60);
