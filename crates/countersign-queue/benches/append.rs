//! What an event costs: appended, and taken through the whole cycle, with few and with very many pending.
//!
//! `cargo bench -p countersign-queue` prints a table. `-- --pending 100000` measures only that one; `-- --lanes 1000`
//! spreads the events over so many flows.
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use countersign_queue::{Attempt, Limits, NewEvent, Next, Options, Queue};
use http::{HeaderMap, HeaderValue, Method};
use tokio::runtime::Runtime;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1)?.parse::<u64>().ok()
    };
    let lanes = number("--lanes").unwrap_or(1);
    let pendings = number("--pending").map_or(vec![10_000, 5_000_000], |pending| vec![pending]);

    println!(
        "{PRODUCERS} producers of {BODY} bytes, {lanes} flow(s) of one step, fsync {:.2} ms",
        fsync()?
    );
    println!(
        "{:>10}  {:<28} {:>10} {:>12} {:>9} {:>9}",
        "pending", "work", "events/s", "CPU us/event", "p50 ms", "p99.9 ms"
    );
    for pending in pendings {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("queue.db");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()?;
        prefill(&runtime, &path, pending, lanes)?;
        let started = Instant::now();
        let queue = Queue::open(&path, Options::default())?;
        while !queue.is_ready() {
            std::thread::yield_now();
        }
        let ready = started.elapsed();
        measure(&runtime, pending, "append (warm-up)", || {
            append(&queue, 100_000, lanes)
        });
        measure(&runtime, pending, "append", || {
            append(&queue, 400_000, lanes)
        });
        measure(&runtime, pending, "append, claim, settle", || {
            cycle(&queue, 200_000, lanes)
        });
        measure(&runtime, pending, "claim, settle", || {
            drain(&queue, 200_000)
        });
        println!(
            "{pending:>10}  ready after {:.0} ms",
            ready.as_secs_f64() * 1e3
        );
        runtime.block_on(queue.close());
    }
    Ok(())
}

/// How long the disk takes to make a page durable.
fn fsync() -> Result<f64, Failure> {
    let mut file = tempfile::tempfile()?;
    let started = Instant::now();
    for _ in 0..200 {
        std::io::Write::write_all(&mut file, &[1; 4096])?;
        file.sync_data()?;
    }
    Ok(started.elapsed().as_secs_f64() * 1e3 / 200.0)
}

/// Fills the queue with events that are owed, past the queue's own front so that it is quick.
fn prefill(runtime: &Runtime, path: &Path, pending: u64, lanes: u64) -> Result<(), Failure> {
    let queue = Queue::open(path, Options::default())?;
    runtime.block_on(async {
        for lane in 0..lanes {
            queue.append(event(lane)).await?;
        }
        queue.close().await;
        Ok::<(), Failure>(())
    })?;
    let connection = rusqlite::Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;",
    )?;
    connection.execute(
        "INSERT INTO events
         WITH RECURSIVE n(i) AS (SELECT ?1 + 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         SELECT i, i, i % ?1, 0, NULL, 0, 1024, 'POST', NULL, '/hooks/orders', x'', randomblob(1024) FROM n",
        [lanes as i64, pending as i64],
    )?;
    connection.execute(
        "INSERT INTO deliveries (id, lane, state)
         WITH RECURSIVE l(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM l WHERE j < ?1 - 1),
                        n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= ?2 / ?1)
         SELECT (j << 42) | (i * ?1 + j), j, 0 FROM l, n
         WHERE i * ?1 + j <= ?2 AND i * ?1 + j > ?1 ORDER BY 1",
        [lanes as i64, pending as i64],
    )?;
    connection.execute_batch(
        "UPDATE lanes SET fresh = (SELECT count(*) FROM deliveries WHERE id BETWEEN lanes.id << 42 AND (lanes.id + 1 << 42) - 1);
         UPDATE meta SET value = (SELECT max(id) FROM events) WHERE name = 'filed_events';
         UPDATE events SET received = unixepoch() * 1000 WHERE id = 1;
         PRAGMA synchronous = FULL;
         PRAGMA wal_checkpoint(TRUNCATE);",
    )?;
    // What is still on its way to the disk must not slow what is measured.
    std::fs::File::open(path)?.sync_all()?;
    Ok(())
}

/// Runs `work`, which answers the latency of each of its events, and prints a line.
fn measure<F: Future<Output = Vec<Duration>>>(
    runtime: &Runtime,
    pending: u64,
    name: &str,
    work: impl FnOnce() -> F,
) {
    let (cpu, started) = (cpu_time(), Instant::now());
    let mut latencies = runtime.block_on(work());
    let (took, cpu) = (started.elapsed(), cpu_time() - cpu);
    latencies.sort_unstable();
    let events = latencies.len().max(1);
    let at = |part: f64| {
        latencies
            .get((events as f64 * part) as usize)
            .map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    let rate = events as f64 / took.as_secs_f64();
    let each = cpu.as_secs_f64() * 1e6 / events as f64;
    println!(
        "{pending:>10}  {name:<28} {rate:>10.0} {each:>12.2} {:>9.2} {:>9.2}",
        at(0.5),
        at(0.999)
    );
}

async fn append(queue: &Queue, events: u64, lanes: u64) -> Vec<Duration> {
    let count = Arc::new(AtomicU64::new(0));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| produce(queue.clone(), Arc::clone(&count), events, lanes))
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    producers
        .into_iter()
        .for_each(|producer| drop(tasks.spawn(producer)));
    tasks.join_all().await.concat()
}

async fn produce(queue: Queue, count: Arc<AtomicU64>, events: u64, lanes: u64) -> Vec<Duration> {
    let mut latencies = Vec::new();
    loop {
        let number = count.fetch_add(1, Ordering::Relaxed);
        if number >= events {
            return latencies;
        }
        let event = event(number % lanes);
        let started = Instant::now();
        queue.append(event).await.expect("appended");
        latencies.push(started.elapsed());
    }
}

/// Appends while as many deliveries are claimed and settled.
async fn cycle(queue: &Queue, events: u64, lanes: u64) -> Vec<Duration> {
    let (appended, _) = tokio::join!(append(queue, events, lanes), drain(queue, events));
    appended
}

/// Claims and settles so many deliveries, up to 256 at a time being out.
async fn drain(queue: &Queue, events: u64) -> Vec<Duration> {
    let mut latencies = Vec::new();
    let mut settling = tokio::task::JoinSet::new();
    while latencies.len() < events as usize {
        let free = OUT - settling.len();
        let claims = queue.claim(Limits::new(free, OUT)).await.expect("claimed");
        for claim in claims {
            let queue = queue.clone();
            settling.spawn(async move {
                let attempt = Attempt {
                    started: SystemTime::now(),
                    took: Duration::from_millis(1),
                    outcome: "delivered".into(),
                    status: Some(200),
                    answer: Bytes::from_static(b"ok"),
                    error: None,
                };
                let started = Instant::now();
                queue
                    .settle(claim, attempt, Next::Done)
                    .await
                    .expect("settled");
                started.elapsed()
            });
        }
        match settling.join_next().await {
            Some(settled) => latencies.push(settled.expect("no panic")),
            None => queue.due().await,
        }
        while let Some(settled) = settling.try_join_next() {
            latencies.push(settled.expect("no panic"));
        }
    }
    latencies
}

fn event(lane: u64) -> NewEvent {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert(
        "x-webhook-signature",
        HeaderValue::from_static("t=1,sha256=00"),
    );
    NewEvent {
        organization: Arc::from("default"),
        flow: format!("flow-{lane}").into(),
        received: SystemTime::now(),
        method: Method::POST,
        target: "/hooks/orders".into(),
        headers,
        body: Bytes::from_static(&[b'x'; BODY]),
        key: None,
        replay: None,
        steps: Arc::new([Arc::from("billing")]),
    }
}

/// The processor time that this process has used.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2);
    Duration::from_millis(
        ticks
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum::<u64>()
            * 10,
    )
}

const PRODUCERS: usize = 64;
const BODY: usize = 1024;
const OUT: usize = 256;
