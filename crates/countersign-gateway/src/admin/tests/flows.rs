//! What is told of flows, and to whom.

use countersign::KeyId;

use super::document::documented;
use super::*;

fn used(gateway: &Gateway, flow: &str, key: &str, times: usize) {
    let live = gateway.state.current.load_full();
    let tally = live.endpoint(flow).unwrap().ledger.tally();
    for _ in 0..times {
        tally.used(&KeyId::parse(key).unwrap(), SystemTime::now());
        tally.accepted();
    }
    tally.refused("bad_signature");
}

#[tokio::test]
async fn a_flow_is_shown_with_its_keys_their_uses_and_what_was_refused() {
    let gateway = Gateway::new();
    used(&gateway, "orders-in", "new", 2);

    let reply = gateway.get("/flows/orders-in").await;

    assert_eq!(reply.status, StatusCode::OK);
    let flow = reply.json;
    assert_eq!(flow["auth"], serde_json::json!(["signature"]));
    assert_eq!(flow["schemes"], serde_json::json!(["github"]));
    assert_eq!(flow["path"], "/hooks/orders-in");
    assert_eq!(flow["keys"][0]["id"], "old");
    assert_eq!(flow["keys"][0]["state"], "expired");
    assert_eq!(flow["keys"][0]["not_after"], "2020-01-01T00:00:00.000Z");
    assert_eq!(flow["keys"][0]["last_seen"], Value::Null);
    assert_eq!(flow["keys"][1]["state"], "active");
    assert_eq!(flow["keys"][1]["uses"], 2);
    assert!(
        flow["keys"][1]["last_seen"]
            .as_str()
            .unwrap()
            .starts_with("20")
    );
    assert_eq!(flow["accepted"], 2);
    assert_eq!(flow["refused"], serde_json::json!({ "bad_signature": 1 }));
    assert_eq!(flow["steps"][0]["name"], "billing");
}

#[test]
fn any_and_all_are_told_apart_and_an_address_is_no_way_of_its_own() {
    let auth = |written: &str| {
        let text = format!("[[flows]]\nid = \"a\"\nreplay = \"off\"\n{written}");
        let config = Config::parse(&text, Path::new("countersign.toml")).unwrap();
        super::super::flows::several(config.flows[0].policy.auth())
    };
    let member = |word: &str, key: &str| {
        format!(
            "[[flows.auth.{word}]]\nscheme = \"github\"\nkeys = [{{ id = \"{key}\", secret = \"secret {key} of some length\" }}]\n"
        )
    };
    let two = |word| member(word, "first") + &member(word, "second");

    assert_eq!(auth(&two("any")), Some("any"));
    assert_eq!(auth(&two("all")), Some("all"));
    let listed = "auth.allow_from = [\"192.0.2.0/24\"]\n";
    assert_eq!(auth(&(listed.to_owned() + &two("any"))), Some("any"));
    let one = "auth = { scheme = \"github\", keys = [{ secret = \"a secret of some length\" }], allow_from = [\"192.0.2.1\"] }\n";
    assert_eq!(auth(one), None);
}

#[tokio::test]
async fn a_flow_is_warned_about_without_naming_what_belongs_to_others() {
    let gateway = Gateway::new();

    let flow = gateway.get("/flows/orders-in").await.json;
    let theirs = gateway
        .ask("/flows/theirs", "localhost", Some("token-of-somebody-else"))
        .await
        .json;

    let kinds = |flow: &Value| -> Vec<String> {
        let warnings = flow["warnings"].as_array().unwrap().iter();
        warnings
            .map(|warning| warning["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kinds(&flow), ["shared_secret", "key_expired"]);
    assert_eq!(kinds(&theirs), ["shared_secret"]);
    assert!(!flow["warnings"].to_string().contains("theirs"), "{flow}");
    assert!(
        !theirs["warnings"].to_string().contains("orders-in"),
        "{theirs}"
    );
}

#[tokio::test]
async fn an_organization_sees_its_own_flows_only() {
    let gateway = Gateway::new();
    let other = Some("token-of-somebody-else");

    let list = gateway.ask("/flows", "localhost", other).await;
    let foreign = gateway.ask("/flows/shop", "localhost", other).await;
    let unknown = gateway.ask("/flows/nobody", "localhost", other).await;

    let flows = list.json["flows"].as_array().unwrap();
    assert_eq!(flows.len(), 1);
    assert_eq!(flows[0]["id"], "theirs");
    assert_eq!(flows[0]["forward"], "http://127.0.0.1:3000/app");
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(foreign.json, unknown.json);
    assert_eq!(
        gateway.ask("/flows", "localhost", None).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn flows_are_listed_by_id_and_page_by_page() {
    let gateway = Gateway::new();

    let first = gateway.get("/flows?limit=1").await.json;
    let next = first["next"].as_str().unwrap();
    let second = gateway.get(&format!("/flows?after={next}")).await.json;

    assert_eq!(first["flows"][0]["id"], "orders-in");
    assert_eq!(second["flows"][0]["id"], "shop");
    assert_eq!(second["next"], Value::Null);
    for query in ["limit=0", "limit=1001", "limit=x", "flow=a"] {
        let reply = gateway.get(&format!("/flows?{query}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn no_secret_of_a_flow_is_shown() {
    let gateway = Gateway::new();

    let text = gateway.get("/flows").await.json.to_string();

    for secret in ["canary", "the new secret", "a key of some length"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn what_was_counted_goes_on_under_another_configuration() {
    let gateway = Gateway::new();
    used(&gateway, "orders-in", "new", 2);

    gateway.reload(&CONFIG.replace("id = \"new\"", "id = \"newer\""));
    used(&gateway, "orders-in", "newer", 1);

    let flow = gateway.get("/flows/orders-in").await.json;
    assert_eq!(flow["accepted"], 3);
    assert_eq!(flow["keys"][1]["id"], "newer");
    assert_eq!(flow["keys"][1]["uses"], 1);
    assert_eq!(flow["refused"]["bad_signature"], 2);
}

#[test]
fn the_document_lists_the_parameters_that_are_taken() {
    for name in documented("/flows") {
        let query = format!("http://localhost/flows?{name}=1").parse().unwrap();

        let taken = axum::extract::Query::<crate::admin::flows::Asked>::try_from_uri(&query);

        assert!(taken.is_ok(), "{name}");
    }
}
