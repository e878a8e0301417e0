//! Known requests: the presets' own vectors, and those of other providers under descriptions that
//! say what no preset needs yet.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::{
    Key, KeyId, KeyProblem, Keyring, PublicUrl, Rejection, Scheme, SchemeError, Secret, Signed,
    Unit, Verified, Verifier, Window,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

#[test]
fn every_vector_of_the_presets_holds() {
    let failures = run(include_str!("../vectors.json"), |provider| {
        let name = if provider == "native" {
            "designer-cloud"
        } else {
            provider
        };
        Scheme::preset(name).unwrap()
    });

    assert_eq!(failures, Vec::<String>::new());
}

#[test]
fn every_vector_of_other_providers_holds_under_a_description_in_toml() {
    let schemes: BTreeMap<String, Scheme> =
        toml::from_str::<Descriptions>(include_str!("../language.toml"))
            .unwrap()
            .scheme
            .into_iter()
            .map(|scheme| (scheme.name().to_owned(), scheme))
            .collect();

    let failures = run(include_str!("../language.json"), |provider| {
        schemes[provider].clone()
    });

    assert_eq!(failures, Vec::<String>::new());
}

#[derive(serde::Deserialize)]
struct Descriptions {
    scheme: Vec<Scheme>,
}

/// The vectors that came out otherwise, each with what happened.
fn run(vectors: &str, scheme: impl Fn(&str) -> Scheme) -> Vec<String> {
    let vectors: Vec<Value> = serde_json::from_str(vectors).unwrap();
    assert!(!vectors.is_empty());
    let mut failures = Vec::new();
    for vector in &vectors {
        let provider = vector["provider"].as_str().unwrap();
        let Some(outcome) = verdict(vector, scheme(provider)) else {
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
fn verdict(vector: &Value, scheme: Scheme) -> Option<Result<Verified, Rejection>> {
    let scheme = match vector["params"]["timestamp_unit"].as_str() {
        Some("ms") => scheme.with_timestamp_unit(Unit::Milliseconds).unwrap(),
        Some("s") => scheme.with_timestamp_unit(Unit::Seconds).unwrap(),
        Some(other) => panic!("unknown unit {other}"),
        None => scheme,
    };
    let window = vector["tolerance_s"]
        .as_u64()
        .map(Duration::from_secs)
        .map(Window::symmetric);
    let verifier = match Verifier::new(&scheme, &keys(vector)) {
        Err(SchemeError::Key(error)) if *error.problem() == KeyProblem::NotBuilt("ed25519") => {
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
    let keys = secrets.iter().enumerate().map(|(index, secret)| {
        let id = KeyId::parse(&format!("key-{index}")).unwrap();
        Key::new(id, Secret::new(secret.as_str().unwrap())).allow_weak()
    });
    Keyring::new(keys).unwrap()
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
