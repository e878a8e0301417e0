//! What retention must leave alone, whatever the clocks say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::time::Duration;

use countersign_queue::{EventId, Options, Queue, State};
use support::{Bench, Hands, again, attempt, claim_all, dead, event, with_replay};

#[tokio::test]
async fn a_dead_letter_is_kept_from_its_death_on_and_not_from_its_receipt() {
    let (hands, day) = (Hands::new(), Duration::from_secs(86_400));
    let mut options = hands.options();
    options.retention = day;
    let bench = Bench::with(options);
    let id = append(&bench.queue, &hands, &["one"]).await;
    settle_again(&bench.queue).await;
    // The last attempt comes later than the retention is long.
    hands.turn(day + Duration::from_secs(3600));
    settle_dead(&bench.queue).await;

    hands.turn(day - Duration::from_secs(60));
    sweeps(&bench.queue, &hands).await;
    let stored = bench.queue.event(id).await.unwrap();
    assert_eq!(stored.map(|stored| stored.state), Some(State::Dead));

    hands.turn(Duration::from_secs(3600));
    sweeps(&bench.queue, &hands).await;
    assert!(bench.queue.event(id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_clock_that_was_a_year_ahead_at_the_start_removes_nothing() {
    let (process, wall) = (Hands::new(), Hands::new());
    process.turn(Duration::from_secs(365 * 86_400));
    let mut options = Options::default();
    let true_time = wall.clone();
    options.clock = process.clock().with_wall(move || true_time.now());
    let bench = Bench::with(options.clone());
    let before = append(&bench.queue, &wall, &["one"]).await;
    settle_dead(&bench.queue).await;
    let after = append(&bench.queue, &wall, &[]).await;

    for hands in [&process, &wall] {
        hands.turn(Duration::from_secs(3600));
    }
    sweeps(&bench.queue, &process).await;
    let bench = bench.reopen(options).await;
    process.turn(Duration::from_secs(3600));
    sweeps(&bench.queue, &process).await;

    for id in [before, after] {
        assert!(bench.queue.event(id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn events_from_the_future_do_not_stop_retention() {
    let (hands, year) = (Hands::new(), Duration::from_secs(365 * 86_400));
    let bench = Bench::with(hands.options());
    // While the clock is a year ahead, more events come than are looked at together.
    hands.turn(year);
    for _ in 0..300 {
        append(&bench.queue, &hands, &[]).await;
    }
    hands.turn_back(year);
    let bench = bench.reopen(hands.options()).await;
    let mut old = Vec::new();
    for _ in 0..300 {
        old.push(append(&bench.queue, &hands, &[]).await);
    }

    hands.turn(Duration::from_secs(31 * 86_400));
    for _ in 0..300 {
        sweeps(&bench.queue, &hands).await;
        hands.turn(Duration::from_secs(3600));
    }

    assert!(bench.queue.event(old[299]).await.unwrap().is_none());
    assert!(bench.queue.stats().await.unwrap().removed >= 290);
}

#[tokio::test]
async fn a_replay_key_that_is_still_needed_outlives_the_retention() {
    let (hands, day) = (Hands::new(), Duration::from_secs(86_400));
    let mut options = hands.options();
    options.retention = Duration::from_secs(3600);
    let bench = Bench::with(options.clone());
    let copy = || with_replay(event("hello", &[]), 7, day);
    let first = bench.store(copy()).await;
    hands.turn(day / 2);
    sweeps(&bench.queue, &hands).await;

    let bench = bench.reopen(options).await;

    let repeat = bench.queue.append(copy()).await.unwrap();
    assert_eq!((repeat.id, repeat.duplicate), (first, true));
    hands.turn(day);
    sweeps(&bench.queue, &hands).await;
    assert!(bench.queue.event(first).await.unwrap().is_none());
}

#[tokio::test]
async fn a_replay_key_from_the_future_is_not_remembered_for_years() {
    let (hands, year) = (Hands::new(), Duration::from_secs(365 * 86_400));
    let mut options = hands.options();
    // The sweep that may come while the clock is ahead takes nothing away.
    options.retention = 2 * year;
    let bench = Bench::with(options.clone());
    let keep = Duration::from_secs(600);
    let copy = |key| with_replay(event("hello", &[]), key, keep);
    let early = bench.store(copy(1)).await;
    hands.turn(year);
    let late = bench.store(copy(2)).await;
    hands.turn_back(year);

    // Nor does it keep others from being remembered.
    let bench = bench.reopen(options).await;
    for (key, id) in [(1, early), (2, late)] {
        let repeat = bench.queue.append(copy(key)).await.unwrap();
        assert_eq!((repeat.id, repeat.duplicate), (id, true));
    }
    hands.turn(keep + Duration::from_secs(6));
    assert!(!bench.queue.append(copy(2)).await.unwrap().duplicate);
}

#[tokio::test]
async fn replay_keys_are_remembered_past_events_from_a_slow_clock() {
    let (hands, year) = (Hands::new(), Duration::from_secs(365 * 86_400));
    let bench = Bench::with(hands.options());
    let copy = |key| with_replay(event("hello", &[]), key, Duration::from_secs(600));
    let first = bench.store(copy(1)).await;
    hands.turn_back(year);
    bench.store(copy(2)).await;
    hands.turn(year);

    let bench = bench.reopen(hands.options()).await;

    let repeat = bench.queue.append(copy(1)).await.unwrap();
    assert_eq!((repeat.id, repeat.duplicate), (first, true));
}

async fn append(queue: &Queue, hands: &Hands, steps: &[&str]) -> EventId {
    let mut event = event("hello", steps);
    event.received = hands.now();
    queue.append(event).await.unwrap().id
}

async fn settle_again(queue: &Queue) {
    let claim = claim_all(queue).await.pop().unwrap();
    let next = again(Duration::ZERO);
    queue.settle(claim, attempt("refused"), next).await.unwrap();
}

async fn settle_dead(queue: &Queue) {
    let claim = claim_all(queue).await.pop().unwrap();
    let next = dead("exhausted");
    queue.settle(claim, attempt("refused"), next).await.unwrap();
}

/// Lets retention do all it would do within the next two hours or so: it works when there is nothing else to do.
async fn sweeps(queue: &Queue, hands: &Hands) {
    let _ = hands;
    for _ in 0..200 {
        queue.stats().await.unwrap();
        tokio::task::yield_now().await;
    }
}
