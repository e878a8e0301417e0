#![cfg(any(feature = "ecdsa", feature = "ed25519"))]

use std::iter;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::mac::public_checks;
use crate::*;

const ID: &str = "key";

/// A scheme whose signatures of 64 bytes stand in a numbered family of headers.
fn numbered(digest: &str, encoding: &str, more: &serde_json::Value) -> Scheme {
    let mut scheme = serde_json::json!({
        "name": "acme",
        "sign": "{body}",
        "signature": { "from": "numbered:x-acme-", "encoding": "base64" },
        "rules": [{ "digest": digest, "key": { "encoding": encoding } }],
    });
    let members = scheme.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    serde_json::from_value(scheme).unwrap()
}

/// How often a public key was held against one of so many signatures that nobody made, and the verdict.
fn tried(scheme: &Scheme, keys: &Keyring, signatures: usize) -> (usize, Result<(), Reason>) {
    let verifier = Verifier::new(scheme, keys).unwrap();
    let other = HeaderValue::try_from(STANDARD.encode([7; 64])).unwrap();
    let headers: HeaderMap = (1..=signatures)
        .map(|number| HeaderName::try_from(format!("x-acme-{number}")).unwrap())
        .zip(iter::repeat(other))
        .collect();
    let request = Signed {
        method: &Method::POST,
        url: PublicUrl::default(),
        headers: &headers,
        body: b"{}",
        now: std::time::SystemTime::UNIX_EPOCH,
    };
    let before = public_checks();
    let verdict = verifier.verify(&request);
    let reason = verdict.map(drop).map_err(|rejection| rejection.reason());
    (public_checks() - before, reason)
}

fn ring(texts: impl IntoIterator<Item = String>) -> Keyring {
    let keys = texts.into_iter().enumerate().map(|(at, text)| {
        let id = KeyId::parse(&format!("{ID}{at}")).unwrap();
        Key::new(id, Secret::new(text))
    });
    Keyring::new(keys).unwrap()
}

#[cfg(feature = "ed25519")]
fn ed25519(keys: usize) -> Keyring {
    let known = [
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
    ];
    ring(known.into_iter().take(keys).map(str::to_owned))
}

#[cfg(feature = "ed25519")]
#[test]
fn public_keys_are_tried_so_often_for_one_request_and_no_more() {
    let none = serde_json::json!({});
    let scheme = numbered("ed25519", "hex", &none);

    for (keys, signatures, times, reason) in [
        (1, 8, 8, Reason::BadSignature),
        (1, 16, 16, Reason::BadSignature),
        (4, 4, 16, Reason::BadSignature),
        (1, 17, 16, Reason::TooManySignatures),
        (4, 5, 16, Reason::TooManySignatures),
        (4, 100, 16, Reason::TooManySignatures),
    ] {
        assert_eq!(
            tried(&scheme, &ed25519(keys), signatures),
            (times, Err(reason)),
            "{keys} {signatures}"
        );
    }
}

#[cfg(feature = "ed25519")]
#[test]
fn neither_other_messages_nor_items_have_public_keys_tried_more_often() {
    let messages = serde_json::json!({ "or": ["a.{body}", "b.{body}", "c.{body}", "d.{body}"] });
    let scheme = numbered("ed25519", "hex", &messages);
    let refused = Err(Reason::TooManySignatures);
    assert_eq!(
        tried(&scheme, &ed25519(1), 3),
        (15, Err(Reason::BadSignature))
    );
    assert_eq!(tried(&scheme, &ed25519(1), 4), (16, refused));
    assert_eq!(tried(&scheme, &ed25519(2), 2), (16, refused));
}

#[cfg(feature = "ecdsa")]
#[test]
fn a_set_of_keys_is_tried_no_more_often() {
    let key = serde_json::json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "Rxw-dYxJBChbun5TEY7Q9SSt6wdX0lvS-Oew1236cUw",
        "y": "3VIPesqKi5F6zDf1HejwybvjrYWDgucC3CWhLQn3qFg",
    });
    let set = serde_json::json!({ "keys": vec![key; 20] }).to_string();
    let scheme = numbered("ecdsa-p256-fixed", "public", &serde_json::json!({}));

    assert_eq!(
        tried(&scheme, &ring([set]), 1),
        (16, Err(Reason::TooManySignatures))
    );
}
