//! One success a request, however often it is sent and however it is spelled.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use countersign::Auth;
use countersign_tower::{
    MemoryReplayGuard, Policy, PolicyBuilder, Refused, Repeats, VerifiedBody, Verify, VerifyLayer,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::*;

fn guarded(
    policy: PolicyBuilder,
    receiver: &Receiver,
) -> Verify<
    Receiver,
    impl countersign_tower::Resolve + Clone,
    countersign_tower::Problem,
    MemoryReplayGuard,
> {
    layer(policy)
        .replay(MemoryReplayGuard::default())
        .layer(receiver.clone())
}

#[tokio::test]
async fn a_repeat_is_acknowledged_without_reaching_the_receiver_again() {
    let receiver = Receiver::new();
    let service = guarded(policy(), &receiver);

    let first = send(service.clone(), signed("hello")).await;
    let second = send(service.clone(), signed("hello")).await;
    let other = send(service, signed("hullo")).await;

    assert_eq!((first.status(), first.refusal()), (202, None));
    assert_eq!(
        (second.status(), second.refusal()),
        (200, Some("acknowledged"))
    );
    assert_eq!(second.text(), r#"{"duplicate":true}"#);
    assert_eq!(other.status(), 202);
    assert_eq!(receiver.inbox.bodies(), ["hello", "hullo"]);
}

#[tokio::test]
async fn a_repeat_is_refused_where_the_policy_says_so() {
    let receiver = Receiver::new();
    let service = guarded(policy().repeats(Repeats::Refuse), &receiver);

    send(service.clone(), signed("hello")).await;
    let second = send(service, signed("hello")).await;

    assert_eq!((second.status(), second.refusal()), (409, Some("repeated")));
    assert_eq!(receiver.inbox.len(), 1);
}

#[tokio::test]
async fn a_repeat_passes_where_the_policy_says_so() {
    let receiver = Receiver::new();
    let service = guarded(policy().repeats(Repeats::Allow), &receiver);

    send(service.clone(), signed("hello")).await;
    let second = send(service, signed("hello")).await;

    assert_eq!(second.status(), 202);
    assert_eq!(receiver.inbox.len(), 2);
}

#[tokio::test]
async fn a_repeat_with_a_respelled_signature_is_a_repeat() {
    let receiver = Receiver::new();
    let service = guarded(policy(), &receiver);
    let genuine = signature(&signed("hello"));
    let (time, mac) = genuine.split_once(',').unwrap();
    let respelled = [
        format!("{mac},{time}"),
        format!("{time}, {mac}"),
        format!("{time},{mac},{mac}"),
        format!("{time},sha256={},{mac}", "0".repeat(64)),
        format!("{time},sha256={}", mac["sha256=".len()..].to_uppercase()),
    ];

    send(service.clone(), signed("hello")).await;

    for value in respelled {
        let request = with_signature(signed("hello"), &value);
        let answer = send(service.clone(), request).await;
        assert_eq!(answer.refusal(), Some("acknowledged"), "{value}");
    }
    assert_eq!(receiver.inbox.len(), 1);
}

#[tokio::test]
async fn what_the_receiver_did_not_accept_may_come_again() {
    let receiver = Receiver::answering(StatusCode::SERVICE_UNAVAILABLE);
    let service = guarded(policy(), &receiver);

    let first = send(service.clone(), signed("hello")).await;
    let second = send(service, signed("hello")).await;

    assert_eq!((first.status(), second.status()), (503, 503));
    assert_eq!(receiver.inbox.len(), 2);
}

#[tokio::test]
async fn what_ended_in_an_error_may_come_again() {
    let fail = Arc::new(AtomicBool::new(true));
    let inner = service_fn(move |_: Request<VerifiedBody>| {
        let failed = fail.swap(false, Ordering::SeqCst);
        async move {
            if failed {
                return Err("out of order");
            }
            Ok(Response::new(Full::<Bytes>::default()))
        }
    });
    let guard = MemoryReplayGuard::default();
    let service = layer(policy()).replay(guard.clone()).layer(inner);

    let first = service.clone().oneshot(signed("hello")).await;
    assert_eq!(first.unwrap_err(), "out of order");
    assert!(guard.is_empty());

    let second = service.oneshot(signed("hello")).await.unwrap();
    assert_eq!(second.status(), 200);
    assert_eq!(guard.len(), 1);
}

#[tokio::test]
async fn a_request_that_is_being_worked_on_is_not_worked_on_twice() {
    let gate = Arc::new(Semaphore::new(0));
    let pass = Arc::clone(&gate);
    let inner = service_fn(move |_: Request<VerifiedBody>| {
        let gate = Arc::clone(&gate);
        async move {
            let _permit = gate.acquire().await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let service = layer(policy())
        .replay(MemoryReplayGuard::default())
        .layer(inner);

    let mut first = ByHand::new(service.clone().oneshot(signed("hello")));
    assert!(first.poll().is_none());
    let second = send(service.clone(), signed("hello")).await;
    pass.add_permits(1);
    let first = first.poll().unwrap().unwrap();
    let third = send(service, signed("hello")).await;

    assert_eq!(
        (second.status(), second.refusal()),
        (409, Some("in_flight"))
    );
    assert_eq!(first.status(), 200);
    assert_eq!(third.refusal(), Some("acknowledged"));
}

#[tokio::test]
async fn a_repeat_that_is_refused_leaves_how_long_its_body_is_and_no_copy_of_it() {
    let never = service_fn(|_: Request<VerifiedBody>| {
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    });
    let service = layer(policy())
        .replay(MemoryReplayGuard::default())
        .keep_refused(true)
        .layer(never);
    let mut first = ByHand::new(service.clone().oneshot(signed("hello")));
    assert!(first.poll().is_none());

    let answer = send(service, signed("hello")).await;

    assert_eq!(answer.refusal(), Some("in_flight"));
    let kept = answer.response.extensions().get::<Arc<Refused>>().unwrap();
    assert_eq!((kept.body_len(), kept.body()), (Some(5), None));
}

#[tokio::test]
async fn a_dropped_request_may_come_again() {
    let never = service_fn(|_: Request<VerifiedBody>| {
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    });
    let guard = MemoryReplayGuard::default();
    let service = layer(policy()).replay(guard.clone()).layer(never);

    let mut request = ByHand::new(service.oneshot(signed("hello")));
    assert!(request.poll().is_none());
    assert_eq!(guard.len(), 1);
    drop(request);

    assert!(guard.is_empty());
}

#[tokio::test]
async fn equal_requests_to_two_flows_are_no_repeats() {
    let receiver = Receiver::new();
    let flows = ["orders", "billing"].map(|flow| Arc::new(policy().flow(flow).build().unwrap()));
    let next = Arc::new(Mutex::new(flows.into_iter().cycle()));
    let service = VerifyLayer::resolve(move |_: &http::request::Parts| {
        let policy: Arc<Policy> = next.lock().unwrap().next().unwrap();
        async { Ok(policy) }
    })
    .clock(now)
    .replay(MemoryReplayGuard::default())
    .layer(receiver.clone());

    for _ in 0..4 {
        send(service.clone(), signed("hello")).await;
    }

    assert_eq!(receiver.inbox.len(), 2);
}

#[tokio::test]
async fn a_scheme_without_a_time_is_guarded_only_where_the_policy_says_how_long() {
    let github = || Policy::builder(auth("github"));
    let request = || signed_at(now(), "github", Method::POST, "hello".into()).map(Full::new);

    let receiver = Receiver::new();
    let service = guarded(github(), &receiver);
    send(service.clone(), request()).await;
    send(service, request()).await;
    assert_eq!(receiver.inbox.len(), 2);

    let receiver = Receiver::new();
    let service = guarded(github().remember(Duration::from_secs(600)), &receiver);
    send(service.clone(), request()).await;
    send(service, request()).await;
    assert_eq!(receiver.inbox.len(), 1);
}

#[tokio::test]
async fn of_several_ways_to_sign_each_is_guarded_as_it_would_be_alone() {
    let either = || {
        let members = ["github", "designer-cloud"].map(auth);
        Policy::builder(Auth::any(members).unwrap())
    };
    let reached = async |policy: PolicyBuilder, preset: &str| {
        let receiver = Receiver::new();
        let service = guarded(policy, &receiver);
        for _ in 0..2 {
            let request = signed_at(now(), preset, Method::POST, "hello".into());
            send(service.clone(), request.map(Full::new)).await;
        }
        receiver.inbox.len()
    };

    assert_eq!(reached(either(), "designer-cloud").await, 1);
    assert_eq!(reached(either(), "github").await, 2, "two events");
    let long = either().remember(Duration::from_secs(3600));
    assert_eq!(reached(long, "github").await, 1);
}

#[tokio::test]
async fn a_request_is_remembered_for_as_long_as_its_signature_can_be_fresh() {
    // Signed as far ahead as the window allows, so fresh for the longest time.
    let ahead = now() + Duration::from_secs(300);
    let request =
        || signed_at(ahead, "designer-cloud", Method::POST, "hello".into()).map(Full::new);
    let last: fn() -> SystemTime = || now() + Duration::from_secs(600);
    let guard = MemoryReplayGuard::default();
    let receiver = Receiver::new();
    let at = |clock| {
        let layer = layer(policy()).clock(clock).replay(guard.clone());
        send(layer.layer(receiver.clone()), request())
    };

    assert_eq!(at(now).await.status(), 202);
    assert_eq!(at(last).await.refusal(), Some("acknowledged"));
    assert_eq!(receiver.inbox.len(), 1);
}

#[tokio::test]
async fn without_a_guard_every_genuine_request_reaches_the_receiver() {
    let receiver = Receiver::new();
    let service = layer(policy()).layer(receiver.clone());

    send(service.clone(), signed("hello")).await;
    send(service, signed("hello")).await;

    assert_eq!(receiver.inbox.len(), 2);
}
