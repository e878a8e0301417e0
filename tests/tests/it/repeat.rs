//! What a repeat gets, flow by flow.

use crate::support::{Answer, FLOW_SECRET, Receiver, Request, Setup, hmac_hex, id, signed};

#[test]
fn a_flow_may_refuse_repeats() {
    let gateway = Setup::new().flow("orders", "replay = \"refuse\"").start();
    let request = signed("orders", b"once");

    assert_eq!(request.send(gateway.ingress).status, 202);
    assert_eq!(request.send(gateway.ingress).status, 409);
}

#[test]
fn a_repeat_that_is_refused_is_listed_with_its_sender_its_size_and_its_headers() {
    let upstream = Receiver::answering(|_, _| Answer::status(200));
    let forward = format!("forward = \"{}\"", upstream.url(""));
    // The store knows of the one, and the Layer's guard of the other.
    for how in ["", &forward] {
        let gateway = Setup::new()
            .ingress("trusted_proxies = [\"127.0.0.0/8\"]")
            .flow("orders", &format!("replay = \"refuse\"\n{how}"))
            .start();
        let request = signed("orders", b"once").header("X-Forwarded-For", "203.0.113.7");

        request.send(gateway.ingress);
        request.send(gateway.ingress);

        let page = gateway.admin("/rejections").json();
        let repeat = &page["rejections"][0];
        assert_eq!(
            (&repeat["reason"], &repeat["client"]),
            (&"repeated".into(), &"203.0.113.7".into()),
            "{how}"
        );
        assert_eq!(
            (&repeat["declared_bytes"], &repeat["read_bytes"]),
            (&4.into(), &4.into()),
            "{how}"
        );
        assert!(repeat["hints"].is_null() && repeat["looking"] == false);
        let headers = repeat["headers"].as_array().unwrap();
        assert!(headers.contains(&"x-webhook-signature".into()), "{repeat}");
    }
}

#[test]
fn a_flow_may_take_repeats_as_events_of_their_own() {
    let gateway = Setup::new().flow("orders", "replay = \"off\"").start();
    let request = signed("orders", b"twice");

    let (first, second) = (request.send(gateway.ingress), request.send(gateway.ingress));

    assert_ne!(id(&first), id(&second));
}

#[test]
fn the_same_message_to_two_flows_is_two_events() {
    let gateway = Setup::new().flow("one", "").flow("two", "").start();
    let signature = crate::support::native(FLOW_SECRET, b"same");
    let post = |flow: &str| {
        Request::post(&format!("/hooks/{flow}"))
            .header("X-Webhook-Signature", signature.as_str())
            .body("same")
            .send(gateway.ingress)
    };

    let (one, two) = (post("one"), post("two"));

    assert_ne!(id(&one), id(&two));
    assert_ne!(two.json()["duplicate"], true);
}

#[test]
fn without_a_signed_time_equal_bodies_are_two_events_unless_said_otherwise() {
    let flow = |id: &str, more: &str| {
        format!(
            "[[flows]]\nid = \"{id}\"\nauth = {{ mode = \"signature\", scheme = \"github\", \
             keys = [{{ secret = \"{FLOW_SECRET}\" }}] }}\n{more}\n"
        )
    };
    let gateway = Setup::new()
        .table(&flow("apart", ""))
        .table(&flow("together", "replay_for = \"10m\""))
        .start();
    let post = |flow: &str| {
        Request::post(&format!("/hooks/{flow}"))
            .header(
                "X-Hub-Signature-256",
                format!("sha256={}", hmac_hex(FLOW_SECRET, b"same")),
            )
            .body("same")
            .send(gateway.ingress)
    };

    assert_ne!(id(&post("apart")), id(&post("apart")));
    assert_eq!(id(&post("together")), id(&post("together")));
}
