//! Small files whose result is known.

use std::process::ExitCode;

use super::super::out::testing::Printed;
use super::*;

mod handshakes;

pub(super) use handshakes::SHAKE;

pub(super) const GOOD: &str = r#"{
    "provider": "native", "name": "worked-example", "secret": "mySecret", "method": "POST",
    "url": "https://hooks.example.com/hooks/orders", "body": "test", "now": 1568818216, "tolerance_s": 300,
    "headers": { "X-Webhook-Signature":
        "t=1568818215724,sha256=ae9c9f18381e423059604b64469099165a343deef595013525703e50e84d19f9" },
    "expect": "accept", "params": { "timestamp_unit": "ms" } }"#;

fn check(vectors: &[String]) -> (String, bool) {
    let list = Entry::list(format!("[{}]", vectors.join(",")).as_bytes()).unwrap();
    let printed = Printed::default();
    let status = run(&list, false, &mut printed.out()).unwrap();
    (printed.text(), status == ExitCode::SUCCESS)
}

fn with(from: &str, to: &str) -> String {
    let changed = GOOD.replace(from, to);
    assert_ne!(changed, GOOD);
    changed
}

#[test]
fn a_good_one_passes_and_only_the_count_is_printed() {
    assert_eq!(
        check(&[GOOD.to_owned()]),
        ("1 passed, 0 failed\n".to_owned(), true)
    );
}

#[test]
fn a_wrong_expectation_fails_by_name_with_its_reason() {
    let wrong = with(
        r#""body": "test""#,
        r#""body": "tesT", "reason": "published""#,
    );

    let (text, ok) = check(&[wrong, GOOD.to_owned()]);

    assert_eq!(
        text,
        "failed: native/worked-example: expected accept, but: bad_signature (published)\n1 passed, 1 failed\n"
    );
    assert!(!ok);
}

#[test]
fn an_accepted_forgery_fails() {
    let (text, ok) = check(&[with(r#""accept""#, r#""reject""#)]);

    assert!(
        text.contains("expected reject, but it was accepted"),
        "{text}"
    );
    assert!(text.ends_with("\n0 passed, 1 failed\n"));
    assert!(!ok);
}

#[test]
fn an_unknown_family_fails_and_is_named_even_where_a_rejection_is_expected() {
    let unknown = with(r#""native""#, r#""acme""#).replace("accept", "reject");

    let (text, ok) = check(&[unknown]);

    assert!(text.contains("unknown family `acme`"), "{text}");
    assert!(text.contains("unknown families: acme (1)"), "{text}");
    assert!(text.ends_with("\n0 passed, 1 failed\n"));
    assert!(!ok);
}

#[test]
fn what_is_not_normative_is_told_and_does_not_fail() {
    let policy = with(r#""accept""#, r#""reject", "normative": false"#);

    let (text, ok) = check(&[policy]);

    assert!(text.starts_with("note: native/worked-example"), "{text}");
    assert!(text.ends_with("\n0 passed, 0 failed\n"));
    assert!(ok);
}

#[test]
fn a_null_tolerance_checks_no_window_and_a_missing_one_is_the_schemes() {
    let later = with("1568818216", "1700000000");
    let unchecked = later.replace(r#""tolerance_s": 300"#, r#""tolerance_s": null"#);
    let default = later
        .replace(r#""tolerance_s": 300,"#, "")
        .replace("accept", "reject");

    let (text, _) = check(&[later.replace("accept", "reject"), unchecked, default]);

    assert_eq!(text, "3 passed, 0 failed\n");
}

#[test]
fn the_unit_is_the_vectors() {
    let as_seconds =
        with(r#""timestamp_unit": "ms""#, r#""timestamp_unit": "s""#).replace("accept", "reject");

    assert!(check(&[as_seconds]).1);
}

#[test]
fn any_of_several_secrets_may_match_and_a_body_may_be_base64() {
    let rotated = with(
        r#""secret": "mySecret""#,
        r#""secret": "old", "secrets": ["old", "mySecret"]"#,
    )
    .replace(r#""body": "test""#, r#""body_base64": "dGVzdA==""#);

    assert!(check(&[rotated]).1);
}

#[test]
fn repeated_header_lines_are_repeated() {
    let twice = with(r#""t=1568"#, r#"["x", "t=1568"#)
        .replace(r#"19f9""#, r#"19f9"]"#)
        .replace("accept", "reject");

    assert!(check(&[twice]).1);
}

#[test]
fn what_could_not_even_be_loaded_counts_as_rejected() {
    let empty = with("mySecret", "").replace("accept", "reject");
    let control = with(r#""t=1568"#, r#""\u0001t=1568"#).replace("accept", "reject");

    let (text, ok) = check(&[empty, control]);

    assert!(ok, "{text}");
}

#[test]
fn what_is_null_is_left_out() {
    let without = |from: &str| with(from, "null").replace("accept", "reject");
    let header = without(
        r#""t=1568818215724,sha256=ae9c9f18381e423059604b64469099165a343deef595013525703e50e84d19f9""#,
    );
    let secret = without(r#""mySecret""#);
    let body = without(r#""test""#);
    let one_of_two = with(
        r#""secret": "mySecret""#,
        r#""secret": null, "secrets": [null, "mySecret", ""], "reason": null"#,
    );

    let (text, ok) = check(&[header, secret, body, one_of_two]);

    assert!(ok, "{text}");
}

#[test]
fn a_malformed_file_says_where() {
    let error = Entry::list(b"[\n{\"provider\": }]").err().unwrap();

    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn an_entry_that_is_not_understood_fails_by_name_and_hides_no_other() {
    for (broken, why) in [
        (
            with(r#""tolerance_s""#, r#""tolerence_s""#),
            "native/worked-example: cannot be read: unknown field `tolerence_s`",
        ),
        (
            with(r#""now": 1568818216,"#, ""),
            "native/worked-example: cannot be read: missing field `now` (line 6)",
        ),
        (
            with(r#""expect": "accept""#, r#""expect": "refuse""#),
            "native/worked-example: cannot be read: unknown variant `refuse`",
        ),
        (
            with(r#""timestamp_unit": "ms""#, r#""timestamp_units": "ms""#),
            "native/worked-example: cannot be tried: `params` has `timestamp_units`",
        ),
        (
            with(r#""timestamp_unit": "ms""#, r#""topic": 1"#),
            "native/worked-example: cannot be tried: the parameter `topic` is no text",
        ),
        ("7".to_owned(), "unknown/entry 1: cannot be read"),
    ] {
        for broken in [broken.clone(), broken.replace("accept", "reject")] {
            let (text, ok) = check(&[broken, GOOD.to_owned()]);

            assert!(text.contains(why), "{why}: {text}");
            assert!(text.ends_with("\n1 passed, 1 failed\n"), "{text}");
            assert!(!ok);
        }
    }
    let prose = with(
        r#""expect""#,
        r#""source": "a page", "tier": "secondary", "expect""#,
    );
    assert!(check(&[prose]).1);
}

#[test]
fn a_value_of_the_wrong_kind_is_not_told_as_it_may_be_a_secret() {
    for (from, to, why) in [
        (
            r#""secret": "mySecret""#,
            r#""secret": "old", "secrets": "mySecret""#,
            "string in place of a sequence",
        ),
        (
            r#""secret": "mySecret""#,
            r#""secret": 1234567"#,
            "integer in place of a string",
        ),
        (
            r#""secret": "mySecret""#,
            r#""secret": true"#,
            "boolean in place of a string",
        ),
        (
            r#""now": 1568818216"#,
            r#""now": "1234567, expected mySecret""#,
            "string in place of f64",
        ),
        (
            r#""tolerance_s": 300"#,
            r#""tolerance_s": "mySecret""#,
            "string in place of f64",
        ),
    ] {
        let (text, _) = check(&[with(from, to)]);

        assert!(
            text.contains(&format!("cannot be read: {why} (line ")),
            "{text}"
        );
        assert!(
            !text.contains("mySecret") && !text.contains("1234567"),
            "{text}"
        );
    }
}

#[test]
fn a_url_that_was_signed_for_a_get_is_no_body_of_a_post() {
    let url = "https://hooks.example.com/hooks/orders";
    let get = with(r#""method": "POST""#, r#""method": "GET""#)
        .replace(r#""body": "test""#, r#""body": """#)
        .replace(
            "ae9c9f18381e423059604b64469099165a343deef595013525703e50e84d19f9",
            SIGNED_URL,
        );
    let post = get
        .replace(r#""GET""#, r#""POST""#)
        .replace(r#""body": """#, &format!(r#""body": "{url}""#))
        .replace("accept", "reject");

    let (text, ok) = check(&[get, post]);

    assert!(ok, "{text}");
}

/// `mySecret` over `1568818215724.https://hooks.example.com/hooks/orders`.
const SIGNED_URL: &str = "6c7ca8fac96f84db43488e00d3428a8e8f5355eb72a509bb994087149f6ee893";
