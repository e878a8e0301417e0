//! A process that is killed in the middle of its work, again and again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_queue::{EventId, Limits, NewEvent, Next, Options, Queue, Replay, State};
use support::{again, attempt, body, claim_all, event};
use tokio::task::JoinSet;

/// Each round kills the process after some more acknowledgements; the file goes from one to the next.
#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Some(path) = std::env::var_os(CHILD) {
        return work_until_killed(path.as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let mut told = Told::default();
    for round in 0..ROUNDS {
        told.run_and_kill(&path, 150 + round * 37);
    }

    let queue = Queue::open(&path, Options::default()).unwrap();
    runtime().block_on(async {
        for (name, id) in &told.acknowledged {
            let stored = queue.event(*id).await.unwrap();
            let stored =
                stored.unwrap_or_else(|| panic!("{name} was acknowledged as {id} and is lost"));
            assert!(
                stored.event.body.starts_with(name.as_bytes()),
                "{name} is torn"
            );
            assert_eq!(stored.event.body.len(), BODY);
            assert_eq!(stored.deliveries.len(), 2);
            let repeat = queue.append(owed(name)).await.unwrap();
            assert_eq!((repeat.id, repeat.duplicate), (*id, true));
        }
        // A producer's events lie in the order in which it was told of them.
        for producer in 0..PRODUCERS {
            let prefix = format!("{producer}:");
            let ids: Vec<_> = told
                .order
                .iter()
                .filter(|(name, _)| name.contains(&prefix))
                .map(|(_, id)| id)
                .collect();
            assert!(ids.is_sorted());
        }

        loop {
            let claims = claim_all(&queue).await;
            if claims.is_empty() {
                break;
            }
            let mut settling = JoinSet::new();
            for claim in claims {
                let name = body(&claim).trim_end().to_owned();
                assert!(
                    !told.refused.contains(&name),
                    "{name} was refused and is delivered"
                );
                let delivery = (name, claim.step.to_string());
                assert!(
                    !told.settled.contains(&delivery),
                    "{delivery:?} was settled and comes again"
                );
                let queue = queue.clone();
                settling.spawn(async move {
                    queue
                        .settle(claim, attempt("delivered"), Next::Done)
                        .await
                        .unwrap()
                });
            }
            settling.join_all().await;
        }
        for (name, id) in &told.acknowledged {
            let stored = queue.event(*id).await.unwrap().unwrap();
            assert_eq!(stored.state, State::Done, "{name} was never delivered");
        }
    });
    assert!(told.acknowledged.len() > 1000 && told.settled.len() > 100 && told.refused.len() > 100);
}

/// What the killed processes said, line by line.
#[derive(Default)]
struct Told {
    acknowledged: BTreeMap<String, EventId>,
    order: Vec<(String, EventId)>,
    refused: BTreeSet<String>,
    settled: BTreeSet<(String, String)>,
}

impl Told {
    fn run_and_kill(&mut self, path: &Path, acknowledgements: usize) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "nothing_acknowledged_is_lost_when_the_process_is_killed",
                "--nocapture",
            ])
            .env(CHILD, path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acknowledged = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let words: Vec<_> = line.split(' ').collect();
            match *words {
                ["acknowledged", name, id, "."] => {
                    let id = id.parse().unwrap();
                    self.acknowledged.insert(name.into(), id);
                    self.order.push((name.into(), id));
                    acknowledged += 1;
                    if acknowledged == acknowledgements {
                        child.kill().unwrap();
                    }
                }
                ["refused", name, "."] => self.refused.extend([name.into()]),
                ["settled", name, step, "."] => {
                    self.settled.extend([(name.into(), step.into())]);
                }
                // The last line may be cut off.
                _ => {}
            }
        }
        child.wait().unwrap();
        assert!(acknowledged >= acknowledgements);
    }
}

fn work_until_killed(path: &Path) {
    let mut options = Options::default();
    options.max_event_bytes = 8192;
    options.filing = 100;
    let queue = Queue::open(path, options).unwrap();
    let process = std::process::id();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .unwrap();
    runtime.block_on(async move {
        let mut tasks = JoinSet::new();
        for producer in 0..PRODUCERS {
            tasks.spawn(produce(queue.clone(), format!("{process}-{producer}:")));
        }
        tasks.spawn(deliver(queue));
        tasks.join_all().await;
    });
}

async fn produce(queue: Queue, prefix: String) {
    for n in 0_u64.. {
        let name = format!("{prefix}{n}");
        if n % 5 == 4 {
            let refused = event(&format!("{name:9000}"), &["billing", "audit"]);
            queue.append(refused).await.unwrap_err();
            tell(&format!("refused {name} ."));
            continue;
        }
        let event = owed(&name);
        let appended = queue.append(event).await.unwrap();
        tell(&format!("acknowledged {name} {} .", appended.id));
    }
}

/// Delivers, with some failures, and is slower than what comes in.
async fn deliver(queue: Queue) {
    let count = Arc::new(AtomicU64::new(0));
    loop {
        let claims = queue.claim(Limits::new(8, 6)).await.unwrap();
        if claims.is_empty() {
            queue.due().await;
        }
        for claim in claims {
            let (name, step) = (body(&claim).trim_end().to_owned(), claim.step.to_string());
            if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
                queue
                    .settle(claim, attempt("refused"), again(Duration::ZERO))
                    .await
                    .unwrap();
            } else {
                queue
                    .settle(claim, attempt("delivered"), Next::Done)
                    .await
                    .unwrap();
                tell(&format!("settled {name} {step} ."));
            }
        }
    }
}

/// An event that is known by its name, by its replay key too.
fn owed(name: &str) -> NewEvent {
    let mut event = event(&format!("{name:BODY$}"), &["billing", "audit"]);
    let key = format!("{name:<16}").into_bytes()[..16].try_into().unwrap();
    event.replay = Some(Replay {
        key,
        keep: Duration::from_secs(600),
    });
    event
}

/// Says a line in one piece.
fn tell(line: &str) {
    let line = format!("\n{line}\n");
    // Whoever listened is about to kill us.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

const ROUNDS: usize = 10;
const PRODUCERS: usize = 8;
const BODY: usize = 1024;
const CHILD: &str = "COUNTERSIGN_QUEUE_CHILD";
