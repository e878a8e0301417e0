//! What is not genuine, or not addressed right, gets one clear answer and reaches nobody.

use std::io::Write;

use crate::support::{
    FLOW_SECRET, Gateway, Receiver, Reply, Request, Setup, connect, id, native, native_at,
    native_mac, now_ms, read_reply, signed, step,
};

const BODY: &[u8] = b"{\"order\": 7}";

#[test]
fn a_signature_that_is_not_exactly_right_gets_401_and_reaches_nobody() {
    let (receiver, gateway) = with_one_step();
    let now = now_ms();
    let mac = |time: u128| native_mac(FLOW_SECRET, BODY, &time.to_string());
    let text_mac = |time: &str| native_mac(FLOW_SECRET, BODY, time);
    let good = mac(now);
    let (seconds, micros, stale, future) = (now / 1000, now * 1000, now - 600_000, now + 600_000);
    let forged = [
        ("empty", String::new()),
        (
            "by another secret",
            native_at("another-secret-of-a-good-length", BODY, now),
        ),
        (
            "over another body",
            native_at(FLOW_SECRET, b"{\"order\": 8}", now),
        ),
        ("over another time", format!("t={},sha256={good}", now + 1)),
        ("one byte short", format!("t={now},sha256={}", &good[..62])),
        ("one digit short", format!("t={now},sha256={}", &good[..63])),
        ("one byte long", format!("t={now},sha256={good}00")),
        ("twice its length", format!("t={now},sha256={good}{good}")),
        ("no digits", format!("t={now},sha256=")),
        ("with 0x", format!("t={now},sha256=0x{good}")),
        (
            "with white space in it",
            format!("t={now},sha256={} {}", &good[..32], &good[32..]),
        ),
        (
            "not hexadecimal",
            format!("t={now},sha256={}", "g".repeat(64)),
        ),
        ("without a time", format!("sha256={good}")),
        ("without a MAC", format!("t={now}")),
        ("two times", format!("t={now},t={now},sha256={good}")),
        (
            "time with a sign",
            format!("t=+{now},sha256={}", text_mac(&format!("+{now}"))),
        ),
        (
            "time with a leading zero",
            format!("t=0{now},sha256={}", text_mac(&format!("0{now}"))),
        ),
        (
            "time with a fraction",
            format!("t={now}.0,sha256={}", text_mac(&format!("{now}.0"))),
        ),
        (
            "time with an exponent",
            format!("t={now}e0,sha256={}", text_mac(&format!("{now}e0"))),
        ),
        (
            "time beyond u64",
            format!("t={now}{now},sha256={}", text_mac(&format!("{now}{now}"))),
        ),
        ("time is nothing", format!("t=,sha256={}", text_mac(""))),
        ("in seconds", format!("t={seconds},sha256={}", mac(seconds))),
        (
            "in microseconds",
            format!("t={micros},sha256={}", mac(micros)),
        ),
        ("too old", format!("t={stale},sha256={}", mac(stale))),
        (
            "from the future",
            format!("t={future},sha256={}", mac(future)),
        ),
        ("another algorithm's label", format!("t={now},sha1={good}")),
        ("a version label", format!("t={now},v1={good}")),
        ("algorithm none", format!("t={now},none=")),
        ("only the MAC", good.clone()),
        ("semicolons", format!("t={now};sha256={good}")),
        (
            "nine candidates",
            format!("t={now}{}", format!(",sha256={}", "0".repeat(64)).repeat(9)),
        ),
        (
            "very long",
            format!("t={now},x={},sha256={good}", "y".repeat(8000)),
        ),
    ];

    for (what, signature) in forged {
        let reply = Request::post("/hooks/orders")
            .header("X-Webhook-Signature", signature)
            .body(BODY)
            .send(gateway.ingress);
        assert_refused(&reply, 401, what);
    }

    assert_nothing_but_a_marker(&receiver, &gateway);
}

#[test]
fn a_signature_header_that_is_missing_or_there_twice_gets_401() {
    let (receiver, gateway) = with_one_step();
    let good = native(FLOW_SECRET, BODY);

    let missing = Request::post("/hooks/orders")
        .body(BODY)
        .send(gateway.ingress);
    let doubled = Request::post("/hooks/orders")
        .header("X-Webhook-Signature", good.clone())
        .header("X-Webhook-Signature", good)
        .body(BODY)
        .send(gateway.ingress);

    assert_refused(&missing, 401, "missing");
    assert_refused(&doubled, 401, "there twice");
    assert_nothing_but_a_marker(&receiver, &gateway);
}

#[test]
fn every_changed_bit_of_a_signature_is_refused() {
    let (receiver, gateway) = with_one_step();
    let good = native(FLOW_SECRET, BODY);
    let mut stream = connect(gateway.ingress);

    for at in good.find("sha256=").unwrap() + 7..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(bytes).unwrap();
        let request = Request::post("/hooks/orders")
            .header("X-Webhook-Signature", changed)
            .body(BODY);
        stream.write_all(&request.bytes()).unwrap();
        assert_refused(
            &read_reply(&mut stream).unwrap(),
            401,
            &format!("digit {at}"),
        );
    }

    assert_nothing_but_a_marker(&receiver, &gateway);
}

#[test]
fn a_signature_of_one_flow_does_not_open_another() {
    let gateway = Setup::new()
        .flow("mine", "")
        .table(
            "[[flows]]\nid = \"other\"\nauth = { mode = \"signature\", scheme = \"designer-cloud\", \
             keys = [{ secret = \"the-other-flows-own-long-secret\" }] }\n",
        )
        .start();

    assert_eq!(gateway.post("mine", BODY).status, 202);
    assert_eq!(gateway.post("other", BODY).status, 401);
}

#[test]
fn a_captured_get_does_not_pass_as_a_post_of_its_url() {
    let gateway = Setup::new()
        .flow("both", "methods = [\"GET\", \"POST\"]")
        .start();
    let url = "https://hooks.example.com/hooks/both?x=1";
    let signature = native(FLOW_SECRET, url.as_bytes());

    let captured = Request::get("/hooks/both?x=1")
        .header("X-Webhook-Signature", signature.clone())
        .send(gateway.ingress);
    let turned = Request::post("/hooks/both")
        .header("X-Webhook-Signature", signature)
        .body(url)
        .send(gateway.ingress);

    assert_eq!(captured.status, 202, "{}", captured.text());
    assert_refused(&turned, 401, "a GET turned into a POST");
}

#[test]
fn a_body_that_nothing_signs_is_refused() {
    let gateway = Setup::new().flow("links", "methods = [\"GET\"]").start();
    let signature = native(FLOW_SECRET, b"https://hooks.example.com/hooks/links");

    let reply = Request::get("/hooks/links")
        .header("X-Webhook-Signature", signature)
        .body("smuggled")
        .send(gateway.ingress);

    assert_refused(&reply, 401, "a body on a signed URL");
}

#[test]
fn a_declared_body_over_the_limit_gets_413_before_it_is_sent() {
    let (receiver, gateway) = limited();
    let body = vec![b'x'; 2000];
    let request = Request::post("/hooks/orders")
        .header("X-Webhook-Signature", native(FLOW_SECRET, &body))
        .header("Content-Length", "2000")
        .undeclared();
    let mut stream = connect(gateway.ingress);

    stream.write_all(&request.bytes()).unwrap();

    assert_refused(&read_reply(&mut stream).unwrap(), 413, "declared");
    assert_nothing_but_a_marker(&receiver, &gateway);
}

#[test]
fn an_absurd_declared_length_gets_413_at_once() {
    let (_receiver, gateway) = limited();
    let request = Request::post("/hooks/orders")
        .header("X-Webhook-Signature", native(FLOW_SECRET, b"x"))
        .header("Content-Length", "9223372036854775807")
        .undeclared();

    assert_refused(&request.send(gateway.ingress), 413, "2^63-1");
}

#[test]
fn an_undeclared_body_over_the_limit_gets_413() {
    let (receiver, gateway) = limited();
    let body = vec![b'x'; 2000];

    let reply = signed("orders", &body).chunked(100).send(gateway.ingress);

    assert_refused(&reply, 413, "undeclared");
    assert_nothing_but_a_marker(&receiver, &gateway);
}

#[test]
fn a_body_of_exactly_the_limit_is_accepted_declared_or_not() {
    let (receiver, gateway) = limited();
    let (one, two) = (vec![b'x'; 1024], vec![b'y'; 1024]);

    assert_eq!(signed("orders", &one).send(gateway.ingress).status, 202);
    assert_eq!(
        signed("orders", &two)
            .chunked(100)
            .send(gateway.ingress)
            .status,
        202
    );

    let mut bodies: Vec<_> = receiver
        .wait_for(2)
        .into_iter()
        .map(|one| one.body)
        .collect();
    bodies.sort();
    assert_eq!(bodies, [one, two]);
}

#[test]
fn an_unknown_flow_gets_404() {
    let (receiver, gateway) = with_one_step();

    for target in [
        "/hooks/nobody",
        "/hooks/",
        "/hooks",
        "/",
        "/hooks/Orders",
        "/hooks/%6frders",
        "/hooks/../hooks/orders",
        "//hooks/orders",
    ] {
        let request = Request::post(target)
            .header("X-Webhook-Signature", native(FLOW_SECRET, BODY))
            .body(BODY);
        assert_refused(&request.send(gateway.ingress), 404, target);
    }
    assert_nothing_but_a_marker(&receiver, &gateway);
}

#[test]
fn a_method_the_flow_does_not_take_gets_405_and_what_it_takes() {
    let (receiver, gateway) = with_one_step();

    for method in [
        "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "BREW",
    ] {
        let request = Request::new(method, "/hooks/orders")
            .header("X-Webhook-Signature", native(FLOW_SECRET, BODY));
        let reply = request.send(gateway.ingress);
        assert_refused(&reply, 405, method);
        assert_eq!(reply.header("allow"), Some("POST"), "{method}");
    }
    assert_nothing_but_a_marker(&receiver, &gateway);
}

#[test]
fn basic_credentials_open_and_anything_else_gets_401_with_a_challenge() {
    let gateway = Setup::new()
        .table(
            "[[flows]]\nid = \"basic\"\nreplay = \"off\"\n\
             auth = { mode = \"basic\", users = [{ name = \"sender\", password = \"a:password of good length\" }] }\n",
        )
        .start();
    let post = |value: &str| {
        Request::post("/hooks/basic")
            .header("Authorization", value)
            .body("x")
            .send(gateway.ingress)
    };

    // sender:a:password of good length
    let good = "c2VuZGVyOmE6cGFzc3dvcmQgb2YgZ29vZCBsZW5ndGg=";
    assert_eq!(post(&format!("Basic {good}")).status, 202);
    assert_eq!(post(&format!("basic {good}")).status, 202);
    for value in [
        "Basic c2VuZGVyOmE=",
        "Basic",
        "Basic !!!",
        &format!("Bearer {good}"),
        &format!("Basic {good}{good}"),
    ] {
        let reply = post(value);
        assert_refused(&reply, 401, value);
        assert!(
            reply
                .header("www-authenticate")
                .is_some_and(|value| value.starts_with("Basic")),
            "{value}"
        );
    }
}

#[test]
fn an_api_key_opens_and_another_does_not() {
    let gateway = Setup::new()
        .table(
            "[[flows]]\nid = \"keyed\"\nreplay = \"off\"\n\
             auth = { mode = \"api_key\", keys = [{ id = \"one\", secret = \"an-api-key-of-a-good-length\" }] }\n",
        )
        .start();
    let post = |value: &str| {
        Request::post("/hooks/keyed")
            .header("X-API-Key", value)
            .body("x")
            .send(gateway.ingress)
    };

    assert_eq!(post("an-api-key-of-a-good-length").status, 202);
    assert_refused(&post("an-api-key-of-a-good-lengtH"), 401, "another key");
    assert_refused(&post("an-api-key-of-a-good-length1"), 401, "a longer key");
    assert_refused(&post(""), 401, "an empty key");
    assert_refused(
        &Request::post("/hooks/keyed")
            .body("x")
            .send(gateway.ingress),
        401,
        "no key",
    );
}

/// The status, and a body that tells the sender nothing about why.
fn assert_refused(reply: &Reply, status: u16, what: &str) {
    assert_eq!(reply.status, status, "{what}: {}", reply.text());
    let text = reply.text().to_lowercase();
    for telling in [
        "stale",
        "expired",
        "mismatch",
        "malformed",
        "timestamp",
        "secret",
        "hmac",
        "key",
        "reason",
    ] {
        assert!(
            !text.contains(telling),
            "{what}: the answer says {telling:?}: {text}"
        );
    }
}

/// A genuine webhook passes after all that, and it is the only one that was stored and delivered.
fn assert_nothing_but_a_marker(receiver: &Receiver, gateway: &Gateway) {
    let marker = id(&signed("orders", b"marker").send(gateway.ingress));
    let delivered = receiver.wait_for(1);
    assert_eq!(delivered.len(), 1);
    assert_eq!(
        delivered[0].header("countersign-event"),
        Some(marker.as_str())
    );
    let events = gateway.admin("/events").json();
    let ids: Vec<_> = events["events"]
        .as_array()
        .expect("a list of events")
        .iter()
        .map(|event| &event["id"])
        .collect();
    assert_eq!(ids, [&marker]);
}

fn with_one_step() -> (Receiver, Gateway) {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();
    (receiver, gateway)
}

fn limited() -> (Receiver, Gateway) {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .ingress("body_limit = \"1KiB\"")
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();
    (receiver, gateway)
}
