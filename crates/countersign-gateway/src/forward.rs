//! From a verified request to the flow's upstream, and the upstream's answer back: the reverse proxy.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use countersign_tower::{Verdict, VerifiedBody};
use http::{Request, Response};
use http_body_util::{Either, Full};
use ipnet::IpNet;
use tower_service::Service;

use crate::config::{Flow, Upstream};
use crate::deliver::Client;
use crate::hop;
use crate::ingress::reply::{self, Answer};

mod request;

/// The inner service of a flow with `forward`: passes on, then passes back.
#[derive(Clone, Debug)]
pub(crate) struct Forward(Arc<Passage>);

/// What every request of the flow needs.
#[derive(Debug)]
struct Passage {
    client: Client,
    flow: Arc<Flow>,
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
    ) -> Self {
        Self(Arc::new(Passage {
            client,
            flow,
            trusted_proxies,
            upstream,
        }))
    }
}

impl Passage {
    async fn pass(&self, request: Request<VerifiedBody>) -> Response<Answer> {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        let hop = request::Hop {
            flow: &self.flow,
            peer,
            peer_is_proxy: peer.is_some_and(|peer| self.trusts(peer)),
            upstream: &self.upstream.base,
        };
        let (parts, body) = request.into_parts();
        if let Verdict::Observed(reason) = body.verdict() {
            let reason = reason.as_str();
            tracing::info!(flow.id = %self.flow.id, reason, "observed: would be refused, was let in");
        }
        let request = match hop.onward(&parts, body.verdict()) {
            Ok(head) => head.map(|()| Full::new(body.into_bytes())),
            Err(error) => return self.failed(&error, reply::bad_gateway()),
        };
        let sent = tokio::time::timeout(self.upstream.timeout, self.client.send(request)).await;
        match sent {
            Ok(Ok(answer)) => passed_back(answer),
            Ok(Err(error)) => self.failed(&error, reply::bad_gateway()),
            Err(elapsed) => self.failed(&elapsed, reply::gateway_timeout()),
        }
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    fn failed(
        &self,
        error: &(dyn std::error::Error + 'static),
        reply: Response<Answer>,
    ) -> Response<Answer> {
        tracing::warn!(
            flow.id = %self.flow.id,
            target.host = self.upstream.base.host(),
            status = reply.status().as_u16(),
            error,
            "the upstream gave no answer"
        );
        reply
    }
}

/// The upstream's answer without what belonged to its connection.
fn passed_back(answer: Response<hyper::body::Incoming>) -> Response<Answer> {
    let (mut parts, body) = answer.into_parts();
    parts.headers = hop::end_to_end_answer(&parts.headers);
    Response::from_parts(parts, Either::Right(body))
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
