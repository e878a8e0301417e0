//! The sidecar: genuine requests go to the upstream, its answer comes back, and nobody speaks in our name.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{
    Answer, FLOW_SECRET, Gateway, PATIENCE, Receiver, Request, Setup, connect, native, read_reply,
    refused_address, signed, wait_for,
};

#[test]
fn a_genuine_request_reaches_the_upstream_and_its_answer_comes_back() {
    let upstream = Receiver::answering(|_, _| {
        Answer::With(
            418,
            vec![
                "X-Upstream: yes",
                "Set-Cookie: a=1",
                "Content-Type: text/plain",
            ],
            b"tea".to_vec(),
        )
    });
    let gateway = in_front_of(&upstream);
    let body: Vec<u8> = (0..=255).collect();

    let reply = Request::post("/hooks/side?x=%20")
        .header("X-Webhook-Signature", native(FLOW_SECRET, &body))
        .header("Content-Type", "application/octet-stream")
        .body(body.clone())
        .send(gateway.ingress);

    assert_eq!((reply.status, reply.text().as_str()), (418, "tea"));
    assert_eq!(reply.header("x-upstream"), Some("yes"));
    assert_eq!(reply.header("set-cookie"), Some("a=1"));
    let got = upstream.wait_for(1).remove(0);
    assert_eq!(
        (got.method.as_str(), got.target.as_str()),
        ("POST", "/hooks/side?x=%20")
    );
    assert_eq!(got.body, body);
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    assert_eq!(got.header("countersign-flow"), Some("side"));
    assert_eq!(got.header("countersign-key"), Some("first"));
    assert!(
        got.header("countersign-verified-at")
            .is_some_and(|time| time.ends_with('Z'))
    );
    assert_eq!(got.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(got.header("x-forwarded-host"), Some("hooks.example.com"));
    assert!(
        got.header("x-webhook-signature").is_some(),
        "the sender's own signature goes along"
    );
}

#[test]
fn what_is_not_genuine_never_reaches_the_upstream() {
    let upstream = Receiver::start();
    let gateway = in_front_of(&upstream);

    let forged = Request::post("/hooks/side")
        .header(
            "X-Webhook-Signature",
            native("not-the-secret-of-this-flow", b"x"),
        )
        .body("x")
        .send(gateway.ingress);
    let genuine = gateway.post("side", b"marker");

    assert_eq!((forged.status, genuine.status), (401, 200));
    let received = upstream.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body, b"marker");
}

#[test]
fn an_answer_is_passed_on_as_it_comes() {
    let upstream = Receiver::answering(|_, _| Answer::Stepwise(vec!["first part", "second part"]));
    let gateway = in_front_of(&upstream);
    let mut stream = connect(gateway.ingress);
    stream
        .write_all(&signed("side", b"stream").bytes())
        .unwrap();

    let head_and_first = read_until(&mut stream, "first part");
    assert!(!head_and_first.contains("second part"));
    upstream.go_on();
    read_until(&mut stream, "second part");
    upstream.go_on();
}

#[test]
fn nobody_speaks_in_our_name() {
    let upstream = Receiver::start();
    let gateway = in_front_of(&upstream);

    let reply = signed("side", b"spoof")
        .header("Countersign-Flow", "admin")
        .header("countersign_flow", "admin")
        .header("Countersign.Key", "admin")
        .header("COUNTERSIGN-VERIFIED-AT", "1970-01-01T00:00:00Z")
        .header("Countersign-Anything", "else")
        .header("X-Forwarded-For", "203.0.113.9")
        .header("X_Forwarded_For", "203.0.113.9")
        .header("X-Forwarded-Host", "evil.example")
        .header("X-Forwarded-Proto", "gopher")
        .header("Forwarded", "for=203.0.113.9")
        .send(gateway.ingress);

    assert_eq!(reply.status, 200);
    let got = upstream.wait_for(1).remove(0);
    assert_eq!(got.header("countersign-flow"), Some("side"));
    assert_eq!(got.header("countersign-key"), Some("first"));
    assert_ne!(
        got.header("countersign-verified-at"),
        Some("1970-01-01T00:00:00Z")
    );
    assert_eq!(got.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(got.header("x-forwarded-host"), Some("hooks.example.com"));
    assert_eq!(got.header("x-forwarded-proto"), Some("http"));
    let names = got.header_names();
    for name in [
        "countersign_flow",
        "countersign.key",
        "countersign-anything",
        "x_forwarded_for",
        "forwarded",
    ] {
        assert!(!names.iter().any(|other| other == name), "{name} arrived");
    }
}

#[test]
fn hop_by_hop_headers_stay_behind_both_ways_and_cannot_remove_ours() {
    let upstream = Receiver::answering(|_, _| {
        Answer::With(
            200,
            vec![
                "Connection: X-Between",
                "X-Between: us",
                "Keep-Alive: timeout=9",
                "X-End: to end",
            ],
            vec![],
        )
    });
    let gateway = in_front_of(&upstream);

    let reply = signed("side", b"hops")
        .header(
            "Connection",
            "x-between, countersign-flow, content-type, x-forwarded-for, host",
        )
        .header("X-Between", "us")
        .header("X-End", "to end")
        .header("Content-Type", "text/plain")
        .header("TE", "trailers")
        .header("Upgrade", "h2c")
        .header("Proxy-Authorization", "Basic eA==")
        .send(gateway.ingress);

    let got = upstream.wait_for(1).remove(0);
    for name in ["x-between", "te", "upgrade", "proxy-authorization"] {
        assert_eq!(got.header(name), None, "{name} went on");
    }
    for (name, value) in [
        ("countersign-flow", "side"),
        ("content-type", "text/plain"),
        ("x-end", "to end"),
    ] {
        assert_eq!(got.header(name), Some(value));
    }
    assert_eq!(got.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(
        (reply.header("x-between"), reply.header("keep-alive")),
        (None, None)
    );
    assert_eq!(reply.header("x-end"), Some("to end"));
}

#[test]
fn connection_cannot_strip_the_signature() {
    let upstream = Receiver::start();
    let gateway = in_front_of(&upstream);

    let reply = signed("side", b"stripped?")
        .header("Connection", "X-Webhook-Signature, x-other")
        .header("X-Other", "1")
        .send(gateway.ingress);

    assert_eq!(reply.status, 200);
    let got = upstream.wait_for(1).remove(0);
    assert!(got.header("x-webhook-signature").is_some());
    assert_eq!(got.header("x-other"), None);
}

#[test]
fn a_flow_that_forwards_to_itself_ends_with_508() {
    let own = refused_address();
    let gateway = Setup::new()
        .listen(own)
        .table(&open("circle", &format!("forward = \"http://{own}\"")))
        .start();

    for _ in 0..2 {
        let reply = Request::post("/hooks/circle")
            .body("round and round")
            .send(gateway.ingress);

        assert_eq!(reply.status, 508, "{}", reply.text());
        assert_eq!(reply.json()["title"], "Loop Detected");
    }
}

#[test]
fn a_circle_of_steps_and_forwards_ends_visibly() {
    let own = refused_address();
    let gateway = Setup::new()
        .listen(own)
        .table(&open(
            "queued",
            &format!("steps = [{{ name = \"on\", url = \"http://{own}/hooks/passed\" }}]"),
        ))
        .table(&open(
            "passed",
            &format!("forward = \"http://{own}/hooks/queued\""),
        ))
        .start();

    let reply = Request::post("/hooks/queued")
        .body("round and round")
        .send(gateway.ingress);

    assert_eq!(reply.status, 202);
    let reason = wait_for("an event that goes no further", || {
        let events = gateway.admin("/events?state=dead").json();
        let id = events["events"][0]["id"].as_str()?.to_owned();
        Some(gateway.event(&id)["deliveries"][0]["reason"].clone())
    });
    assert_eq!(reason, "too_many_hops");
    // Every second of the eight hops is the step's, and each round makes one event.
    let events = gateway.admin("/events").json();
    assert_eq!(events["events"].as_array().unwrap().len(), 5, "{events}");
}

#[test]
fn an_answer_that_stalls_is_cut() {
    let upstream = Receiver::answering(|_, _| Answer::Stepwise(vec!["first part", "never sent"]));
    let mut gateway = Setup::new()
        .flow(
            "side",
            &format!(
                "forward = {{ url = \"{}\", timeout = \"2s\" }}",
                upstream.url("")
            ),
        )
        .start();
    let mut stream = connect(gateway.ingress);
    stream.write_all(&signed("side", b"stall").bytes()).unwrap();

    let mut answer = Vec::new();
    // However the connection ends, it does.
    let _ = stream.read_to_end(&mut answer);

    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("first part"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "it looks whole: {answer}");
    gateway.process().line("why it was cut", |line| {
        line.contains("nothing came within 2s").then_some(())
    });
}

#[test]
fn an_upstream_that_switches_protocols_is_502() {
    let upstream = Receiver::answering(|_, _| {
        Answer::With(
            101,
            vec!["Connection: upgrade", "Upgrade: websocket"],
            vec![],
        )
    });
    let gateway = in_front_of(&upstream);

    let reply = gateway.post("side", b"x");

    assert_eq!((reply.status, reply.header("upgrade")), (502, None));
}

#[test]
fn an_answer_that_is_measured_twice_comes_back_measured_once() {
    let upstream = Receiver::answering(|_, _| {
        Answer::With(
            200,
            vec!["Transfer-Encoding: chunked"],
            b"4\r\nbody\r\n0\r\n\r\n".to_vec(),
        )
    });
    let gateway = in_front_of(&upstream);

    let reply = gateway.post("side", b"x");

    assert_eq!((reply.status, reply.text().as_str()), (200, "body"));
    assert_ne!(reply.header("content-length"), Some("14"));
}

#[test]
fn a_chunked_body_goes_on_with_a_length_and_without_its_trailers() {
    let upstream = Receiver::start();
    let gateway = in_front_of(&upstream);
    let mut bytes = signed("side", b"twelve bytes").chunked(5).bytes();
    bytes.truncate(bytes.len() - 2);
    bytes.extend_from_slice(b"X-Trailer: late\r\n\r\n");
    let mut stream = connect(gateway.ingress);

    stream.write_all(&bytes).unwrap();

    assert_eq!(read_reply(&mut stream).unwrap().status, 200);
    let got = upstream.wait_for(1).remove(0);
    assert_eq!(got.body, b"twelve bytes");
    assert_eq!(got.header("content-length"), Some("12"));
    assert_eq!(
        (got.header("transfer-encoding"), got.header("x-trailer")),
        (None, None)
    );
}

#[test]
fn an_upstream_that_is_down_is_502() {
    let mut gateway = Setup::new()
        .flow(
            "side",
            &format!("forward = \"http://{}\"", refused_address()),
        )
        .start();

    let reply = gateway.post("side", b"x");

    assert_eq!(reply.status, 502);
    gateway.process().line("why", |line| {
        let told = line.contains("connection_refused") && line.contains("Connection refused");
        told.then_some(())
    });
}

#[test]
fn an_upstream_that_is_slow_is_504() {
    let upstream = Receiver::answering(|_, _| Answer::Stall);
    let gateway = Setup::new()
        .flow(
            "side",
            &format!(
                "forward = {{ url = \"{}\", timeout = \"300ms\" }}",
                upstream.url("")
            ),
        )
        .start();

    let reply = gateway.post("side", b"x");

    assert_eq!(reply.status, 504);
    assert_eq!(
        gateway.post("side", b"y").status,
        504,
        "and the gateway goes on"
    );
}

#[test]
fn a_repeat_is_forwarded_once_and_again_only_if_the_upstream_failed() {
    let upstream = Receiver::failing(1, 500);
    let gateway = in_front_of(&upstream);
    let request = signed("side", b"once");

    let failed = request.send(gateway.ingress);
    let passed = request.send(gateway.ingress);
    let repeated = request.send(gateway.ingress);

    assert_eq!((failed.status, passed.status), (500, 200));
    assert!(
        [200, 202, 409].contains(&repeated.status),
        "{}",
        repeated.status
    );
    assert_eq!(upstream.received().len(), 2);
}

#[test]
fn in_observe_mode_everything_passes_and_the_upstream_is_told_what_was_found() {
    let upstream = Receiver::start();
    let gateway = Setup::new()
        .flow(
            "side",
            &format!("observe = true\nforward = \"{}\"", upstream.url("")),
        )
        .start();

    let forged = Request::post("/hooks/side")
        .header("X-Webhook-Signature", "nonsense")
        .body("x")
        .send(gateway.ingress);

    assert_eq!(forged.status, 200);
    let got = upstream.wait_for(1).remove(0);
    assert_eq!(got.header("countersign-verified-at"), None);
    assert_eq!(got.header("countersign-key"), None);
}

/// A flow that lets anybody in.
fn open(id: &str, more: &str) -> String {
    format!("[[flows]]\nid = \"{id}\"\nauth = {{ mode = \"none\" }}\n{more}\n")
}

fn in_front_of(upstream: &Receiver) -> Gateway {
    Setup::new()
        .flow("side", &format!("forward = \"{}\"", upstream.url("")))
        .start()
}

/// Reads until `end` has come; panics when the connection ends before.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.contains(end) {
        let read = stream.read(&mut buffer).expect("more of the answer");
        assert!(read > 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}
