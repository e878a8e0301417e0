//! What the layer adds to a request's allocations, counted.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use countersign::{Auth, Keyring, Scheme, Secret, Signer, Verifier};
use countersign_tower::{Policy, VerifyLayer};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service};

/// Takes whatever body and answers with none.
#[derive(Clone)]
struct Quiet;

impl<B: Body> Service<Request<B>> for Quiet {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Full::default())))
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_568_818_215_724)
}

/// The allocations of one genuine call, the making of the request left out.
fn allocations<S>(mut service: S, request: Request<Full<Bytes>>) -> u64
where
    S: Service<Request<Full<Bytes>>, Error = Infallible>,
    S::Response: Answer,
{
    let mut cx = Context::from_waker(Waker::noop());
    let counted = allocation_counter::measure(|| {
        assert!(service.poll_ready(&mut cx).is_ready());
        let mut answer = pin!(service.call(request));
        let Poll::Ready(Ok(response)) = answer.as_mut().poll(&mut cx) else {
            panic!("everything was there to answer at once");
        };
        assert_eq!(response.status(), 200);
    });
    counted.count_total
}

trait Answer {
    fn status(&self) -> u16;
}

impl<B> Answer for Response<B> {
    fn status(&self) -> u16 {
        Self::status(self).as_u16()
    }
}

#[test]
fn a_genuine_request_of_one_frame_costs_no_allocation() {
    let keys = Keyring::single(Secret::new("YSBzZWNyZXQgdGhhdCBpcyBsb25nIGVub3VnaA=="));
    for preset in [
        "designer-cloud",
        "github",
        "stripe",
        "standard-webhooks",
        "slack",
    ] {
        let scheme = Scheme::preset(preset).unwrap();
        let policy = Policy::builder(Auth::Signature(Verifier::new(&scheme, &keys).unwrap()));
        let layer = VerifyLayer::new(Arc::new(policy.build().unwrap())).clock(now);
        let request = || {
            let mut request = Request::post("/hooks/orders")
                .header("webhook-id", "msg_1")
                .body(vec![b'x'; 1024])
                .unwrap();
            let signer = Signer::new(&scheme, &keys).unwrap();
            signer.sign(&mut request, now()).unwrap();
            request.map(|body| Full::new(Bytes::from(body)))
        };

        let bare = allocations(Quiet, request());
        let verified = allocations(layer.clone().layer(Quiet), request());
        // What is kept of requests that are refused costs nothing where none is.
        let keeping = allocations(layer.keep_refused(true).layer(Quiet), request());

        // With the feature, the proof is left in the request's extensions: the map and
        // its box, and the body's count of owners.
        let proof = if cfg!(feature = "axum") { 4 } else { 0 };
        assert!(
            verified <= bare + proof,
            "{preset}: {verified} against {bare}"
        );
        assert_eq!(keeping, verified, "{preset}");
    }
}
