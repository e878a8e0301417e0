//! Observing lets through what does not verify, and nothing else.

use countersign::Reason;
use countersign_tower::{MemoryReplayGuard, Verdict};
use http::Method;
use http_body::SizeHint;
use tower::Layer;

use crate::support::*;

#[tokio::test]
async fn a_forged_request_passes_with_the_reason_it_would_have_been_refused_for() {
    let receiver = Receiver::new();
    let service = layer(policy().observe(true)).layer(receiver.clone());
    let mut unsigned = signed("hello");
    unsigned.headers_mut().remove(HEADER);

    assert_eq!(send(service.clone(), forged()).await.status(), 202);
    assert_eq!(send(service.clone(), unsigned).await.status(), 202);
    assert_eq!(send(service, signed("hello")).await.status(), 202);

    let verdicts = receiver.inbox.verdicts();
    assert!(matches!(
        verdicts[0],
        Verdict::Observed(Reason::BadSignature)
    ));
    assert!(matches!(
        verdicts[1],
        Verdict::Observed(Reason::MissingHeader)
    ));
    assert!(matches!(verdicts[2], Verdict::Verified(_)));
    assert_eq!(receiver.inbox.bodies(), ["hellp", "hello", "hello"]);
}

#[tokio::test]
async fn the_body_limit_holds() {
    let observe = || policy().observe(true);
    let over = LIMIT as u64 + 1;
    let declared = Untouchable(SizeHint::with_exact(over));
    let undeclared = Frames::data([vec![b'x'; LIMIT], vec![b'x']]);

    let declared = refused(observe(), with_body(signed("hello"), declared)).await;
    let undeclared = refused(observe(), with_body(signed("hello"), undeclared)).await;

    assert_eq!((declared.status(), undeclared.status()), (413, 413));
}

#[tokio::test]
async fn the_methods_hold() {
    let mut request = signed("hello");
    *request.method_mut() = Method::DELETE;

    let answer = refused(policy().observe(true), request).await;

    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn repeats_pass() {
    let receiver = Receiver::new();
    let guard = MemoryReplayGuard::default();
    let service = layer(policy().observe(true))
        .replay(guard.clone())
        .layer(receiver.clone());

    send(service.clone(), signed("hello")).await;
    send(service, signed("hello")).await;

    assert_eq!(receiver.inbox.len(), 2);
    assert!(guard.is_empty());
}
