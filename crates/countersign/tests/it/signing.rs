//! Signing: what our signer writes, our verifier takes, under every preset that can be signed.

use std::time::Duration;

use countersign::{
    Keyring, PublicUrl, Reason, Scheme, SchemeError, SignError, Signer, ToSign, Verifier, Written,
};
use http::{HeaderMap, Method, Request};

use crate::genuine::Genuine;
use crate::support::{BASE, OTHER, SECRET, Sent, at_millis, key, preset, ring};

/// Presets that only their senders sign, and with what.
const ONLY_VERIFIED: [(&str, &str); 6] = [
    ("fireblocks", "RSA"),
    ("paypal", "RSA"),
    ("plaid", "a token of ECDSA"),
    ("sendgrid", "ECDSA"),
    ("sns", "RSA"),
    ("wise", "RSA"),
];

#[test]
fn every_preset_signs_what_it_verifies_or_its_digest_says_why_not() {
    for scheme in Scheme::presets() {
        let genuine = Genuine::of(&scheme);
        assert!(
            !genuine.is_empty() || !cfg!(feature = "rsa"),
            "{}",
            scheme.name()
        );
        for genuine in genuine {
            let signer = Signer::new(&genuine.scheme, &genuine.signing);
            if let Some((_, why)) = ONLY_VERIFIED
                .iter()
                .find(|(name, _)| *name == scheme.name())
            {
                assert_eq!(signer.unwrap_err(), SchemeError::OnlyVerifies, "{why}");
                continue;
            }
            let signer = signer.unwrap_or_else(|error| panic!("{}: {error}", genuine.name));
            let verifier = Verifier::new(&genuine.scheme, &genuine.signed).unwrap();
            // HubSpot's older ways sign no time, and count only where none is asked for.
            let window = verifier
                .window()
                .filter(|_| genuine.form.get("timestamp").is_some());
            let verifier = verifier.with_window(window).unwrap();
            for sent in [later(&genuine.sent), bare(&genuine.sent)] {
                let signed = signed(&signer, sent)
                    .unwrap_or_else(|error| panic!("{} is not signed: {error}", genuine.name));
                let verdict = signed.check(&verifier);
                assert!(verdict.is_ok(), "{}: {verdict:?} {signed:?}", genuine.name);
            }
        }
    }
}

#[test]
fn what_a_sender_signed_is_signed_the_same_here() {
    let mut compared = 0;
    for genuine in Genuine::all() {
        let Ok(signer) = Signer::new(&genuine.scheme, &genuine.keys) else {
            continue;
        };
        if genuine.scheme.signs_time() {
            continue; // The vectors do not say when they were signed.
        }
        let written = write(&signer, &genuine.sent).unwrap();
        for (name, _) in &written.headers {
            let mut lines = written.headers.iter().filter(|(other, _)| other == name);
            let theirs = genuine.sent.headers.get_all(name);
            let same = theirs
                .iter()
                .any(|line| lines.any(|(_, ours)| ours == line));
            // Senders with several secrets, or another case, write more or other lines.
            compared += usize::from(same);
        }
    }
    assert!(compared >= 40, "{compared}");
}

#[test]
fn a_time_and_a_signature_are_written_into_the_body_and_the_rest_stays() {
    let now = at_millis(1_700_000_000_000);
    for (scheme, body, expected) in [
        (
            "linear",
            r#"{ "action":"create", "webhookTimestamp" : 1 }"#,
            r#"{ "action":"create", "webhookTimestamp" : 1700000000000 }"#,
        ),
        ("linear", "{}", r#"{"webhookTimestamp":1700000000000}"#),
        (
            "mailgun",
            r#"{"signature":{"token":"t"},"event-data":{"a":1.0}}"#,
            r#"{"signature":{"token":"t","timestamp":"1700000000","signature":"SIGNATURE"},"event-data":{"a":1.0}}"#,
        ),
        (
            "braintree",
            "bt_payload=PGE%2B&bt_signature=old",
            "bt_payload=PGE%2B&bt_signature=0%7CSIGNATURE",
        ),
    ] {
        let sent = post(body, now);
        let scheme = preset(scheme);
        let signer = Signer::new(&scheme, &ring(&[SECRET])).unwrap();
        assert!(!signer.adds_headers_only());

        let signed = signed(&signer, sent.clone()).unwrap();

        let text = String::from_utf8(signed.body.clone()).unwrap();
        let halves: Vec<_> = expected.split("SIGNATURE").collect();
        assert!(
            text.starts_with(halves[0]) && text.ends_with(halves.last().unwrap()),
            "{text}"
        );
        let verifier = Verifier::new(&scheme, &ring(&[SECRET])).unwrap();
        assert_eq!(signed.reason(&verifier), None, "{text}");
        assert_eq!(headers(&signer, &sent), Err(SignError::InBody));
    }
}

#[test]
fn every_item_of_a_notification_is_signed() {
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let item = |reference: &str| {
        format!(
            r#"{{"NotificationRequestItem":{{"pspReference":"{reference}","success":"true"}}}}"#
        )
    };
    let body = format!(
        r#"{{"live":"false","notificationItems":[{},{}]}}"#,
        item("a"),
        item("b")
    );
    let adyen = preset("adyen");
    let signer = Signer::new(&adyen, &ring(&[key])).unwrap();
    let verifier = Verifier::new(&adyen, &ring(&[key])).unwrap();

    let sent = signed(&signer, post(&body, at_millis(0))).unwrap();

    assert_eq!(sent.reason(&verifier), None);
    let text = String::from_utf8(sent.body.clone()).unwrap();
    assert_eq!(
        text.matches(r#","additionalData":{"hmacSignature":""#)
            .count(),
        2,
        "{text}"
    );
    let mut forged = sent.clone();
    forged.body = text.replace(r#""b""#, r#""c""#).into();
    assert_eq!(forged.reason(&verifier), Some(Reason::BadSignature));
    for (body, error) in [
        (
            r#"{"notificationItems":[]}"#,
            SignError::Missing("json:/notificationItems".into()),
        ),
        (
            "{}",
            SignError::Unwritable("json:/notificationItems".into()),
        ),
        (
            "no",
            SignError::Unwritable("json:/notificationItems".into()),
        ),
    ] {
        assert_eq!(
            signed_error(&signer, post(body, at_millis(0))),
            error,
            "{body}"
        );
    }
}

#[test]
fn the_hash_of_a_json_body_is_written_into_the_url() {
    let signer = Signer::new(&preset("twilio"), &ring(&[SECRET])).unwrap();
    let verifier = Verifier::new(&preset("twilio"), &ring(&[SECRET])).unwrap();
    let body = br#"{"to":"+1"}"#.as_slice();
    let mut request = Request::post("https://hooks.example.com/in?a=%20&bodySHA256=old")
        .body(body)
        .unwrap();
    request
        .headers_mut()
        .insert("content-type", "application/json".parse().unwrap());

    signer.sign(&mut request, at_millis(0)).unwrap();

    let target = request.uri().path_and_query().unwrap().as_str();
    assert!(
        target.starts_with("/in?a=%20&bodySHA256=") && target.len() == 85,
        "{target}"
    );
    let mut sent = post("", at_millis(0));
    sent.target = target.to_owned();
    sent.headers = request.headers().clone();
    sent.body = body.to_vec();
    assert_eq!(sent.reason(&verifier), None);
    assert_eq!(headers(&signer, &sent), Err(SignError::InUrl));

    sent.target = "/in?a=%20".into();
    sent.headers.insert(
        "content-type",
        "application/x-www-form-urlencoded".parse().unwrap(),
    );
    sent.body = b"To=%2B1&From=%2B2".to_vec();
    let form = signed(&signer, sent.clone()).unwrap();
    assert_eq!(
        (form.reason(&verifier), form.target),
        (None, sent.target.clone())
    );

    sent.method = Method::GET;
    sent.body = Vec::new();
    sent.headers = HeaderMap::new();
    sent.target = "/in?a=1".to_owned();
    let get = signed(&signer, sent).unwrap();
    assert_eq!((get.reason(&verifier), &*get.target), (None, "/in?a=1"));
}

#[test]
fn of_several_ways_the_one_that_is_asked_for_is_taken() {
    let signer = Signer::new(&preset("hubspot"), &ring(&[SECRET])).unwrap();
    let mut sent = post("{}", at_millis(1_700_000_000_000));

    let newest = write(&signer, &sent).unwrap();
    sent.set("x-hubspot-signature-version", "v1");
    let oldest = write(&signer, &sent).unwrap();

    let names = |written: &Written| -> Vec<_> {
        let names = written
            .headers
            .iter()
            .map(|(name, _)| name.as_str().to_owned());
        names.collect()
    };
    assert_eq!(
        names(&newest),
        ["x-hubspot-signature-v3", "x-hubspot-request-timestamp"]
    );
    assert_eq!(names(&oldest), ["x-hubspot-signature"]);
    sent.set("x-hubspot-signature-version", "v9");
    sent.set("x-hubspot-signature-v3", "old");
    assert_eq!(names(&write(&signer, &sent).unwrap()), names(&newest));
}

#[test]
fn every_key_signs_where_there_is_room() {
    let lines = |scheme: &str, keys: Keyring| -> Vec<_> {
        let signer = Signer::new(&preset(scheme), &keys).unwrap();
        let written = write(&signer, &post("{}", at_millis(1_700_000_000_000))).unwrap();
        let lines = written.headers.into_iter().map(|(name, value)| {
            format!(
                "{name}: {}",
                value.to_str().unwrap().get(..20).unwrap_or("short")
            )
        });
        lines.collect()
    };
    let two = || ring(&[SECRET, OTHER]);

    let docusign = lines("docusign", two());
    assert!(
        docusign[0].starts_with("x-docusign-signature-1: "),
        "{docusign:?}"
    );
    assert!(
        docusign[1].starts_with("x-docusign-signature-2: "),
        "{docusign:?}"
    );
    assert_eq!(docusign.len(), 2);
    let mollie = lines("mollie", two());
    assert_eq!(mollie.len(), 2);
    assert!(
        mollie
            .iter()
            .all(|line| line.starts_with("x-mollie-signature: sha256="))
    );
    assert_eq!(lines("github", two()).len(), 1, "one line and no more");
    let rolled = Signer::new(&preset("tabapay"), &two()).unwrap();
    let rolled = write(&rolled, &post("{}", at_millis(1_700_000_000_000))).unwrap();
    let line = rolled.headers[0].1.to_str().unwrap().to_owned();
    assert!(
        line.starts_with("t=1700000000,v1=") && line.contains(",v2="),
        "{line}"
    );

    let slots = Keyring::new([key("new", SECRET), key("secondary", OTHER)]).unwrap();
    let slots = lines("box", slots);
    assert!(slots[0].starts_with("box-signature-primary: "), "{slots:?}");
    assert!(
        slots[1].starts_with("box-signature-secondary: "),
        "{slots:?}"
    );
    assert_eq!(
        slots[2..],
        [
            "box-signature-version: short",
            "box-signature-algorithm: short",
            "box-delivery-timestamp: 2023-11-14T22:13:20."
        ]
    );
}

#[test]
fn what_the_scheme_demands_is_written_and_never_contradicted() {
    let signer = Signer::new(&preset("box"), &ring(&[SECRET])).unwrap();
    let mut sent = post("{}", at_millis(1_700_000_000_000));
    sent.set("box-signature-version", "2");
    assert_eq!(
        write(&signer, &sent),
        Err(SignError::Contradiction(
            "header:box-signature-version".into()
        ))
    );

    let signer = Signer::new(&preset("contentful"), &ring(&[&SECRET.repeat(2)])).unwrap();
    let verifier = Verifier::new(&preset("contentful"), &ring(&[&SECRET.repeat(2)])).unwrap();
    let mut sent = signed(&signer, post("{}", at_millis(1_700_000_000_000))).unwrap();
    assert_eq!(
        sent.text("x-contentful-signed-headers"),
        "x-contentful-signed-headers,x-contentful-timestamp"
    );
    assert_eq!(sent.reason(&verifier), None);
    sent.set("x-contentful-signed-headers", "x-contentful-signed-headers");
    let error = write(&signer, &sent).unwrap_err();
    assert!(
        matches!(
            error,
            SignError::Unfit {
                reason: Reason::UnsignedHeader,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_cannot_be_signed_says_what_to_do() {
    let now = at_millis(1_700_000_000_000);
    for (scheme, body, error) in [
        ("shopify", "", SignError::EmptyBody),
        (
            "braintree",
            "a=1",
            SignError::Missing("form:bt_payload".into()),
        ),
        (
            "braintree",
            "bt_payload=%21",
            SignError::Contradiction("form:bt_payload".into()),
        ),
        (
            "linear",
            "not json",
            SignError::Unwritable("json:/webhookTimestamp".into()),
        ),
        (
            "linear",
            "[]",
            SignError::Unwritable("json:/webhookTimestamp".into()),
        ),
        (
            "mailgun",
            "{}",
            SignError::Unfit {
                message: "{timestamp}{json:/signature/token}".into(),
                reason: Reason::MissingElement,
            },
        ),
    ] {
        let signer = Signer::new(&preset(scheme), &ring(&[SECRET])).unwrap();
        assert_eq!(signed_error(&signer, post(body, now)), error, "{scheme}");
    }
    let gone = Keyring::new([key("gone", SECRET).not_after(now)]).unwrap();
    let signer = Signer::new(&preset("github"), &gone).unwrap();
    assert_eq!(
        signed_error(&signer, post("{}", now)),
        SignError::NoActiveKey
    );
    let token = Signer::new(&preset("gitlab"), &ring(&["a token with\na line in it"])).unwrap();
    assert_eq!(
        signed_error(&token, post("{}", now)),
        SignError::Unprintable
    );
}

#[test]
fn a_shared_token_is_sent_and_shown_nowhere_else() {
    for (scheme, name, expected) in [
        ("gitlab", "x-gitlab-token", SECRET),
        ("okta", "authorization", SECRET),
        (
            "postmark",
            "authorization",
            "Basic TWZLUTlyOEdLWXFyVHdqVVBEOElMUFpJbzJMYUxhU3c=",
        ),
    ] {
        let signer = Signer::new(&preset(scheme), &ring(&[SECRET, OTHER])).unwrap();
        let written = write(&signer, &post("{}", at_millis(0))).unwrap();

        assert_eq!(written.headers.len(), 1);
        assert_eq!(written.headers[0].0, name);
        assert_eq!(written.headers[0].1, expected);
        assert!(written.headers[0].1.is_sensitive());
        assert!(!format!("{written:?} {signer:?}").contains(SECRET));
    }
}

#[cfg(feature = "ed25519")]
#[test]
fn a_private_key_is_told_from_a_public_one() {
    use countersign::{KeyProblem, Secret};

    use crate::genuine::{PUBLIC, SEED_AND_PUBLIC};

    let halves = SEED_AND_PUBLIC.split_at(64);
    let other_half = format!("{}{}", halves.0, PUBLIC.replace('d', "e"));
    assert!(Signer::new(&preset("discord"), &ring(&[SEED_AND_PUBLIC])).is_ok());
    for secret in [PUBLIC, halves.0, &other_half, &SEED_AND_PUBLIC[2..]] {
        let error = Signer::new(&preset("discord"), &ring(&[secret])).unwrap_err();
        let SchemeError::Key(error) = error else {
            panic!("{error}");
        };
        assert!(
            matches!(error.problem(), KeyProblem::Encoding(_)),
            "{error}"
        );
    }
    let signing = Keyring::single(Secret::new(SEED_AND_PUBLIC));
    assert!(
        Verifier::new(&preset("discord"), &signing).is_err(),
        "a verifier needs no private key"
    );
}

fn post(body: &str, now: std::time::SystemTime) -> Sent {
    Sent {
        method: Method::POST,
        base: BASE.into(),
        target: "/in".into(),
        headers: HeaderMap::new(),
        body: body.into(),
        now,
    }
}

fn headers(signer: &Signer, sent: &Sent) -> Result<(), SignError> {
    let headers = signer.headers(&ToSign {
        method: &sent.method,
        url: PublicUrl::new(&sent.base, &sent.target),
        headers: &sent.headers,
        body: &sent.body,
        id: None,
        now: sent.now,
    });
    headers.map(|_| ())
}

fn signed_error(signer: &Signer, sent: Sent) -> SignError {
    signed(signer, sent).unwrap_err()
}

/// The same request at another time, over which its old signature is not good.
fn later(sent: &Sent) -> Sent {
    let mut sent = sent.clone();
    sent.now += Duration::from_secs(1000);
    sent
}

/// The same request as its sender has it before it is signed.
pub(crate) fn bare(sent: &Sent) -> Sent {
    let mut sent = later(sent);
    let kind = sent.headers.remove("content-type");
    sent.headers = kind
        .into_iter()
        .map(|kind| ("content-type".parse().unwrap(), kind))
        .collect();
    sent
}

fn write(signer: &Signer, sent: &Sent) -> Result<Written, SignError> {
    signer.write(&ToSign {
        method: &sent.method,
        url: PublicUrl::new(&sent.base, &sent.target),
        headers: &sent.headers,
        body: &sent.body,
        id: Some("msg_1"),
        now: sent.now,
    })
}

/// The request with all that the signer writes.
pub(crate) fn signed(signer: &Signer, mut sent: Sent) -> Result<Sent, SignError> {
    let written = write(signer, &sent)?;
    for (name, _) in &written.headers {
        sent.headers.remove(name);
    }
    for (name, value) in written.headers {
        sent.headers.append(name, value);
    }
    sent.body = written.body.unwrap_or(sent.body);
    sent.target = written.target.unwrap_or(sent.target);
    Ok(sent)
}
