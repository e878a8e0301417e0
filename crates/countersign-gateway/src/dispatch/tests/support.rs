//! A running dispatcher for tests: a real queue, real sockets.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use bytes::Bytes;
use countersign_queue::{AttemptRecord, Delivery, EventId, NewEvent, Options, Queue, State};
use countersign_tower::MemoryReplayGuard;
use http::{HeaderMap, Method};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::deliver::{Client, Trust};
use crate::dispatch::Deliveries;
use crate::handshake::Registrations;
use crate::ingress::endpoint::Backends;
use crate::keysource::Keys;
use crate::live::{Current, Live};
use crate::rejections::Rejections;
use crate::rejections::waiting::Waiting;

/// A dispatcher that is running, and what it works on.
#[derive(Clone)]
pub(super) struct Running {
    backends: Backends,
    current: Current,
    pub(super) deliveries: Deliveries,
    folder: Arc<TempDir>,
    pub(super) queue: Queue,
}

impl Running {
    /// Runs with one flow, `orders`, whose steps are these (name, URL and more lines).
    pub(super) fn with_steps(steps: &[(&str, String, &str)]) -> Self {
        let running = Self::prepared(steps);
        running.start();
        running
    }

    /// Everything but the dispatcher.
    pub(super) fn prepared(steps: &[(&str, String, &str)]) -> Self {
        Self::with_config(config(steps))
    }

    /// Everything but the dispatcher, for another configuration.
    pub(super) fn with_config(config: Config) -> Self {
        Self::opened(Arc::new(tempfile::tempdir().unwrap()), config)
    }

    fn opened(folder: Arc<TempDir>, config: Config) -> Self {
        let queue = Queue::open(&folder.path().join("queue.db"), Options::default()).unwrap();
        let backends = Backends {
            client: Client::new(&config.delivery.addresses, &[]).unwrap(),
            guard: MemoryReplayGuard::new(1),
            keys: Keys::new(
                Client::for_strangers(&config.delivery.addresses, &[]).unwrap(),
                Trust::of_this_machine(),
            ),
            queue: queue.clone(),
            registrations: Registrations::load(&folder.path().join("events.db")).unwrap(),
            rejections: Arc::new(Rejections::new(SystemTime::now(), Waiting::default())),
        };
        let live = Live::new(config, &backends, None);
        let current: Current = Arc::new(ArcSwap::from_pointee(live));
        Self {
            backends,
            deliveries: Deliveries::new(Arc::clone(&current), queue.clone()),
            current,
            folder,
            queue,
        }
    }

    pub(super) fn start(&self) {
        self.deliveries.start();
    }

    /// Ends the deliveries with more time than they need; returns how many were interrupted.
    pub(super) async fn end(&self) -> usize {
        let deadline = Instant::now() + PATIENCE;
        self.deliveries.clone().end(deadline).await
    }

    /// The same once its queue was closed.
    pub(super) fn reopened(self, steps: &[(&str, String, &str)]) -> Self {
        Self::opened(self.folder, config(steps))
    }

    /// Swaps the configuration.
    pub(super) fn configure(&self, config: Config) {
        let live = Live::new(config, &self.backends, Some(&self.current.load()));
        self.current.store(Arc::new(live));
    }

    pub(super) async fn append(&self, steps: &[&str], headers: HeaderMap) -> EventId {
        let event = NewEvent {
            organization: "default".into(),
            flow: "orders".into(),
            received: SystemTime::now(),
            method: Method::POST,
            target: "/hooks/orders?a=1".into(),
            headers,
            body: Bytes::from_static(b"hello"),
            key: None,
            replay: None,
            steps: steps.iter().map(|step| Arc::from(*step)).collect(),
        };
        self.queue.append(event).await.unwrap().id
    }

    pub(super) async fn event(&self, steps: &[&str]) -> EventId {
        self.append(steps, HeaderMap::new()).await
    }

    /// The event's deliveries and attempts, once no delivery is pending any more.
    pub(super) async fn settled(&self, event: EventId) -> (Vec<Delivery>, Vec<AttemptRecord>) {
        let settled = async {
            loop {
                let stored = self.queue.event(event).await.unwrap().unwrap();
                if stored
                    .deliveries
                    .iter()
                    .all(|one| one.state != State::Pending)
                {
                    return (stored.deliveries, self.queue.attempts(event).await.unwrap());
                }
                tokio::task::yield_now().await;
            }
        };
        let settled = async {
            tokio::select! {
                settled = settled => settled,
                failure = self.queue.failed() => panic!("{failure}"),
            }
        };
        match timeout(PATIENCE, settled).await {
            Ok(settled) => settled,
            Err(_) => panic!("{event} does not settle: {:?}", self.queue.stats().await),
        }
    }
}

pub(super) fn ends(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries
        .iter()
        .map(|delivery| {
            delivery
                .reason
                .as_deref()
                .unwrap_or(delivery.state.as_str())
        })
        .collect()
}

pub(super) fn config(steps: &[(&str, String, &str)]) -> Config {
    let mut text = String::from(
        r#"
        [delivery]
        concurrency = 4
        concurrency_per_step = 2
        retry_delay = "1ms"
        max_retries = 2

        [[flows]]
        id = "orders"
        auth = { mode = "none" }
        "#,
    );
    for (name, url, more) in steps {
        text.push_str(&format!(
            "[[flows.steps]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n"
        ));
    }
    Config::parse(&text, Path::new("test.toml")).unwrap()
}

pub(super) fn outcomes(attempts: &[AttemptRecord]) -> Vec<&str> {
    attempts.iter().map(|attempt| &*attempt.outcome).collect()
}

/// Longer than anything here takes, on a machine that builds something else meanwhile too.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
