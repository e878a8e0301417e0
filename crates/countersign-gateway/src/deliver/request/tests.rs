use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::{Keyring, Scheme, Secret, Signed, Verifier};

use super::*;
use crate::config::{Config, Then};

const ID: &str = "evt_00000000000g0000000000000z";

/// One flow with one step at `url`, with more lines for the flow and for the step.
fn flow(url: &str, flow: &str, step: &str) -> Arc<Flow> {
    let text = format!(
        r#"
        [[flows]]
        id = "orders"
        {flow}
        [[flows.steps]]
        name = "billing"
        url = "{url}"
        {step}
        "#
    );
    let config = Config::parse(&text, Path::new("test.toml")).unwrap();
    Arc::clone(&config.flows[0])
}

const OPEN: &str = r#"auth = { mode = "none" }"#;

fn step(flow: &Flow) -> &Step {
    match &flow.then {
        Then::Queue { steps } => &steps[0],
        Then::Forward(_) => unreachable!(),
    }
}

/// An event as the queue hands it back.
struct Stored {
    body: Bytes,
    headers: HeaderMap,
    method: Method,
    target: &'static str,
}

impl Stored {
    fn new(headers: &[(&'static str, &'static str)]) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        Self {
            body: Bytes::from_static(b"{\"a\":1}"),
            headers,
            method: Method::POST,
            target: "/hooks/orders",
        }
    }

    fn request(&self, flow: &Flow) -> Result<Request<Bytes>, Unsendable> {
        let request = StepRequest {
            attempt: 2,
            body: &self.body,
            event: ID.parse().unwrap(),
            flow,
            headers: &self.headers,
            method: &self.method,
            step: step(flow),
            target: self.target,
        };
        request.build(now(), [7; 24])
    }
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

#[test]
fn method_body_and_headers_go_on_as_they_came() {
    let flow = flow("https://billing.example.com/in", OPEN, "");
    let stored = Stored {
        method: Method::PATCH,
        ..Stored::new(&[
            ("content-type", "application/json"),
            ("x-a", "1"),
            ("x-a", "2"),
            ("x-event", "order"),
        ])
    };

    let request = stored.request(&flow).unwrap();

    assert_eq!(request.method(), Method::PATCH);
    assert_eq!(request.uri(), "https://billing.example.com/in");
    assert_eq!(request.body(), "{\"a\":1}");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(
        request.headers().get_all("x-a").iter().collect::<Vec<_>>(),
        ["1", "2"]
    );
    assert_eq!(request.headers()["x-event"], "order");
}

#[test]
fn the_gateway_says_what_and_which_try_this_is() {
    let flow = flow("https://billing.example.com/in", OPEN, "");
    let stored = Stored {
        target: "/hooks/orders/a%2Fb?x=%20",
        ..Stored::new(&[])
    };

    let request = stored.request(&flow).unwrap();

    for (name, value) in [
        ("countersign-attempt", "2"),
        ("countersign-event", ID),
        ("countersign-flow", "orders"),
        ("countersign-hops", "1"),
        ("countersign-target", "/hooks/orders/a%2Fb?x=%20"),
        (
            "traceparent",
            "00-07070707070707070707070707070707-0707070707070707-01",
        ),
    ] {
        assert_eq!(request.headers()[name], value, "{name}");
    }
}

#[test]
fn credentials_framing_and_names_that_read_as_ours_stay_behind() {
    let key = r#"auth = { mode = "api_key", header = "X-Shop-Key", keys = [{ secret = "a key of some length" }] }"#;
    let flow = flow("https://billing.example.com/in", key, "");
    let stored = Stored::new(&[
        ("authorization", "Bearer secret"),
        ("connection", "x-listed"),
        ("content-length", "7"),
        ("cookie", "session=secret"),
        ("countersign-verified-at", "forged"),
        ("countersign_event", "forged"),
        ("expect", "100-continue"),
        ("host", "hooks.example.com"),
        ("proxy-authorization", "secret"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("x-listed", "gone"),
        ("x-shop-key", "secret"),
        ("x_shop_key", "secret"),
        ("x-kept", "1"),
    ]);

    let request = stored.request(&flow).unwrap();

    let mut names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    let ours = [
        "countersign-attempt",
        "countersign-event",
        "countersign-flow",
        "countersign-hops",
        "countersign-target",
    ];
    assert_eq!(names, [&ours[..], &["traceparent", "x-kept"]].concat());
    assert_eq!(request.headers()["countersign-event"], ID);
}

#[test]
fn the_query_goes_on_where_the_steps_url_has_none() {
    for (url, target, sent) in [
        (
            "http://a.example",
            "/hooks/orders?b=2&c",
            "http://a.example/?b=2&c",
        ),
        (
            "http://a.example/in",
            "/hooks/orders?",
            "http://a.example/in",
        ),
        (
            "http://a.example/in",
            "/hooks/orders?a=%2F?&b=+",
            "http://a.example/in?a=%2F?&b=+",
        ),
        (
            "http://a.example/in?own=1",
            "/hooks/orders?b=2",
            "http://a.example/in?own=1",
        ),
    ] {
        let request = Stored {
            target,
            ..Stored::new(&[])
        }
        .request(&flow(url, OPEN, ""))
        .unwrap();
        assert_eq!(request.uri(), sent);
    }
}

#[test]
fn an_event_that_goes_in_circles_is_not_sent_again() {
    let flow = flow("https://billing.example.com/in", OPEN, "");

    let seventh = Stored::new(&[("countersign-hops", "7")]).request(&flow);
    let eighth = Stored::new(&[("countersign-hops", "8")]).request(&flow);

    assert_eq!(seventh.unwrap().headers()["countersign-hops"], "8");
    assert!(matches!(eighth, Err(Unsendable::Hops)));
}

#[test]
fn connection_takes_away_neither_the_signature_nor_keeps_credentials() {
    let signed = format!(
        r#"auth = {{ mode = "signature", scheme = "designer-cloud", keys = [{{ secret = "{SECRET}" }}] }}"#
    );
    let key = r#"auth = { mode = "api_key", header = "X-Shop-Key", keys = [{ secret = "a key of some length" }] }"#;
    let stored = Stored::new(&[
        ("connection", "x-webhook-signature, x-shop-key, x-listed"),
        ("x-listed", "1"),
        ("x-shop-key", "secret"),
        ("x-webhook-signature", "t=1,sha256=00"),
    ]);

    for (auth, kept) in [(&*signed, true), (key, false), (OPEN, false)] {
        let flow = flow("https://billing.example.com/in", auth, "");
        let request = stored.request(&flow).unwrap();
        let headers = request.headers();
        assert_eq!(headers.contains_key("x-webhook-signature"), kept, "{auth}");
        assert!(!headers.contains_key("x-shop-key"), "{auth}");
        assert!(!headers.contains_key("x-listed"), "{auth}");
    }
}

#[test]
fn a_trace_that_the_sender_began_goes_on() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let flow = flow("https://billing.example.com/in", OPEN, "");

    let request = Stored::new(&[("traceparent", TRACE), ("tracestate", "a=1")])
        .request(&flow)
        .unwrap();

    assert_eq!(request.headers()["traceparent"], TRACE);
    assert_eq!(request.headers()["tracestate"], "a=1");
}

#[test]
fn a_trace_that_is_none_is_replaced_with_its_state() {
    let flow = flow("https://billing.example.com/in", OPEN, "");
    for bad in [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
    ] {
        let request = Stored::new(&[("traceparent", bad), ("tracestate", "a=1")])
            .request(&flow)
            .unwrap();
        assert_eq!(
            request.headers()["traceparent"],
            "00-07070707070707070707070707070707-0707070707070707-01"
        );
        assert_eq!(request.headers().get("tracestate"), None);
    }
}

#[test]
fn the_steps_own_headers_win() {
    let flow = flow(
        "https://billing.example.com/in",
        OPEN,
        r#"headers = { Authorization = "Bearer ours", X-Team = "a" }"#,
    );

    let request = Stored::new(&[
        ("authorization", "Bearer theirs"),
        ("x-team", "b"),
        ("x_team", "c"),
    ])
    .request(&flow)
    .unwrap();

    assert_eq!(request.headers()["authorization"], "Bearer ours");
    assert_eq!(request.headers()["x-team"], "a");
    assert_eq!(request.headers().get("x_team"), None);
}

const SECRET: &str = "a secret of some length";

fn verify(scheme: &str, request: &Request<Bytes>) {
    let scheme = Scheme::preset(scheme).unwrap();
    let verifier = Verifier::new(&scheme, &Keyring::single(Secret::new(SECRET))).unwrap();
    let target = request.uri().path_and_query().unwrap().as_str();
    let signed = Signed {
        method: request.method(),
        url: PublicUrl::new("https://billing.example.com", target),
        headers: request.headers(),
        body: request.body(),
        now: now(),
    };
    verifier.verify(&signed).unwrap();
}

#[test]
fn a_step_with_a_secret_gets_a_signature_that_verifies() {
    let flow = flow(
        "https://billing.example.com/in",
        OPEN,
        &format!("secret = \"{SECRET}\""),
    );
    let stored = Stored::new(&[
        ("x-webhook-signature", "t=1,sha256=00"),
        ("x_webhook_signature", "forged"),
    ]);

    let request = stored.request(&flow).unwrap();

    verify("designer-cloud", &request);
    assert_eq!(
        request
            .headers()
            .get_all("x-webhook-signature")
            .iter()
            .count(),
        1
    );
    assert_eq!(request.headers().get("x_webhook_signature"), None);
}

#[test]
fn a_signature_without_a_body_covers_the_final_url() {
    let flow = flow(
        "https://billing.example.com/in",
        OPEN,
        &format!("secret = \"{SECRET}\""),
    );
    let stored = Stored {
        body: Bytes::new(),
        method: Method::GET,
        target: "/hooks/orders?job=7",
        ..Stored::new(&[])
    };

    let request = stored.request(&flow).unwrap();

    assert_eq!(request.uri(), "https://billing.example.com/in?job=7");
    verify("designer-cloud", &request);
}

#[test]
fn a_scheme_with_a_message_id_signs_the_events() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let flow = flow(
        "https://billing.example.com/in",
        OPEN,
        &format!("scheme = \"standard-webhooks\"\nsecret = \"{secret}\""),
    );

    let request = Stored::new(&[("webhook-id", "theirs")])
        .request(&flow)
        .unwrap();

    assert_eq!(request.headers()["webhook-id"], ID);
    assert!(request.headers().contains_key("webhook-signature"));
    assert_eq!(request.headers()["webhook-timestamp"], "1800000000");
}

#[test]
fn the_senders_signature_is_kept_where_ours_is_another() {
    let flow = flow(
        "https://billing.example.com/in",
        OPEN,
        &format!("secret = \"{SECRET}\""),
    );

    let request = Stored::new(&[("x-hub-signature-256", "sha256=00")])
        .request(&flow)
        .unwrap();

    assert_eq!(request.headers()["x-hub-signature-256"], "sha256=00");
}
