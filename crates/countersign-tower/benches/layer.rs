//! What the layer costs on top of the verdict: one genuine request of 1 KiB.
//!
//! `verify` is the verdict alone, `layer` the whole call with a body that is there;
//! the difference is the layer's own. `inner` is the same call without the layer.

#![expect(clippy::unwrap_used, reason = "a bench that cannot begin should stop")]

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use countersign::{Auth, Keyring, PublicUrl, Scheme, Secret, Signed, Signer, Verifier};
use countersign_tower::{Policy, VerifyLayer};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service};

#[derive(Clone)]
struct Quiet;

impl<B> Service<Request<B>> for Quiet {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::new(Full::default())))
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_568_818_215_724)
}

fn call<S>(service: &mut S, request: Request<Full<Bytes>>) -> S::Response
where
    S: Service<Request<Full<Bytes>>, Error = Infallible>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    match pin!(service.call(request)).as_mut().poll(&mut cx) {
        Poll::Ready(Ok(response)) => response,
        _ => unreachable!("everything was there to answer at once"),
    }
}

fn one_kibibyte(criterion: &mut Criterion) {
    let keys = Keyring::single(Secret::new("a secret that is long enough"));
    let scheme = Scheme::preset("designer-cloud").unwrap();
    let verifier = Verifier::new(&scheme, &keys).unwrap();
    let policy = Policy::builder(Auth::Signature(verifier.clone()));
    let layer = VerifyLayer::new(policy.build().unwrap()).clock(now);
    let mut request = Request::post("/hooks/orders")
        .body(vec![b'x'; 1024])
        .unwrap();
    let signer = Signer::new(&scheme, &keys).unwrap();
    signer.sign(&mut request, now()).unwrap();
    let request = request.map(Bytes::from);

    let mut group = criterion.benchmark_group("1 KiB");
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            let signed = Signed {
                method: request.method(),
                url: PublicUrl {
                    base: "",
                    target: "/hooks/orders",
                },
                headers: request.headers(),
                body: request.body(),
                now: now(),
            };
            verifier.verify(black_box(&signed)).unwrap()
        });
    });
    for (name, verified) in [("inner", false), ("layer", true)] {
        let mut inner = Quiet;
        let mut layered = layer.layer(Quiet);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || request.clone().map(Full::new),
                |request| {
                    if verified {
                        assert!(call(&mut layered, request).status().is_success());
                    } else {
                        assert!(call(&mut inner, request).status().is_success());
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, one_kibibyte);
criterion_main!(benches);
