//! In a stack with other layers, inside and outside.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use countersign_tower::VerifiedBody;
use http::{Request, Response};
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt, service_fn, timeout::error::Elapsed};

use crate::support::*;

#[tokio::test]
async fn between_a_concurrency_limit_and_time_outs_it_does_its_work() {
    let receiver = Receiver::new();
    let stack = ServiceBuilder::new()
        .concurrency_limit(2)
        .timeout(Duration::from_secs(30))
        .layer(layer(policy()))
        .timeout(Duration::from_secs(10))
        .service(receiver.clone());

    let genuine = stack.clone().oneshot(signed("hello")).await.unwrap();
    let forged = stack.oneshot(forged()).await.unwrap();

    assert_eq!(
        (genuine.status(), forged.status()),
        (202.try_into().unwrap(), 401.try_into().unwrap())
    );
    assert_eq!(receiver.inbox.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_inside_reaches_the_caller_as_the_error_it_is() {
    let never = service_fn(|_: Request<VerifiedBody>| {
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    });
    let stack = ServiceBuilder::new()
        .layer(layer(policy()))
        .timeout(Duration::from_secs(10))
        .service(never);

    let error = stack.oneshot(signed("hello")).await.unwrap_err();

    assert!(error.is::<Elapsed>(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_outside_ends_a_body_that_never_comes() {
    let receiver = Receiver::new();
    let stack = ServiceBuilder::new()
        .timeout(Duration::from_secs(10))
        .layer(layer(policy()))
        .service(receiver.clone());
    let request = with_body(signed("hello"), Silent);

    let error = stack.oneshot(request).await.unwrap_err();

    assert!(error.is::<Elapsed>(), "{error}");
    assert_eq!(receiver.inbox.len(), 0);
}
