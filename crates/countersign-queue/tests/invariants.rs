//! The seven promises of the crate's front page, one test for each, by its name.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_queue::{AppendError, EventId, EventQuery, Limits, Next, Options, Queue, State};
use support::{Bench, Hands, again, attempt, body, claim_all, dead, event, event_in, with_replay};

#[test]
fn the_front_page_promises_what_is_tested_here() {
    let promised = include_str!("../README.md").lines().filter_map(|line| {
        let (_, name) = line.split_once(". **`")?;
        name.split('`').next()
    });
    let tested = include_str!("invariants.rs")
        .split("test]\n")
        .filter_map(|rest| rest.split_once("fn ")?.1.split('(').next());

    let promised: BTreeSet<_> = promised.collect();
    let tested: BTreeSet<_> = tested
        .filter(|name| !name.starts_with("the_front_page"))
        .collect();

    assert_eq!(promised.len(), 7);
    assert_eq!(promised, tested);
}

#[tokio::test]
async fn an_append_returns_only_when_it_is_on_disk() {
    let bench = Bench::new();
    let mut appended = Vec::new();
    for n in 0..20 {
        appended.push(bench.store(event(&format!("body {n}"), &["billing"])).await);
    }

    // What the disk holds at this moment is all that counts.
    let after = bench.crash(Options::default());

    for (n, id) in appended.into_iter().enumerate() {
        let stored = after.queue.event(id).await.unwrap().unwrap();
        assert_eq!(stored.event.body, format!("body {n}"));
        assert_eq!(stored.deliveries.len(), 1);
    }
    assert_eq!(claim_all(&after.queue).await.len(), 20);
}

#[tokio::test]
async fn an_event_is_delivered_to_every_step_or_ends_visibly_dead() {
    let hands = Hands::new();
    let bench = Bench::with(hands.options());
    let id = bench
        .store(event("hello", &["billing", "audit", "search"]))
        .await;

    // One is delivered, one fails until it is given up, one is lost by its worker and then delivered.
    let mut delivered = BTreeSet::new();
    loop {
        let claims = claim_all(&bench.queue).await;
        if claims.is_empty() {
            break;
        }
        for claim in claims {
            let step = claim.step.to_string();
            match (&*step, claim.attempt) {
                ("search", 1) => drop(claim),
                ("audit", 1..3) => {
                    bench
                        .settle(claim, attempt("refused"), again(Duration::from_secs(5)))
                        .await;
                }
                ("audit", _) => bench
                    .queue
                    .settle(claim, attempt("refused"), dead("exhausted"))
                    .await
                    .unwrap(),
                _ => {
                    bench.settle(claim, attempt("delivered"), Next::Done).await;
                    delivered.insert(step);
                }
            }
        }
        bench.queue.stats().await.unwrap();
        hands.turn(Duration::from_secs(10));
    }

    assert_eq!(delivered, ["billing", "search"].map(String::from).into());
    let stored = bench.queue.event(id).await.unwrap().unwrap();
    let audit = stored
        .deliveries
        .iter()
        .find(|delivery| &*delivery.step == "audit")
        .unwrap();
    assert_eq!(
        (audit.state, audit.attempts, audit.reason.as_deref()),
        (State::Dead, 3, Some("exhausted"))
    );
    let dead = EventQuery {
        state: Some(State::Dead),
        ..EventQuery::default()
    };
    assert_eq!(bench.queue.events(dead).await.unwrap().events.len(), 1);
}

#[tokio::test]
async fn a_repeat_is_not_appended_twice() {
    let hands = Hands::new();
    let bench = Bench::with(hands.options());
    let keep = Duration::from_secs(600);
    let copy = || with_replay(event("hello", &["billing"]), 7, keep);

    // Both at once: the second waits for the first one's commit and is told the same.
    let (first, second) = tokio::join!(bench.queue.append(copy()), bench.queue.append(copy()));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(
        (first.duplicate, second.duplicate, first.id),
        (false, true, second.id)
    );
    // The same key in another flow is another event, and so is another key.
    let elsewhere = with_replay(event_in("invoices", "hello", &[]), 7, keep);
    assert!(!bench.queue.append(elsewhere).await.unwrap().duplicate);
    assert!(
        !bench
            .queue
            .append(with_replay(event("hello", &["billing"]), 8, keep))
            .await
            .unwrap()
            .duplicate
    );

    // Across a restart, and across a crash.
    let crashed = bench.crash(hands.options());
    let bench = bench.reopen(hands.options()).await;
    for queue in [&crashed.queue, &bench.queue] {
        let repeat = queue.append(copy()).await.unwrap();
        assert_eq!((repeat.duplicate, repeat.id), (true, first.id));
        assert_eq!(claim_all(queue).await.len(), 2);
    }

    // No longer than it was to be remembered, but for some seconds.
    hands.turn(keep);
    assert!(bench.queue.append(copy()).await.unwrap().duplicate);
    hands.turn(Duration::from_millis(5001));
    assert!(!bench.queue.append(copy()).await.unwrap().duplicate);
}

#[tokio::test]
async fn an_attempt_counts_before_it_is_made() {
    let mut bench = Bench::new();
    let id = bench.store(event("poison", &["billing"])).await;

    // Whoever tries it takes the process down, every time.
    for crash in 1..=3 {
        let claim = claim_all(&bench.queue).await.pop().unwrap();
        assert_eq!(claim.attempt, crash);
        bench = bench.crash(Options::default());
    }

    let attempts = bench.queue.attempts(id).await.unwrap();
    assert_eq!(
        attempts
            .iter()
            .map(|attempt| attempt.number)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(
        attempts
            .iter()
            .all(|attempt| &*attempt.outcome == "interrupted")
    );
    // So it ends after its last attempt.
    let claim = claim_all(&bench.queue).await.pop().unwrap();
    assert_eq!(claim.attempt, 4);
    bench.settle(claim, None, dead("exhausted")).await;
    let stored = bench.queue.event(id).await.unwrap().unwrap();
    assert_eq!(
        (stored.state, stored.deliveries[0].attempts),
        (State::Dead, 3)
    );
}

#[tokio::test]
async fn what_was_refused_is_never_delivered() {
    static FREE: AtomicU64 = AtomicU64::new(u64::MAX);
    let mut options = Options::default();
    options.free_space = |_| Ok(FREE.load(Ordering::SeqCst));
    options.max_event_bytes = 10_000;
    let bench = Bench::with(options.clone());

    let mut far = event("too far", &["billing"]);
    far.target = "x".repeat(70_000).into();
    let large = event(&"large".repeat(10_000), &["billing"]);
    assert!(matches!(
        bench.queue.append(far).await,
        Err(AppendError::TooLarge { .. })
    ));
    assert!(matches!(
        bench.queue.append(large).await,
        Err(AppendError::TooLarge { .. })
    ));
    assert!(matches!(
        bench.queue.append(event("no name", &[""])).await,
        Err(AppendError::Rejected(_))
    ));
    FREE.store(0, Ordering::SeqCst);
    let refused = with_replay(event("full", &["billing"]), 1, Duration::from_secs(600));
    assert!(matches!(
        bench.queue.append(refused.clone()).await,
        Err(AppendError::Full)
    ));
    FREE.store(u64::MAX, Ordering::SeqCst);

    assert!(claim_all(&bench.queue).await.is_empty());
    assert!(
        bench
            .queue
            .events(EventQuery::default())
            .await
            .unwrap()
            .events
            .is_empty()
    );
    let bench = bench.reopen(options).await;
    assert!(claim_all(&bench.queue).await.is_empty());
    // Nor does its repeat pass for one: it is the first that is stored.
    assert!(!bench.queue.append(refused).await.unwrap().duplicate);
}

/// The failure is a real one: the process may not write files beyond a size, so that a commit fails with an I/O error.
#[test]
fn a_failed_commit_stops_acknowledging_and_a_full_disk_only_waits() {
    if let Some(path) = std::env::var_os(CHILD) {
        return fail_in_child(path.as_ref());
    }
    full_disk();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let name = "a_failed_commit_stops_acknowledging_and_a_full_disk_only_waits";
    let mut child = Command::new("sh")
        .args([
            "-c",
            "ulimit -f 2000; trap '' XFSZ; exec \"$0\" --exact --nocapture \"$1\"",
        ])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{told}");

    let acknowledged: Vec<EventId> = told.lines().filter_map(|line| line.parse().ok()).collect();
    assert!(acknowledged.len() > 10, "{told}");
    let queue = Queue::open(&path, Options::default()).unwrap();
    runtime().block_on(async {
        for id in acknowledged {
            assert!(
                queue.event(id).await.unwrap().is_some(),
                "{id} was acknowledged and is lost"
            );
        }
    });
}

#[expect(
    clippy::print_stdout,
    reason = "the test that started the child reads it"
)]
fn fail_in_child(path: &std::path::Path) {
    let queue = Queue::open(path, Options::default()).unwrap();
    runtime().block_on(async {
        let big = "x".repeat(20_000);
        let failure = loop {
            match queue.append(event(&big, &["billing"])).await {
                Ok(appended) => println!("\n{}", appended.id),
                Err(AppendError::Store(failure)) => break failure,
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(queue.failed().await, failure);
        assert!(!queue.is_ready());
        // Not even what would fit is tried again.
        assert!(matches!(
            queue.append(event("small", &[])).await,
            Err(AppendError::Store(_))
        ));
        assert!(queue.claim(Limits::new(1, 1)).await.is_err());
        queue.close().await;
    });
}

fn full_disk() {
    static FREE: AtomicU64 = AtomicU64::new(u64::MAX);
    let mut options = Options::default();
    options.free_space = |_| Ok(FREE.load(Ordering::SeqCst));
    let bench = Bench::with(options);
    runtime().block_on(async {
        bench.store(event("before", &["billing"])).await;
        let claim = claim_all(&bench.queue).await.pop().unwrap();

        FREE.store(bench_reserve() - 1, Ordering::SeqCst);
        assert!(matches!(
            bench.queue.append(event("full", &["billing"])).await,
            Err(AppendError::Full)
        ));
        assert!(bench.queue.stats().await.unwrap().full);
        // Deliveries go on.
        bench.settle(claim, attempt("delivered"), Next::Done).await;

        FREE.store(u64::MAX, Ordering::SeqCst);
        bench.store(event("after", &["billing"])).await;
        assert_eq!(body(&claim_all(&bench.queue).await[0]), "after");
        assert!(!bench.queue.stats().await.unwrap().full);
    });
}

#[tokio::test]
async fn a_delivery_belongs_to_its_flow_and_step() {
    let bench = Bench::new();
    let old = bench.store(event_in("orders", "old", &["billing"])).await;
    bench
        .store(event_in("invoices", "other", &["billing"]))
        .await;
    // A step that is new gets later events only.
    let new = bench
        .store(event_in("orders", "new", &["billing", "audit"]))
        .await;

    let bench = bench.reopen(Options::default()).await;
    let claims = claim_all(&bench.queue).await;
    let mut owed: Vec<_> = claims
        .iter()
        .map(|claim| (&*claim.event.flow, &*claim.step, body(claim)))
        .collect();
    owed.sort_unstable();
    let expected = [
        ("invoices", "billing", "other".to_owned()),
        ("orders", "audit", "new".to_owned()),
        ("orders", "billing", "new".to_owned()),
        ("orders", "billing", "old".to_owned()),
    ];
    assert_eq!(owed, expected);

    // A step that is gone leaves its deliveries visibly dead, without an attempt.
    for claim in claims
        .into_iter()
        .filter(|claim| &*claim.event.flow == "orders" && &*claim.step == "billing")
    {
        bench.settle(claim, None, dead("step_removed")).await;
    }
    for id in [old, new] {
        let stored = bench.queue.event(id).await.unwrap().unwrap();
        let billing = stored
            .deliveries
            .iter()
            .find(|delivery| &*delivery.step == "billing")
            .unwrap();
        assert_eq!(
            (billing.attempts, billing.reason.as_deref()),
            (0, Some("step_removed"))
        );
        assert_eq!(stored.state, State::Dead);
    }
}

fn bench_reserve() -> u64 {
    Options::default().reserve_bytes
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

const CHILD: &str = "COUNTERSIGN_QUEUE_CHILD";
