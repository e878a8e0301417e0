//! Each hint, from a request that a sender really signed.

use std::io::Write as _;
use std::process::ExitCode;

use countersign::{Keyring, PublicUrl, Scheme, Secret, Signer, ToSign, Unit};
use http::{HeaderMap, Method};
use tempfile::NamedTempFile;

use crate::cli::explain::{Args, run};
use crate::cli::out::testing::Printed;
use crate::cli::testing::parsed;
use crate::moment;

mod credentials;
mod flows;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: &str = "2026-11-21T12:00:00Z";
const URL: PublicUrl<'static> = PublicUrl::new("https://h.example", "/hooks/a?b=1");

/// A request as the sender signs it: its head, with the signature.
fn head(scheme: &Scheme, secret: &[u8], method: &Method, url: PublicUrl<'_>, body: &str) -> String {
    let signer = Signer::new(scheme, &Keyring::single(Secret::new(secret))).unwrap();
    let signed = signer.headers(&ToSign {
        method,
        url,
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
        id: Some("msg_1"),
        now: moment::parse(NOW).unwrap(),
    });
    let mut head = format!("{method} /hooks/a?b=1 HTTP/1.1\n");
    for (name, value) in signed.unwrap() {
        head.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    head + "\n"
}

fn post(scheme: &str, secret: &[u8], body: &str) -> String {
    head(
        &Scheme::preset(scheme).unwrap(),
        secret,
        &Method::POST,
        URL,
        body,
    )
}

fn explain(request: &str, more: &[&str]) -> anyhow::Result<(String, ExitCode)> {
    let mut file = NamedTempFile::new()?;
    file.write_all(request.as_bytes())?;
    let mut words = vec!["explain"];
    if !more.contains(&"--config") {
        words.extend(["--secret", SECRET]);
    }
    if !more.contains(&"--now") {
        words.extend(["--now", NOW]);
    }
    words.extend(more);
    if !more.contains(&"--curl") {
        words.push(file.path().to_str().unwrap());
    }
    let printed = Printed::default();
    let status = run(&parsed::<Args>(words)?, &mut printed.out())?;
    Ok((printed.text(), status))
}

fn hinted(request: &str, more: &[&str], text: &str) {
    let (printed, status) = explain(request, more).unwrap();

    assert!(printed.starts_with("refused: "), "{printed}");
    assert!(
        printed.contains(&format!("hint: genuine {text}")),
        "{text}: {printed}"
    );
    assert_eq!(status, ExitCode::from(1));
}

#[test]
fn a_genuine_request_needs_no_hint() {
    let (text, status) = explain(
        &(post("github", SECRET.as_bytes(), "a") + "a"),
        &["--scheme", "github"],
    )
    .unwrap();

    assert_eq!(text, "genuine: key default\n");
    assert_eq!(status, ExitCode::SUCCESS);
}

#[test]
fn a_line_end_more_or_less_is_found() {
    for (signed, received, words) in [
        ("a", "a\n", "without the LF that ends the body"),
        ("a", "a\r\n", "without the CR LF that ends the body"),
        ("a\n", "a", "with LF added to the body"),
        ("a\r\n", "a", "with CR LF added to the body"),
    ] {
        let request = post("github", SECRET.as_bytes(), signed) + received;
        hinted(&request, &["--scheme", "github"], words);
    }
}

#[test]
fn json_that_was_written_anew_is_found() {
    for (signed, received, words) in [
        (
            r#"{"b":1,"a":2}"#,
            r#"{"b": 1, "a": 2}"#,
            "with the JSON body written without spaces",
        ),
        (
            r#"{"b": 1, "a": 2}"#,
            r#"{"b":1,"a":2}"#,
            "with the JSON body written with a space",
        ),
        (
            r#"{"a":2,"b":"é"}"#,
            r#"{"a":2,"b":"\u00e9"}"#,
            "with the JSON body written anew",
        ),
    ] {
        let request = post("github", SECRET.as_bytes(), signed) + received;
        hinted(&request, &["--scheme", "github"], words);
    }
}

#[test]
fn the_unit_of_the_timestamp_is_found() {
    let milliseconds = Scheme::preset("designer-cloud").unwrap();
    let seconds = milliseconds
        .clone()
        .with_timestamp_unit(Unit::Seconds)
        .unwrap();
    for (scheme, unit) in [(milliseconds, "seconds"), (seconds, "milliseconds")] {
        let right = if unit == "seconds" {
            "milliseconds"
        } else {
            "seconds"
        };
        let request = head(&scheme, SECRET.as_bytes(), &Method::POST, URL, "a") + "a";
        hinted(
            &request,
            &["--unit", unit],
            &format!("with the timestamp in {right}"),
        );
    }
}

#[test]
fn another_clock_is_found_with_its_distance() {
    let request = post("slack", SECRET.as_bytes(), "a") + "a";

    hinted(
        &request,
        &["--scheme", "slack", "--now", "2026-11-21T14:00:00Z"],
        "but for its time: it was signed 2 h ago",
    );
}

#[test]
fn another_scheme_is_found() {
    for scheme in ["github", "stripe", "slack", "workflow"] {
        let request = post(scheme, SECRET.as_bytes(), "a") + "a";
        let other = if scheme == "shopify" {
            "github"
        } else {
            "shopify"
        };
        hinted(
            &request,
            &["--scheme", other],
            &format!("as `--scheme {scheme}`"),
        );
    }
}

#[test]
fn another_spelling_of_the_url_is_found() {
    let scheme = Scheme::preset("designer-cloud").unwrap();
    for (base, target) in [
        ("http://h.example", "/hooks/a?b=1"),
        ("https://h.example:443", "/hooks/a?b=1"),
        ("https://h.example", "/hooks/a/?b=1"),
        ("https://h.example", "/a?b=1"),
    ] {
        let signed = PublicUrl::new(base, target);
        let request = head(&scheme, SECRET.as_bytes(), &Method::GET, signed, "");
        hinted(
            &request,
            &["--url", "https://h.example"],
            &format!("for the public URL {base}{target}"),
        );
    }
}

#[test]
fn another_reading_of_the_secret_is_found() {
    let bytes = hex::decode(SECRET).unwrap();
    let request = post("github", &bytes, "a") + "a";
    hinted(
        &request,
        &["--scheme", "github"],
        "with the secret read as hex",
    );

    let encoded = "c2VjcmV0IG9mIHR3ZW50eSBieXRlcw==";
    for (signed, given, words) in [
        (
            &b"secret of twenty bytes"[..],
            encoded,
            "with the secret read as base64",
        ),
        (
            b"0123456789abcdef",
            "whsec_0123456789abcdef",
            "with the secret without `whsec_`",
        ),
        (
            b"0123456789abcdef",
            " 0123456789abcdef",
            "with the secret without the white space",
        ),
        (
            b"0123456789abcdef\n",
            "0123456789abcdef",
            "with a line end after the secret",
        ),
        (
            b"30313233343536373839616263646566",
            "0123456789abcdef",
            "with the secret as text, where the scheme decodes hex",
        ),
    ] {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all((post("github", signed, "a") + "a").as_bytes())
            .unwrap();
        let words_of_line = [
            "explain",
            "--scheme",
            "github",
            "--secret",
            given,
            file.path().to_str().unwrap(),
        ];
        let printed = Printed::default();
        run(&parsed::<Args>(words_of_line).unwrap(), &mut printed.out()).unwrap();
        assert!(
            printed.text().contains(words),
            "{words}: {}",
            printed.text()
        );
    }
}

#[test]
fn a_forgery_gets_no_hint() {
    let request = post("github", b"another secret of some length", "a") + "a";

    let (text, _) = explain(&request, &["--scheme", "github"]).unwrap();

    assert!(!text.contains("hint:"), "{text}");
    assert!(text.contains("nothing that was tried"), "{text}");
}

#[test]
fn scripts_get_the_kind_of_each_hint() {
    let request = post("github", SECRET.as_bytes(), "a") + "a\n";

    let (text, _) = explain(&request, &["--scheme", "github", "--json"]).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();

    assert_eq!(answer["genuine"], false);
    assert_eq!(answer["reason"], "bad_signature");
    assert_eq!(answer["hints"][0]["kind"], "line_end");
}

#[test]
fn a_curl_line_is_explained_too() {
    let signed = post("github", SECRET.as_bytes(), "it is");
    let (_, value) = signed.split_once("x-hub-signature-256: ").unwrap();
    let line = format!(
        "curl -X POST -H 'X-Hub-Signature-256: {}' --data-binary 'it is' https://h/a",
        value.trim()
    );

    let (text, _) = explain("", &["--scheme", "github", "--curl", &line]).unwrap();
    let error = explain("", &["--curl", "curl -F a=b http://h"]).unwrap_err();

    assert_eq!(text, "genuine: key default\n");
    assert!(format!("{error:#}").contains("`-F`"), "{error:#}");
}

#[test]
fn a_handshake_is_told_with_its_answer_instead_of_what_no_event_would_miss() {
    let key = &["--key-id", "integration_public_key"][..];
    let token = &["--parameter", "verify_token=meaty"][..];
    let subscribe = "/in?hub.mode=subscribe&hub.challenge=1158&hub.verify_token=";
    for (scheme, request, more, told, status) in [
        (
            "dropbox",
            "GET /in?challenge=abc HTTP/1.1\n\n".to_owned(),
            &[][..],
            "handshake: no event; answered with 200 OK and `abc`\n",
            0,
        ),
        (
            "braintree",
            "GET /in?bt_challenge=20f9f8ed HTTP/1.1\n\n".to_owned(),
            key,
            "handshake: no event; answered with 200 OK and `integration_public_key|",
            0,
        ),
        (
            "meta",
            format!("GET {subscribe}meaty HTTP/1.1\n\n"),
            token,
            "handshake: no event; answered with 200 OK and `1158`\n",
            0,
        ),
        (
            "meta",
            format!("GET {subscribe}nope HTTP/1.1\n\n"),
            token,
            "refused: wrong_token, ",
            1,
        ),
        (
            "asana",
            "POST /in HTTP/1.1\nX-Hook-Secret: b537207f20cbfa02\n\n{}".to_owned(),
            &[],
            "handshake: it brings a secret, ",
            1,
        ),
        (
            "trello",
            "HEAD /in HTTP/1.1\n\n".to_owned(),
            &[],
            "handshake: no event; answered with 200 OK\n",
            0,
        ),
    ] {
        let more = [&["--scheme", scheme, "--url", "https://h.example"], more].concat();
        let (text, code) = explain(&request, &more).unwrap();

        assert!(text.starts_with(told), "{scheme}: {text}");
        assert!(!text.contains("missing_header"), "{text}");
        assert!(!text.contains("hint"), "{text}");
        assert_eq!(code, ExitCode::from(status));
    }
}

#[test]
fn a_signed_handshake_is_one_only_if_it_is_genuine() {
    let body = r#"{"type":"url_verification","challenge":"3eZb"}"#;
    let request = post("slack", SECRET.as_bytes(), body) + body;

    let (text, _) = explain(&request, &["--scheme", "slack"]).unwrap();
    let (json, _) = explain(&request, &["--scheme", "slack", "--json"]).unwrap();
    let forged = request.replace("3eZb", "3eZc");
    let (refused, _) = explain(&forged, &["--scheme", "slack"]).unwrap();

    assert!(text.starts_with("genuine: "), "{text}");
    assert!(text.contains("answered with 200 OK and `3eZb`"), "{text}");
    assert!(json.contains(r#""body":"3eZb""#), "{json}");
    assert!(refused.starts_with("refused: bad_signature"), "{refused}");
    assert!(!refused.contains("handshake"), "{refused}");
}
