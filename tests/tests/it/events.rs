//! What an operator can ask: health, events, one event with everything that was tried.

use std::process::{Command, Output};

use crate::support::{ADMIN_TOKEN, Gateway, Receiver, Request, Setup, ask, binary, step, wait_for};

#[test]
fn health_needs_no_token_and_events_do() {
    let gateway = Setup::new().flow("orders", "").start();
    let get = |target: &str, token: Option<&str>| {
        let request = Request::get(target).host("localhost");
        match token {
            Some(token) => request.header("Authorization", token).send(gateway.admin),
            None => request.send(gateway.admin),
        }
    };

    assert_eq!(get("/livez", None).status, 200);
    assert_eq!(get("/readyz", None).status, 200);
    for token in [
        None,
        Some("Bearer"),
        Some("Bearer wrong"),
        Some("Basic wrong"),
        Some(ADMIN_TOKEN),
    ] {
        let reply = get("/events", token);
        assert_eq!(reply.status, 401, "{token:?}");
        assert_eq!(
            reply.header("www-authenticate"),
            Some("Bearer"),
            "{token:?}"
        );
    }
    assert_eq!(ask(gateway.admin, "/events").status, 200);
}

#[test]
fn the_ingress_does_not_answer_for_the_admin_listener() {
    let gateway = Setup::new().flow("orders", "").start();

    for target in ["/events", "/livez", "/readyz"] {
        assert_eq!(ask(gateway.ingress, target).status, 404, "{target}");
    }
}

#[test]
fn the_admin_listener_refuses_a_name_that_is_not_its_own() {
    let gateway = Setup::new().flow("orders", "").start();

    let reply = Request::get("/events")
        .host("rebound.example")
        .header("Authorization", format!("Bearer {ADMIN_TOKEN}"))
        .send(gateway.admin);

    assert_eq!(reply.status, 421);
}

#[test]
fn a_token_sees_its_own_organization_only() {
    let gateway = Setup::new()
        .flow("ours", "")
        .flow("theirs", "organization = \"other\"")
        .start();
    let ours = gateway.accepted("ours", b"1");
    let theirs = gateway.accepted("theirs", b"2");

    let listed = gateway.admin("/events").text();

    assert!(
        listed.contains(&ours) && !listed.contains(&theirs),
        "{listed}"
    );
    assert_eq!(gateway.admin(&format!("/events/{theirs}")).status, 404);
}

#[test]
fn an_event_id_that_is_none_is_404_or_400_and_never_an_error() {
    let gateway = Setup::new().flow("orders", "").start();
    let known = gateway.accepted("orders", b"1");
    let guessed = format!(
        "{}{}",
        &known[..known.len() - 2],
        if known.ends_with("00") { "11" } else { "00" }
    );

    for id in [
        "x",
        "evt_",
        "%00",
        "..",
        "evt_999999999999999999999999",
        &guessed,
    ] {
        let status = gateway.admin(&format!("/events/{id}")).status;
        assert!([400, 404].contains(&status), "{id}: {status}");
    }
}

#[test]
fn the_events_command_lists_and_shows() {
    let receiver = Receiver::failing(1, 500);
    let gateway = Setup::new()
        .flow("orders", &step("billing", &receiver.url("/in")))
        .flow("other", "")
        .start();
    let id = gateway.accepted("orders", b"{\"n\":1}");
    let other = gateway.accepted("other", b"{\"n\":2}");
    receiver.wait_for(2);
    wait_for("the delivery to be settled", || {
        (gateway.event(&id)["deliveries"][0]["state"] == "done").then_some(())
    });

    let table = events(&gateway, &[]);
    let json = events(&gateway, &["--json", "--flow", "orders"]);
    let one = events(&gateway, &[&id]);

    let table = said(&table);
    assert!(
        table.contains(&id) && table.contains(&other) && table.contains("orders"),
        "{table}"
    );
    let json = said(&json);
    assert!(json.contains(&id) && !json.contains(&other), "{json}");
    assert!(
        serde_json::from_str::<serde_json::Value>(json.trim()).is_ok(),
        "{json}"
    );
    let one = said(&one);
    assert!(
        one.contains("billing") && one.contains("500") && one.contains("200"),
        "{one}"
    );
}

#[test]
fn the_events_command_says_what_is_wrong() {
    let gateway = Setup::new().flow("orders", "").start();

    let refused = events_with(&gateway, "not the token", &[]);
    let unknown = events(&gateway, &["no-such-event"]);

    assert!(!refused.status.success());
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("token"),
        "{refused:?}"
    );
    assert!(!unknown.status.success());
}

fn events(gateway: &Gateway, words: &[&str]) -> Output {
    events_with(gateway, ADMIN_TOKEN, words)
}

fn events_with(gateway: &Gateway, token: &str, words: &[&str]) -> Output {
    Command::new(binary())
        .arg("events")
        .args(["--admin", &format!("http://{}", gateway.admin)])
        .args(words)
        .env("COUNTERSIGN_TOKEN", token)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
