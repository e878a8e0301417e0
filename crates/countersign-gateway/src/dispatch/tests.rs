//! The dispatcher on real sockets and a real queue: each test is a promise about deliveries.

use std::sync::Mutex;

use countersign_queue::State;
use http::StatusCode;
use tokio::sync::Semaphore as Gate;
use tokio::time::timeout;

use super::*;
use crate::deliver::receiver::{Receiver, answer};

mod answers;
mod support;

use support::{PATIENCE, Running, config, ends, outcomes};

#[tokio::test]
async fn an_event_reaches_every_step_once() {
    let mut billing = Receiver::with_status(StatusCode::OK).await;
    let mut stock = Receiver::with_status(StatusCode::ACCEPTED).await;
    let running = Running::with_steps(&[
        ("billing", billing.url("/in"), ""),
        ("stock", stock.url("/"), ""),
    ]);

    let event = running.event(&["billing", "stock"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["done", "done"]);
    assert_eq!(outcomes(&attempts), ["delivered", "delivered"]);
    for receiver in [&mut billing, &mut stock] {
        let request = receiver.request().await;
        assert_eq!(request.body(), "hello");
        assert_eq!(request.headers()["countersign-event"], event.to_string());
        assert_eq!(request.headers()["countersign-attempt"], "1");
        assert_eq!(request.headers()["content-length"], "5");
        assert_eq!(request.uri().query(), Some("a=1"));
        assert_eq!(receiver.unseen(), 0);
    }
}

#[tokio::test]
async fn a_receiver_that_fails_twice_gets_a_third_attempt_under_the_same_id() {
    let script = Mutex::new(vec![
        StatusCode::OK,
        StatusCode::BAD_GATEWAY,
        StatusCode::NOT_FOUND,
    ]);
    let mut receiver = Receiver::answering(move |_| {
        let status = script.lock().unwrap().pop().unwrap();
        async move { answer(status) }
    })
    .await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(
        outcomes(&attempts),
        ["client_error", "server_error", "delivered"]
    );
    assert_eq!(
        attempts
            .iter()
            .map(|attempt| attempt.status)
            .collect::<Vec<_>>(),
        [Some(404), Some(502), Some(200)]
    );
    for attempt in ["1", "2", "3"] {
        let request = receiver.request().await;
        assert_eq!(request.headers()["countersign-event"], event.to_string());
        assert_eq!(request.headers()["countersign-attempt"], attempt);
    }
}

#[tokio::test]
async fn after_the_last_attempt_a_delivery_is_dead_and_seen_no_more() {
    let receiver = Receiver::with_status(StatusCode::INTERNAL_SERVER_ERROR).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["exhausted"]);
    assert_eq!(attempts.len(), 3);
    assert_eq!(receiver.unseen(), 3);
}

#[tokio::test]
async fn a_receiver_that_hangs_slows_no_other() {
    let gate = Arc::new(Gate::new(0));
    let hung = Arc::clone(&gate);
    let stalled = Receiver::answering(move |_| {
        let hung = Arc::clone(&hung);
        async move {
            let _ = hung.acquire().await;
            answer(StatusCode::OK)
        }
    })
    .await;
    let mut fast = Receiver::with_status(StatusCode::OK).await;
    let running = Running::with_steps(&[
        ("stalled", stalled.url("/"), ""),
        ("fast", fast.url("/"), ""),
    ]);

    let mut events = Vec::new();
    for _ in 0..50 {
        events.push(running.event(&["stalled", "fast"]).await);
    }
    for _ in 0..50 {
        timeout(PATIENCE, fast.request()).await.unwrap();
    }

    // All the while the other one holds as many as it may, and no more.
    assert_eq!(stalled.unseen(), 2);
    gate.add_permits(Gate::MAX_PERMITS);
    for event in events {
        let (deliveries, _) = running.settled(event).await;
        assert_eq!(ends(&deliveries), ["done", "done"]);
    }
}

#[tokio::test]
async fn a_step_that_is_gone_leaves_its_deliveries_visibly_dead() {
    let receiver = Receiver::with_status(StatusCode::OK).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing", "removed"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["done", "step_removed"]);
    assert_eq!(outcomes(&attempts), ["delivered"]);
}

#[tokio::test]
async fn a_retry_goes_to_the_steps_current_url() {
    let moved = Receiver::with_status(StatusCode::OK).await;
    let current: Arc<Mutex<Option<Running>>> = Arc::default();
    let (reconfigure, url) = (Arc::clone(&current), moved.url("/new"));
    let old = Receiver::answering(move |_| {
        if let Some(running) = &*reconfigure.lock().unwrap() {
            running.configure(config(&[("billing", url.clone(), "")]));
        }
        async { answer(StatusCode::INTERNAL_SERVER_ERROR) }
    })
    .await;
    let running = Running::with_steps(&[("billing", old.url("/old"), "")]);
    *current.lock().unwrap() = Some(running.clone());

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["server_error", "delivered"]);
    assert_eq!((old.unseen(), moved.unseen()), (1, 1));
}

#[tokio::test]
async fn a_poison_event_ends_after_its_last_attempt_crash_or_no_crash() {
    let receiver = Receiver::with_status(StatusCode::OK).await;
    let steps = [("billing", receiver.url("/"), "max_retries = 0")];
    let running = Running::prepared(&steps);
    let event = running.event(&["billing"]).await;

    // A gateway claims it and dies.
    let claims = running.queue.claim(Limits::new(1, 1)).await.unwrap();
    assert_eq!(claims.len(), 1);
    running.queue.clone().close().await;
    drop(claims);
    let running = running.reopened(&steps);
    running.start();
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["exhausted"]);
    assert!(attempts.iter().all(|attempt| attempt.status.is_none()));
    assert_eq!(receiver.unseen(), 0);
}

#[tokio::test]
async fn stopping_lets_what_is_under_way_finish_and_claims_nothing_more() {
    let gate = Arc::new(Gate::new(0));
    let hung = Arc::clone(&gate);
    let mut receiver = Receiver::answering(move |_| {
        let hung = Arc::clone(&hung);
        async move {
            let _ = hung.acquire().await;
            answer(StatusCode::OK)
        }
    })
    .await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);
    let first = running.event(&["billing"]).await;
    receiver.request().await;

    let stopping = running.tasks.stopping();
    let drain = running.tasks.clone().drain(PATIENCE);
    let finish = async {
        stopping.cancelled().await;
        let second = running.event(&["billing"]).await;
        gate.add_permits(Gate::MAX_PERMITS);
        second
    };
    let (drained, second) = tokio::join!(drain, finish);

    assert_eq!(drained, Ok(()));
    running.settled(first).await;
    assert_eq!(receiver.unseen(), 0);
    let left = running.queue.event(second).await.unwrap().unwrap();
    assert_eq!(left.state, State::Pending);
}

#[tokio::test]
async fn nothing_is_delivered_while_delivery_is_switched_off() {
    let receiver = Receiver::with_status(StatusCode::OK).await;
    let running = Running::prepared(&[("billing", receiver.url("/"), "")]);
    let mut off = config(&[("billing", receiver.url("/"), "")]);
    off.delivery.enabled = false;
    running.configure(off);
    running.start();

    running.event(&["billing"]).await;
    let drained = running.tasks.clone().drain(PATIENCE).await;

    assert_eq!(drained, Ok(()));
    assert_eq!(receiver.unseen(), 0);
}
