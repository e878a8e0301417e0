//! Methods and URLs: what GET and DELETE sign, and what they must not be mistaken for.

use countersign::{Reason, Scheme, SignError, Signer, Verifier};
use http::{HeaderMap, Method, Request};

use crate::support::{BASE, SECRET, Sent, at_millis, preset, ring, verifier};

fn get() -> Sent {
    Sent::signed("designer-cloud", Method::GET, b"")
}

#[test]
fn the_url_is_the_configured_base_and_the_raw_target() {
    let verifier = verifier("designer-cloud");
    assert!(get().check(&verifier).is_ok());

    for target in [
        "/hooks/orders?note=%20&job=7",
        "/hooks/orders?job=7&note= ",
        "/hooks/orders?job=7&note=+",
        "/hooks//orders?job=7&note=%20",
        "/hooks/./orders?job=7&note=%20",
        "/hooks/Orders?job=7&note=%20",
        "/hooks/orders",
        "",
    ] {
        let mut sent = get();
        sent.target = target.into();
        assert_eq!(
            sent.reason(&verifier),
            Some(Reason::BadSignature),
            "{target}"
        );
    }
    for base in [
        "http://hooks.example.com",
        "https://hooks.example.com:443",
        "https://evil.example",
    ] {
        let mut sent = get();
        sent.base = base.into();
        assert_eq!(sent.reason(&verifier), Some(Reason::BadSignature), "{base}");
    }
}

#[test]
fn where_base_and_target_meet_does_not_matter() {
    let mut sent = get();
    sent.base = format!("{BASE}/hooks");
    sent.target = sent.target.replace("/hooks", "");

    assert!(sent.check(&verifier("designer-cloud")).is_ok());
}

#[test]
fn no_header_of_the_request_changes_the_url() {
    let mut sent = get();
    for name in [
        "host",
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-original-url",
    ] {
        sent.set(name, "evil.example");
    }

    assert!(sent.check(&verifier("designer-cloud")).is_ok());
}

#[test]
fn without_a_public_url_nothing_is_verified_over_half_of_it() {
    let mut sent = get();
    sent.base = String::new();

    assert_eq!(
        sent.reason(&verifier("designer-cloud")),
        Some(Reason::UnknownUrl)
    );
}

#[test]
fn a_body_that_the_signature_does_not_cover_is_refused() {
    for method in [Method::GET, Method::DELETE] {
        let mut sent = Sent::signed("designer-cloud", method, b"");
        sent.body = b"x".to_vec();
        assert_eq!(
            sent.reason(&verifier("designer-cloud")),
            Some(Reason::UnsignedBody)
        );
    }
}

#[test]
fn a_captured_get_is_not_a_post_of_its_url() {
    let mut captured = get();
    captured.method = Method::POST;
    captured.body = format!("{}{}", captured.base, captured.target).into_bytes();

    let open = verifier("designer-cloud");
    assert!(
        captured.check(&open).is_ok(),
        "the scheme itself cannot tell"
    );
    let closed = open.refuse_url_bodies();
    assert_eq!(captured.reason(&closed), Some(Reason::AmbiguousBody));
    assert!(get().check(&closed).is_ok());
    assert!(Sent::post("designer-cloud").check(&closed).is_ok());

    captured.base = String::new();
    assert_eq!(captured.reason(&closed), Some(Reason::UnknownUrl));
}

#[test]
fn a_captured_get_is_not_a_post_of_its_target_where_targets_alone_are_signed() {
    let text = r#"
        name = "acme"
        sign = [
            { methods = ["POST"], message = "{timestamp}.{body}" },
            { methods = ["GET"], message = "{timestamp}.{target}" },
        ]
        signature = { from = "header:X-Acme", grammar = { pairs = "," }, encoding = "hex" }
        timestamp = { from = "pair:t", unit = "milliseconds" }
        rules = [{ label = "v1", digest = "hmac-sha256" }]
    "#;
    let scheme: Scheme = toml::from_str(text).unwrap();
    let mut captured = get();
    captured.sign(&Signer::new(&scheme, &ring(&[SECRET])).unwrap());
    let open = Verifier::new(&scheme, &ring(&[SECRET])).unwrap();
    assert!(captured.check(&open).is_ok());
    captured.method = Method::POST;
    captured.body = captured.target.clone().into_bytes();

    assert!(
        captured.check(&open).is_ok(),
        "the scheme itself cannot tell"
    );
    let closed = open.refuse_url_bodies();
    assert_eq!(captured.reason(&closed), Some(Reason::AmbiguousBody));
}

#[test]
fn a_scheme_without_urls_takes_bodies_that_read_like_one() {
    let body = format!("{BASE}/hooks/orders");
    let sent = Sent::signed("github", Method::POST, body.as_bytes());

    assert!(sent.check(&verifier("github").refuse_url_bodies()).is_ok());
}

#[test]
fn a_post_is_not_a_get() {
    let mut sent = Sent::post("designer-cloud");
    sent.method = Method::GET;
    assert_eq!(
        sent.reason(&verifier("designer-cloud")),
        Some(Reason::UnsignedBody)
    );

    sent.body.clear();
    assert_eq!(
        sent.reason(&verifier("designer-cloud")),
        Some(Reason::BadSignature)
    );
}

#[test]
fn a_scheme_says_what_each_method_signs() {
    let scheme = preset("designer-cloud");
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        assert!(
            scheme.signs_body(&method) && !scheme.signs_url(&method),
            "{method}"
        );
    }
    for method in [Method::GET, Method::DELETE] {
        assert!(
            scheme.signs_url(&method) && !scheme.signs_body(&method),
            "{method}"
        );
    }
    assert!(!scheme.signs_url(&Method::HEAD) && !scheme.signs_body(&Method::HEAD));
    assert!(scheme.needs_public_url(&[Method::POST, Method::GET]));
    assert!(!scheme.needs_public_url(&[Method::POST]));
    assert!(!preset("github").needs_public_url(&[Method::GET, Method::POST]));
    assert!(scheme.covers_url(&Method::GET) && !scheme.covers_url(&Method::POST));
    let both = preset("twilio");
    assert!(both.covers_url(&Method::POST) && !both.signs_url(&Method::POST));
}

#[test]
fn a_url_that_is_signed_in_another_reading_is_covered_and_the_body_stays_signed() {
    let text = r#"
        name = "acme"
        sign = [{ methods = ["POST"], message = "{body}" }]
        or = ["{url}{body}"]
        ambiguous = "the sender has it so"
        signature = { from = "header:X-Acme", encoding = "hex" }
        rules = [{ digest = "hmac-sha256" }]
    "#;
    let scheme: Scheme = toml::from_str(text).unwrap();
    let alone: Scheme = toml::from_str(&text.replace("{url}", "v1:")).unwrap();

    assert!(scheme.covers_url(&Method::POST) && !alone.covers_url(&Method::POST));
    assert!(scheme.signs_body(&Method::POST) && !scheme.signs_url(&Method::POST));
    assert!(!scheme.covers_url(&Method::GET) && !scheme.signs_url(&Method::GET));
}

#[test]
fn a_request_is_signed_in_place_and_over_its_own_url() {
    let signer = Signer::new(&preset("designer-cloud"), &ring(&[SECRET])).unwrap();
    let now = at_millis(1_700_000_000_000);
    let mut absolute = Request::get("https://hooks.example.com/in?x=%20")
        .body("")
        .unwrap();
    let mut origin = Request::get("/in?x=%20").body("").unwrap();

    signer.sign(&mut absolute, now).unwrap();
    assert_eq!(signer.sign(&mut origin, now), Err(SignError::UnknownUrl));
    signer
        .clone()
        .public_url(BASE)
        .sign(&mut origin, now)
        .unwrap();

    assert_eq!(absolute.headers(), origin.headers());
    signer.sign(&mut absolute, now).unwrap();
    assert_eq!(absolute.headers().len(), 1, "signing again replaces");
}

#[test]
fn what_cannot_be_verified_is_not_signed() {
    let signer = Signer::new(&preset("designer-cloud"), &ring(&[SECRET])).unwrap();
    let now = at_millis(1_700_000_000_000);
    let sign = |request: &mut Request<&str>, now| signer.sign(request, now);

    let mut request = Request::get("https://a.example/").body("x").unwrap();
    assert_eq!(sign(&mut request, now), Err(SignError::UnsignedBody));
    let mut request = Request::options("https://a.example/").body("").unwrap();
    assert_eq!(sign(&mut request, now), Err(SignError::MethodNotSigned));
    let mut request = Request::post("https://a.example/").body("").unwrap();
    assert_eq!(sign(&mut request, at_millis(0)), Err(SignError::Clock));
    assert_eq!(request.headers(), &HeaderMap::new());
}

#[test]
fn a_signed_id_comes_from_the_request_and_keeps_to_its_grammar() {
    let signer = Signer::new(&preset("standard-webhooks"), &ring(&[SECRET])).unwrap();
    let now = at_millis(1_700_000_000_000);
    let mut request = Request::post("https://a.example/").body("{}").unwrap();
    assert_eq!(signer.sign(&mut request, now), Err(SignError::MissingId));

    request
        .headers_mut()
        .insert("webhook-id", "msg.1".parse().unwrap());
    assert_eq!(signer.sign(&mut request, now), Err(SignError::MalformedId));

    request
        .headers_mut()
        .insert("webhook-id", "msg_1".parse().unwrap());
    signer.sign(&mut request, now).unwrap();
    assert_eq!(request.headers()["webhook-id"], "msg_1");
    assert_eq!(request.headers()["webhook-timestamp"], "1700000000");
    assert!(request.headers()["webhook-signature"].is_sensitive());
}
