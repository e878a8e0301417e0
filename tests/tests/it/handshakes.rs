//! Senders that make sure of their receiver, through the real binary: answered, never stored, never passed on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{
    ADMIN_TOKEN, Gateway, Receiver, Reply, Request, Setup, binary, hmac_hex, now_ms, wait_for,
};

/// The handshakes that the crate `countersign` is tested with.
const HANDSHAKES: &str = include_str!("../../../crates/countersign/tests/handshakes.json");
/// What a sender that brings its secret brings.
const BROUGHT: &str = "b537207f20cbfa02357cf448134da559";
const SECRET: &str = "a-secret-of-a-good-length";

fn handshakes() -> Vec<Value> {
    serde_json::from_str(HANDSHAKES).unwrap()
}

/// A flow for one handshake; its times are those of the file.
fn flow(shake: &Value, more: &str) -> String {
    let parameters = shake["parameters"].as_object().map(|parameters| {
        let pairs = parameters
            .iter()
            .map(|(name, value)| format!("{name} = {value}"));
        format!(
            ", parameters = {{ {} }}",
            pairs.collect::<Vec<_>>().join(", ")
        )
    });
    let scheme = shake["scheme"].as_str().unwrap();
    let timed = ["discord", "slack", "sns", "twitch", "zoom"].contains(&scheme);
    format!(
        "[[flows]]\nid = \"{scheme}\"\n{}auth = {{ scheme = \"{scheme}\", \
         keys = [{{ id = {}, secret = {} }}]{} }}\n{more}\n",
        if timed { "window = \"off\"\n" } else { "" },
        shake["key"],
        shake["secret"],
        parameters.unwrap_or_default(),
    )
}

fn request(shake: &Value) -> Request {
    let method = shake["method"].as_str().unwrap();
    let mut request = Request::new(method, shake["target"].as_str().unwrap());
    for (name, value) in shake["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    request.body(shake["body"].as_str().unwrap())
}

/// One flow for every scheme of the file, in a gateway that may visit nobody.
fn gateway_for_all(more: &str) -> Gateway {
    let mut flows = std::collections::BTreeMap::new();
    for shake in handshakes() {
        flows.insert(shake["scheme"].to_string(), flow(&shake, more));
    }
    let setup = Setup::new().delivery("denied_addresses = [\"0.0.0.0/0\", \"::/0\"]");
    let tables: String = flows.into_values().collect();
    setup.table(&tables).start()
}

fn events(gateway: &Gateway) -> usize {
    gateway.admin("/events").json()["events"]
        .as_array()
        .unwrap()
        .len()
}

#[test]
fn every_sender_is_answered_as_it_wants_and_nothing_is_stored() {
    let gateway = gateway_for_all("");

    for shake in handshakes() {
        let reply = request(&shake).send(gateway.ingress);

        let expected = &shake["answer"];
        assert_eq!(
            reply.status,
            expected["status"],
            "{shake}: {}",
            reply.text()
        );
        assert_eq!(reply.text(), expected["body"].as_str().unwrap(), "{shake}");
        for (name, value) in expected["headers"].as_object().unwrap() {
            assert_eq!(reply.header(name), value.as_str(), "{shake}");
        }
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(events(&gateway), 0);
}

#[test]
fn a_handshake_that_is_turned_off_is_a_request_like_any_other() {
    let gateway = gateway_for_all("handshake = false");

    for shake in handshakes() {
        let reply = request(&shake).send(gateway.ingress);

        let wanted = match shake["method"].as_str().unwrap() {
            "POST" => 202,
            _ => 405,
        };
        assert_eq!(reply.status, wanted, "{shake}");
    }
}

#[test]
fn a_handshake_never_reaches_the_upstream() {
    let receiver = Receiver::start();
    let shake = &handshakes()[4];
    assert_eq!(shake["scheme"], "slack");
    let forward = format!("forward = \"{}\"", receiver.url(""));
    let gateway = Setup::new().table(&flow(shake, &forward)).start();

    let answered = request(shake).send(gateway.ingress);

    assert_eq!(answered.status, 200);
    assert_eq!(receiver.received().len(), 0);
}

#[test]
fn what_is_shaped_like_a_handshake_and_is_none_is_refused() {
    let gateway = gateway_for_all("");
    let get = |target: &str| Request::get(target).send(gateway.ingress).status;
    let subscribe = "/hooks/meta?hub.mode=subscribe";

    assert_eq!(
        get(&format!(
            "{subscribe}&hub.challenge=1&hub.verify_token=nope"
        )),
        403
    );
    assert_eq!(
        get(&format!("{subscribe}&hub.verify_token=meatyhamhock")),
        405
    );
    assert_eq!(get(&format!("{subscribe}&hub.challenge=1")), 405);
    for challenge in [
        "%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "a%0d%0aSet-Cookie:%20b=c".to_owned(),
        "1&hub.challenge=2".to_owned(),
        "a".repeat(513),
    ] {
        let target = format!("{subscribe}&hub.verify_token=meatyhamhock&hub.challenge={challenge}");
        assert_eq!(get(&target), 405, "{challenge}");
    }
    assert_eq!(get("/hooks/dropbox"), 405);
    assert_eq!(get("/hooks/dropbox?challenge=a&challenge=b"), 405);
    assert_eq!(get("/hooks/braintree?bt_challenge=not-hex"), 405);
    assert_eq!(get("/hooks/trello"), 405);

    for shake in handshakes()
        .iter()
        .filter(|shake| shake["method"] == "POST")
    {
        let mut forged = shake.clone();
        let headers = forged["headers"].as_object_mut().unwrap();
        headers.retain(|name, _| !name.to_lowercase().contains("signature"));
        if shake["scheme"] == "sns" {
            let body = forged["body"]
                .as_str()
                .unwrap()
                .replace("Token\": \"2", "Token\": \"3");
            forged["body"] = body.into();
        }

        let reply = request(&forged).send(gateway.ingress);

        assert_eq!(reply.status, 401, "{forged}");
        let empty = shake["scheme"] == "xero";
        assert_eq!(reply.body.is_empty(), empty, "{forged}");
    }
    assert_eq!(events(&gateway), 0);
}

#[test]
fn a_captured_handshake_is_answered_inside_the_window_and_refused_outside() {
    let keys = format!("keys = [{{ secret = \"{SECRET}\" }}]");
    let table = format!("[[flows]]\nid = \"slack\"\nauth = {{ scheme = \"slack\", {keys} }}\n");
    let gateway = Setup::new().table(&table).start();
    let body = r#"{"type":"url_verification","challenge":"3eZbrw1aBm2rZ"}"#;
    let send = |time: u128| {
        let mac = hmac_hex(SECRET, format!("v0:{time}:{body}").as_bytes());
        Request::post("/hooks/slack")
            .header("X-Slack-Request-Timestamp", time.to_string())
            .header("X-Slack-Signature", format!("v0={mac}"))
            .body(body)
            .send(gateway.ingress)
    };
    let now = now_ms() / 1000;

    for _ in 0..2 {
        assert_eq!(send(now).text(), "3eZbrw1aBm2rZ");
    }
    assert_eq!(send(now - 3600).status, 401);
    assert_eq!(events(&gateway), 0);
}

#[test]
fn a_flow_without_the_token_of_its_sender_serves_and_says_that_it_answers_no_handshake() {
    let keys = format!("keys = [{{ secret = \"{SECRET}\" }}]");
    let table = format!("[[flows]]\nid = \"meta\"\nauth = {{ scheme = \"meta\", {keys} }}\n");
    let mut gateway = Setup::new().table(&table).start();

    let subscribe = "/hooks/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token=";
    let reply = Request::get(subscribe).send(gateway.ingress);

    assert_eq!(reply.status, 405);
    gateway.process().line("a warning about the token", |line| {
        (line.contains("verify_token") && line.contains("not answered")).then_some(())
    });
}

#[test]
fn any_flow_can_tell_senders_of_cloud_events_that_they_may_send() {
    let gateway = Setup::new()
        .flow("orders", "handshake = \"cloudevents\"")
        .start();
    let asked = Request::new("OPTIONS", "/hooks/orders");

    let plain = asked.clone().send(gateway.ingress);
    let reply = asked
        .header("WebHook-Request-Origin", "eventemitter.example.com")
        .header("WebHook-Request-Rate", "120")
        .send(gateway.ingress);

    assert_eq!(plain.status, 405);
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("webhook-allowed-origin"),
        Some("eventemitter.example.com")
    );
    assert_eq!(reply.header("webhook-allowed-rate"), Some("*"));
}

#[test]
fn a_subscription_is_visited_where_senders_may_have_us_go_only() {
    let mut gateway = gateway_for_all("");
    let shakes = handshakes();
    let sns = shakes
        .iter()
        .find(|shake| shake["scheme"] == "sns")
        .unwrap();

    assert_eq!(request(sns).send(gateway.ingress).status, 200);

    // All addresses are denied, so no connection is opened.
    gateway
        .process()
        .line("that the URL cannot be visited", |line| {
            (line.contains("handshake cannot be visited") && line.contains("amazonaws.com"))
                .then_some(())
        });
}

/// A gateway with a flow whose sender brings its secret.
fn waiting_for_a_secret() -> (Setup, Gateway) {
    let setup = Setup::new().table("[[flows]]\nid = \"tasks\"\nauth = { scheme = \"asana\" }\n");
    let gateway = setup.start();
    (setup, gateway)
}

fn register(gateway: &Gateway, secret: &str) -> Reply {
    Request::post("/hooks/tasks")
        .header("X-Hook-Secret", secret)
        .body("{}")
        .send(gateway.ingress)
}

fn task(gateway: &Gateway, secret: &str, body: &str) -> u16 {
    let request = Request::post("/hooks/tasks").body(body);
    let request = request.header("X-Hook-Signature", hmac_hex(secret, body.as_bytes()));
    request.send(gateway.ingress).status
}

/// Runs `countersign handshake tasks` with these words.
fn handshake(gateway: &Gateway, words: &[&str]) -> Output {
    handshake_as(ADMIN_TOKEN, gateway, words)
}

fn handshake_as(token: &str, gateway: &Gateway, words: &[&str]) -> Output {
    Command::new(binary())
        .args(["handshake", "tasks", "--admin"])
        .arg(format!("http://{}", gateway.admin))
        .args(words)
        .env("COUNTERSIGN_TOKEN", token)
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_secret_is_taken_once_and_only_while_an_operator_waits_for_it() {
    let (setup, mut gateway) = waiting_for_a_secret();
    let other = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

    assert_eq!(register(&gateway, BROUGHT).status, 401);
    assert_eq!(task(&gateway, BROUGHT, "{\"events\":[]}"), 401);

    let opened = said(&handshake(&gateway, &["--for", "5m"]));
    assert!(
        opened.contains("waits for its sender's secret for another"),
        "{opened}"
    );
    let reply = register(&gateway, BROUGHT);
    assert_eq!(
        (reply.status, reply.header("x-hook-secret")),
        (200, Some(BROUGHT))
    );
    assert_eq!(register(&gateway, other).status, 401);
    assert_eq!(task(&gateway, BROUGHT, "{\"events\":[1]}"), 202);
    assert_eq!(task(&gateway, other, "{\"events\":[2]}"), 401);

    // It is on disk, for its owner alone, and there after a crash.
    let kept = setup.folder().join("countersign.db.secrets");
    assert_eq!(
        fs::metadata(&kept).unwrap().permissions().mode() & 0o777,
        0o600
    );
    gateway.process().signal("KILL");
    gateway.process().ended();
    let gateway = setup.start();
    assert_eq!(task(&gateway, BROUGHT, "{\"events\":[3]}"), 202);
    assert_eq!(register(&gateway, other).status, 401);

    // Nobody is told the secret.
    let shown = said(&handshake(&gateway, &["--show", "--json"]));
    let flow = gateway.admin("/flows/tasks").text();
    let events = gateway.admin("/events").text();
    for text in [&shown, &flow, &events] {
        assert!(!text.contains(BROUGHT), "{text}");
    }
}

#[test]
fn a_wait_for_a_secret_ends_by_itself_or_when_it_is_ended() {
    let (_setup, gateway) = waiting_for_a_secret();

    said(&handshake(&gateway, &[]));
    let closed = said(&handshake(&gateway, &["--close"]));
    assert!(closed.contains("waits for no secret"), "{closed}");
    assert_eq!(register(&gateway, BROUGHT).status, 401);

    said(&handshake(&gateway, &["--for", "1s"]));
    wait_for("the wait to end", || {
        said(&handshake(&gateway, &["--show"]))
            .contains("waits for no secret")
            .then_some(())
    });
    assert_eq!(register(&gateway, BROUGHT).status, 401);
}

#[test]
fn a_key_that_came_is_forgotten_when_it_is_not_needed_any_more() {
    let (_setup, gateway) = waiting_for_a_secret();
    said(&handshake(&gateway, &[]));
    assert_eq!(register(&gateway, BROUGHT).status, 200);
    let shown: Value =
        serde_json::from_str(&said(&handshake(&gateway, &["--show", "--json"]))).unwrap();
    let key = shown["keys"][0]["id"].as_str().unwrap();

    let forgotten = said(&handshake(&gateway, &["--forget", key]));

    assert!(!forgotten.contains(key), "{forgotten}");
    assert_eq!(task(&gateway, BROUGHT, "{\"events\":[1]}"), 401);
    assert_eq!(
        handshake(&gateway, &["--forget", key]).status.code(),
        Some(1)
    );
}

#[test]
fn keys_of_the_file_leave_out_the_oldest_that_came_and_the_log_says_how_to_be_rid_of_it() {
    let (setup, gateway) = waiting_for_a_secret();
    said(&handshake(&gateway, &[]));
    assert_eq!(register(&gateway, BROUGHT).status, 200);
    let newer = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
    said(&handshake(&gateway, &[]));
    assert_eq!(register(&gateway, newer).status, 200);
    drop(gateway);
    let own = (1..=3).map(|n| format!("{{ id = \"{n}\", secret = \"{SECRET}-{n}\" }}"));
    let own = own.collect::<Vec<_>>().join(", ");
    let more =
        format!("[[flows]]\nid = \"tasks\"\nauth = {{ scheme = \"asana\", keys = [{own}] }}\n");

    let mut gateway = setup.with_flows(&more).start();

    gateway.process().line("which key does not count", |line| {
        let named = line.contains("countersign handshake tasks --forget handshake-");
        (line.contains("WARN") && named).then_some(())
    });
    assert_eq!(task(&gateway, newer, "{\"events\":[1]}"), 202);
    assert_eq!(
        task(&gateway, &format!("{SECRET}-3"), "{\"events\":[2]}"),
        202
    );
    assert_eq!(task(&gateway, BROUGHT, "{\"events\":[3]}"), 401);
}

#[test]
fn secrets_of_a_flow_that_is_gone_are_named_at_the_start_and_can_be_forgotten() {
    let (setup, gateway) = waiting_for_a_secret();
    said(&handshake(&gateway, &[]));
    assert_eq!(register(&gateway, BROUGHT).status, 200);
    drop(gateway);
    let kept = setup.folder().join("countersign.db.secrets");

    let mut gateway = setup.with_flows("").start();

    let key = gateway.process().line("what is left over", |line| {
        let (_, key) = line.split_once("countersign handshake tasks --forget ")?;
        let end = key.find(|c: char| c != '-' && !c.is_ascii_alphanumeric());
        Some(key[..end.unwrap_or(key.len())].to_owned())
    });
    assert!(fs::read_to_string(&kept).unwrap().contains(BROUGHT));
    said(&handshake(&gateway, &["--forget", &key]));
    assert!(!fs::read_to_string(&kept).unwrap().contains(BROUGHT));
    assert_eq!(
        handshake(&gateway, &["--forget", &key]).status.code(),
        Some(1)
    );
}

#[test]
fn who_brought_a_secret_is_told_by_its_own_address_and_a_flood_of_bad_ones_is_not() {
    let setup = Setup::new()
        .ingress("trusted_proxies = [\"127.0.0.1\"]")
        .table("[[flows]]\nid = \"tasks\"\nauth = { scheme = \"asana\" }\n");
    let mut gateway = setup.start();
    said(&handshake(&gateway, &[]));
    let bring = |secret: &str, from: &str| {
        let request = Request::post("/hooks/tasks").header("X-Hook-Secret", secret);
        let request = request.header("X-Forwarded-For", from).body("{}");
        request.send(gateway.ingress).status
    };

    for _ in 0..200 {
        assert_eq!(bring("short", "198.51.100.7"), 401);
    }
    assert_eq!(bring(BROUGHT, "203.0.113.9"), 200);

    gateway.process().line("who brought the secret", |line| {
        let kept = line.contains("is kept as a key of the flow");
        (kept && line.contains("203.0.113.9")).then_some(())
    });
    let said = gateway.process().said();
    let told: Vec<_> = said
        .lines()
        .filter(|line| line.contains("secret is not kept"))
        .collect();
    assert!((1..=60).contains(&told.len()), "{}", told.len());
    assert!(told.iter().all(|line| line.contains("198.51.100.7")));
}

#[test]
fn only_an_operator_of_the_flows_organization_lets_a_secret_be_brought() {
    let setup = Setup::new().table(
        "[[flows]]\nid = \"tasks\"\norganization = \"another\"\nauth = { scheme = \"asana\" }\n",
    );
    let gateway = setup.start();

    assert_eq!(handshake(&gateway, &[]).status.code(), Some(1));
    let unknown = handshake_as("no-such-token", &gateway, &[]);
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(register(&gateway, BROUGHT).status, 401);
}

#[test]
fn a_handshake_behind_our_proxy_is_told_with_its_senders_address() {
    let mut gateway = Setup::new()
        .ingress("trusted_proxies = [\"127.0.0.0/8\"]")
        .table(&format!("[[flows]]\nid = \"box\"\nauth = {{ scheme = \"dropbox\", keys = [{{ secret = \"{SECRET}\" }}] }}\n"))
        .start();

    let reply = Request::get("/hooks/box?challenge=abc")
        .header("X-Forwarded-For", "203.0.113.7")
        .send(gateway.ingress);

    assert_eq!((reply.status, reply.text()), (200, "abc".to_owned()));
    gateway.process().line("the handshake", |line| {
        (line.contains("handshake answered") && line.contains("203.0.113.7")).then_some(())
    });
}
