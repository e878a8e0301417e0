//! The dispatcher on real sockets and a real queue: each test is a promise about deliveries.

use std::sync::Mutex;

use countersign_queue::{Limits, State};
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

    let stopping = running.deliveries.tasks.stopping();
    let end = running.end();
    let finish = async {
        stopping.cancelled().await;
        let second = running.event(&["billing"]).await;
        gate.add_permits(Gate::MAX_PERMITS);
        second
    };
    let (interrupted, second) = tokio::join!(end, finish);

    assert_eq!(interrupted, 0);
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
    running.end().await;

    assert_eq!(receiver.unseen(), 0);
}

#[tokio::test]
async fn delivery_that_is_switched_on_begins_without_a_restart() {
    let mut receiver = Receiver::with_status(StatusCode::OK).await;
    let steps = [("billing", receiver.url("/"), "")];
    let mut off = config(&steps);
    off.delivery.enabled = false;
    let running = Running::with_config(off);
    running.start();
    running.event(&["billing"]).await;

    running.configure(config(&steps));
    running.event(&["billing"]).await;

    for _ in 0..2 {
        timeout(PATIENCE, receiver.request()).await.unwrap();
    }
}

#[tokio::test]
async fn more_at_once_are_allowed_without_a_restart() {
    let mut stalled = Receiver::answering(|_| std::future::pending()).await;
    let steps = [("stalled", stalled.url("/"), "timeout = \"10m\"")];
    let running = Running::with_steps(&steps);
    for _ in 0..2 {
        running.event(&["stalled"]).await;
        stalled.request().await;
    }

    let mut wider = config(&steps);
    (
        wider.delivery.concurrency,
        wider.delivery.concurrency_per_step,
    ) = (16, 8);
    running.configure(wider);

    for _ in 0..6 {
        running.event(&["stalled"]).await;
        timeout(PATIENCE, stalled.request()).await.unwrap();
    }
}

#[tokio::test]
async fn twenty_receivers_that_hang_slow_no_other() {
    let stalled = Receiver::answering(|_| std::future::pending()).await;
    let mut fast = Receiver::with_status(StatusCode::OK).await;
    let names: Vec<_> = (0..20).map(|number| format!("stalled-{number}")).collect();
    let mut steps: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), stalled.url("/"), "timeout = \"10m\""))
        .collect();
    steps.push(("fast", fast.url("/"), ""));
    let mut config = config(&steps);
    (
        config.delivery.concurrency,
        config.delivery.concurrency_per_step,
    ) = (256, 16);
    let running = Running::with_config(config);
    let owed: Vec<_> = steps.iter().map(|step| step.0).collect();
    for _ in 0..40 {
        running.event(&owed).await;
    }

    running.start();

    for _ in 0..40 {
        timeout(PATIENCE, fast.request()).await.unwrap();
    }
    assert!(stalled.unseen() < 256, "{}", stalled.unseen());
}

#[tokio::test]
async fn what_is_unfinished_at_the_deadline_is_due_again_and_no_attempt_is_counted() {
    let mut hung = Receiver::answering(|_| std::future::pending()).await;
    let running = Running::with_steps(&[("billing", hung.url("/"), "max_retries = 0")]);
    let event = running.event(&["billing"]).await;
    hung.request().await;

    let interrupted = running.deliveries.clone().end(Instant::now()).await;

    assert_eq!(interrupted, 1);
    let stored = running.queue.event(event).await.unwrap().unwrap();
    assert_eq!(stored.state, State::Pending);
    assert!(running.queue.attempts(event).await.unwrap().is_empty());
    running.queue.clone().close().await;
    let mut up = Receiver::with_status(StatusCode::OK).await;
    let running = running.reopened(&[("billing", up.url("/"), "max_retries = 0")]);
    running.start();
    let (deliveries, _) = running.settled(event).await;
    assert_eq!(ends(&deliveries), ["done"]);
    assert_eq!(up.request().await.headers()["countersign-attempt"], "1");
}
