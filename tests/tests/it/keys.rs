//! Which keys of a flow are in use: counted, shown, warned about.

use std::process::Command;

use serde_json::Value;

use crate::support::{ADMIN_TOKEN, Gateway, Request, Setup, binary, native};

const OLD: &str = "canary-old-secret-of-the-flow";
const NEW: &str = "canary-new-secret-of-the-flow";
const GONE: &str = "canary-gone-secret-of-the-flow";

#[test]
fn during_a_rotation_the_uses_of_each_key_show_when_the_old_one_is_dead() {
    let gateway = rotating();

    for secret in [OLD, NEW, NEW] {
        assert_eq!(post(&gateway, "orders", secret, secret.as_bytes()), 202);
    }
    assert_eq!(post(&gateway, "orders", GONE, b"late"), 401);
    assert_eq!(
        post(&gateway, "orders", "the-secret-of-nobody", b"forged"),
        401
    );

    let flow = gateway.admin("/flows/orders").json();
    assert_eq!(state(&flow, "old"), ("active".to_owned(), 1));
    assert_eq!(state(&flow, "new"), ("active".to_owned(), 2));
    assert_eq!(state(&flow, "gone"), ("expired".to_owned(), 0));
    assert_eq!(state(&flow, "next"), ("not_yet".to_owned(), 0));
    assert_eq!(flow["refused"]["bad_signature"], 2);
    assert!(key(&flow, "new")["last_seen"].is_string());
    assert!(key(&flow, "gone")["last_seen"].is_null());
    assert!(key(&flow, "gone")["since"].is_string());
    let list = gateway.admin("/flows").json();
    assert_eq!(state(&list["flows"][0], "new"), ("active".to_owned(), 2));
}

#[test]
fn what_deserves_a_look_about_keys_is_logged_at_the_start_and_shown() {
    let gateway = rotating();

    let flow = gateway.admin("/flows/orders").json();

    let warnings = flow["warnings"].as_array().unwrap();
    let kinds: Vec<_> = warnings
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["shared_secret", "key_expired"]);
    assert_eq!(warnings[1]["key"], "gone");
    let mut gateway = gateway;
    for what in ["the key `gone` expired", "has the same secret"] {
        gateway
            .process()
            .line(what, |line| line.contains(what).then_some(()));
    }
    let said = gateway.process().said();
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn the_command_shows_flows_and_their_keys_and_no_secret() {
    let gateway = rotating();
    post(&gateway, "orders", OLD, b"x");

    let list = flows(&gateway, &[]);
    let one = flows(&gateway, &["orders"]);
    let json: Value = serde_json::from_str(&flows(&gateway, &["orders", "--json"])).unwrap();
    let missing = command(&gateway, &["nobody"]);

    assert!(list.contains("old: 1"), "{list}");
    assert!(one.contains("warning: the key `gone` expired"), "{one}");
    assert!(one.contains("1 accepted"), "{one}");
    assert_eq!(json["keys"][0]["uses"], 1);
    assert_eq!(missing.status.code(), Some(1));
    for text in [&list, &one, &json.to_string()] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn a_check_of_the_file_tells_what_the_dates_of_its_keys_say() {
    let setup = rotating_setup();

    let output = Command::new(binary())
        .args(["config", "check"])
        .arg(setup.write())
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    assert!(said.contains("the key `gone` expired"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn users_of_an_htpasswd_file_are_counted_by_name_once_they_were_seen() {
    let setup = Setup::new()
        .table("[[flows]]\nid = \"it\"\nauth = { mode = \"basic\", htpasswd = \"users\" }\n");
    // "kept elsewhere", hashed by libxcrypt.
    let hash = "$2y$04$abcdefghijklmnopqrstuuaxSCn9f1oQabaM6bv7D1taiDa1tu1Ae";
    let users = format!("eve:{hash}\nbob:{hash}\n");
    std::fs::write(setup.folder().join("users"), users).unwrap();
    let gateway = setup.start();

    // eve:kept elsewhere
    let basic = "Basic ZXZlOmtlcHQgZWxzZXdoZXJl";
    let request = Request::post("/hooks/it").header("Authorization", basic);
    assert_eq!(request.body("x").send(gateway.ingress).status, 202);

    let flow = gateway.admin("/flows/it").json();
    assert_eq!(state(&flow, "eve"), ("active".to_owned(), 1));
    assert_eq!(flow["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn of_several_keys_that_a_request_needs_each_is_counted() {
    let gateway = Setup::new()
        .table(&format!(
            "[[flows]]\nid = \"both\"\nauth = {{ all = [\
             {{ scheme = \"designer-cloud\", keys = [{{ id = \"signs\", secret = \"{OLD}\" }}] }},\
             {{ mode = \"api_key\", keys = [{{ id = \"calls\", secret = \"{NEW}\" }}] }}] }}\n"
        ))
        .start();

    let request = Request::post("/hooks/both")
        .header("X-Webhook-Signature", native(OLD, b"x"))
        .header("X-API-Key", NEW);
    assert_eq!(request.body("x").send(gateway.ingress).status, 202);

    let flow = gateway.admin("/flows/both").json();
    for id in ["signs", "calls"] {
        assert_eq!(state(&flow, id), ("active".to_owned(), 1));
    }
}

fn rotating_setup() -> Setup {
    Setup::new()
        .table(&format!(
            "[[flows]]\nid = \"orders\"\nauth = {{ scheme = \"designer-cloud\", keys = [\
             {{ id = \"old\", secret = \"{OLD}\" }}, {{ id = \"new\", secret = \"{NEW}\" }},\
             {{ id = \"gone\", secret = \"{GONE}\", not_after = \"2020-01-01T00:00:00Z\" }},\
             {{ id = \"next\", secret = \"canary-next-secret-of-the-flow\", not_before = \"2999-01-01T00:00:00Z\" }}] }}\n"
        ))
        .table(&format!(
            "[[flows]]\nid = \"second\"\nauth = {{ scheme = \"github\", keys = [{{ secret = \"{OLD}\" }}] }}\n"
        ))
}

fn rotating() -> Gateway {
    rotating_setup().start()
}

fn post(gateway: &Gateway, flow: &str, secret: &str, body: &[u8]) -> u16 {
    Request::post(&format!("/hooks/{flow}"))
        .header("X-Webhook-Signature", native(secret, body))
        .body(body)
        .send(gateway.ingress)
        .status
}

fn key<'a>(flow: &'a Value, id: &str) -> &'a Value {
    let keys = flow["keys"].as_array().unwrap();
    keys.iter().find(|key| key["id"] == id).unwrap()
}

fn state(flow: &Value, id: &str) -> (String, u64) {
    let key = key(flow, id);
    let state = key["state"].as_str().unwrap().to_owned();
    (state, key["uses"].as_u64().unwrap())
}

fn flows(gateway: &Gateway, words: &[&str]) -> String {
    let output = command(gateway, words);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn command(gateway: &Gateway, words: &[&str]) -> std::process::Output {
    Command::new(binary())
        .arg("flows")
        .args(words)
        .env("COUNTERSIGN_ADMIN", format!("http://{}", gateway.admin))
        .env("COUNTERSIGN_TOKEN", ADMIN_TOKEN)
        .output()
        .unwrap()
}
