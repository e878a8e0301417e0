//! Random appends, claims, settlements, restarts and crashes, against a map.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "shared/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_queue::{Claim, EventId, EventQuery, Limits, Next, Options, State};
use proptest::prelude::*;
use support::{Bench, Hands, again, attempt, claim_all, dead, event_in, with_replay};

#[derive(Clone, Debug)]
enum Step {
    Append {
        flow: usize,
        steps: usize,
        replay: Option<u8>,
    },
    Claim {
        total: usize,
        per_step: usize,
    },
    Done {
        pick: usize,
    },
    Again {
        pick: usize,
        seconds: u64,
    },
    Dead {
        pick: usize,
    },
    Release {
        pick: usize,
    },
    Lose {
        pick: usize,
    },
    Turn {
        seconds: u64,
    },
    Reopen,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize, 0..4_usize, prop::option::of(0..3_u8))
            .prop_map(|(flow, steps, replay)| Step::Append { flow, steps, replay }),
        6 => (0..8_usize, 0..5_usize).prop_map(|(total, per_step)| Step::Claim { total, per_step }),
        4 => any::<usize>().prop_map(|pick| Step::Done { pick }),
        4 => (any::<usize>(), 0..60_u64).prop_map(|(pick, seconds)| Step::Again { pick, seconds }),
        1 => any::<usize>().prop_map(|pick| Step::Dead { pick }),
        1 => any::<usize>().prop_map(|pick| Step::Release { pick }),
        1 => any::<usize>().prop_map(|pick| Step::Lose { pick }),
        3 => (1..40_u64).prop_map(|seconds| Step::Turn { seconds }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_does_what_a_map_would(
        filing in prop::sample::select(vec![1, 3, 10, 4096]),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new(filing);
            for step in steps {
                run.step(step).await;
            }
            run.compare().await;
        });
    }
}

/// A queue and what it should know.
struct Run {
    bench: Bench,
    hands: Hands,
    filing: usize,
    claims: Vec<Claim>,
    deliveries: BTreeMap<(EventId, String), Delivery>,
    events: BTreeMap<EventId, String>,
    replays: BTreeMap<(usize, u8), (EventId, u64)>,
    now: u64,
}

#[derive(Clone, Debug)]
struct Delivery {
    lane: (usize, String),
    state: State,
    attempts: u32,
    due: u64,
    out: bool,
}

impl Run {
    fn new(filing: usize) -> Self {
        let hands = Hands::new();
        Self {
            bench: Bench::with(options(&hands, filing)),
            hands,
            filing,
            claims: Vec::new(),
            deliveries: BTreeMap::new(),
            events: BTreeMap::new(),
            replays: BTreeMap::new(),
            now: 0,
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Append {
                flow,
                steps,
                replay,
            } => self.append(flow, steps, replay).await,
            Step::Claim { total, per_step } => self.claim(total, per_step).await,
            Step::Done { pick } => self.settle(pick, "delivered", Next::Done).await,
            Step::Again { pick, seconds } => {
                self.settle(pick, "refused", again(Duration::from_secs(seconds)))
                    .await;
            }
            Step::Dead { pick } => self.settle(pick, "refused", dead("gone")).await,
            Step::Release { pick } => {
                let Some((claim, delivery)) = pick_of(&mut self.claims, &mut self.deliveries, pick)
                else {
                    return;
                };
                (delivery.due, delivery.out) = (self.now, false);
                self.bench.queue.release(claim).await.unwrap();
            }
            Step::Lose { pick } => {
                let Some((claim, delivery)) = pick_of(&mut self.claims, &mut self.deliveries, pick)
                else {
                    return;
                };
                (delivery.due, delivery.out) = (self.now + 10, false);
                delivery.attempts += 1;
                drop(claim);
            }
            Step::Turn { seconds } => {
                // What was dropped is settled at the time of dropping.
                self.bench.queue.stats().await.unwrap();
                self.now += seconds;
                self.hands.turn(Duration::from_secs(seconds));
            }
            Step::Reopen | Step::Crash => {
                self.bench.queue.stats().await.unwrap();
                let crashed = self.bench.crash(options(&self.hands, self.filing));
                let before = std::mem::replace(&mut self.bench, crashed);
                if matches!(step, Step::Reopen) {
                    drop(std::mem::replace(
                        &mut self.bench,
                        before.reopen(options(&self.hands, self.filing)).await,
                    ));
                }
                self.claims.clear();
                for delivery in self.deliveries.values_mut().filter(|delivery| delivery.out) {
                    delivery.attempts += 1;
                    (delivery.due, delivery.out) = (self.now, false);
                }
            }
        }
    }

    async fn append(&mut self, flow: usize, steps: usize, replay: Option<u8>) {
        let names = &["one", "two", "three"][..steps];
        let body = format!("{}", self.events.len());
        let mut event = event_in(&format!("flow-{flow}"), &body, names);
        if let Some(key) = replay {
            event = with_replay(event, key, Duration::from_secs(30));
        }
        let known = replay
            .and_then(|key| self.replays.get(&(flow, key)))
            .filter(|(_, until)| self.now <= *until);

        let appended = self.bench.queue.append(event).await.unwrap();

        assert_eq!(appended.duplicate, known.is_some());
        if let Some((id, _)) = known {
            assert_eq!(appended.id, *id);
            return;
        }
        assert!(
            self.events
                .last_key_value()
                .is_none_or(|(last, _)| *last < appended.id)
        );
        self.events.insert(appended.id, body);
        if let Some(key) = replay {
            let until = self.now + 35;
            self.replays.insert((flow, key), (appended.id, until));
        }
        for &name in names {
            let lane = (flow, name.to_owned());
            let delivery = Delivery {
                lane,
                state: State::Pending,
                attempts: 0,
                due: 0,
                out: false,
            };
            self.deliveries.insert((appended.id, name.into()), delivery);
        }
    }

    async fn claim(&mut self, total: usize, per_step: usize) {
        // What was dropped just before might share the claim's commit, and free its step only after it.
        self.bench.queue.stats().await.unwrap();
        let mut free: BTreeMap<(usize, String), (usize, usize)> = BTreeMap::new();
        for delivery in self.deliveries.values() {
            let (due, out) = free.entry(delivery.lane.clone()).or_default();
            *due += usize::from(
                delivery.state == State::Pending && !delivery.out && delivery.due <= self.now,
            );
            *out += usize::from(delivery.out);
        }
        let free: usize = free
            .values()
            .map(|(due, out)| (*due).min(per_step.saturating_sub(*out)))
            .sum();

        let claims = self
            .bench
            .queue
            .claim(Limits::new(total, per_step))
            .await
            .unwrap();

        assert_eq!(claims.len(), total.min(free));
        for claim in &claims {
            let delivery = self
                .deliveries
                .get_mut(&(claim.event.id, claim.step.to_string()))
                .unwrap();
            assert!(!delivery.out && delivery.state == State::Pending && delivery.due <= self.now);
            assert_eq!(claim.attempt, delivery.attempts + 1);
            assert_eq!(claim.event.body, self.events[&claim.event.id]);
            delivery.out = true;
        }
        self.claims.extend(claims);
    }

    async fn settle(&mut self, pick: usize, outcome: &'static str, next: Next) {
        let Some((claim, delivery)) = pick_of(&mut self.claims, &mut self.deliveries, pick) else {
            return;
        };
        delivery.attempts += 1;
        delivery.out = false;
        match &next {
            Next::Done => delivery.state = State::Done,
            Next::Again { after } => delivery.due = self.now + after.as_secs(),
            Next::Dead { .. } => delivery.state = State::Dead,
        }
        self.bench.settle(claim, attempt(outcome), next).await;
    }

    /// Everything that can be read is what the map has.
    async fn compare(&mut self) {
        let queue = &self.bench.queue;
        // What was dropped is settled before this is answered.
        let stats = queue.stats().await.unwrap();
        let page = queue
            .events(EventQuery {
                limit: 1000,
                ..EventQuery::default()
            })
            .await
            .unwrap();
        let listed: Vec<_> = page.events.iter().rev().map(|event| event.id).collect();
        assert_eq!(listed, self.events.keys().copied().collect::<Vec<_>>());
        for event in &page.events {
            for delivery in &event.deliveries {
                let known = &self.deliveries[&(event.id, delivery.step.to_string())];
                assert_eq!(
                    (delivery.state, delivery.attempts),
                    (known.state, known.attempts)
                );
            }
            let expected: u32 = event
                .deliveries
                .iter()
                .map(|delivery| delivery.attempts)
                .sum();
            assert_eq!(
                queue.attempts(event.id).await.unwrap().len(),
                expected as usize
            );
        }
        let count = |state| {
            self.deliveries
                .values()
                .filter(|delivery| delivery.state == state)
                .count() as u64
        };
        assert_eq!(stats.pending(), count(State::Pending));
        assert_eq!(
            (stats.done(), stats.dead()),
            (count(State::Done), count(State::Dead))
        );
        assert_eq!(stats.in_flight(), self.claims.len() as u64);

        // Nothing is stuck: once everything is due, all of it comes.
        self.hands.turn(Duration::from_secs(1000));
        let rest = claim_all(queue).await.len() + self.claims.len();
        assert_eq!(rest as u64, count(State::Pending));
    }
}

fn pick_of<'d>(
    claims: &mut Vec<Claim>,
    deliveries: &'d mut BTreeMap<(EventId, String), Delivery>,
    pick: usize,
) -> Option<(Claim, &'d mut Delivery)> {
    if claims.is_empty() {
        return None;
    }
    let claim = claims.swap_remove(pick % claims.len());
    let delivery = deliveries
        .get_mut(&(claim.event.id, claim.step.to_string()))
        .unwrap();
    Some((claim, delivery))
}

/// Windows so small that they run dry all the time.
fn options(hands: &Hands, filing: usize) -> Options {
    let mut options = hands.options();
    options.window = 2;
    options.filing = filing;
    options
}
