//! What is acknowledged arrives: again when it fails, elsewhere when one step is dead, and never where it must not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::{
    Answer, FLOW_SECRET, Gateway, Receiver, Request, Setup, id, native, refused_address, signed_by,
    step, wait_for,
};

#[test]
fn a_receiver_that_fails_twice_gets_attempts_one_two_three() {
    let receiver = Receiver::failing(2, 500);
    let gateway = Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();

    let id = gateway.accepted("orders", b"again");

    let received = receiver.wait_for(3);
    let attempts: Vec<_> = received
        .iter()
        .map(|one| one.header("countersign-attempt").unwrap())
        .collect();
    assert_eq!(attempts, ["1", "2", "3"]);
    assert!(
        received
            .iter()
            .all(|one| one.header("countersign-event") == Some(&id))
    );
    assert!(received.iter().all(|one| one.body == b"again"));
    let event = settled(&gateway, &id, "done");
    assert_eq!(statuses(&event), [500, 500, 200], "{event}");
}

#[test]
fn a_delivery_that_never_succeeds_ends_visibly_dead() {
    let receiver = Receiver::failing(usize::MAX, 503);
    let gateway = Setup::new()
        .delivery("retry_delay = \"20ms\"\nmax_retries = 2")
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();

    let id = gateway.accepted("orders", b"never");

    let event = settled(&gateway, &id, "dead");
    assert_eq!(
        statuses(&event),
        [503, 503, 503],
        "the first try and two more: {event}"
    );
    assert_eq!(receiver.received().len(), 3);
}

#[test]
fn a_dead_step_slows_no_other() {
    let stalled = Receiver::answering(|_, _| Answer::Stall);
    let alive = Receiver::start();
    let steps = format!(
        "steps = [{{ name = \"refused\", url = \"http://{}/\" }}, {{ name = \"stalled\", url = \"{}\" }}, \
         {{ name = \"alive\", url = \"{}\" }}]",
        refused_address(),
        stalled.url("/in"),
        alive.url("/in"),
    );
    let gateway = Setup::new().flow("orders", &steps).start();

    for number in 0..100 {
        gateway.accepted("orders", format!("{number}").as_bytes());
    }

    assert_eq!(alive.wait_for(100).len(), 100);
}

#[test]
fn a_redirect_is_a_failure_and_is_not_followed() {
    let elsewhere = Receiver::start();
    let location: &'static str = format!("Location: {}", elsewhere.url("/moved")).leak();
    let receiver = Receiver::answering(move |number, _| {
        if number == 1 {
            Answer::With(307, vec![location], Vec::new())
        } else {
            Answer::status(200)
        }
    });
    let gateway = Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();

    let id = gateway.accepted("orders", b"moved");

    let event = settled(&gateway, &id, "done");
    assert_eq!(statuses(&event), [307, 200], "{event}");
    assert!(elsewhere.received().is_empty());
}

#[test]
fn a_receiver_that_stalls_is_given_up_on_and_tried_again() {
    let receiver = Receiver::answering(|number, _| {
        if number == 1 {
            Answer::Stall
        } else {
            Answer::status(200)
        }
    });
    let gateway = Setup::new()
        .delivery("retry_delay = \"50ms\"\nmax_retries = 3\ntimeout = \"2s\"")
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();

    let id = gateway.accepted("orders", b"slow");

    let event = settled(&gateway, &id, "done");
    assert_eq!(attempts(&event).len(), 2, "{event}");
}

#[test]
fn what_waits_is_delivered_after_a_restart() {
    let healthy = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&healthy);
    let receiver = Receiver::answering(move |_, _| {
        Answer::status(if seen.load(Ordering::SeqCst) {
            200
        } else {
            500
        })
    });
    let setup = Setup::new().flow("orders", &step("only", &receiver.url("/in")));
    let mut gateway = setup.start();
    let id = gateway.accepted("orders", b"patience");
    receiver.wait_for(1);

    gateway.stop();
    healthy.store(true, Ordering::SeqCst);
    let gateway = setup.start();

    let event = settled(&gateway, &id, "done");
    let received = receiver.received();
    let numbers: Vec<u32> = received
        .iter()
        .map(|one| one.header("countersign-attempt").unwrap().parse().unwrap())
        .collect();
    assert!(
        numbers.windows(2).all(|pair| pair[0] < pair[1]),
        "attempts go on counting: {numbers:?}, {event}"
    );
}

#[test]
fn the_answer_of_the_step_is_kept_for_the_operator_and_bounded() {
    let receiver = Receiver::answering(|number, _| {
        if number == 1 {
            Answer::With(500, vec!["X-Why: because"], vec![b'x'; 100_000])
        } else {
            Answer::status(200)
        }
    });
    let gateway = Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();

    let id = gateway.accepted("orders", b"long answer");

    let event = settled(&gateway, &id, "done");
    let kept = attempts(&event)[0]["answer"]["text"].as_str().unwrap();
    assert_eq!(kept, "x".repeat(20 * 1024));
}

#[test]
fn a_signed_get_is_delivered_signed_over_the_steps_own_url() {
    let receiver = Receiver::start();
    let secret = "the-secret-between-us-and-the-step";
    let gateway = Setup::new()
        .flow(
            "links",
            &format!(
                "methods = [\"GET\"]\nsteps = [{{ name = \"only\", url = \"{}\", secret = \"{secret}\" }}]",
                receiver.url("/in")
            ),
        )
        .start();
    let target = "/hooks/links?x=1";

    let reply = Request::get(target)
        .header(
            "X-Webhook-Signature",
            native(
                FLOW_SECRET,
                format!("https://hooks.example.com{target}").as_bytes(),
            ),
        )
        .send(gateway.ingress);

    id(&reply);
    let delivered = receiver.wait_for(1).remove(0);
    assert_eq!(delivered.target, "/in?x=1");
    assert!(signed_by(
        secret,
        receiver.url("/in?x=1").as_bytes(),
        delivered.header("x-webhook-signature")
    ));
}

#[test]
fn an_address_that_hands_out_credentials_is_never_connected_to() {
    let gateway = Setup::new()
        .delivery("retry_delay = \"20ms\"\nmax_retries = 1")
        .flow(
            "orders",
            &step("metadata", "http://169.254.169.254/latest/meta-data/"),
        )
        .start();

    let id = gateway.accepted("orders", b"nosy");

    let event = settled(&gateway, &id, "dead");
    assert!(
        attempts(&event)
            .iter()
            .all(|attempt| attempt["status"].is_null()),
        "{event}"
    );
    assert!(
        event.to_string().contains("address"),
        "the operator is told why: {event}"
    );
}

#[test]
fn our_own_admin_listener_is_never_delivered_to() {
    let admin = refused_address();
    let gateway = Setup::new()
        .delivery("retry_delay = \"20ms\"\nmax_retries = 0")
        .admin(admin)
        .flow("orders", &step("self", &format!("http://{admin}/livez")))
        .start();

    let id = gateway.accepted("orders", b"inward");

    let event = settled(&gateway, &id, "dead");
    assert!(statuses(&event).is_empty(), "{event}");
}

#[test]
fn a_step_may_be_signed_for_as_standard_webhooks_are() {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .flow(
            "orders",
            &format!(
                "steps = [{{ name = \"only\", url = \"{}\", scheme = \"standard-webhooks\", \
                 secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\" }}]",
                receiver.url("/in")
            ),
        )
        .start();

    let id = gateway.accepted("orders", b"{}");

    let delivered = receiver.wait_for(1).remove(0);
    assert_eq!(delivered.header("webhook-id"), Some(id.as_str()));
    assert!(delivered.header("webhook-timestamp").is_some());
    assert!(
        delivered
            .header("webhook-signature")
            .is_some_and(|value| value.starts_with("v1,"))
    );
}

#[test]
fn every_key_of_a_step_signs_while_it_is_being_rotated() {
    let receiver = Receiver::start();
    let (old, new) = (
        "the-older-secret-of-the-step",
        "the-newer-secret-of-the-step",
    );
    let gateway = Setup::new()
        .flow(
            "orders",
            &format!(
                "steps = [{{ name = \"only\", url = \"{}\", \
                 keys = [{{ id = \"new\", secret = \"{new}\" }}, {{ id = \"old\", secret = \"{old}\" }}] }}]",
                receiver.url("/in")
            ),
        )
        .start();

    gateway.accepted("orders", b"{}");

    let delivered = receiver.wait_for(1).remove(0);
    let header = delivered.header("x-webhook-signature").unwrap();
    let (time, macs) = header.split_once(',').unwrap();
    for secret in [old, new] {
        assert!(
            macs.split(',')
                .any(|mac| signed_by(secret, b"{}", Some(&format!("{time},{mac}")))),
            "{header}"
        );
    }
}

#[test]
fn flows_that_call_flows_end() {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();

    let round = id(&crate::support::signed("orders", b"round")
        .header("Countersign-Hops", "8")
        .send(gateway.ingress));

    let event = settled(&gateway, &round, "dead");
    assert!(event["deliveries"][0]["reason"].is_string(), "{event}");
    assert!(receiver.received().is_empty());
}

#[test]
fn connection_cannot_strip_the_senders_signature() {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();

    crate::support::signed("orders", b"stripped?")
        .header("Connection", "X-Webhook-Signature, x-other")
        .header("X-Other", "1")
        .send(gateway.ingress);

    let delivered = receiver.wait_for(1).remove(0);
    assert!(delivered.header("x-webhook-signature").is_some());
    assert_eq!(delivered.header("x-other"), None);
}

#[test]
fn a_step_that_is_gone_leaves_its_deliveries_visibly_dead() {
    let receiver = Receiver::failing(usize::MAX, 500);
    let setup = Setup::new().delivery("retry_delay = \"100ms\"\nmax_retries = 1000");
    let mut gateway = setup
        .clone()
        .flow("orders", &step("leaving", &receiver.url("/in")))
        .start();
    let id = gateway.accepted("orders", b"orphan");
    receiver.wait_for(1);

    gateway.stop();
    let gateway = setup
        .flow("orders", &step("staying", &receiver.url("/in")))
        .start();

    let event = settled(&gateway, &id, "dead");
    assert_eq!(event["deliveries"][0]["step"], "leaving");
    assert_eq!(event["deliveries"][0]["reason"], "step_removed", "{event}");
}

#[test]
fn with_deliveries_switched_off_events_are_accepted_and_wait() {
    let receiver = Receiver::start();
    let setup = Setup::new().flow("orders", &step("only", &receiver.url("/in")));
    let mut gateway = setup.clone().delivery("enabled = false").start();
    let id = gateway.accepted("orders", b"later");
    gateway.stop();
    assert!(receiver.received().is_empty());

    let gateway = setup.start();

    settled(&gateway, &id, "done");
    assert_eq!(receiver.received().len(), 1);
}

/// Waits until the event's only delivery is in `state`.
fn settled(gateway: &Gateway, id: &str, state: &str) -> Value {
    wait_for(&format!("the delivery to be {state}"), || {
        let event = gateway.event(id);
        (event["deliveries"][0]["state"] == state).then_some(event)
    })
}

fn attempts(event: &Value) -> &Vec<Value> {
    event["attempts"]
        .as_array()
        .unwrap_or_else(|| panic!("no attempts in {event}"))
}

fn statuses(event: &Value) -> Vec<u64> {
    attempts(event)
        .iter()
        .filter_map(|attempt| attempt["status"].as_u64())
        .collect()
}
