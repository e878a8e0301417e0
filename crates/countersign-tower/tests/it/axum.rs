//! On axum: as a layer of a router and of a route, inside `nest`, and with extractors.

use axum::{
    Router,
    body::Body,
    extract::OriginalUri,
    routing::{any, get, post},
};
use bytes::Bytes;
use countersign_tower::{Verdict, Verified, VerifiedJson};
use http::{Method, Request};
use http_body_util::Full;
use serde::Deserialize;

use crate::support::*;

/// Says who sent what.
async fn receive(verified: Verified, body: Bytes) -> String {
    assert_eq!(verified.body(), &body);
    let key = verified.key().map_or("nobody", |key| key.as_str());
    format!("{key}: {}", String::from_utf8_lossy(&body))
}

async fn ask(app: &Router, request: Request<Full<Bytes>>) -> Answer {
    send(app.clone(), request.map(Body::new)).await
}

async fn lets_only_the_genuine_in(app: Router) {
    let genuine = ask(&app, signed("hello")).await;
    assert_eq!((genuine.status(), genuine.text()), (200, "default: hello"));

    let forged = ask(&app, forged()).await;
    assert_eq!(
        (forged.status(), forged.refusal()),
        (401, Some("bad_signature"))
    );
}

#[tokio::test]
async fn as_a_layer_of_a_router() {
    let app = Router::new()
        .route("/hooks/orders", post(receive))
        .layer(layer(policy()));

    lets_only_the_genuine_in(app.clone()).await;

    // A layer of a router is there for what the router does not know, too.
    let mut lost = forged();
    *lost.uri_mut() = "/elsewhere".parse().unwrap();
    assert_eq!(ask(&app, lost).await.status(), 401);
}

#[tokio::test]
async fn as_a_layer_of_its_routes() {
    let app = Router::new()
        .route("/hooks/orders", post(receive))
        .route_layer(layer(policy()))
        .route("/health", get(|| async { "well" }));

    lets_only_the_genuine_in(app.clone()).await;

    let health = Request::get("/health").body(Full::default()).unwrap();
    assert_eq!(ask(&app, health).await.text(), "well");
}

#[tokio::test]
async fn as_a_layer_of_one_method() {
    let app = Router::new().route("/hooks/orders", post(receive).layer(layer(policy())));

    lets_only_the_genuine_in(app).await;
}

#[tokio::test]
async fn inside_nest() {
    let orders = Router::new()
        .route("/orders", post(receive))
        .layer(layer(policy()));

    lets_only_the_genuine_in(Router::new().nest("/hooks", orders)).await;
}

#[tokio::test]
async fn inside_nest_the_url_that_was_sent_is_the_one_that_is_signed() {
    let policy = || policy().methods([Method::GET]).public_url(BASE);
    let orders = Router::new()
        .route(
            "/orders",
            any(|OriginalUri(uri): OriginalUri, _: Verified| async move { uri.to_string() }),
        )
        .layer(layer(policy()));
    let app = Router::new().nest("/hooks", orders);
    let request = || signed_at(now(), "designer-cloud", Method::GET, Bytes::new()).map(Full::new);

    let genuine = ask(&app, request()).await;
    assert_eq!((genuine.status(), genuine.text()), (200, TARGET));

    let mut other = request();
    *other.uri_mut() = "/hooks/orders?job=8".parse().unwrap();
    assert_eq!(ask(&app, other).await.refusal(), Some("bad_signature"));
}

#[derive(Deserialize)]
struct Order {
    number: u32,
}

#[tokio::test]
async fn a_genuine_body_is_read_as_json() {
    let app = Router::new()
        .route(
            "/hooks/orders",
            post(
                |VerifiedJson(order): VerifiedJson<Order>| async move { order.number.to_string() },
            ),
        )
        .layer(layer(policy()));

    let right = ask(&app, signed(r#"{"number":7}"#)).await;
    assert_eq!((right.status(), right.text()), (200, "7"));

    assert_eq!(ask(&app, signed("{")).await.status(), 400);
    assert_eq!(ask(&app, signed(r#"{"number":"7"}"#)).await.status(), 422);
    assert_eq!(ask(&app, forged()).await.status(), 401);
}

#[tokio::test]
async fn without_the_layer_nothing_is_extracted() {
    let app = Router::new()
        .route("/hooks/orders", post(receive))
        .route("/json", post(|_: VerifiedJson<Order>| async {}))
        .route("/verdict", post(|_: Verdict| async {}));

    for path in ["/hooks/orders", "/json", "/verdict"] {
        let mut request = signed("hello");
        *request.uri_mut() = path.parse().unwrap();

        let answer = ask(&app, request).await;

        assert_eq!(answer.status(), 500, "{path}");
        assert!(answer.text().contains("VerifyLayer"), "{}", answer.text());
    }
}

#[tokio::test]
async fn what_is_only_observed_is_extracted_as_a_verdict_and_not_as_verified() {
    let app = Router::new()
        .route(
            "/hooks/orders",
            post(|verdict: Verdict| async move {
                match verdict {
                    Verdict::Observed(reason) => reason.as_str(),
                    Verdict::Verified(_) => "verified",
                }
            }),
        )
        .route("/strict", post(|_: Verified| async { "verified" }))
        .layer(layer(policy().observe(true)));
    let strict = |mut request: Request<Full<Bytes>>| {
        *request.uri_mut() = "/strict".parse().unwrap();
        request
    };

    assert_eq!(ask(&app, forged()).await.text(), "bad_signature");
    assert_eq!(ask(&app, signed("hello")).await.text(), "verified");
    assert_eq!(ask(&app, strict(forged())).await.status(), 401);
    assert_eq!(ask(&app, strict(signed("hello"))).await.text(), "verified");
}

#[tokio::test]
async fn what_is_extracted_are_the_bytes_that_were_verified() {
    let swap = axum::middleware::map_request(|request: axum::extract::Request| async move {
        request.map(|_| Body::from(r#"{"number":8}"#))
    });
    let app = Router::new()
        .route(
            "/hooks/orders",
            post(
                |VerifiedJson(order): VerifiedJson<Order>| async move { order.number.to_string() },
            ),
        )
        .layer(swap)
        .layer(layer(policy()));

    assert_eq!(ask(&app, signed(r#"{"number":7}"#)).await.text(), "7");
}
