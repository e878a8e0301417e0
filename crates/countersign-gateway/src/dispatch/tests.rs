//! The dispatcher on real sockets and a real queue: each test is a promise about deliveries.

use std::path::Path;
use std::sync::Mutex;

use arc_swap::ArcSwap;
use bytes::Bytes;
use countersign_queue::{AttemptRecord, Delivery, EventId, NewEvent, Options, State};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, Method, Response, StatusCode};
use tempfile::TempDir;
use tokio::sync::Semaphore as Gate;
use tokio::time::timeout;

use super::*;
use crate::config::Config;
use crate::deliver::receiver::{Receiver, answer};
use crate::ingress::endpoint::Backends;
use crate::live::Live;

/// A dispatcher that is running, and what it works on.
#[derive(Clone)]
struct Running {
    client: Client,
    current: Current,
    folder: Arc<TempDir>,
    queue: Queue,
    tasks: Tasks,
}

impl Running {
    /// Runs with one flow, `orders`, whose steps are these (name, URL and more lines).
    fn with_steps(steps: &[(&str, String, &str)]) -> Self {
        let running = Self::prepared(steps);
        running.start();
        running
    }

    /// Everything but the dispatcher.
    fn prepared(steps: &[(&str, String, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue::open(&folder.path().join("queue.db"), Options::default()).unwrap();
        let config = config(steps);
        let client = Client::new(&config.delivery.addresses, &[]).unwrap();
        let backends = Backends {
            client: client.clone(),
            queue: queue.clone(),
        };
        let current = Arc::new(ArcSwap::from_pointee(Live::new(config, &backends)));
        Self {
            client,
            current,
            folder: Arc::new(folder),
            queue,
            tasks: Tasks::new(),
        }
    }

    fn start(&self) {
        let (client, current) = (self.client.clone(), Arc::clone(&self.current));
        let dispatcher = Dispatcher::new(client, current, self.queue.clone(), self.tasks.clone());
        self.tasks.spawn(|stop| dispatcher.run(stop));
    }

    fn configure(&self, steps: &[(&str, String, &str)]) {
        let backends = Backends {
            client: self.client.clone(),
            queue: self.queue.clone(),
        };
        self.current
            .store(Arc::new(Live::new(config(steps), &backends)));
    }

    async fn append(&self, steps: &[&str], headers: HeaderMap) -> EventId {
        let event = NewEvent {
            organization: "default".into(),
            flow: "orders".into(),
            received: std::time::SystemTime::now(),
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

    async fn event(&self, steps: &[&str]) -> EventId {
        self.append(steps, HeaderMap::new()).await
    }

    /// The event's deliveries and attempts, once no delivery is pending any more.
    async fn settled(&self, event: EventId) -> (Vec<Delivery>, Vec<AttemptRecord>) {
        let settled = async {
            loop {
                let stored = self.queue.event(event).await.unwrap().unwrap();
                if stored.state != State::Pending {
                    return (stored.deliveries, self.queue.attempts(event).await.unwrap());
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, settled).await.expect("the event settles")
    }
}

fn ends(deliveries: &[Delivery]) -> Vec<&str> {
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

fn config(steps: &[(&str, String, &str)]) -> Config {
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

fn outcomes(attempts: &[AttemptRecord]) -> Vec<&str> {
    attempts.iter().map(|attempt| &*attempt.outcome).collect()
}

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_event_reaches_every_step_once() {
    let mut billing = Receiver::with_status(StatusCode::OK).await;
    let mut stock = Receiver::with_status(StatusCode::ACCEPTED).await;
    let running = Running::with_steps(&[
        ("billing", billing.url("/in"), ""),
        ("stock", stock.url("/"), ""),
    ]);

    let event = running.event(&["billing", "stock"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["done", "done"]);
    assert_eq!(outcomes(&attempts), ["delivered", "delivered"]);
    for receiver in [&mut billing, &mut stock] {
        let request = receiver.request().await;
        assert_eq!(request.body(), "hello");
        assert_eq!(request.headers()["countersign-event"], event.to_string());
        assert_eq!(request.headers()["countersign-attempt"], "1");
        assert_eq!(request.headers()["content-length"], "5");
        assert_eq!(request.uri().query(), Some("a=1"));
        assert_eq!(receiver.unseen(), 0);
    }
}

#[tokio::test]
async fn a_receiver_that_fails_twice_gets_a_third_attempt_under_the_same_id() {
    let script = Mutex::new(vec![
        StatusCode::OK,
        StatusCode::BAD_GATEWAY,
        StatusCode::NOT_FOUND,
    ]);
    let mut receiver = Receiver::answering(move |_| {
        let status = script.lock().unwrap().pop().unwrap();
        async move { answer(status) }
    })
    .await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(
        outcomes(&attempts),
        ["client_error", "server_error", "delivered"]
    );
    assert_eq!(
        attempts
            .iter()
            .map(|attempt| attempt.status)
            .collect::<Vec<_>>(),
        [Some(404), Some(502), Some(200)]
    );
    for attempt in ["1", "2", "3"] {
        let request = receiver.request().await;
        assert_eq!(request.headers()["countersign-event"], event.to_string());
        assert_eq!(request.headers()["countersign-attempt"], attempt);
    }
}

#[tokio::test]
async fn after_the_last_attempt_a_delivery_is_dead_and_seen_no_more() {
    let receiver = Receiver::with_status(StatusCode::INTERNAL_SERVER_ERROR).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["exhausted"]);
    assert_eq!(attempts.len(), 3);
    assert_eq!(receiver.unseen(), 3);
}

#[tokio::test]
async fn a_receiver_that_hangs_slows_no_other() {
    let gate = Arc::new(Gate::new(0));
    let hung = Arc::clone(&gate);
    let stalled = Receiver::answering(move |_| {
        let hung = Arc::clone(&hung);
        async move {
            let _ = hung.acquire().await;
            answer(StatusCode::OK)
        }
    })
    .await;
    let mut fast = Receiver::with_status(StatusCode::OK).await;
    let running = Running::with_steps(&[
        ("stalled", stalled.url("/"), ""),
        ("fast", fast.url("/"), ""),
    ]);

    let mut events = Vec::new();
    for _ in 0..50 {
        events.push(running.event(&["stalled", "fast"]).await);
    }
    for _ in 0..50 {
        timeout(PATIENCE, fast.request()).await.unwrap();
    }

    // All the while the other one holds as many as it may, and no more.
    assert_eq!(stalled.unseen(), 2);
    gate.add_permits(Gate::MAX_PERMITS);
    for event in events {
        let (deliveries, _) = running.settled(event).await;
        assert_eq!(ends(&deliveries), ["done", "done"]);
    }
}

#[tokio::test]
async fn an_attempt_ends_when_its_time_is_over() {
    let receiver = Receiver::answering(|_| std::future::pending::<Response<Bytes>>()).await;
    let running = Running::with_steps(&[(
        "billing",
        receiver.url("/"),
        "timeout = \"50ms\"\nmax_retries = 0",
    )]);

    let event = running.event(&["billing"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["exhausted"]);
    assert_eq!(outcomes(&attempts), ["timed_out"]);
}

#[tokio::test]
async fn a_body_without_end_neither_hangs_nor_fails_a_delivery() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nso far";
    let receiver = Receiver::saying(Bytes::from_static(head.as_bytes())).await;
    let running = Running::with_steps(&[(
        "billing",
        format!("http://{receiver}/"),
        "timeout = \"50ms\"",
    )]);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["delivered"]);
    assert_eq!(attempts[0].answer, "so far");
}

#[tokio::test]
async fn of_a_megabyte_twenty_kibibytes_are_kept() {
    let receiver =
        Receiver::answering(|_| async { Response::new(Bytes::from(vec![b'x'; 1 << 20])) }).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["delivered"]);
    assert_eq!(attempts[0].answer.len(), 20 * 1024);
}

#[tokio::test]
async fn a_redirect_is_recorded_and_not_followed() {
    let elsewhere = Receiver::with_status(StatusCode::OK).await;
    let location = elsewhere.url("/\u{7f}");
    let receiver = Receiver::answering(move |_| {
        let mut redirect = answer(StatusCode::FOUND);
        let location =
            http::HeaderValue::from_bytes(location.replace('\u{7f}', "\u{e9}").as_bytes()).unwrap();
        redirect.headers_mut().insert(LOCATION, location);
        async { redirect }
    })
    .await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "max_retries = 0")]);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["redirected"]);
    let told = attempts[0].error.as_deref().unwrap();
    assert!(
        told.ends_with(&format!("{}\\xc3\\xa9", elsewhere.url("/"))),
        "{told}"
    );
    assert_eq!(elsewhere.unseen(), 0);
}

#[tokio::test]
async fn gone_is_the_end_at_once() {
    let receiver = Receiver::with_status(StatusCode::GONE).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["gone"]);
    assert_eq!(outcomes(&attempts), ["gone"]);
}

#[tokio::test]
async fn retry_after_puts_the_next_attempt_off() {
    let receiver = Receiver::answering(|_| async {
        let mut busy = answer(StatusCode::SERVICE_UNAVAILABLE);
        busy.headers_mut()
            .insert(RETRY_AFTER, "3600".parse().unwrap());
        busy
    })
    .await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing"]).await;
    let waiting = async {
        while running.queue.attempts(event).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();

    let wait = running.queue.next_due().unwrap();
    assert!(wait > Duration::from_secs(3500), "{wait:?}");
    assert_eq!(receiver.unseen(), 1);
}

#[tokio::test]
async fn a_step_that_is_gone_leaves_its_deliveries_visibly_dead() {
    let receiver = Receiver::with_status(StatusCode::OK).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let event = running.event(&["billing", "removed"]).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["done", "step_removed"]);
    assert_eq!(outcomes(&attempts), ["delivered"]);
}

#[tokio::test]
async fn a_retry_goes_to_the_steps_current_url() {
    let moved = Receiver::with_status(StatusCode::OK).await;
    let current: Arc<Mutex<Option<Running>>> = Arc::default();
    let (reconfigure, url) = (Arc::clone(&current), moved.url("/new"));
    let old = Receiver::answering(move |_| {
        if let Some(running) = &*reconfigure.lock().unwrap() {
            running.configure(&[("billing", url.clone(), "")]);
        }
        async { answer(StatusCode::INTERNAL_SERVER_ERROR) }
    })
    .await;
    let running = Running::with_steps(&[("billing", old.url("/old"), "")]);
    *current.lock().unwrap() = Some(running.clone());

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["server_error", "delivered"]);
    assert_eq!((old.unseen(), moved.unseen()), (1, 1));
}

#[tokio::test]
async fn an_address_that_is_denied_is_told_apart() {
    let steps = [(
        "billing",
        "http://169.254.169.254/latest".to_owned(),
        "max_retries = 0",
    )];
    let running = Running::with_steps(&steps);

    let event = running.event(&["billing"]).await;
    let (_, attempts) = running.settled(event).await;

    assert_eq!(outcomes(&attempts), ["address_denied"]);
    assert!(
        attempts[0]
            .error
            .as_deref()
            .unwrap()
            .contains("169.254.169.254")
    );
}

#[tokio::test]
async fn an_event_that_goes_in_circles_ends() {
    let receiver = Receiver::with_status(StatusCode::OK).await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);

    let mut headers = HeaderMap::new();
    headers.insert("countersign-hops", "8".parse().unwrap());
    let event = running.append(&["billing"], headers).await;
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["too_many_hops"]);
    assert_eq!(outcomes(&attempts), ["too_many_hops"]);
    assert_eq!(receiver.unseen(), 0);
}

#[tokio::test]
async fn a_poison_event_ends_after_its_last_attempt_crash_or_no_crash() {
    let receiver = Receiver::with_status(StatusCode::OK).await;
    let running = Running::prepared(&[("billing", receiver.url("/"), "max_retries = 0")]);
    let event = running.event(&["billing"]).await;

    // A gateway claims it and dies.
    let claims = running.queue.claim(Limits::new(1, 1)).await.unwrap();
    assert_eq!(claims.len(), 1);
    running.queue.clone().close().await;
    drop(claims);
    let path = running.folder.path().join("queue.db");
    let running = Running {
        queue: Queue::open(&path, Options::default()).unwrap(),
        ..running
    };
    running.start();
    let (deliveries, attempts) = running.settled(event).await;

    assert_eq!(ends(&deliveries), ["exhausted"]);
    assert!(attempts.iter().all(|attempt| attempt.status.is_none()));
    assert_eq!(receiver.unseen(), 0);
}

#[tokio::test]
async fn stopping_lets_what_is_under_way_finish_and_claims_nothing_more() {
    let gate = Arc::new(Gate::new(0));
    let hung = Arc::clone(&gate);
    let mut receiver = Receiver::answering(move |_| {
        let hung = Arc::clone(&hung);
        async move {
            let _ = hung.acquire().await;
            answer(StatusCode::OK)
        }
    })
    .await;
    let running = Running::with_steps(&[("billing", receiver.url("/"), "")]);
    let first = running.event(&["billing"]).await;
    receiver.request().await;

    let stopping = running.tasks.stopping();
    let drain = running.tasks.clone().drain(PATIENCE);
    let finish = async {
        stopping.cancelled().await;
        let second = running.event(&["billing"]).await;
        gate.add_permits(Gate::MAX_PERMITS);
        second
    };
    let (drained, second) = tokio::join!(drain, finish);

    assert_eq!(drained, Ok(()));
    running.settled(first).await;
    assert_eq!(receiver.unseen(), 0);
    let left = running.queue.event(second).await.unwrap().unwrap();
    assert_eq!(left.state, State::Pending);
}

#[tokio::test]
async fn nothing_is_delivered_while_delivery_is_switched_off() {
    let receiver = Receiver::with_status(StatusCode::OK).await;
    let running = Running::prepared(&[("billing", receiver.url("/"), "")]);
    let backends = Backends {
        client: running.client.clone(),
        queue: running.queue.clone(),
    };
    let mut off = config(&[("billing", receiver.url("/"), "")]);
    off.delivery.enabled = false;
    running.current.store(Arc::new(Live::new(off, &backends)));
    running.start();

    running.event(&["billing"]).await;
    let drained = running.tasks.clone().drain(PATIENCE).await;

    assert_eq!(drained, Ok(()));
    assert_eq!(receiver.unseen(), 0);
}
