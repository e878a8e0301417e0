//! A hundred copies of one request at the same moment, and copies after a crash: one event.

use std::sync::Barrier;
use std::thread;

use crate::support::{
    Answer, Gateway, Receiver, Reply, Request, Setup, base64, hmac_hex, id, native_at, now_ms,
    signed, step,
};

const COPIES: usize = 100;

#[test]
fn a_hundred_parallel_copies_make_one_event_and_one_delivery() {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();

    let replies = at_once(&gateway, &signed("orders", b"once"));
    let marker = gateway.accepted("orders", b"marker");

    let first = id(&replies[0]);
    assert!(replies.iter().all(|reply| id(reply) == first));
    let again = replies
        .iter()
        .filter(|reply| reply.json()["duplicate"] == true);
    assert_eq!(again.count(), COPIES - 1);
    assert_eq!(events(&gateway, "orders"), [marker.clone(), first.clone()]);
    let delivered = receiver.wait_for(2);
    let mut delivered: Vec<_> = delivered
        .iter()
        .map(|one| one.header("countersign-event").unwrap().to_owned())
        .collect();
    delivered.sort_unstable();
    let mut expected = [first, marker];
    expected.sort_unstable();
    assert_eq!(delivered, expected);
    let flow = gateway.admin("/flows/orders").json();
    assert_eq!(
        (&flow["accepted"], &flow["repeats"]),
        (&2.into(), &(COPIES - 1).into())
    );
}

#[test]
fn a_flow_that_refuses_repeats_accepts_one_of_a_hundred_parallel_copies() {
    let gateway = Setup::new().flow("orders", "replay = \"refuse\"").start();

    let replies = at_once(&gateway, &signed("orders", b"once"));

    assert_eq!(with_status(&replies, 202), 1);
    assert_eq!(with_status(&replies, 409), COPIES - 1);
    assert_eq!(events(&gateway, "orders").len(), 1);
    let flow = gateway.admin("/flows/orders").json();
    assert_eq!(flow["refused"]["repeated"], COPIES - 1);
    let told = gateway.admin("/rejections?reason=repeated").json();
    assert_eq!(told["rejections"][0]["target"], "/hooks/orders");
    let listed = told["rejections"].as_array().unwrap().len() as u64;
    let not_listed = told["not_logged"]["orders"].as_u64().unwrap_or(0);
    assert_eq!(listed + not_listed, COPIES as u64 - 1);
}

#[test]
fn a_flow_that_takes_repeats_makes_an_event_of_each_parallel_copy() {
    let gateway = Setup::new().flow("orders", "replay = \"off\"").start();

    let replies = at_once(&gateway, &signed("orders", b"often"));

    assert_eq!(with_status(&replies, 202), COPIES);
    assert_eq!(events(&gateway, "orders").len(), COPIES);
}

#[test]
fn an_upstream_is_reached_by_one_of_a_hundred_parallel_copies() {
    for (policy, again) in [("acknowledge", 200), ("refuse", 409)] {
        let upstream = Receiver::answering(|_, _| Answer::status(201));
        let more = format!("replay = \"{policy}\"\nforward = \"{}\"", upstream.url(""));
        let gateway = Setup::new().flow("side", &more).start();
        let request = signed("side", b"once");

        let replies = at_once(&gateway, &request);

        assert_eq!(upstream.received().len(), 1, "{policy}");
        assert_eq!(with_status(&replies, 201), 1, "{policy}");
        // While the first is under way nobody can say how it ends.
        let rest = with_status(&replies, 409) + with_status(&replies, 200);
        assert_eq!(rest, COPIES - 1, "{policy}");
        assert_eq!(request.send(gateway.ingress).status, again, "{policy}");
        assert_eq!(upstream.received().len(), 1, "{policy}");
    }
}

#[test]
fn copies_that_a_crash_came_between_are_one_event() {
    let setup = Setup::new().flow("orders", "");
    let mut gateway = setup.start();
    let request = signed("orders", b"once");
    let first = gateway_id(&gateway, &request);

    gateway.process().kill();
    let gateway = setup.start();
    let replies = at_once(&gateway, &request);

    assert!(replies.iter().all(|reply| id(reply) == first));
    assert!(
        replies
            .iter()
            .all(|reply| reply.json()["duplicate"] == true)
    );
    assert_eq!(events(&gateway, "orders"), [first]);
}

#[test]
fn one_message_signed_with_either_key_of_a_rotation_is_one_event() {
    let (old, new) = ("the-old-secret-of-the-flow", "the-new-secret-of-the-flow");
    let gateway = Setup::new()
        .table(&format!(
            "[[flows]]\nid = \"orders\"\nauth = {{ scheme = \"designer-cloud\", keys = [\
             {{ id = \"old\", secret = \"{old}\" }}, {{ id = \"new\", secret = \"{new}\" }}] }}\n"
        ))
        .start();
    let time = now_ms();
    let post = |secret| {
        Request::post("/hooks/orders")
            .header("X-Webhook-Signature", native_at(secret, b"once", time))
            .body("once")
            .send(gateway.ingress)
    };

    let (one, other) = (post(old), post(new));

    assert_eq!(id(&one), id(&other));
    assert_eq!(other.json()["duplicate"], true);
}

#[test]
fn a_repeat_is_known_by_its_signed_id_however_its_body_is_retried() {
    let secret = "a-standard-webhooks-secret-32-by";
    let gateway = Setup::new()
        .table(
            "[[flows]]\nid = \"std\"\nauth = { scheme = \"standard-webhooks\", keys = [\
             { secret = \"whsec_YS1zdGFuZGFyZC13ZWJob29rcy1zZWNyZXQtMzItYnk=\" }] }\n",
        )
        .start();
    let post = |time: u128| {
        let message = format!("msg_1.{time}.once");
        let mac = hex::decode(hmac_hex(secret, message.as_bytes())).unwrap();
        let signature = format!("v1,{}", base64(&mac));
        Request::post("/hooks/std")
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", time.to_string())
            .header("webhook-signature", signature)
            .body("once")
            .send(gateway.ingress)
    };
    let now = now_ms() / 1_000;

    // The sender tries again later, with another time and so another signature.
    let (one, other) = (post(now - 60), post(now));

    assert_eq!(id(&one), id(&other));
    assert_eq!(other.json()["duplicate"], true);
}

/// Sends copies on connections of their own, all at the same moment.
fn at_once(gateway: &Gateway, request: &Request) -> Vec<Reply> {
    let barrier = Barrier::new(COPIES);
    thread::scope(|scope| {
        let copies: Vec<_> = (0..COPIES)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    request.send(gateway.ingress)
                })
            })
            .collect();
        copies
            .into_iter()
            .map(|copy| copy.join().unwrap())
            .collect()
    })
}

fn with_status(replies: &[Reply], status: u16) -> usize {
    replies
        .iter()
        .filter(|reply| reply.status == status)
        .count()
}

/// The ids of the flow's events, newest first.
fn events(gateway: &Gateway, flow: &str) -> Vec<String> {
    let page = gateway
        .admin(&format!("/events?flow={flow}&limit=500"))
        .json();
    let events = page["events"].as_array().unwrap().iter();
    events
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect()
}

fn gateway_id(gateway: &Gateway, request: &Request) -> String {
    id(&request.send(gateway.ingress))
}
