//! The admin API through its router, on a real queue.

use std::path::Path;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use axum::body::Body;
use bytes::Bytes;
use countersign_queue::{Attempt, Limits, NewEvent, Next as Then, Options};
use countersign_tower::MemoryReplayGuard;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::config::Config;
use crate::deliver::{Client, Trust};
use crate::ingress::endpoint::Backends;
use crate::keysource::Keys;
use crate::live::Live;
use crate::rejections::waiting::Waiting;

mod document;
mod flows;
mod rejections;

const CONFIG: &str = r#"
[admin]
tokens = [
    { name = "ops", token = "token-of-the-operator" },
    { name = "other", token = "token-of-somebody-else", organization = "other" },
]
[[flows]]
id = "shop"
auth = { mode = "api_key", query = "k", keys = [{ secret = "a key of some length" }] }
[[flows]]
id = "orders-in"
auth = { scheme = "github", keys = [
    { id = "old", secret = "shared-canary-secret-of-two", not_after = "2020-01-01T00:00:00Z" },
    { id = "new", secret = "the new secret of the flow" },
] }
steps = [{ name = "billing", url = "https://billing.example.com/in?token=step-canary" }]
[[flows]]
id = "theirs"
organization = "other"
auth = { scheme = "github", keys = [{ secret = "shared-canary-secret-of-two" }] }
forward = "http://127.0.0.1:3000/app"
"#;

struct Gateway {
    backends: Backends,
    state: State,
    _folder: TempDir,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    json: Value,
}

impl Gateway {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::parse(CONFIG, Path::new("countersign.toml")).unwrap();
        let queue = Queue::open(&folder.path().join("events.db"), Options::default()).unwrap();
        let registrations = Registrations::load(&folder.path().join("events.db")).unwrap();
        let rejections = Rejections::new(SystemTime::now(), Waiting::default());
        let rejections = Arc::new(rejections);
        let backends = Backends {
            client: Client::new(&config.delivery.addresses, &[]).unwrap(),
            guard: MemoryReplayGuard::new(1),
            keys: Keys::new(
                Client::for_strangers(&config.delivery.addresses, &[]).unwrap(),
                Trust::of_this_machine(),
            ),
            queue: queue.clone(),
            registrations: registrations.clone(),
            rejections: Arc::clone(&rejections),
        };
        let live = Live::new(config, &backends, None);
        let state = State {
            current: Arc::new(ArcSwap::from_pointee(live)),
            queue,
            registrations,
            rejections,
            stopping: CancellationToken::new(),
        };
        Self {
            backends,
            state,
            _folder: folder,
        }
    }

    fn reload(&self, text: &str) {
        let config = Config::parse(text, Path::new("countersign.toml")).unwrap();
        let current = &self.state.current;
        let live = Live::new(config, &self.backends, Some(&current.load()));
        current.store(Arc::new(live));
    }

    async fn append(&self, flow: &str, steps: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_static("Bearer sender-credential"),
        );
        headers.insert(
            "x-webhook-signature",
            HeaderValue::from_static("t=1,sha256=sender-signature"),
        );
        let event = NewEvent {
            organization: "default".into(),
            flow: flow.into(),
            received: SystemTime::now(),
            method: Method::POST,
            target: format!("/hooks/{flow}?api_key=sender-key&k=sender-own-key&a=1").into(),
            headers,
            body: Bytes::from_static(b"hello"),
            key: Some("2026".into()),
            replay: None,
            steps: steps.iter().map(|step| Arc::from(*step)).collect(),
        };
        self.state.queue.append(event).await.unwrap().id.to_string()
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(path, "127.0.0.1:8081", Some("token-of-the-operator"))
            .await
    }

    async fn ask(&self, path: &str, host: &str, token: Option<&str>) -> Reply {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert(HOST, host.parse().unwrap());
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().unwrap();
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        self.send(request).await
    }

    async fn send(&self, request: Request) -> Reply {
        let response = router(self.state.clone()).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        #[expect(clippy::disallowed_methods, reason = "the body is limited")]
        let body = Limited::new(body, 1 << 20)
            .collect()
            .await
            .unwrap()
            .to_bytes();
        Reply {
            status: head.status,
            headers: head.headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }
}

#[tokio::test]
async fn without_a_token_that_is_ours_nothing_is_shown() {
    let gateway = Gateway::new();
    let id = gateway.append("orders", &[]).await;

    for token in [
        None,
        Some(""),
        Some("token-of-the-operato"),
        Some("token-of-the-operator "),
    ] {
        for path in ["/events".to_owned(), format!("/events/{id}")] {
            let reply = gateway.ask(&path, "localhost", token).await;

            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{token:?} {path}");
            assert_eq!(reply.headers[CONTENT_TYPE], "application/problem+json");
            assert_eq!(reply.headers[WWW_AUTHENTICATE], "Bearer");
            assert_eq!(reply.json["status"], 401);
        }
    }
}

#[tokio::test]
async fn a_rebound_name_gets_nothing_even_with_the_token() {
    let gateway = Gateway::new();

    let reply = gateway
        .ask(
            "/events",
            "evil.example:8081",
            Some("token-of-the-operator"),
        )
        .await;

    assert_eq!(reply.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn events_are_listed_newest_first_and_page_by_page() {
    let gateway = Gateway::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(gateway.append("orders", &["billing"]).await);
    }
    gateway.append("other-flow", &[]).await;

    let first = gateway.get("/events?flow=orders&limit=2").await;
    let next = first.json["next"].as_str().unwrap().to_owned();
    let second = gateway
        .get(&format!("/events?flow=orders&limit=2&before={next}"))
        .await;

    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.json["events"][0]["id"], ids[2].as_str());
    assert_eq!(first.json["events"][1]["id"], ids[1].as_str());
    assert_eq!(second.json["events"][0]["id"], ids[0].as_str());
    assert_eq!(second.json["events"].as_array().unwrap().len(), 1);
    assert_eq!(first.json["events"][0]["deliveries"][0]["state"], "pending");
    assert_eq!(
        gateway.get("/events?state=done").await.json["events"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn an_organization_sees_its_own_events_only() {
    let gateway = Gateway::new();
    let id = gateway.append("orders", &[]).await;
    let other = Some("token-of-somebody-else");

    let list = gateway.ask("/events", "localhost", other).await;
    let event = gateway
        .ask(&format!("/events/{id}"), "localhost", other)
        .await;

    assert_eq!(list.json["events"].as_array().unwrap().len(), 0);
    assert_eq!(event.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_event_is_shown_with_its_attempts_and_without_credentials() {
    let gateway = Gateway::new();
    let id = gateway.append("orders", &["billing"]).await;
    let queue = &gateway.state.queue;
    let claim = queue.claim(Limits::new(1, 1)).await.unwrap().pop().unwrap();
    let attempt = Attempt {
        started: SystemTime::now(),
        took: Duration::from_micros(1_500),
        outcome: "delivered".into(),
        status: Some(200),
        answer: Bytes::from_static(b"\xff\x00"),
        error: None,
    };
    queue.settle(claim, attempt, Then::Done).await.unwrap();

    let reply = gateway.get(&format!("/events/{id}")).await;
    let text = reply.json.to_string();

    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.json["state"], "done");
    assert_eq!(reply.json["body"]["text"], "hello");
    assert_eq!(reply.json["body"]["base64"], "aGVsbG8=");
    assert_eq!(reply.json["attempts"][0]["took_ms"], 1.5);
    assert_eq!(reply.json["attempts"][0]["answer"]["text"], Value::Null);
    assert_eq!(
        reply.json["target"], "/hooks/orders?api_key=[redacted]&k=[redacted]&a=[redacted]",
        "the flow is not configured: nobody knows which parameter is a key"
    );
    assert!(text.contains("text/plain"));
    for secret in ["sender-credential", "sender-signature", "sender-key"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn the_api_key_of_a_flow_is_shown_nowhere_whatever_its_place_is_called() {
    let gateway = Gateway::new();
    let id = gateway.append("shop", &[]).await;

    let list = gateway.get("/events").await;
    let event = gateway.get(&format!("/events/{id}")).await;

    let shown = "/hooks/shop?api_key=[redacted]&k=[redacted]&a=1";
    assert_eq!(list.json["events"][0]["target"], shown);
    assert_eq!(event.json["target"], shown);
}

#[tokio::test]
async fn a_question_that_is_not_understood_says_which() {
    let gateway = Gateway::new();

    for (query, word) in [
        ("flw=a", "flw"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("since=yesterday", "since"),
        ("state=lost", "state"),
        ("before=evt_1", "before"),
    ] {
        let reply = gateway.get(&format!("/events?{query}")).await;

        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(
            reply.json["detail"].as_str().unwrap().contains(word),
            "{query}: {}",
            reply.json
        );
    }
}

#[tokio::test]
async fn an_id_that_is_none_and_one_that_is_unknown_look_alike() {
    let gateway = Gateway::new();
    let id = gateway.append("orders", &[]).await;
    let last = if id.ends_with('0') { '1' } else { '0' };
    let unknown = format!("{}{last}", &id[..id.len() - 1]);

    let none = gateway.get("/events/evt_x").await;
    let unknown = gateway.get(&format!("/events/{unknown}")).await;

    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(none.json, unknown.json);
}

#[tokio::test]
async fn health_needs_no_token_and_readiness_ends_with_the_stop() {
    let gateway = Gateway::new();
    gateway.append("orders", &[]).await;

    let live = gateway.ask("/livez", "gateway.svc", None).await;
    let ready = gateway.ask("/readyz", "gateway.svc", None).await;
    gateway.state.stopping.cancel();
    let stopping = gateway.ask("/readyz", "gateway.svc", None).await;

    assert_eq!(live.status, StatusCode::OK);
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(stopping.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stopping.json["missing"][0], "shutting_down");
    assert_eq!(
        gateway.ask("/livez", "gateway.svc", None).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn every_answer_is_kept_by_nobody_and_opens_to_no_origin() {
    let gateway = Gateway::new();

    for path in ["/livez", "/events", "/nothing"] {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        request
            .headers_mut()
            .insert("origin", HeaderValue::from_static("https://evil.example"));

        let reply = gateway.send(request).await;

        assert_eq!(reply.headers[X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(reply.headers[CACHE_CONTROL], "no-store", "{path}");
        assert!(
            !reply.headers.contains_key("access-control-allow-origin"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn another_method_is_a_405_that_names_the_right_one() {
    let gateway = Gateway::new();
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/events".parse().unwrap();

    let reply = gateway.send(request).await;

    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reply.headers["allow"], "GET,HEAD");
}
