//! What a genuine webhook gets, and what its receiver gets.

use std::io::Write;

use crate::support::{
    FLOW_SECRET, Receiver, Request, Setup, connect, id, native, native_at, now_ms, read_reply,
    signed, signed_by, step,
};

const STEP_SECRET: &str = "the-secret-between-us-and-the-step";

#[test]
fn a_genuine_webhook_is_acknowledged_and_delivered_byte_for_byte() {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .flow(
            "orders",
            &format!(
                "steps = [{{ name = \"billing\", url = \"{}\", secret = \"{STEP_SECRET}\" }}]",
                receiver.url("/in")
            ),
        )
        .start();
    let body: Vec<u8> = (0..=255).chain(*b"\r\n\r\n trailing space \n").collect();

    let reply = Request::post("/hooks/orders?a=%20b&a=c")
        .header("X-Webhook-Signature", native(FLOW_SECRET, &body))
        .header("content-TYPE", "application/x-odd; q=\"1\"")
        .header("X-Twice", "one")
        .header("X-Twice", "two")
        .body(body.clone())
        .send(gateway.ingress);

    let id = id(&reply);
    let delivered = receiver.wait_for(1).remove(0);
    assert_eq!(delivered.method, "POST");
    assert_eq!(delivered.target, "/in?a=%20b&a=c");
    assert_eq!(delivered.body, body);
    assert_eq!(
        delivered.header("content-type"),
        Some("application/x-odd; q=\"1\"")
    );
    assert_eq!(delivered.header_lines("x-twice"), ["one", "two"]);
    assert_eq!(delivered.header("countersign-event"), Some(id.as_str()));
    assert_eq!(delivered.header("countersign-attempt"), Some("1"));
    assert_eq!(delivered.header("countersign-flow"), Some("orders"));
    assert_eq!(
        delivered.header("countersign-target"),
        Some("/hooks/orders?a=%20b&a=c")
    );
    assert!(signed_by(
        STEP_SECRET,
        &delivered.body,
        delivered.header("x-webhook-signature")
    ));
}

#[test]
fn what_was_meant_for_us_alone_does_not_reach_the_step() {
    let receiver = Receiver::start();
    let gateway = with_one_step(&receiver);
    let body = b"credentials";

    let reply = signed("orders", body)
        .header("Authorization", "Bearer of-the-sender")
        .header("Cookie", "session=of-the-sender")
        .header("Proxy-Authorization", "Basic of-the-sender")
        .header("Countersign-Event", "spoofed")
        .header("Countersign_Flow", "spoofed")
        .header("Connection", "x-hop, content-type")
        .header("X-Hop", "by hop")
        .header("Content-Type", "text/plain")
        .header("Keep-Alive", "timeout=5")
        .header("TE", "trailers")
        .send(gateway.ingress);

    let id = id(&reply);
    let delivered = receiver.wait_for(1).remove(0);
    for name in [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-hop",
        "keep-alive",
        "te",
    ] {
        assert_eq!(delivered.header(name), None, "{name}");
    }
    assert_eq!(delivered.header("countersign-event"), Some(id.as_str()));
    assert_eq!(delivered.header("countersign-flow"), Some("orders"));
    assert!(
        !delivered
            .header_names()
            .contains(&"countersign_flow".to_owned())
    );
    assert_eq!(
        delivered.header("content-type"),
        Some("text/plain"),
        "Connection cannot remove it"
    );
}

#[test]
fn a_get_whose_url_is_signed_is_accepted() {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .flow(
            "links",
            &format!(
                "methods = [\"GET\"]\nsteps = [{{ name = \"only\", url = \"{}\" }}]",
                receiver.url("/in")
            ),
        )
        .start();
    let target = "/hooks/links?user=%C3%A9&x=1";
    let signature = native(
        FLOW_SECRET,
        format!("https://hooks.example.com{target}").as_bytes(),
    );

    let reply = Request::get(target)
        .header("X-Webhook-Signature", signature.clone())
        .send(gateway.ingress);
    let other = Request::get("/hooks/links?user=%c3%a9&x=1")
        .header("X-Webhook-Signature", signature)
        .send(gateway.ingress);

    assert_eq!(reply.status, 202, "{}", reply.text());
    assert_eq!(
        other.status, 401,
        "the same URL spelled otherwise is another URL"
    );
    let delivered = receiver.wait_for(1).remove(0);
    assert_eq!(
        (delivered.method.as_str(), delivered.target.as_str()),
        ("GET", "/in?user=%C3%A9&x=1")
    );
}

#[test]
fn a_host_or_forwarded_header_does_not_change_the_signed_url() {
    let gateway = Setup::new().flow("links", "methods = [\"GET\"]").start();
    let target = "/hooks/links";
    let elsewhere = native(
        FLOW_SECRET,
        format!("https://evil.example{target}").as_bytes(),
    );

    let reply = Request::get(target)
        .header("X-Webhook-Signature", elsewhere)
        .header("X-Forwarded-Host", "evil.example")
        .header("X-Forwarded-Proto", "https")
        .header("Forwarded", "host=evil.example;proto=https")
        .send(gateway.ingress);

    assert_eq!(reply.status, 401);
}

#[test]
fn a_repeat_gets_the_same_id_and_is_not_delivered_twice() {
    let receiver = Receiver::start();
    let gateway = with_one_step(&receiver);
    let request = signed("orders", b"once");

    let first = request.send(gateway.ingress);
    let second = request.send(gateway.ingress);
    let marker = gateway.accepted("orders", b"marker");

    assert_eq!(second.status, 202);
    assert_eq!(id(&second), id(&first));
    assert_eq!(second.json()["duplicate"], true);
    assert_ne!(first.json()["duplicate"], true);
    let delivered = receiver.wait_for(2);
    let mut events: Vec<_> = delivered
        .iter()
        .map(|one| one.header("countersign-event").unwrap())
        .collect();
    events.sort_unstable();
    let mut expected = [id(&first), marker];
    expected.sort_unstable();
    assert_eq!(events, expected);
}

#[test]
fn a_repeat_is_known_after_a_restart_and_however_it_is_spelled() {
    let setup = Setup::new().flow("orders", "");
    let mut gateway = setup.start();
    let time = now_ms();
    let signature = native_at(FLOW_SECRET, b"once", time);
    let first = Request::post("/hooks/orders")
        .header("X-Webhook-Signature", signature.clone())
        .body("once");
    let first = id(&first.send(gateway.ingress));

    gateway.stop();
    let gateway = setup.start();
    let (t, mac) = signature.split_once(',').unwrap();
    let respelled = format!(
        "{}, {t}",
        mac.replace("sha256=", "SHA256=")
            .to_uppercase()
            .replace("SHA256=", "sha256=")
    );
    let reply = Request::post("/hooks/orders")
        .header("X-Webhook-Signature", respelled)
        .body("once")
        .send(gateway.ingress);

    assert_eq!(id(&reply), first);
    assert_eq!(reply.json()["duplicate"], true);
}

#[test]
fn two_senders_of_the_same_webhook_at_once_make_one_event() {
    let gateway = Setup::new().flow("orders", "").start();
    let request = signed("orders", b"race");

    let ids: Vec<String> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| request.send(gateway.ingress)))
            .collect();
        senders
            .into_iter()
            .map(|sender| id(&sender.join().unwrap()))
            .collect()
    });

    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
}

#[test]
fn a_sender_that_hangs_up_after_the_body_is_stored_all_the_same() {
    let receiver = Receiver::start();
    let gateway = with_one_step(&receiver);

    for number in 0..10 {
        let mut stream = connect(gateway.ingress);
        stream
            .write_all(&signed("orders", format!("gone {number}").as_bytes()).bytes())
            .unwrap();
        drop(stream);
    }

    let mut bodies: Vec<_> = receiver
        .wait_for(10)
        .into_iter()
        .map(|one| one.body)
        .collect();
    bodies.sort();
    assert_eq!(
        bodies,
        (0..10)
            .map(|number| format!("gone {number}").into_bytes())
            .collect::<Vec<_>>()
    );
}

#[test]
fn one_connection_carries_many_webhooks() {
    let gateway = Setup::new().flow("orders", "").start();
    let mut stream = connect(gateway.ingress);

    let mut ids: Vec<String> = (0..5)
        .map(|number| {
            stream
                .write_all(&signed("orders", format!("{number}").as_bytes()).bytes())
                .unwrap();
            id(&read_reply(&mut stream).unwrap())
        })
        .collect();

    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn the_flows_own_answer_is_what_the_sender_gets() {
    let gateway = Setup::new()
        .flow(
            "orders",
            "response = { status = 200, content_type = \"text/xml\", body = \"<Response/>\" }",
        )
        .start();

    let reply = gateway.post("orders", b"x");

    assert_eq!((reply.status, reply.text().as_str()), (200, "<Response/>"));
    assert_eq!(reply.header("content-type"), Some("text/xml"));
}

#[test]
fn a_flow_without_steps_stores_and_is_complete() {
    let gateway = Setup::new().flow("archive", "").start();

    let id = gateway.accepted("archive", b"kept");

    let event = gateway.event(&id);
    assert_eq!(event["flow"], "archive", "{event}");
}

#[test]
fn a_flow_may_have_a_place_of_its_own() {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .table(&format!(
            "[[flows]]\nid = \"github\"\npath = \"/github/webhook\"\n\
             auth = {{ mode = \"signature\", scheme = \"github\", keys = [{{ secret = \"{FLOW_SECRET}\" }}] }}\n\
             steps = [{{ name = \"only\", url = \"{}\" }}]\n",
            receiver.url("/in")
        ))
        .start();
    let body = b"{\"zen\": true}";
    let request = |target: &str| {
        Request::post(target)
            .header(
                "X-Hub-Signature-256",
                format!("sha256={}", crate::support::hmac_hex(FLOW_SECRET, body)),
            )
            .body(body)
    };

    assert_eq!(request("/github/webhook").send(gateway.ingress).status, 202);
    assert_eq!(
        request("/github/webhook/more").send(gateway.ingress).status,
        404
    );
    assert_eq!(receiver.wait_for(1)[0].body, body);
}

#[test]
fn a_key_being_rotated_out_still_opens_and_so_does_the_new_one() {
    let gateway = Setup::new()
        .table(&format!(
            "[[flows]]\nid = \"orders\"\nauth = {{ mode = \"signature\", scheme = \"designer-cloud\", keys = [\
             {{ id = \"old\", secret = \"{FLOW_SECRET}\" }}, {{ id = \"new\", secret = \"a-newer-secret-of-a-good-length\" }}] }}\n"
        ))
        .start();

    let old = gateway.post("orders", b"old");
    let new = Request::post("/hooks/orders")
        .header(
            "X-Webhook-Signature",
            native("a-newer-secret-of-a-good-length", b"new"),
        )
        .body("new")
        .send(gateway.ingress);

    assert_eq!((old.status, new.status), (202, 202));
    assert_eq!(gateway.event(&id(&new))["key"], "new");
}

#[test]
fn an_acknowledged_event_can_be_read_at_once() {
    let gateway = Setup::new().flow("orders", "").start();

    let id = gateway.accepted("orders", b"at once");

    assert_eq!(gateway.admin(&format!("/events/{id}")).status, 200);
}

fn with_one_step(receiver: &Receiver) -> crate::support::Gateway {
    Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start()
}
