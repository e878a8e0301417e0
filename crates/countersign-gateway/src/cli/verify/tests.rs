//! What people see when they ask about a request.

use std::io::Write as _;

use tempfile::NamedTempFile;

use super::super::out::testing::Printed;
use super::super::testing::parsed;
use super::*;

const SIGNATURE: &str = "X-Webhook-Signature: t=1568818215724,sha256=ae9c9f18381e423059604b64469099165a343deef595013525703e50e84d19f9";

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn verify(request: &str, more: &[&str]) -> anyhow::Result<(String, bool)> {
    let file = file(request);
    let mut words = vec!["verify", "--secret", "mySecret", "--allow-weak-secret"];
    words.extend(more);
    if !more.contains(&"--now") {
        words.extend(["--now", "1568818227"]);
    }
    words.push(file.path().to_str().unwrap());
    let printed = Printed::default();
    let status = run(&parsed::<Args>(words)?, &mut printed.out())?;
    Ok((printed.text(), status == ExitCode::SUCCESS))
}

fn post(body: &str) -> String {
    format!("POST /hooks/orders HTTP/1.1\nHost: h\n{SIGNATURE}\n\n{body}")
}

#[test]
fn a_genuine_request_names_its_key_and_its_age() {
    let seen = verify(&post("test"), &["--key-id", "2026"]).unwrap();

    assert_eq!(
        seen,
        ("genuine: key 2026, signed 11 s ago\n".to_owned(), true)
    );
}

#[test]
fn a_forged_request_names_the_reason() {
    let (text, ok) = verify(&post("tesT"), &[]).unwrap();

    assert!(text.starts_with("refused: bad_signature, "), "{text}");
    assert!(!ok);
}

#[test]
fn a_line_end_that_an_editor_added_is_found() {
    let (text, ok) = verify(&post("test\n"), &[]).unwrap();

    assert!(text.contains("without the line end"), "{text}");
    assert!(!ok);
}

#[test]
fn content_length_says_where_the_body_ends() {
    let request = post("test\n").replace("Host: h", "Content-Length: 4");

    let (text, ok) = verify(&request, &[]).unwrap();

    assert!(
        text.contains("note: the line end after the body is left out"),
        "{text}"
    );
    assert!(ok);
}

#[test]
fn the_window_counts_and_can_be_set() {
    let later = ["--now", "1568819000"];

    assert!(
        verify(&post("test"), &later)
            .unwrap()
            .0
            .starts_with("refused: stale_timestamp")
    );
    assert!(
        verify(&post("test"), &[&later[..], &["--window", "1h"]].concat())
            .unwrap()
            .1
    );
    assert!(
        verify(&post("test"), &[&later[..], &["--window", "off"]].concat())
            .unwrap()
            .1
    );
}

#[test]
fn the_wrong_unit_is_hinted_at() {
    let (text, ok) = verify(&post("test"), &["--unit", "seconds"]).unwrap();

    assert!(text.contains("looks like milliseconds"), "{text}");
    assert!(!ok);
}

#[test]
fn a_get_needs_the_public_url_and_says_so() {
    let get = "GET /hooks/orders?jobId=7&status=Complete HTTP/1.1\nX-Webhook-Signature: \
        t=1568818215724,sha256=d21220a40eadde6bd0de1750d83a81aa1a8179b2a2fdf8217306edf2bd05ab7a\n\n";

    assert!(verify(get, &[]).unwrap_err().to_string().contains("--url"));
    assert!(
        verify(get, &["--url", "https://hooks.example.com"])
            .unwrap()
            .1
    );
    assert!(
        verify(
            get,
            &[
                "--url",
                "https://hooks.example.com/hooks/orders?jobId=7&status=Complete"
            ]
        )
        .unwrap()
        .1
    );
    assert!(
        !verify(get, &["--url", "http://hooks.example.com"])
            .unwrap()
            .1
    );
}

#[test]
fn scripts_get_json() {
    let (genuine, _) = verify(&post("test"), &["--json"]).unwrap();
    let (refused, _) = verify(&post("tesT"), &["--json"]).unwrap();
    let genuine: serde_json::Value = serde_json::from_str(&genuine).unwrap();
    let refused: serde_json::Value = serde_json::from_str(&refused).unwrap();

    assert_eq!(genuine["genuine"], true);
    assert_eq!(genuine["signed_at"], "2019-09-18T14:50:15.724Z");
    assert_eq!(refused["reason"], "bad_signature");
}

#[test]
fn what_is_no_request_is_a_usage_error_that_names_the_line() {
    let error = verify("hello\n", &[]).unwrap_err();

    assert!(error.is::<Usage>());
    assert!(format!("{error:#}").contains("line 1"), "{error:#}");
}

#[test]
fn a_file_of_vectors_that_is_none_is_a_usage_error() {
    let vectors = file("[{}]");
    let words = ["verify", "--vectors", vectors.path().to_str().unwrap()];

    let error = run(
        &parsed::<Args>(words).unwrap(),
        &mut Printed::default().out(),
    )
    .unwrap_err();

    assert!(error.is::<Usage>());
}

#[test]
fn a_flow_of_a_configuration_judges_as_the_gateway_would() {
    let config = file(
        r#"
[[flows]]
id = "orders"
auth = { mode = "signature", scheme = "designer-cloud", keys = [{ id = "2026", secret = "mySecret", allow_weak_secret = true }] }
steps = [{ name = "billing", url = "https://billing.example.com/in" }]
"#,
    );
    let check = |flow: &str, request: &str| {
        let request = file(request);
        let config = config.path().to_str().unwrap();
        let request = request.path().to_str().unwrap();
        let words = [
            "verify",
            "--now",
            "1568818227",
            "--config",
            config,
            "--flow",
            flow,
            request,
        ];
        let printed = Printed::default();
        let args = parsed::<Args>(words).unwrap();
        run(&args, &mut printed.out()).map(|_| printed.text())
    };

    assert_eq!(
        check("orders", &post("test")).unwrap(),
        "genuine: key 2026, signed 11 s ago\n"
    );
    assert!(
        check("orders", &post("tesT"))
            .unwrap()
            .starts_with("refused: bad_signature")
    );
    assert!(
        check("orders", "PUT / HTTP/1.1\n\n")
            .unwrap()
            .starts_with("refused: method_not_allowed")
    );
    assert!(
        check("invoices", &post("test"))
            .unwrap_err()
            .to_string()
            .contains("`invoices`")
    );
}

#[test]
fn a_flow_and_a_secret_exclude_each_other() {
    let words = [
        "verify", "--config", "c.toml", "--flow", "orders", "--secret", "s", "f",
    ];

    assert!(parsed::<Args>(words).is_err());
}

#[test]
fn a_family_that_matches_nothing_is_an_error_that_names_it() {
    let file = file(include_str!("../../../../countersign/tests/vectors.json"));
    let path = file.path().to_str().unwrap();
    let check = |families: &[&str]| {
        let printed = Printed::default();
        let mut words = vec!["verify", "--vectors", path];
        for family in families {
            words.extend(["--family", family]);
        }
        let args = parsed::<Args>(words).unwrap();
        run(&args, &mut printed.out())
    };

    let error = check(&["native", "typo"]).unwrap_err();

    assert!(error.is::<Usage>());
    assert!(error.to_string().contains("`typo`"), "{error}");
    assert!(error.to_string().contains("native"), "{error}");
    assert!(check(&["native"]).is_ok());
}

#[test]
fn a_file_without_vectors_is_an_error() {
    let file = file("[]");
    let words = ["verify", "--vectors", file.path().to_str().unwrap()];

    let error = run(
        &parsed::<Args>(words).unwrap(),
        &mut Printed::default().out(),
    )
    .unwrap_err();

    assert!(error.to_string().contains("no test vectors"), "{error}");
}
