//! From a verified request to the flow's upstream, and the upstream's answer back: the reverse proxy.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use countersign::Verified;
use countersign_tower::{Verdict, VerifiedBody};
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use ipnet::IpNet;
use tokio::time::timeout;
use tower_service::Service;

use crate::config::{Flow, Upstream};
use crate::deliver::Client;
use crate::ingress::client;
use crate::ingress::ledger::Ledger;
use crate::ingress::reply::Answer;
use crate::log;
use crate::rejections::Sender;

mod answer;
mod failure;
mod request;

pub(crate) use answer::PassedBack;
use answer::passed_back;
use failure::NoAnswer;

/// The inner service of a flow with `forward`: passes on, then passes back.
#[derive(Clone, Debug)]
pub(crate) struct Forward(Arc<Passage>);

/// What every request of the flow needs.
#[derive(Debug)]
struct Passage {
    client: Client,
    flow: Arc<Flow>,
    ledger: Arc<Ledger>,
    trusted_proxies: Vec<IpNet>,
    upstream: Upstream,
}

/// Who is at the other end of the connection; put there by the ingress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Forward {
    /// Forwards what `flow` lets in to `upstream`.
    pub(crate) fn new(
        flow: Arc<Flow>,
        upstream: Upstream,
        trusted_proxies: Vec<IpNet>,
        client: Client,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self(Arc::new(Passage {
            client,
            flow,
            ledger,
            trusted_proxies,
            upstream,
        }))
    }
}

impl Passage {
    async fn pass(&self, request: Request<VerifiedBody>) -> Response<Answer> {
        let verified = request.body().verdict().verified();
        let key = verified.and_then(Verified::key).cloned();
        let key = key.as_ref().map(tracing::field::display);
        match self.ask(request).await {
            Ok(answer) => {
                tracing::debug!(
                    flow.id = %self.flow.id,
                    key.id = key,
                    status = answer.status().as_u16(),
                    "forwarded"
                );
                passed_back(answer, &self.flow, self.upstream.timeout).map(Either::Right)
            }
            Err(no_answer) => {
                let reply = no_answer.reply();
                tracing::warn!(
                    flow.id = %self.flow.id,
                    key.id = key,
                    target.host = self.upstream.base.host(),
                    status = reply.status().as_u16(),
                    reason = no_answer.label(),
                    error = %log::outside(&no_answer.to_string()),
                    "no answer from the upstream"
                );
                reply
            }
        }
    }

    /// The upstream's answer to `request`, as far as its head.
    async fn ask(&self, request: Request<VerifiedBody>) -> Result<Response<Incoming>, NoAnswer> {
        let socket = request.extensions().get::<Peer>().map(|peer| peer.0);
        let peer = socket.map(|socket| socket.ip());
        let hop = request::Hop {
            flow: &self.flow,
            peer,
            peer_is_proxy: peer.is_some_and(|peer| self.trusts(peer)),
            upstream: &self.upstream.base,
        };
        let (parts, body) = request.into_parts();
        match (body.verdict(), socket) {
            (Verdict::Verified(verified), _) => {
                self.ledger.genuine(Some(verified), SystemTime::now());
                self.ledger.tally().accepted();
            }
            (Verdict::Observed(reason), Some(peer)) => {
                let client = client::address(peer.ip(), &parts.headers, |hop| self.trusts(hop));
                let sender = Sender { client, peer };
                self.ledger.observed(*reason, &parts, &body, sender);
            }
            (Verdict::Observed(reason), None) => self.ledger.tally().observed(reason.as_str()),
        }
        let head = hop.onward(&parts, body.verdict())?;
        let request = head.map(|()| Full::new(body.into_bytes()));
        let answer = timeout(self.upstream.timeout, self.client.send(request))
            .await
            .map_err(|_| NoAnswer::Slow(self.upstream.timeout))?
            .map_err(NoAnswer::Send)?;
        match answer.status() {
            StatusCode::SWITCHING_PROTOCOLS => Err(NoAnswer::Switched),
            _ => Ok(answer),
        }
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }
}

impl Service<Request<VerifiedBody>> for Forward {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<VerifiedBody>) -> Self::Future {
        let passage = Arc::clone(&self.0);
        Box::pin(async move { Ok(passage.pass(request).await) })
    }
}
