//! What is told of refused requests, and to whom.

use countersign::Reason;
use countersign_tower::Refusal;

use super::document::documented;
use super::*;
use crate::rejections::{Sender, Sketch};

fn refused(gateway: &Gateway, flow: Option<&str>, organization: &str, refusal: Refusal) {
    let (head, ()) = http::Request::builder()
        .method("POST")
        .uri("/hooks/shop?k=query-canary&lone-canary&b=")
        .header("authorization", "Bearer header-canary")
        .header("content-length", "12")
        .body(())
        .unwrap()
        .into_parts();
    let sender = Sender {
        client: Some("203.0.113.7".parse().unwrap()),
        peer: "192.0.2.1:5000".parse().unwrap(),
    };
    let sketch = Sketch::new(refusal, &head, sender);
    let (flow, now) = (flow.map(Arc::from), SystemTime::now());
    gateway
        .state
        .rejections
        .note(flow, organization.into(), sketch, 0, now);
}

fn rejected(reason: Reason) -> Refusal {
    Refusal::Rejected(reason.into())
}

fn numbers(reply: &Reply) -> Vec<u64> {
    let all = reply.json["rejections"].as_array().unwrap().iter();
    all.map(|one| one["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_refused_request_is_shown_without_anything_that_may_be_secret() {
    let gateway = Gateway::new();
    refused(
        &gateway,
        Some("shop"),
        "default",
        rejected(Reason::BadCredentials),
    );

    let reply = gateway.get("/rejections").await;

    assert_eq!(reply.status, StatusCode::OK);
    let one = &reply.json["rejections"][0];
    assert_eq!(one["reason"], "bad_credentials");
    assert_eq!(one["message"], "the credentials are not this flow's");
    assert_eq!(one["target"], "/hooks/shop?k=…&…&…");
    assert_eq!(
        one["headers"],
        serde_json::json!(["authorization", "content-length"])
    );
    assert_eq!(one["declared_bytes"], 12);
    assert_eq!(one["read_bytes"], Value::Null);
    assert_eq!(
        (&one["client"], &one["peer"]),
        (&"203.0.113.7".into(), &"192.0.2.1:5000".into())
    );
    assert_eq!(one["hints"], Value::Null);
    assert!(!reply.json.to_string().contains("canary"), "{}", reply.json);
}

#[tokio::test]
async fn refused_requests_are_listed_by_flow_by_reason_and_page_by_page() {
    let gateway = Gateway::new();
    for flow in ["shop", "orders-in", "shop"] {
        refused(
            &gateway,
            Some(flow),
            "default",
            rejected(Reason::BadSignature),
        );
    }
    refused(&gateway, Some("shop"), "default", Refusal::MethodNotAllowed);

    assert_eq!(numbers(&gateway.get("/rejections").await), [4, 3, 2, 1]);
    assert_eq!(
        numbers(&gateway.get("/rejections?flow=shop").await),
        [4, 3, 1]
    );
    let by_reason = gateway
        .get("/rejections?flow=shop&reason=bad_signature")
        .await;
    assert_eq!(numbers(&by_reason), [3, 1]);

    let first = gateway.get("/rejections?limit=3").await;
    assert_eq!(numbers(&first), [4, 3, 2]);
    assert_eq!(first.json["next"], 2);
    let second = gateway.get("/rejections?limit=3&before=2").await;
    assert_eq!(
        (numbers(&second), &second.json["next"]),
        (vec![1], &Value::Null)
    );

    assert_eq!(
        numbers(&gateway.get("/rejections?after=1&limit=2").await),
        [3, 2]
    );
    assert_eq!(
        numbers(&gateway.get("/rejections?after=3&limit=2").await),
        [4]
    );
}

#[tokio::test]
async fn an_organization_sees_its_own_refusals_and_only_the_operators_sees_those_of_no_flow() {
    let gateway = Gateway::new();
    refused(
        &gateway,
        Some("shop"),
        "default",
        rejected(Reason::BadSignature),
    );
    refused(
        &gateway,
        Some("theirs"),
        "other",
        rejected(Reason::BadSignature),
    );
    refused(&gateway, None, "default", Refusal::UnknownFlow);
    let other = Some("token-of-somebody-else");

    let ours = gateway.get("/rejections").await;
    let theirs = gateway.ask("/rejections", "localhost", other).await;
    let foreign = gateway
        .ask("/rejections?flow=shop", "localhost", other)
        .await;

    assert_eq!(numbers(&ours), [3, 1]);
    assert_eq!(ours.json["rejections"][0]["flow"], Value::Null);
    assert_eq!(numbers(&theirs), [2]);
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        gateway.ask("/rejections", "localhost", None).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_filter_that_means_nothing_says_so() {
    let gateway = Gateway::new();

    for (query, word) in [
        ("reason=bad", "bad_signature"),
        ("flow=nobody", "nobody"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("after=x", "after"),
        ("organization=default", "organization"),
    ] {
        let reply = gateway.get(&format!("/rejections?{query}")).await;

        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{query}: {detail}");
    }
}

#[test]
fn the_document_lists_the_parameters_that_are_taken() {
    let taken = |name: &str| {
        let query = format!("http://localhost/rejections?{name}=1")
            .parse()
            .unwrap();
        axum::extract::Query::<crate::admin::rejections::Asked>::try_from_uri(&query).is_ok()
    };

    for name in documented("/rejections") {
        assert!(taken(&name), "{name}");
    }
    assert!(!taken("other"));
}
