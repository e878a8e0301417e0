//! A file that another program holds, reads or opens; a file that may not grow.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use countersign_queue::{AppendError, Next, OpenError, Options, Queue, SettleError};
use rusqlite::Connection;
use support::{Bench, attempt, body, claim_all, event};

#[tokio::test]
async fn a_refused_opening_leaves_the_open_queue_its_locks() {
    if let Some(path) = std::env::var_os(CHILD) {
        // Another program opens the file and closes it again; alone with it, that would remove the log.
        let other = Connection::open(path).unwrap();
        let count = "SELECT count(*) FROM events";
        other.query_row(count, [], |_| Ok(())).unwrap();
        return;
    }
    let bench = Bench::new();
    let path = bench.folder.path().join("queue.db");
    bench.store(event("before", &["one"])).await;

    let refused = Queue::open(&path, Options::default());

    assert!(matches!(refused, Err(OpenError::Locked { .. })));
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "a_refused_opening_leaves_the_open_queue_its_locks",
    ]);
    assert!(child.env(CHILD, &path).status().unwrap().success());
    bench.store(event("after", &["one"])).await;
    assert!(bench.folder.path().join("queue.db-wal").exists());
    let bench = bench.crash(Options::default());
    assert_eq!(claim_all(&bench.queue).await.len(), 2);
}

#[tokio::test]
async fn a_full_file_refuses_appends_and_does_not_hold_up_the_closing() {
    let mut options = Options::default();
    options.max_file_bytes = Some(1 << 20);
    let bench = Bench::with(options);
    let mut stored = 0;
    for n in 0..40 {
        bench.store(event(&n.to_string(), &["one"])).await;
        stored += 1;
    }
    let claims = claim_all(&bench.queue).await;
    let refused = loop {
        match bench.queue.append(event(&"x".repeat(3000), &["one"])).await {
            Ok(_) => stored += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, AppendError::Full), "{refused}");
    let mut settling = tokio::task::JoinSet::new();
    for claim in claims {
        let (queue, mut long) = (bench.queue.clone(), attempt("delivered"));
        long.answer = vec![b'a'; 20_000].into();
        settling.spawn(async move { queue.settle(claim, long, Next::Done).await });
    }
    tokio::task::yield_now().await;
    assert!(bench.queue.stats().await.unwrap().full);

    let started = Instant::now();
    bench.queue.clone().close().await;

    assert!(started.elapsed() < Duration::from_secs(10));
    let settled = settling.join_all().await;
    assert!(
        settled
            .iter()
            .any(|settled| matches!(settled, Err(SettleError::Full)))
    );
    // Nothing is lost, and nothing that was refused is there.
    let done = settled.iter().filter(|settled| settled.is_ok()).count();
    let bench = bench.reopen(Options::default()).await;
    assert_eq!(claim_all(&bench.queue).await.len() + done, stored);
}

#[tokio::test]
async fn a_file_held_by_another_program_is_waited_out() {
    let bench = Bench::new();
    bench.store(event("before", &["one"])).await;
    let claim = claim_all(&bench.queue).await.pop().unwrap();
    let other = Connection::open(bench.folder.path().join("queue.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let refused = bench.queue.append(event("held", &["one"])).await;
    assert!(matches!(refused, Err(AppendError::Busy)));
    let queue = bench.queue.clone();
    let mut settling = tokio::task::JoinSet::new();
    settling.spawn(async move { queue.settle(claim, attempt("delivered"), Next::Done).await });
    other.execute_batch("ROLLBACK").unwrap();

    settling.join_next().await.unwrap().unwrap().unwrap();
    bench.store(event("after", &["one"])).await;
    assert_eq!(body(&claim_all(&bench.queue).await[0]), "after");
}

#[tokio::test]
async fn a_reader_with_another_tool_does_not_hold_up_the_closing() {
    let bench = Bench::new();
    bench.store(event("hello", &["one"])).await;
    let other = Connection::open(bench.folder.path().join("queue.db")).unwrap();
    other.execute_batch("BEGIN").unwrap();
    let count = "SELECT count(*) FROM events";
    other.query_row(count, [], |_| Ok(())).unwrap();
    bench.store(event("again", &["one"])).await;

    let started = Instant::now();
    bench.queue.clone().close().await;

    assert!(started.elapsed() < Duration::from_secs(10));
}

const CHILD: &str = "COUNTERSIGN_QUEUE_CHILD";
