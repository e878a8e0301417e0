//! Rows that cannot be stored, or not be read.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::io::{Read, Seek, SeekFrom, Write};

use countersign_queue::{AppendError, Next, Options, Queue, State};
use rusqlite::Connection;
use support::{Bench, attempt, body, claim_all, event};
use tokio::task::JoinSet;

#[tokio::test]
async fn one_bad_row_fails_alone_and_not_its_group() {
    let bench = Bench::new();
    let queue = bench.queue.clone();
    queue.append(event("first", &["one"])).await.unwrap();
    // The engine itself refuses some rows, in the middle of a group.
    edit(
        &bench,
        "CREATE TRIGGER bad BEFORE INSERT ON events WHEN CAST(NEW.body AS TEXT) LIKE '%3'
         BEGIN SELECT RAISE(ABORT, 'bad row'); END",
    );

    let mut appending = JoinSet::new();
    for n in 0..100 {
        let queue = queue.clone();
        appending.spawn(async move { (n, queue.append(event(&n.to_string(), &["one"])).await) });
    }
    let answers = appending.join_all().await;

    let (stored, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(_, answer)| answer.is_ok());
    assert_eq!((stored.len(), refused.len()), (90, 10));
    assert!(
        refused
            .iter()
            .all(|(_, answer)| matches!(answer, Err(AppendError::Rejected(_))))
    );
    let mut expected: Vec<_> = stored
        .iter()
        .map(|(n, _)| n.to_string())
        .chain(["first".into()])
        .collect();
    let mut claimed: Vec<_> = claim_all(&queue).await.iter().map(body).collect();
    expected.sort();
    claimed.sort();
    assert_eq!(claimed, expected);
}

#[tokio::test]
async fn a_damaged_event_is_dead_and_blocks_nothing() {
    let damages = [
        "UPDATE events SET headers = x'ff' WHERE id = 2",
        "UPDATE events SET method = 'not a method' WHERE id = 2",
        "UPDATE events SET method = x'00ff' WHERE id = 2",
        "UPDATE events SET body = 7 WHERE id = 2",
        "UPDATE events SET target = x'ff' WHERE id = 2",
        "DELETE FROM events WHERE id = 2",
    ];
    for damage in damages {
        let bench = Bench::new();
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(bench.store(event(&n.to_string(), &["one"])).await);
        }
        edit(&bench, damage);

        let claims = claim_all(&bench.queue).await;

        assert_eq!(
            claims.iter().map(body).collect::<Vec<_>>(),
            ["0", "2"],
            "{damage}"
        );
        let stats = bench.queue.stats().await.unwrap();
        assert_eq!(
            (stats.dead(), stats.in_flight(), stats.pending()),
            (1, 2, 2),
            "{damage}"
        );
        for claim in claims {
            bench.settle(claim, attempt("delivered"), Next::Done).await;
        }
        let page = bench.queue.events(Default::default()).await.unwrap();
        assert!(
            page.events
                .iter()
                .all(|event| event.id != ids[1] || event.state == State::Dead),
            "{damage}"
        );
        let _ = bench.queue.event(ids[1]).await;
        assert!(claim_all(&bench.queue).await.is_empty());
        assert!(
            claim_all(&bench.crash(Options::default()).queue)
                .await
                .is_empty()
        );
    }
}

#[tokio::test]
async fn odd_values_in_a_delivery_do_no_harm() {
    let damages = [
        "UPDATE deliveries SET attempts = 'many', last = 'x' WHERE state = 1",
        "UPDATE deliveries SET due = 'soon' WHERE state = 1",
        "UPDATE deliveries SET due = -5, attempts = -1, last = 99999 WHERE state = 1",
        "UPDATE attempts SET previous = id + 1",
        "UPDATE claims SET claimed = x'0102'",
    ];
    for damage in damages {
        let bench = Bench::new();
        let id = bench.store(event("hello", &["one"])).await;
        let claim = claim_all(&bench.queue).await.pop().unwrap();
        bench
            .settle(
                claim,
                attempt("refused"),
                support::again(std::time::Duration::ZERO),
            )
            .await;
        edit(&bench, damage);

        let bench = bench.crash(Options::default());

        assert_eq!(claim_all(&bench.queue).await.len(), 1, "{damage}");
        let _ = bench.queue.attempts(id).await;
        let _ = bench.queue.event(id).await;
    }
}

/// Does to the file what no gateway would.
fn edit(bench: &Bench, sql: &str) {
    let connection = Connection::open(bench.folder.path().join("queue.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_page_that_cannot_be_read_costs_its_events_only() {
    let bench = Bench::new();
    let text = "x".repeat(2000);
    let mut appending = JoinSet::new();
    for _ in 0..12_000 {
        let (queue, event) = (bench.queue.clone(), event(&text, &["one"]));
        appending.spawn(async move { queue.append(event).await.unwrap() });
    }
    appending.join_all().await;
    let path = bench.folder.path().join("queue.db");
    bench.queue.clone().close().await;
    let connection = Connection::open(&path).unwrap();
    // A leaf of the events somewhere in the middle: it holds bodies.
    let mut file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    assert!(file.metadata().unwrap().len() > 20 << 20);
    drop(connection);
    let mut page = vec![0; PAGE];
    let damaged = (1200_u64..).find(|number| {
        file.seek(SeekFrom::Start(number * PAGE as u64)).unwrap();
        file.read_exact(&mut page).unwrap();
        // Full of bodies: other pages may have some left over where they are empty.
        page[0] == 13 && page.iter().filter(|&&byte| byte == b'x').count() > 5900
    });
    file.seek(SeekFrom::Start(damaged.unwrap() * PAGE as u64))
        .unwrap();
    file.write_all(&[0xff; PAGE]).unwrap();
    drop(file);

    let queue = Queue::open(&path, Options::default()).unwrap();

    let claims = claim_all(&queue).await;
    let dead = queue.stats().await.unwrap().dead();
    assert!((1..=8).contains(&dead), "{dead}");
    assert_eq!(claims.len() as u64 + dead, 12_000);
    queue.append(event("after", &["one"])).await.unwrap();
    assert_eq!(body(&claim_all(&queue).await[0]), "after");
    assert!(
        !queue
            .events(Default::default())
            .await
            .unwrap()
            .events
            .is_empty()
    );
}

/// The size of a page of the store.
const PAGE: usize = 8192;
