//! Known requests of every family of senders.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::{
    Key, KeyId, KeyProblem, Keyring, PublicUrl, Reason, Rejection, Scheme, SchemeError, Secret,
    Signed, Unit, Verified, Verifier, Window,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

#[test]
fn every_vector_of_every_family_holds() {
    let failures = run(include_str!("../vectors.json"), |provider, params| {
        let provider = match provider {
            "native" => "designer-cloud",
            other => other,
        };
        // Some families have several presets, told apart by a word.
        let words = ["algorithm", "kind"].map(|name| params[name].as_str());
        let narrower = words
            .into_iter()
            .flatten()
            .find_map(|word| Scheme::preset(&format!("{provider}-{word}")));
        narrower.or_else(|| Scheme::preset(provider)).unwrap()
    });

    assert_eq!(failures, Vec::<String>::new());
}

#[test]
fn what_senders_really_sent_is_genuine() {
    let failures = run(include_str!("../captured.json"), |provider, _| {
        Scheme::preset(provider).unwrap()
    });

    assert_eq!(failures, Vec::<String>::new());
}

#[test]
fn every_preset_proves_itself_with_vectors_of_both_kinds() {
    for scheme in Scheme::presets() {
        let tried = scheme.prove().unwrap_or_else(|error| panic!("{error}"));
        if cfg!(all(feature = "ecdsa", feature = "ed25519", feature = "rsa")) {
            assert!(tried >= 2, "{}", scheme.name());
        }
    }
}

/// The vectors that came out otherwise, each with what happened.
fn run(vectors: &str, scheme: impl Fn(&str, &Value) -> Scheme) -> Vec<String> {
    let vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
    assert!(!vectors.is_empty());
    let mut failures = Vec::new();
    for vector in &vectors {
        let provider = vector["provider"].as_str().unwrap();
        let Some(outcome) = verdict(vector, scheme(provider, &vector["params"])) else {
            continue;
        };
        let genuine = vector["expect"] == "accept";
        if outcome.is_ok() != genuine {
            let name = vector["name"].as_str().unwrap();
            let told = format!("{provider}/{name}: {outcome:?}");
            if vector["normative"] == false {
                eprintln!("not normative: {told}");
            } else {
                failures.push(told);
            }
        }
    }
    failures
}

/// What came of a vector, unless this build leaves its kind of signature out.
pub(crate) fn verdict(vector: &Value, scheme: Scheme) -> Option<Result<Verified, Rejection>> {
    let scheme = match vector["params"]["timestamp_unit"].as_str() {
        Some("ms") => scheme.with_timestamp_unit(Unit::Milliseconds).unwrap(),
        Some("s") => scheme.with_timestamp_unit(Unit::Seconds).unwrap(),
        Some(other) => panic!("unknown unit {other}"),
        None => scheme,
    };
    let scheme = match vector["params"]["webhook_id"].as_str() {
        Some(id) if scheme.parameters().any(|name| name == "webhook_id") => {
            scheme.with_parameter("webhook_id", id).unwrap()
        }
        _ => scheme,
    };
    let window = vector["tolerance_s"]
        .as_u64()
        .map(Duration::from_secs)
        .map(Window::symmetric)
        .filter(|_| scheme.signs_time());
    let verifier = match Verifier::new(&scheme, &keys(vector)) {
        Err(SchemeError::Key(error)) if matches!(error.problem(), KeyProblem::NotBuilt(_)) => {
            return None;
        }
        verifier => verifier.unwrap().with_window(window).unwrap(),
    };
    let body = match vector["body_base64"].as_str() {
        Some(text) => STANDARD.decode(text).unwrap(),
        None => vector["body"].as_str().unwrap().as_bytes().to_vec(),
    };
    let url = vector["url"].as_str().unwrap();
    let path = url
        .find("://")
        .and_then(|at| url[at + 3..].find('/').map(|slash| at + 3 + slash));
    let (base, target) = url.split_at(path.unwrap());
    Some(
        verifier.verify(&Signed {
            method: &vector["method"]
                .as_str()
                .unwrap()
                .parse::<Method>()
                .unwrap(),
            url: PublicUrl::new(base, target),
            headers: &headers(vector),
            body: &body,
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(vector["now"].as_u64().unwrap()),
        }),
    )
}

fn keys(vector: &Value) -> Keyring {
    let one = [vector["secret"].clone()];
    let secrets = vector["secrets"]
        .as_array()
        .map_or(one.as_slice(), Vec::as_slice);
    let params = &vector["params"];
    let key = |id: &str, secret: &Value| {
        let secret = Secret::new(secret.as_str().unwrap());
        Key::new(KeyId::parse(id).unwrap(), secret).allow_weak()
    };
    let keys = secrets.iter().enumerate().map(|(index, secret)| {
        let id = params["public_key"].as_str().filter(|_| index == 0);
        key(id.unwrap_or(&format!("key-{index}")), secret)
    });
    let secondary = &params["secondary_key"];
    let secondary = (!secondary.is_null()).then(|| key("secondary", secondary));
    Keyring::new(keys.chain(secondary)).unwrap()
}

fn headers(vector: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in vector["headers"].as_object().unwrap() {
        let name: HeaderName = name.parse().unwrap();
        let one = [value.clone()];
        for line in value.as_array().map_or(one.as_slice(), Vec::as_slice) {
            let line = HeaderValue::from_bytes(line.as_str().unwrap().as_bytes()).unwrap();
            headers.append(&name, line);
        }
    }
    headers
}

/// A vector of the file, to be bent.
pub(crate) fn vector(provider: &str, name: &str) -> Value {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors.json")).unwrap();
    let mut found = vectors.into_iter();
    found
        .find(|vector| vector["provider"] == provider && vector["name"] == name)
        .unwrap()
}

/// Why a vector is refused under its family's own preset, if it is.
pub(crate) fn judged(vector: &Value) -> Option<Reason> {
    let scheme = Scheme::preset(vector["provider"].as_str().unwrap()).unwrap();
    let verdict = verdict(vector, scheme).unwrap();
    verdict.err().map(|rejection| rejection.reason())
}

pub(crate) fn accepts(vector: &Value) -> bool {
    let scheme = Scheme::preset(vector["provider"].as_str().unwrap()).unwrap();
    verdict(vector, scheme).unwrap().is_ok()
}

#[test]
fn every_item_of_a_notification_must_verify() {
    let mut one = vector("adyen", "payment-item");
    let mut body: Value = serde_json::from_str(one["body"].as_str().unwrap()).unwrap();
    let item = body["notificationItems"][0].clone();
    let mut forged = item.clone();
    forged["NotificationRequestItem"]["amount"]["value"] = 9.into();

    for (items, genuine) in [
        (vec![item.clone()], true),
        (vec![item.clone(), item.clone()], false),
        (vec![item.clone(), forged.clone()], false),
        (vec![forged, item], false),
        (vec![], false),
    ] {
        body["notificationItems"] = items.into();
        one["body"] = body.to_string().into();
        assert_eq!(accepts(&one), genuine, "{body}");
    }
}

#[test]
fn an_older_signature_does_not_rescue_a_bad_one() {
    let mut v1 = vector("hubspot", "v1-python");
    assert!(accepts(&v1));

    v1["headers"]["X-HubSpot-Signature-v3"] = "AAAA".into();
    v1["headers"]["X-HubSpot-Request-Timestamp"] = "1700000000000".into();

    assert!(!accepts(&v1));
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let mut sent = vector("mailgun", "valid");
    let body = sent["body"].as_str().unwrap().to_owned();

    sent["body"] = body.replacen('{', r#"{"signature":{},"#, 1).into();

    assert!(!accepts(&sent));
}

#[test]
fn a_parameter_is_given_and_known() {
    let paypal = Scheme::preset("paypal").unwrap();
    assert_eq!(paypal.parameters().collect::<Vec<_>>(), ["webhook_id"]);
    assert_eq!(
        Verifier::new(&paypal, &Keyring::single(Secret::new("x"))).unwrap_err(),
        SchemeError::MissingParameter("webhook_id".to_owned())
    );
    assert_eq!(
        paypal.with_parameter("webhook", "1").unwrap_err(),
        SchemeError::UnknownParameter("webhook".to_owned())
    );
}
