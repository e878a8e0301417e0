//! What senders spell in more than one way, and what none of them spells like that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::{KeyProblem, Reason, SchemeError, Signer, Verifier};
use serde_json::Value;

use crate::support::{SECRET, Sent, preset, ring};
use crate::vectors::{accepts, judged, vector};

#[test]
fn the_newer_header_of_shopify_counts_where_the_older_one_is_not_there() {
    let sent = vector("shopify", "lib-test-value");
    let signature = sent["headers"]["X-Shopify-Hmac-Sha256"].clone();
    let with = |headers: Value| {
        let mut sent = sent.clone();
        sent["headers"] = headers;
        judged(&sent)
    };
    let bad = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    let newer = serde_json::json!({ "Shopify-Hmac-Sha256": signature });
    assert_eq!(with(newer), None);
    let newer = serde_json::json!({ "Shopify-Hmac-Sha256": bad });
    assert_eq!(with(newer), Some(Reason::BadSignature));
    let both =
        serde_json::json!({ "X-Shopify-Hmac-Sha256": bad, "Shopify-Hmac-Sha256": signature });
    assert_eq!(with(both), Some(Reason::BadSignature));
}

#[test]
fn a_way_to_authenticate_is_one_in_any_case() {
    let sent = vector("postmark", "basic-ok");
    let text = sent["headers"]["Authorization"].as_str().unwrap();
    let credentials = text.strip_prefix("Basic ").unwrap();
    for (line, reason) in [
        (format!("basic {credentials}"), None),
        (format!("BASIC   {credentials}"), None),
        (format!("Basic{credentials}"), Some(Reason::MalformedHeader)),
        (
            format!("Bearer {credentials}"),
            Some(Reason::MalformedHeader),
        ),
        ("Basic".to_owned(), Some(Reason::MalformedHeader)),
    ] {
        let mut sent = sent.clone();
        sent["headers"]["Authorization"] = line.as_str().into();
        assert_eq!(judged(&sent), reason, "{line}");
    }
}

#[test]
fn a_numbered_header_is_there_once() {
    let mut sent = vector("docusign", "one-key");
    let line = sent["headers"]["X-DocuSign-Signature-1"].clone();
    sent["headers"]["X-DocuSign-Signature-1"] = vec![line.clone(), line].into();

    assert_eq!(judged(&sent), Some(Reason::DuplicateHeader));
}

#[test]
fn a_family_of_headers_has_room_for_a_hundred_keys() {
    let mut sent = vector("docusign", "one-key");
    let genuine = sent["headers"]["X-DocuSign-Signature-1"].clone();
    let others = STANDARD.encode([7; 32]);
    let headers = sent["headers"].as_object_mut().unwrap();
    for number in 1..100 {
        headers.insert(
            format!("X-DocuSign-Signature-{number}"),
            others.as_str().into(),
        );
    }
    assert_eq!(judged(&sent), Some(Reason::BadSignature));

    let headers = sent["headers"].as_object_mut().unwrap();
    headers.insert("X-DocuSign-Signature-100".to_owned(), genuine.clone());
    assert_eq!(judged(&sent), None);

    let headers = sent["headers"].as_object_mut().unwrap();
    headers.remove("X-DocuSign-Signature-100");
    headers.insert("X-DocuSign-Signature-101".to_owned(), genuine);
    assert_eq!(judged(&sent), Some(Reason::BadSignature));
}

#[test]
fn a_secret_of_blanks_is_none() {
    for blank in ["", " ", "\n", " \t\r\n  "] {
        let ring = ring(&[blank]);
        for scheme in ["slack", "gitlab", "standard-webhooks"] {
            let Err(SchemeError::Key(error)) = Verifier::new(&preset(scheme), &ring) else {
                panic!("{scheme} {blank:?}");
            };
            assert_eq!(*error.problem(), KeyProblem::Empty, "{scheme} {blank:?}");
        }
    }
}

#[test]
fn an_id_may_be_base64() {
    let signer = Signer::new(&preset("twitch"), &ring(&[SECRET])).unwrap();
    let verifier = Verifier::new(&preset("twitch"), &ring(&[SECRET])).unwrap();
    let mut sent = Sent::post("twitch");
    sent.set("twitch-eventsub-message-id", "Gk2-x_9fXQ3bVQ==");
    sent.sign(&signer);

    assert_eq!(sent.reason(&verifier), None);
}

#[test]
fn null_is_no_token() {
    let mut sent = vector("mailgun", "valid");
    let body: Value = serde_json::from_str(sent["body"].as_str().unwrap()).unwrap();
    for token in [Value::Null, Value::Bool(true), serde_json::json!({})] {
        let mut body = body.clone();
        body["signature"]["token"] = token.clone();
        sent["body"] = body.to_string().into();
        assert!(!accepts(&sent), "{token}");
        assert_eq!(
            judged(&sent) == Some(Reason::MissingElement),
            token.is_null(),
            "{token}"
        );
    }
}

#[cfg(feature = "rsa")]
#[test]
fn a_subject_of_null_is_no_subject() {
    let sent = vector("sns", "v1-notification");
    let body = sent["body"].as_str().unwrap();
    for (subject, genuine) in [("null", true), ("\"\"", false), ("\"null\"", false)] {
        let mut sent = sent.clone();
        let body = body.replacen('{', &format!("{{ \"Subject\": {subject},"), 1);
        sent["body"] = body.into();
        assert_eq!(accepts(&sent), genuine, "{subject}");
    }
    let mut sent = sent.clone();
    sent["body"] = body.replace("Hello world!", "\\ud83d").into();
    assert_eq!(judged(&sent), Some(Reason::MalformedBody));
}

#[cfg(feature = "rsa")]
#[test]
fn a_region_is_no_bucket() {
    let sent = vector("sns", "v1-notification");
    let own = "https://sns.us-west-2.amazonaws.com/";
    for (host, reason) in [
        ("sns.us-gov-west-1.amazonaws.com", None),
        ("sns.cn-north-1.amazonaws.com.cn", None),
        ("sns.eusc-de-east-1.amazonaws.eu", None),
        ("sns.s3.amazonaws.com", Some(Reason::UnmetDemand)),
        ("sns.s3-us-west-2.amazonaws.com", Some(Reason::UnmetDemand)),
        ("sns.s3-external-1.amazonaws.com", Some(Reason::UnmetDemand)),
        ("sns.-a-.amazonaws.com", Some(Reason::UnmetDemand)),
        ("sns.amazonaws.com", Some(Reason::UnmetDemand)),
    ] {
        let mut sent = sent.clone();
        let body = sent["body"].as_str().unwrap();
        assert!(body.contains(own));
        sent["body"] = body.replace(own, &format!("https://{host}/")).into();
        assert_eq!(judged(&sent), reason, "{host}");
    }
}

#[cfg(feature = "rsa")]
#[test]
fn a_detached_token_has_nothing_in_its_middle() {
    let sent = vector("fireblocks", "jws-valid");
    let name = "Fireblocks-Webhook-Signature";
    let line = sent["headers"][name].as_str().unwrap();
    for middle in ["e30", "AA"] {
        let mut sent = sent.clone();
        sent["headers"][name] = line.replace("..", &format!(".{middle}.")).into();
        assert_eq!(judged(&sent), Some(Reason::MalformedHeader), "{middle}");
    }
}
