//! What a request leaves out, or says in another way, does not make it easier to pass.

use std::time::Duration;

use countersign::{Reason, Scheme, SchemeError, Verifier, Window};
use http::Method;

use crate::support::{BASE, SECRET, Sent, at_millis, preset, ring};

/// A HubSpot request of version 1, which signs no time; the digest does not matter here.
fn untimed(body: &[u8]) -> Sent {
    let mut sent = Sent {
        method: Method::POST,
        base: BASE.into(),
        target: "/hooks/orders".into(),
        headers: http::HeaderMap::new(),
        body: body.to_vec(),
        now: at_millis(1_700_000_000_000),
    };
    sent.set("x-hubspot-signature-version", "v1");
    sent.set("x-hubspot-signature", "0".repeat(64));
    sent
}

#[test]
fn a_flow_with_a_window_takes_no_request_without_a_time() {
    let verifier = Verifier::new(&preset("hubspot"), &ring(&[SECRET])).unwrap();
    let mut sent = untimed(b"{}");
    sent.set(
        "x-hubspot-signature",
        // SHA-256 of the secret and the body.
        digest_of(&[SECRET.as_bytes(), b"{}"]),
    );

    let timeless = verifier.clone().with_window(None).unwrap();
    assert_eq!(sent.reason(&timeless), None);
    let window = Some(Window::symmetric(Duration::from_secs(60)));
    let timed = verifier.with_window(window).unwrap();
    assert_eq!(sent.reason(&timed), Some(Reason::MissingTimestamp));
}

#[test]
fn a_plain_hash_is_not_lengthened() {
    let verifier = Verifier::new(&preset("hubspot"), &ring(&[SECRET]))
        .and_then(|verifier| verifier.with_window(None))
        .unwrap();

    let lengthened = untimed(b"{}\x80\x00\x00\x01\x20&evil=1");

    assert_eq!(lengthened.reason(&verifier), Some(Reason::MalformedBody));
}

#[test]
fn a_plain_hash_that_counts_as_well_is_not_lengthened_either() {
    let text = r#"
        name = "acme"
        sign = "{body}{secret}"
        or = ["{secret}{body}"]
        signature = { from = "header:X-Acme", encoding = "hex" }
        rules = [{ digest = "sha256" }]
    "#;
    let scheme: Scheme = toml::from_str(text).unwrap();
    let verifier = Verifier::new(&scheme, &ring(&[SECRET])).unwrap();

    for (body, reason) in [
        (b"{}".as_slice(), None),
        (b"{}\x80\x00\x01\x20&evil=1", Some(Reason::BadSignature)),
    ] {
        let mut sent = untimed(body);
        sent.set("x-acme", digest_of(&[SECRET.as_bytes(), body]));

        assert_eq!(sent.reason(&verifier), reason);
    }
}

#[test]
fn a_short_secret_stays_short_when_it_is_hashed_into_a_key() {
    let weak = Verifier::new(&preset("braintree"), &ring(&["short"]));

    assert!(matches!(weak, Err(SchemeError::Key(_))));
}

#[test]
fn a_hash_of_the_body_counts_only_where_it_is_signed() {
    let text = r#"
        name = "acme"
        sign = "{url}"
        require = [{ from = "header:X-Body", body = "sha256-hex" }]
        signature = { from = "header:X-Acme", encoding = "hex" }
        rules = [{ digest = "hmac-sha256" }]
    "#;

    let error = toml::from_str::<Scheme>(text).unwrap_err().to_string();

    assert!(error.contains("digest of the body"), "{error}");
}

fn digest_of(parts: &[&[u8]]) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hex::encode(hash.finalize())
}
