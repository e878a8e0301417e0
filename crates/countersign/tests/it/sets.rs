//! Sets of JSON Web Keys: the key that a token names, of the kind that the scheme wants, as long as its owner uses it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign::{Key, KeyId, Keyring, Reason, Secret, Verifier};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Sent, preset};
use crate::vectors::{accepts, judged, vector};

/// The JSON Web Key of a key of 2048 bits in PEM.
fn rsa(pem: &Value, name: &str) -> Value {
    let lines = pem.as_str().unwrap().lines();
    let digits: String = lines.filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(digits).unwrap();
    let (_, end) = der.split_last_chunk::<{ 256 + 5 }>().unwrap();
    let (modulus, exponent) = end.split_first_chunk::<256>().unwrap();
    assert_eq!(exponent, [2, 3, 1, 0, 1]);
    json!({ "kty": "RSA", "kid": name, "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB" })
}

/// The vector with a set of keys for its key.
fn with_set(mut sent: Value, keys: &[Value]) -> Value {
    sent["secret"] = json!({ "keys": keys }).to_string().into();
    sent
}

#[test]
fn a_token_is_verified_with_the_rsa_key_that_it_names() {
    let sent = vector("fireblocks", "jws-valid");
    let own = rsa(&sent["secret"], "k1");
    let mut other = own.clone();
    other["n"] = other["n"].as_str().unwrap().replace('A', "B").into();
    other["kid"] = "k2".into();
    let named = |name: &str, key: &Value| {
        let mut key = key.clone();
        key["kid"] = name.into();
        key
    };

    let set = |keys: &[Value]| with_set(sent.clone(), keys);
    assert!(accepts(&set(&[other.clone(), own.clone()])));
    assert!(accepts(&set(std::slice::from_ref(&own))));
    for keys in [
        vec![named("k2", &own), named("k1", &other)],
        vec![named("k2", &own)],
        vec![other],
    ] {
        assert_eq!(judged(&set(&keys)), Some(Reason::BadSignature));
    }
}

#[test]
fn a_key_in_pem_has_the_name_that_it_is_given() {
    let sent = vector("fireblocks", "jws-valid");
    let secret = sent["secret"].as_str().unwrap();
    for (name, reason) in [
        (None, None),
        (Some("k1"), None),
        (Some("k2"), Some(Reason::BadSignature)),
    ] {
        let key = Key::new(KeyId::parse("a").unwrap(), Secret::new(secret));
        let key = match name {
            Some(name) => key.in_tokens(name),
            None => key,
        };
        let ring = Keyring::new([key]).unwrap();
        let verifier = Verifier::new(&preset("fireblocks"), &ring).unwrap();
        let mut request = Sent::bare(Method::POST, "/", sent["body"].as_str().unwrap().as_bytes());
        let line = &sent["headers"]["Fireblocks-Webhook-Signature"];
        request.set("fireblocks-webhook-signature", line.as_str().unwrap());
        assert_eq!(request.reason(&verifier), reason, "{name:?}");
    }
}

#[test]
fn a_chain_of_certificates_stands_for_its_first() {
    let sent = vector("sns", "v1-notification");
    let own = sent["secret"].as_str().unwrap().trim();
    let other = vector("paypal", "valid")["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    for (text, counts) in [
        (format!("{own}\n{other}"), true),
        (format!("{own}\n{own}\n{other}\n"), true),
        (format!("{own}\nx"), false),
        (format!("{own}\n{other}\nx"), false),
        (format!("{own}\n-----BEGIN CERTIFICATE-----\n"), false),
    ] {
        let key = Key::new(KeyId::parse("a").unwrap(), Secret::new(text.as_str()));
        let ring = Keyring::new([key]).unwrap();
        assert_eq!(
            Verifier::new(&preset("sns"), &ring).is_ok(),
            counts,
            "{text}"
        );
        if counts {
            let mut sent = sent.clone();
            sent["secret"] = text.into();
            assert!(accepts(&sent));
        }
    }
}

#[test]
fn a_key_that_is_not_for_signing_or_has_expired_is_left_out() {
    let plaid = vector("plaid", "valid");
    let key: Value = serde_json::from_str(plaid["secret"].as_str().unwrap()).unwrap();
    let fireblocks = vector("fireblocks", "jws-valid");
    let unusable = json!({ "kty": "oct", "k": "AAAA" });

    for (sent, key) in [
        (&plaid, &key),
        (&fireblocks, &rsa(&fireblocks["secret"], "k1")),
    ] {
        for (name, value, counts) in [
            ("use", json!("sig"), true),
            ("use", json!(null), true),
            ("use", json!("enc"), false),
            ("expired_at", json!(null), true),
            ("expired_at", json!(1_600_000_000), false),
        ] {
            let mut changed = key.clone();
            changed[name] = value.clone();
            // Another key keeps the set from being empty.
            let mut spare = key.clone();
            spare["kid"] = "spare".into();
            let set = with_set(sent.clone(), &[unusable.clone(), changed, spare]);
            assert_eq!(accepts(&set), counts, "{name} {value}");
        }
    }
}

#[test]
fn keys_of_another_kind_in_a_set_are_left_out_unless_there_are_no_others() {
    let plaid = vector("plaid", "valid");
    let curve: Value = serde_json::from_str(plaid["secret"].as_str().unwrap()).unwrap();
    let fireblocks = vector("fireblocks", "jws-valid");
    let numbers = rsa(&fireblocks["secret"], "k1");

    for sent in [&plaid, &fireblocks] {
        assert!(accepts(&with_set(
            sent.clone(),
            &[curve.clone(), numbers.clone()]
        )));
    }
    for (scheme, wrong) in [("plaid", &numbers), ("fireblocks", &curve)] {
        let text = json!({ "keys": [wrong] }).to_string();
        let key = Key::new(KeyId::parse("a").unwrap(), Secret::new(text));
        let ring = Keyring::new([key]).unwrap();
        assert!(Verifier::new(&preset(scheme), &ring).is_err(), "{scheme}");
    }
}

#[test]
fn of_a_set_no_more_than_sixteen_keys_are_tried_unless_each_is_named() {
    let sent = vector("plaid", "valid");
    let mut own: Value = serde_json::from_str(sent["secret"].as_str().unwrap()).unwrap();
    let name = own.as_object_mut().unwrap().remove("kid");
    let mut other = own.clone();
    (other["x"], other["y"]) = (POINT[0].into(), POINT[1].into());
    for (others, own_first, reason) in [
        (15, false, None),
        (16, false, Some(Reason::TooManySignatures)),
        (16, true, None),
    ] {
        let mut keys = vec![other.clone(); others];
        keys.insert(if own_first { 0 } else { others }, own.clone());
        assert_eq!(
            judged(&with_set(sent.clone(), &keys)),
            reason,
            "{others} {own_first}"
        );
    }

    // Where each has a name, only the one that is meant is tried.
    other["kid"] = "another".into();
    own["kid"] = name.unwrap();
    let mut keys = vec![other; 30];
    keys.push(own);
    assert_eq!(judged(&with_set(sent, &keys)), None);
}

#[test]
fn a_key_whose_name_is_null_has_none() {
    let mut sent = vector("plaid", "valid");
    let mut own: Value = serde_json::from_str(sent["secret"].as_str().unwrap()).unwrap();
    own["kid"] = Value::Null;
    sent["secret"] = own.to_string().into();

    assert_eq!(judged(&sent), None);
}

/// The generator of the curve P-256.
const POINT: [&str; 2] = [
    "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
    "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
];
