//! Senders that take their time, and senders that wait to be asked.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::support::{Setup, connect, native, read_reply, signed};

#[test]
fn a_body_that_does_not_come_gets_408_or_is_hung_up_on() {
    let gateway = Setup::new()
        .ingress("body_timeout = \"300ms\"")
        .flow("orders", "")
        .start();
    let mut stream = connect(gateway.ingress);
    let head = signed("orders", b"promised").bytes();
    let started = Instant::now();

    stream.write_all(&head[..head.len() - 1]).unwrap();

    if let Ok(reply) = read_reply(&mut stream) {
        assert_eq!(reply.status, 408, "{}", reply.text());
    }
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(gateway.post("orders", b"somebody else").status, 202);
}

#[test]
fn a_head_that_does_not_come_is_hung_up_on() {
    let gateway = Setup::new()
        .ingress("header_timeout = \"300ms\"")
        .flow("orders", "")
        .start();

    for sent in [
        "",
        "P",
        "POST /hooks/orders HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    ] {
        let mut stream = connect(gateway.ingress);
        let started = Instant::now();
        stream.write_all(sent.as_bytes()).unwrap();

        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);

        assert!(started.elapsed() < Duration::from_secs(9), "after {sent:?}");
        assert!(
            !String::from_utf8_lossy(&rest).contains(" 2"),
            "{sent:?}: {rest:?}"
        );
    }
}

#[test]
fn a_connection_that_waits_too_long_for_its_next_request_is_closed() {
    let gateway = Setup::new()
        .ingress("header_timeout = \"2s\"")
        .flow("orders", "")
        .start();
    let mut stream = connect(gateway.ingress);
    stream.write_all(&signed("orders", b"one").bytes()).unwrap();
    assert_eq!(read_reply(&mut stream).unwrap().status, 202);
    let started = Instant::now();

    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();

    assert!(started.elapsed() < Duration::from_secs(9));
}

#[test]
fn a_sender_that_asks_before_it_sends_is_told_no_without_sending() {
    let gateway = Setup::new().flow("orders", "").start();
    let head = |signature: &str| {
        format!(
            "POST /hooks/orders HTTP/1.1\r\nHost: x\r\nX-Webhook-Signature: {signature}\r\n\
             Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        )
    };
    let mut refused = connect(gateway.ingress);
    let mut asked = connect(gateway.ingress);

    refused.write_all(head("nonsense").as_bytes()).unwrap();
    asked
        .write_all(head(&native(crate::support::FLOW_SECRET, b"body")).as_bytes())
        .unwrap();

    let mut first = [0; 12];
    refused.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 401");
    asked.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 100");
    asked.write_all(b"body").unwrap();
    // What is left of the interim answer's head.
    let mut end = [0; 4];
    while end != *b"\r\n\r\n" {
        end.rotate_left(1);
        asked.read_exact(&mut end[3..]).unwrap();
    }
    assert_eq!(read_reply(&mut asked).unwrap().status, 202);
}

#[test]
fn more_connections_than_the_cap_wait_their_turn() {
    let gateway = Setup::new()
        .ingress("max_connections = 2")
        .flow("orders", "")
        .start();
    let first = connect(gateway.ingress);
    let second = connect(gateway.ingress);
    let mut third = connect(gateway.ingress);
    third
        .write_all(&signed("orders", b"patient").bytes())
        .unwrap();
    third
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    assert!(third.read(&mut [0; 1]).is_err(), "not before another ends");

    drop((first, second));

    third
        .set_read_timeout(Some(crate::support::PATIENCE))
        .unwrap();
    assert_eq!(read_reply(&mut third).unwrap().status, 202);
}
