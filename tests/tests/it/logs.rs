//! What the gateway says about itself: enough for an operator, nothing for a thief, one line for each thing.

use serde_json::Value;

use crate::support::{
    ADMIN_TOKEN, Answer, FLOW_SECRET, Process, Receiver, Request, Setup, id, native, signed,
};

const STEP_SECRET: &str = "the-secret-between-us-and-the-step";
const BODY: &[u8] = b"{\"card\": \"4111-1111-1111-1111\"}";

#[test]
fn no_secret_signature_or_body_is_ever_logged_however_much_is() {
    let receiver = Receiver::answering(|_, request| {
        if request.header("countersign-attempt") == Some("1") {
            Answer::With(500, vec![], b"answer-of-the-step".to_vec())
        } else {
            Answer::status(200)
        }
    });
    let setup = Setup::new()
        .flow(
            "orders",
            &format!(
                "steps = [{{ name = \"only\", url = \"{}\", secret = \"{STEP_SECRET}\", \
                 headers = {{ Authorization = \"Bearer of-the-step\" }} }}]",
                receiver.url("/in?token=in-the-query")
            ),
        )
        .flow("side", &format!("forward = \"{}\"", receiver.url("")));
    let mut process = Process::start(setup.command().env("COUNTERSIGN_LOG", "trace"));
    let (ingress, admin) = process.ready();
    let good = native(FLOW_SECRET, BODY);
    let forged = native("not-the-secret-of-this-flow", BODY);

    for (flow, signature) in [("orders", &good), ("orders", &forged), ("side", &good)] {
        Request::post(&format!("/hooks/{flow}?session=of-the-sender"))
            .header("X-Webhook-Signature", signature.as_str())
            .header("Cookie", "session=of-the-sender")
            .body(BODY)
            .send(ingress);
    }
    crate::support::ask(admin, "/events");
    receiver.wait_for(3);
    process.signal("TERM");
    process.ended();

    let said = process.said();
    assert!(
        said.contains("bad_signature"),
        "the operator learns why:\n{said}"
    );
    let mac = |signature: &str| signature.split_once("sha256=").unwrap().1.to_owned();
    for secret in [
        FLOW_SECRET,
        STEP_SECRET,
        ADMIN_TOKEN,
        &mac(&good),
        &mac(&forged),
        "4111-1111",
        "answer-of-the-step",
        "of-the-sender",
        "of-the-step",
        "in-the-query",
    ] {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} was logged");
    }
}

#[test]
fn a_refusal_is_logged_with_its_flow_and_its_reason() {
    let mut gateway = Setup::new().flow("orders", "").start();
    let seconds = crate::support::now_ms() / 1000;

    Request::post("/hooks/orders")
        .header(
            "X-Webhook-Signature",
            crate::support::native_at(FLOW_SECRET, b"x", seconds),
        )
        .body("x")
        .send(gateway.ingress);

    let line = gateway.process().line("the refusal", |line| {
        line.contains("stale_timestamp").then(|| line.to_owned())
    });
    assert!(line.contains("orders"), "{line}");
    assert!(line.contains("seconds"), "it looks like seconds: {line}");
}

#[test]
fn every_line_is_one_json_object_whatever_was_sent() {
    let mut gateway = Setup::new().flow("orders", "").start();
    for value in [
        "a\tb",
        "\u{1b}[31mred",
        "x\\n{\\\"level\\\":\\\"INFO\\\"}",
        "\u{85}",
    ] {
        let request = Request::post(&format!(
            "/hooks/{}",
            value.replace(['\t', '\u{1b}', '\u{85}'], "%1b")
        ))
        .header("X-Webhook-Signature", value)
        .header("Content-Type", value)
        .header("User-Agent", value);
        let _ = request.try_send(gateway.ingress);
    }
    id(&signed("orders", b"x").send(gateway.ingress));

    gateway.stop();

    for line in gateway.process().said().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line:?}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
fn a_repeat_that_is_acknowledged_is_not_told_as_refused() {
    let upstream = Receiver::start();
    let mut gateway = Setup::new()
        .flow("side", &format!("forward = \"{}\"", upstream.url("")))
        .start();
    let request = signed("side", b"twice");

    let first = request.send(gateway.ingress);
    let again = request.send(gateway.ingress);

    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(again.json()["duplicate"], true);
    gateway.stop();
    let said = gateway.process().said();
    assert!(!said.contains("refused"), "{said}");
}

#[test]
fn calls_to_the_admin_listener_are_logged_with_who_made_them() {
    let setup = Setup::new().flow("orders", "");
    let mut process = Process::start(setup.command().env("COUNTERSIGN_LOG", "debug"));
    let (_, admin) = process.ready();

    crate::support::ask(admin, "/events?flow=orders");
    Request::get("/events")
        .host("localhost")
        .header("Authorization", "Bearer not-the-token-of-anybody")
        .send(admin);
    Request::get("/events").host("evil.example").send(admin);
    process.signal("TERM");
    process.ended();

    let said = process.said();
    let calls: Vec<Value> = said
        .lines()
        .filter(|line| line.contains("admin call"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let field = |call: usize, name: &str| calls[call][name].as_str().unwrap_or("none").to_owned();
    assert_eq!(calls.len(), 3, "{said}");
    assert_eq!(
        [field(0, "level"), field(0, "token.name"), field(0, "path")],
        ["DEBUG", "ops", "/events"]
    );
    assert_eq!(
        [field(1, "level"), field(1, "reason")],
        ["INFO", "unknown_token"]
    );
    assert!(field(1, "peer").starts_with("127.0.0.1:"), "{said}");
    assert_eq!(field(2, "reason"), "foreign_host");
    assert!(!said.contains("not-the-token"), "{said}");
}
