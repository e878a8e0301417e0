//! Whose turn it is, and when the dispatcher is woken.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_queue::{Claim, Limits, Next};
use support::{Bench, Hands, again, attempt, body, claim_all, event, event_in};

#[tokio::test]
async fn steps_take_turns_however_much_one_of_them_owes() {
    let bench = Bench::new();
    for n in 0..50 {
        bench
            .store(event_in("busy", &n.to_string(), &["one"]))
            .await;
    }
    bench.store(event_in("quiet", "0", &["one"])).await;
    bench.store(event_in("calm", "0", &["one"])).await;

    let claims = bench.queue.claim(Limits::new(6, 100)).await.unwrap();

    assert_eq!(
        per_flow(&claims),
        BTreeMap::from([("busy", 4), ("calm", 1), ("quiet", 1)])
    );
}

#[tokio::test]
async fn a_dead_receiver_slows_no_other() {
    let hands = Hands::new();
    let mut options = hands.options();
    options.window = 4;
    let bench = Bench::with(options);
    // Hundreds of deliveries to one receiver have failed, and are due again.
    for n in 0..300 {
        bench
            .store(event_in("dead", &n.to_string(), &["one"]))
            .await;
    }
    let refused: Vec<_> = claim_all(&bench.queue)
        .await
        .into_iter()
        .map(|claim| {
            bench
                .queue
                .settle(claim, attempt("refused"), again(Duration::from_secs(1)))
        })
        .collect();
    for settled in refused {
        settled.await.unwrap();
    }
    hands.turn(Duration::from_secs(5));
    let stuck = bench.queue.claim(Limits::new(100, 8)).await.unwrap();
    assert_eq!(stuck.len(), 8);

    for n in 0..20 {
        bench
            .store(event_in("alive", &n.to_string(), &["one"]))
            .await;
        let claims = bench.queue.claim(Limits::new(100, 8)).await.unwrap();
        assert_eq!(per_flow(&claims), BTreeMap::from([("alive", 1)]));
        for claim in claims {
            bench.settle(claim, attempt("delivered"), Next::Done).await;
        }
    }
}

#[tokio::test]
async fn however_many_receivers_hang_a_sparing_claim_leaves_something_for_another() {
    for hung in [15, 20, 100, 255] {
        let bench = Bench::new();
        for flow in 0..hung {
            for n in 0..20 {
                bench
                    .store(event_in(&format!("hung-{flow}"), &n.to_string(), &["one"]))
                    .await;
            }
        }
        let mut out = bench
            .queue
            .claim(Limits::new(256, 16).sparing())
            .await
            .unwrap();
        let left = 256 - out.len();
        assert!(left > 0, "{hung} hang");
        assert!(
            per_flow(&out)
                .values()
                .all(|&held| held <= 16 && held <= left + 1)
        );
        let limits = Limits::new(left, 16).sparing();
        assert_eq!(bench.queue.claim(limits).await.unwrap().len(), 0);

        bench.store(event_in("alive", "0", &["one"])).await;
        let alive = bench.queue.claim(limits).await.unwrap();
        assert_eq!(per_flow(&alive), BTreeMap::from([("alive", 1)]));

        // When others give something back, those that were passed over get their turn again.
        let half = out.split_off(out.len() / 2);
        for claim in alive.into_iter().chain(half) {
            bench.settle(claim, attempt("delivered"), Next::Done).await;
        }
        let limits = Limits::new(256 - out.len(), 16).sparing();
        assert!(!bench.queue.claim(limits).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_sparing_claim_gives_few_steps_all_they_may_have() {
    let bench = Bench::new();
    for n in 0..40 {
        bench.store(event(&n.to_string(), &["one", "two"])).await;
    }

    let claims = bench
        .queue
        .claim(Limits::new(256, 16).sparing())
        .await
        .unwrap();

    assert_eq!(claims.len(), 32);
}

#[tokio::test]
async fn a_step_is_claimed_in_order_of_arrival_past_its_window() {
    let mut options = countersign_queue::Options::default();
    options.window = 3;
    let bench = Bench::with(options);
    for n in 0..40 {
        bench.store(event(&n.to_string(), &["one"])).await;
    }

    let claims = claim_all(&bench.queue).await;

    let expected: Vec<_> = (0..40).map(|n| n.to_string()).collect();
    assert_eq!(claims.iter().map(body).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_dispatcher_that_looks_and_then_waits_misses_nothing() {
    let bench = Bench::new();
    assert!(claim_all(&bench.queue).await.is_empty());
    bench.store(event("hello", &["one"])).await;

    // The event came between the look and the wait.
    bench.queue.due().await;

    let claim = claim_all(&bench.queue).await.pop().unwrap();
    bench
        .settle(claim, attempt("refused"), again(Duration::from_secs(9)))
        .await;
    // An earlier wake-up may still be kept; it costs one more look.
    while bench.queue.next_due().is_none() {
        bench.queue.due().await;
    }
    assert!(
        bench
            .queue
            .next_due()
            .is_some_and(|wait| wait <= Duration::from_secs(9))
    );
}

#[tokio::test]
async fn a_claim_that_is_given_back_counts_nothing_and_one_that_is_lost_counts() {
    let hands = Hands::new();
    let bench = Bench::with(hands.options());
    let id = bench.store(event("hello", &["one"])).await;

    let claim = claim_all(&bench.queue).await.pop().unwrap();
    bench.queue.release(claim).await.unwrap();
    let claim = claim_all(&bench.queue).await.pop().unwrap();
    assert_eq!(claim.attempt, 1);
    drop(claim);

    assert!(claim_all(&bench.queue).await.is_empty());
    hands.turn(Duration::from_secs(10));
    assert_eq!(claim_all(&bench.queue).await[0].attempt, 2);
    assert_eq!(
        &*bench.queue.attempts(id).await.unwrap()[0].outcome,
        "abandoned"
    );
}

#[tokio::test]
async fn a_claim_that_nobody_waited_for_counts_nothing() {
    let bench = Bench::new();
    bench.store(event("hello", &["one"])).await;

    // Asked for, and let go of before the answer.
    let asked = bench.queue.claim(Limits::new(10, 10));
    tokio::select! { biased; _ = asked => panic!("answered at once"), () = std::future::ready(()) => {} }

    let claims = loop {
        match claim_all(&bench.queue).await {
            none if none.is_empty() => bench.queue.due().await,
            some => break some,
        }
    };
    assert_eq!(claims[0].attempt, 1);
}

#[tokio::test]
async fn an_append_goes_on_when_its_caller_goes_away() {
    let bench = Bench::new();
    let asked = bench.queue.append(event("hello", &["one"]));
    tokio::select! { biased; _ = asked => panic!("answered at once"), () = std::future::ready(()) => {} }

    bench.queue.due().await;
    while bench.queue.stats().await.unwrap().appended == 0 {}
    assert_eq!(claim_all(&bench.queue).await.len(), 1);
}

#[tokio::test]
async fn a_due_time_far_ahead_comes_within_a_month_of_opening() {
    let hands = Hands::new();
    let year = Duration::from_secs(365 * 86_400);
    let bench = Bench::with(hands.options());
    bench.store(event("hello", &["one"])).await;
    let claim = claim_all(&bench.queue).await.pop().unwrap();
    // The clock was a year ahead when this was stored, and is right again.
    hands.turn(year);
    bench
        .settle(claim, attempt("refused"), again(Duration::from_secs(60)))
        .await;
    hands.turn_back(year);
    let bench = bench.reopen(hands.options()).await;

    assert!(claim_all(&bench.queue).await.is_empty());
    hands.turn(Duration::from_secs(30 * 86_400));
    assert_eq!(claim_all(&bench.queue).await.len(), 1);
}

fn per_flow(claims: &[Claim]) -> BTreeMap<&str, usize> {
    let mut count = BTreeMap::new();
    for claim in claims {
        *count.entry(&*claim.event.flow).or_default() += 1;
    }
    count
}
