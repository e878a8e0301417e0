//! Signatures that cover the URL: the public one, as it was sent, and no other.

use bytes::Bytes;
use countersign_tower::{PolicyBuilder, PolicyError};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use tower::Layer;

use crate::support::*;

fn by_url() -> PolicyBuilder {
    policy()
        .methods([Method::GET, Method::DELETE, Method::POST])
        .public_url(BASE)
}

fn get() -> Request<Full<Bytes>> {
    signed_at(now(), "designer-cloud", Method::GET, Bytes::new()).map(Full::new)
}

fn at(mut request: Request<Full<Bytes>>, uri: &str) -> Request<Full<Bytes>> {
    *request.uri_mut() = uri.parse().unwrap();
    request
}

#[tokio::test]
async fn a_signed_get_passes() {
    let answer = send(layer(by_url()).layer(Receiver::new()), get()).await;

    assert_eq!((answer.status(), answer.refusal()), (202, None));
}

#[tokio::test]
async fn another_target_is_refused_however_alike() {
    for target in [
        "/hooks/orders",
        "/hooks/orders?job=8",
        "/hooks/orders?job=7&",
        "/hooks/orders/?job=7",
        "/hooks/./orders?job=7",
        "/hooks/%6frders?job=7",
        "/Hooks/orders?job=7",
    ] {
        let answer = refused(by_url(), at(get(), target)).await;
        assert_eq!(answer.refusal(), Some("bad_signature"), "{target}");
    }
}

#[tokio::test]
async fn no_header_and_no_absolute_form_changes_the_address() {
    let mut request = at(get(), "http://elsewhere.example/hooks/orders?job=7");
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("elsewhere.example"));
    headers.insert(
        "x-forwarded-host",
        HeaderValue::from_static("elsewhere.example"),
    );
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));

    let answer = send(layer(by_url()).layer(Receiver::new()), request).await;

    assert_eq!((answer.status(), answer.refusal()), (202, None));
}

#[tokio::test]
async fn another_public_address_is_refused() {
    let policy = by_url().public_url("https://hooks.example.org");

    let answer = refused(policy, get()).await;

    assert_eq!(answer.refusal(), Some("bad_signature"));
}

#[tokio::test]
async fn a_body_that_nothing_signs_is_refused() {
    let answer = refused(by_url(), with_body(get(), Full::<Bytes>::from("hello"))).await;

    assert_eq!(answer.refusal(), Some("unsigned_body"));
}

#[tokio::test]
async fn a_captured_get_does_not_pass_as_a_post_of_its_url() {
    let mut request = with_body(get(), Full::<Bytes>::from(format!("{BASE}{TARGET}")));
    *request.method_mut() = Method::POST;

    let answer = refused(by_url(), request).await;

    assert_eq!(answer.refusal(), Some("ambiguous_body"));
}

#[test]
fn a_policy_whose_signatures_cover_an_unknown_url_is_not_built() {
    let error = policy().methods([Method::POST, Method::DELETE]).build();

    let error = error.unwrap_err();
    let method = Method::DELETE;
    assert_eq!(error, PolicyError::NoPublicUrl { method });
    assert!(error.to_string().contains("set the public URL"), "{error}");
}
