//! Reading what is stored: one event whole, and lists of many.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::time::{Duration, SystemTime};

use countersign_queue::{EventId, EventQuery, Next, Options, Queue, Replay, State};
use http::{HeaderMap, HeaderValue, Method};
use support::{Bench, Hands, again, attempt, claim_all, dead, event, event_in};

#[tokio::test]
async fn an_event_comes_back_byte_for_byte() {
    let mut sent = event("", &["one"]);
    sent.method = Method::from_bytes(b"PURGE").unwrap();
    sent.target = "/hooks/orders?a=%zz&b=\u{fc}".into();
    sent.body = (0..=255).cycle().take(200_000).collect::<Vec<u8>>().into();
    sent.headers = HeaderMap::new();
    sent.headers
        .append("x-b", HeaderValue::from_bytes(b"\xff\xfe raw").unwrap());
    sent.headers.append("x-a", HeaderValue::from_static(""));
    sent.headers
        .append("x-b", HeaderValue::from_static("again"));
    sent.received = SystemTime::UNIX_EPOCH + Duration::from_millis(1_568_818_215_724);
    let bench = Bench::new();
    let id = bench.store(sent.clone()).await;

    let stored = bench.queue.event(id).await.unwrap().unwrap().event;
    let claimed = claim_all(&bench.queue).await.pop().unwrap().event;

    for event in [&stored, &*claimed] {
        assert_eq!(
            (event.id, &event.method, &event.target),
            (id, &sent.method, &sent.target)
        );
        assert_eq!((&*event.organization, &*event.flow), ("default", "orders"));
        assert_eq!(
            (event.received, &event.body, &event.key),
            (sent.received, &sent.body, &sent.key)
        );
        assert!(event.headers.iter().eq(sent.headers.iter()));
    }
}

#[tokio::test]
async fn an_id_with_another_tail_finds_nothing() {
    let bench = Bench::new();
    let id = bench.store(event("hello", &["one"])).await.to_string();
    let last = if id.ends_with('0') { "1" } else { "0" };
    let other: EventId = format!("{}{last}", &id[..id.len() - 1]).parse().unwrap();

    assert!(bench.queue.event(other).await.unwrap().is_none());
    assert!(bench.queue.attempts(other).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_event_that_owes_nothing_is_done_at_once() {
    let bench = Bench::new();
    let id = bench.store(event("hello", &[])).await;

    assert!(claim_all(&bench.queue).await.is_empty());
    let stored = bench.queue.event(id).await.unwrap().unwrap();
    assert_eq!((stored.state, stored.deliveries.len()), (State::Done, 0));
    let found = list(
        &bench.queue,
        EventQuery {
            flow: Some("orders".into()),
            ..EventQuery::default()
        },
    )
    .await;
    assert_eq!(found, [id]);
}

#[tokio::test]
async fn a_step_named_twice_counts_once() {
    let bench = Bench::new();
    bench.store(event("hello", &["one", "two", "one"])).await;
    assert_eq!(claim_all(&bench.queue).await.len(), 2);
}

#[tokio::test]
async fn pages_follow_on_without_gap_or_repetition() {
    let bench = Bench::new();
    let mut ids = Vec::new();
    for n in 0..120 {
        let flow = if n % 3 == 0 { "invoices" } else { "orders" };
        ids.push(
            bench
                .store(event_in(flow, &n.to_string(), &["one", "two"]))
                .await,
        );
    }
    ids.reverse();
    for limit in [1, 7, 50, 1000] {
        assert_eq!(
            list(
                &bench.queue,
                EventQuery {
                    limit,
                    ..EventQuery::default()
                }
            )
            .await,
            ids
        );
        let organization = Some("default".into());
        assert_eq!(
            list(
                &bench.queue,
                EventQuery {
                    limit,
                    organization,
                    ..EventQuery::default()
                }
            )
            .await,
            ids
        );
        let query = EventQuery {
            limit,
            flow: Some("invoices".into()),
            ..EventQuery::default()
        };
        let invoices: Vec<_> = ids.iter().copied().skip(2).step_by(3).collect();
        assert_eq!(list(&bench.queue, query).await, invoices);
    }
    let usual = bench.queue.events(EventQuery::default()).await.unwrap();
    assert_eq!(usual.events.len(), 50);
}

#[tokio::test]
async fn an_organization_sees_its_own_events_only() {
    let bench = Bench::new();
    bench.store(event("ours", &["one"])).await;
    let mut theirs = event("theirs", &["one"]);
    theirs.organization = "acme".into();
    let id = bench.store(theirs).await;

    let query = EventQuery {
        organization: Some("acme".into()),
        ..EventQuery::default()
    };
    let page = bench.queue.events(query.clone()).await.unwrap();
    assert_eq!(
        page.events.iter().map(|event| event.id).collect::<Vec<_>>(),
        [id]
    );
    assert_eq!(&*page.events[0].organization, "acme");
    let nobody = EventQuery {
        organization: Some("nobody".into()),
        ..query.clone()
    };
    assert!(list(&bench.queue, nobody).await.is_empty());
    let both = EventQuery {
        flow: Some("orders".into()),
        ..query
    };
    assert_eq!(list(&bench.queue, both).await, [id]);
}

#[tokio::test]
async fn events_are_found_by_time_to_the_millisecond() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let at = |minute: u64| start + Duration::from_secs(60 * minute);
    let bench = Bench::new();
    let mut ids = Vec::new();
    for minute in 0..1000 {
        let mut event = event("hello", &["one"]);
        event.received = at(minute);
        ids.push(bench.store(event).await);
    }
    for (since, until) in [
        (0, 1),
        (10, 20),
        (500, 900),
        (999, 5000),
        (0, 0),
        (2000, 3000),
    ] {
        let query = EventQuery {
            since: Some(at(since)),
            until: Some(at(until)),
            limit: 1000,
            ..EventQuery::default()
        };
        let mut found = list(&bench.queue, query).await;
        found.reverse();
        assert_eq!(
            found,
            ids[since.min(1000) as usize..until.min(1000) as usize]
        );
    }
}

#[tokio::test]
async fn events_are_found_by_state() {
    let bench = Bench::new();
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(bench.store(event(&n.to_string(), &["one", "two"])).await);
    }
    for claim in claim_all(&bench.queue).await {
        let next = match (claim.event.id, &*claim.step) {
            (id, _) if id == ids[0] => Next::Done,
            (id, "one") if id == ids[1] => dead("gone"),
            _ => again(Duration::from_secs(60)),
        };
        bench.settle(claim, attempt("tried"), next).await;
    }

    for (state, id) in [
        (State::Done, ids[0]),
        (State::Dead, ids[1]),
        (State::Pending, ids[2]),
    ] {
        let query = EventQuery {
            state: Some(state),
            ..EventQuery::default()
        };
        assert_eq!(list(&bench.queue, query.clone()).await, [id], "{state:?}");
        let query = EventQuery {
            flow: Some("orders".into()),
            ..query
        };
        assert_eq!(list(&bench.queue, query).await, [id], "{state:?}");
    }
    let waiting = bench.queue.event(ids[2]).await.unwrap().unwrap();
    assert!(
        waiting
            .deliveries
            .iter()
            .all(|delivery| delivery.due.is_some() && delivery.attempts == 1)
    );
}

#[tokio::test]
async fn a_long_answer_and_a_long_error_are_cut() {
    let bench = Bench::new();
    let id = bench.store(event("hello", &["one"])).await;
    let claim = claim_all(&bench.queue).await.pop().unwrap();
    let mut long = attempt("refused");
    long.answer = vec![b'a'; 100_000].into();
    long.error = Some("\u{e4}".repeat(5000));
    long.status = Some(599);
    bench.settle(claim, long, again(Duration::ZERO)).await;

    let record = bench.queue.attempts(id).await.unwrap().pop().unwrap();
    assert_eq!(
        (record.answer.len(), record.status, record.number),
        (20 << 10, Some(599), 1)
    );
    assert!(record.error.unwrap().len() <= 2048);
}

#[tokio::test]
async fn settled_events_go_when_they_are_old_and_owed_ones_stay() {
    let hands = Hands::new();
    let bench = Bench::with(hands.options());
    let mut ids = Vec::new();
    for n in 0..600 {
        let steps: &[&str] = if n == 5 { &["one"] } else { &[] };
        let mut event = event(&n.to_string(), steps);
        event.received = hands.now();
        ids.push(bench.store(event).await);
    }
    let mut tried = event("tried", &["two"]);
    tried.received = hands.now();
    let tried = bench.store(tried).await;
    for claim in claim_all(&bench.queue).await {
        let next = if claim.event.id == tried {
            dead("gone")
        } else {
            again(Duration::ZERO)
        };
        bench.settle(claim, attempt("refused"), next).await;
    }

    hands.turn(Duration::from_secs(30 * 86_400 + 60));
    // Retention works when there is nothing else to do, or now and then when there is.
    while bench.queue.stats().await.unwrap().removed < 600 {
        tokio::task::yield_now().await;
    }

    assert_eq!(list(&bench.queue, EventQuery::default()).await, [ids[5]]);
    assert!(bench.queue.event(tried).await.unwrap().is_none());
    let stats = bench.queue.stats().await.unwrap();
    assert_eq!((stats.pending(), stats.dead(), stats.done()), (1, 0, 0));
    // A number that was used is not used again, or its deliveries would be taken for old ones.
    let claim = claim_all(&bench.queue).await.pop().unwrap();
    bench.settle(claim, attempt("delivered"), Next::Done).await;
    let bench = bench.reopen(hands.options()).await;
    let next = bench.store(event("next", &["one"])).await;
    assert!(next > tried);
    assert_eq!(claim_all(&bench.queue).await.len(), 1);
}

#[tokio::test]
async fn the_replay_keys_that_had_to_be_forgotten_are_counted() {
    let mut options = Options::default();
    options.replay_cap = 10;
    let bench = Bench::with(options);
    for n in 0..15 {
        let mut event = event("hello", &[]);
        event.replay = Some(Replay {
            key: [n; 16],
            keep: Duration::from_secs(600),
        });
        assert!(!bench.queue.append(event).await.unwrap().duplicate);
    }
    let stats = bench.queue.stats().await.unwrap();
    assert_eq!((stats.replay_keys, stats.replay_evicted), (10, 5));
}

/// Every page of a query, one after another.
async fn list(queue: &Queue, mut query: EventQuery) -> Vec<EventId> {
    let mut found = Vec::new();
    loop {
        let page = queue.events(query.clone()).await.unwrap();
        found.extend(page.events.iter().map(|event| event.id));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return found,
        }
    }
}
