//! Handshakes: answered where they are asked for, never by the service behind.

use bytes::Bytes;
use countersign::{Auth, Handshakes, Secret};
use countersign_tower::{Handshake, Policy, PolicyBuilder};
use http::{Method, Request};
use http_body::SizeHint;
use http_body_util::Full;
use tower::Layer;

use crate::support::*;

fn shaking(preset: &str) -> PolicyBuilder {
    Policy::builder(auth(preset)).handshakes(Handshakes::of(&scheme(preset)))
}

fn meta() -> PolicyBuilder {
    let handshakes = Handshakes::of(&scheme("meta"));
    let token = Secret::new("meatyhamhock");
    let handshakes = handshakes.with_parameter("verify_token", token).unwrap();
    Policy::builder(auth("meta")).handshakes(handshakes)
}

fn request(method: Method, target: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(target);
    request.body(Full::default()).unwrap()
}

fn subscription(token: &str) -> Request<Full<Bytes>> {
    let query = "hub.mode=subscribe&hub.challenge=1158201444";
    request(
        Method::GET,
        &format!("/hooks?{query}&hub.verify_token={token}"),
    )
}

fn slack(body: &'static str) -> Request<Full<Bytes>> {
    let body = Bytes::from_static(body.as_bytes());
    signed_at(now(), "slack", Method::POST, body).map(Full::new)
}

const VERIFICATION: &str = r#"{"type":"url_verification","challenge":"3eZbrw1aBm2rZ"}"#;

#[tokio::test]
async fn a_challenge_is_answered_whatever_methods_are_taken() {
    let answer = refused(meta(), subscription("meatyhamhock")).await;

    assert_eq!((answer.status(), answer.text()), (200, "1158201444"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.refusal(), None);
    assert!(answer.response.extensions().get::<Handshake>().is_some());
}

#[tokio::test]
async fn a_wrong_token_is_refused_without_the_challenge() {
    let answer = refused(meta(), subscription("nope")).await;

    assert_eq!(
        (answer.status(), answer.refusal()),
        (403, Some("wrong_token"))
    );
    assert!(!answer.text().contains("1158201444"));
}

#[tokio::test]
async fn a_handshake_is_a_request_like_any_other_unless_it_is_asked_for() {
    let silent = Policy::builder(auth("meta"));
    assert_eq!(
        refused(silent, subscription("meatyhamhock")).await.status(),
        405
    );

    let receiver = Receiver::new();
    let silent = Policy::builder(auth("slack"));
    let answer = send(layer(silent).layer(receiver.clone()), slack(VERIFICATION)).await;
    assert_eq!((answer.status(), receiver.inbox.len()), (202, 1));
}

#[tokio::test]
async fn a_handshake_of_the_head_asks_for_no_body() {
    let request = request(Method::HEAD, "/hooks").map(|_| Untouchable(SizeHint::with_exact(9)));

    let policy = shaking("trello").public_url(BASE);
    assert_eq!(refused(policy, request).await.status(), 200);
}

#[tokio::test]
async fn a_signed_handshake_is_verified_before_it_is_answered() {
    let answer = refused(shaking("slack"), slack(VERIFICATION)).await;
    assert_eq!((answer.status(), answer.text()), (200, "3eZbrw1aBm2rZ"));

    let forged = with_body(slack("{}"), Full::<Bytes>::from(VERIFICATION));
    let answer = refused(shaking("slack"), forged).await;
    assert_eq!(
        (answer.status(), answer.refusal()),
        (401, Some("bad_signature"))
    );
}

#[tokio::test]
async fn a_forged_handshake_is_no_handshake_where_the_policy_only_observes() {
    let receiver = Receiver::new();
    let forged = with_body(slack("{}"), Full::<Bytes>::from(VERIFICATION));

    let service = layer(shaking("slack").observe(true)).layer(receiver.clone());
    let answer = send(service, forged).await;

    assert_eq!((answer.status(), receiver.inbox.len()), (202, 1));
}

#[tokio::test]
async fn a_wrong_token_is_let_through_where_the_policy_only_observes() {
    let receiver = Receiver::new();
    let policy = meta().methods([Method::GET, Method::POST]).observe(true);

    let answer = send(layer(policy).layer(receiver.clone()), subscription("nope")).await;

    assert_eq!((answer.status(), receiver.inbox.len()), (202, 1));
}

#[tokio::test]
async fn an_event_beside_handshakes_reaches_the_receiver() {
    let receiver = Receiver::new();
    let event = slack(r#"{"type":"event_callback","challenge":"a"}"#);

    let answer = send(layer(shaking("slack")).layer(receiver.clone()), event).await;

    assert_eq!((answer.status(), receiver.inbox.len()), (202, 1));
}

#[tokio::test]
async fn a_secret_that_is_brought_is_refused_by_the_layer() {
    let mut request = request(Method::POST, "/hooks");
    let secret = "b537207f20cbfa02357cf448134da559".parse().unwrap();
    request.headers_mut().insert("x-hook-secret", secret);

    let answer = refused(shaking("asana"), request).await;

    assert_eq!(answer.status(), 401);
    assert_eq!(answer.header("x-hook-secret"), None);
}

#[tokio::test]
async fn a_sender_that_wants_refusals_without_a_body_gets_them() {
    let request = request(Method::POST, "/hooks").map(|_| Full::<Bytes>::from("{}"));

    let answer = refused(shaking("xero"), request).await;

    assert_eq!((answer.status(), answer.text()), (401, ""));
    assert!(answer.header("www-authenticate").is_some());
    assert_eq!(answer.header("content-type"), None);
}

#[tokio::test]
async fn any_policy_can_tell_senders_of_cloud_events_that_they_may_send() {
    let cloudevents = Handshakes::preset("cloudevents").unwrap();
    let mut asked = request(Method::OPTIONS, "/hooks");
    let origin = "eventemitter.example.com";
    asked
        .headers_mut()
        .insert("webhook-request-origin", origin.parse().unwrap());

    let policy = Policy::builder(Auth::None).handshakes(cloudevents);
    let answer = refused(policy, asked).await;

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("webhook-allowed-origin"), Some(origin));
    assert_eq!(answer.header("webhook-allowed-rate"), Some("*"));
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axum_answers_them_too_in_front_of_a_route_for_posts() {
    use ::axum::{Router, body::Body, routing::post};
    use countersign_tower::Verified;

    let app = Router::new()
        .route("/hooks", post(|_: Verified| async { "thanks" }))
        .layer(layer(meta()));

    let answer = send(app.clone(), subscription("meatyhamhock").map(Body::new)).await;
    assert_eq!((answer.status(), answer.text()), (200, "1158201444"));

    let plain = request(Method::GET, "/hooks?challenge=1").map(Body::new);
    assert_eq!(send(app, plain).await.status(), 405);
}
