//! An event's way through the queue.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::time::Duration;

use countersign_queue::{Appended, EventQuery, Next, State};
use support::{Bench, Hands, again, attempt, body, claim_all, dead, event};

#[tokio::test]
async fn what_is_appended_is_claimed_and_settled_with_its_attempts() {
    let bench = Bench::new();
    let Appended { id, duplicate } = bench
        .queue
        .append(event("hello", &["billing", "audit"]))
        .await
        .unwrap();
    assert!(!duplicate);

    let claims = claim_all(&bench.queue).await;
    assert_eq!(claims.len(), 2);
    for claim in claims {
        assert_eq!(
            (claim.event.id, claim.attempt, &*body(&claim)),
            (id, 1, "hello")
        );
        let next = if &*claim.step == "billing" {
            Next::Done
        } else {
            dead("gone")
        };
        bench.settle(claim, attempt("delivered"), next).await;
    }

    let stored = bench.queue.event(id).await.unwrap().unwrap();
    assert_eq!(stored.state, State::Dead);
    assert_eq!(stored.deliveries.len(), 2);
    assert_eq!(bench.queue.attempts(id).await.unwrap().len(), 2);
    let page = bench.queue.events(EventQuery::default()).await.unwrap();
    assert_eq!(page.events.len(), 1);
    let stats = bench.queue.stats().await.unwrap();
    assert_eq!(
        (
            stats.pending(),
            stats.done(),
            stats.dead(),
            stats.in_flight()
        ),
        (0, 1, 1, 0)
    );
    bench.queue.close().await;
}

#[tokio::test]
async fn a_failed_delivery_comes_back_when_it_is_due() {
    let hands = Hands::new();
    let bench = Bench::with(hands.options());
    bench.store(event("hello", &["billing"])).await;
    let claim = claim_all(&bench.queue).await.pop().unwrap();
    bench
        .settle(claim, attempt("refused"), again(Duration::from_secs(60)))
        .await;
    assert!(claim_all(&bench.queue).await.is_empty());
    assert_eq!(bench.queue.next_due(), Some(Duration::from_secs(60)));

    hands.turn(Duration::from_secs(60));

    assert_eq!(bench.queue.next_due(), Some(Duration::ZERO));
    let claim = claim_all(&bench.queue).await.pop().unwrap();
    assert_eq!(claim.attempt, 2);
}
