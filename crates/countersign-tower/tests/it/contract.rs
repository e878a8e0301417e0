//! The tower contract: readiness, back-pressure, errors, and futures that are dropped.

use std::{
    future::{Ready, poll_fn, ready},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use countersign_tower::VerifiedBody;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};

use crate::support::*;

/// A service whose clones are not ready, and that must not be called unless it is.
#[derive(Default)]
struct Strict {
    calls: Arc<Mutex<usize>>,
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        let calls = Arc::clone(&self.calls);
        Self {
            calls,
            ready: false,
        }
    }
}

impl Service<Request<VerifiedBody>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<VerifiedBody>) -> Self::Future {
        assert!(self.ready, "called without having been polled ready");
        self.ready = false;
        *self.calls.lock().unwrap() += 1;
        ready(Ok(Response::new(Full::default())))
    }
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_the_one_that_is_called() {
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let mut service = layer(policy()).layer(strict);

    for _ in 0..3 {
        assert!(poll_ready(&mut service));
        let response = service.call(signed("hello")).await;
        assert_eq!(response.unwrap().status(), 200);
    }

    assert_eq!(*calls.lock().unwrap(), 3);
}

#[tokio::test]
async fn two_requests_can_be_under_way_at_once() {
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let mut service = layer(policy()).layer(strict);

    assert!(poll_ready(&mut service));
    let first = service.call(signed("hello"));
    assert!(poll_ready(&mut service));
    let second = service.call(signed("hello"));
    second.await.unwrap();
    first.await.unwrap();

    assert_eq!(*calls.lock().unwrap(), 2);
}

#[tokio::test]
async fn back_pressure_reaches_the_caller() {
    let never = service_fn(|_: Request<VerifiedBody>| {
        std::future::pending::<Result<Response<Full<Bytes>>, &str>>()
    });
    let limited = ConcurrencyLimitLayer::new(1).layer(never);
    let mut service = layer(policy()).layer(limited);
    let mut other = service.clone();

    assert!(poll_ready(&mut service));
    let mut working = ByHand::new(service.call(signed("hello")));
    assert!(working.poll().is_none());
    assert!(!poll_ready(&mut other), "the one permit is taken");

    drop(working);
    assert!(
        poll_ready(&mut other),
        "the permit came back with the dropped future"
    );
}

fn poll_ready<S: Service<Request<Full<Bytes>>>>(service: &mut S) -> bool {
    service
        .poll_ready(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

#[tokio::test]
async fn a_refusal_gives_the_inner_service_back_at_once() {
    let limited = ConcurrencyLimitLayer::new(1).layer(Receiver::new());
    let mut service = layer(policy()).layer(limited);
    let mut other = service.clone();
    assert!(poll_ready(&mut service));

    let mut refused = pin!(service.call(forged()));
    let response = poll_fn(|cx| refused.as_mut().poll(cx)).await.unwrap();

    // The future that has answered still lives.
    assert_eq!(response.status(), 401);
    assert!(poll_ready(&mut other));
}

#[tokio::test]
async fn the_error_of_the_inner_service_passes_through() {
    #[derive(Debug, PartialEq)]
    struct OutOfOrder(u8);
    let inner = service_fn(|_: Request<VerifiedBody>| {
        ready(Err::<Response<Full<Bytes>>, _>(OutOfOrder(7)))
    });

    let outcome = layer(policy()).layer(inner).oneshot(signed("hello")).await;

    assert_eq!(outcome.unwrap_err(), OutOfOrder(7));
}

#[tokio::test]
async fn an_inner_service_that_cannot_get_ready_says_so_to_the_caller() {
    #[derive(Clone)]
    struct Broken;
    impl Service<Request<VerifiedBody>> for Broken {
        type Response = Response<Full<Bytes>>;
        type Error = &'static str;
        type Future = Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Err("broken"))
        }

        fn call(&mut self, _: Request<VerifiedBody>) -> Self::Future {
            unreachable!("it was never ready")
        }
    }

    let outcome = layer(policy()).layer(Broken).oneshot(signed("hello")).await;

    assert_eq!(outcome.unwrap_err(), "broken");
}
