//! Handshakes in files of vectors.

use super::*;

/// A handshake whose answer is known.
pub(in super::super) const SHAKE: &str = r#"{
    "provider": "meta", "name": "hub.challenge", "secret": "meatyhamhock",
    "request": { "method": "GET", "headers": {}, "url":
        "https://r.example.com/in?hub.mode=subscribe&hub.challenge=1158&hub.verify_token=meatyhamhock" },
    "response": { "status": 200, "body": "1158" } }"#;

fn shake(
    provider: &str,
    secret: &str,
    request: &serde_json::Value,
    response: &serde_json::Value,
) -> String {
    let mut request = request.clone();
    let url = request["url"].as_str().unwrap_or_default();
    request["url"] = format!("https://receiver.example.com/hooks/in{url}").into();
    serde_json::json!({
        "provider": provider, "name": "a", "secret": secret, "request": request,
        "response": response, "params": { "public_key": "integration_public_key" },
    })
    .to_string()
}

#[test]
fn null_is_nothing_and_a_handshake_that_says_when_has_to_come_in_time() {
    let nulls = SHAKE
        .replace(r#""headers": {}"#, r#""headers": null, "body": null"#)
        .replace(r#""body": "1158""#, r#""body": "1158", "headers": null"#)
        .replace(r#""name""#, r#""params": null, "normative": null, "name""#);
    let zoom = |when: &str| {
        let entry = serde_json::json!({ "provider": "zoom", "name": "late", "secret": "zoom-secret",
            "request": { "method": "POST", "url": "https://receiver.example.com/hooks/in", "headers": {
            "x-zm-request-timestamp": "1654503849", "x-zm-signature":
                "v0=3ddd8e04fcaf0125c51cff2bf5da6f848402fdea1b1c52d8eb8f6d236aa2a541" },
            "body": "{\"payload\":{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\"},\"event_ts\":1654503849680,\"event\":\"endpoint.url_validation\"}" },
            "response": { "status": 200 } });
        entry.to_string().replacen('{', &format!("{{ {when} "), 1)
    };
    let good = GOOD.replace(r#""expect""#, r#""normative": null, "expect""#);
    let in_time = zoom(r#""now": 1654503900, "tolerance_s": 300,"#);
    let late = zoom(r#""now": 1654504900, "tolerance_s": 300,"#);

    let (said, _) = check(&[good, nulls, zoom(""), in_time, late]);

    assert!(said.contains("zoom/late"), "{said}");
    assert!(said.contains("stale_timestamp"), "{said}");
    assert!(said.ends_with("4 passed, 1 failed\n"), "{said}");
}

#[test]
fn handshakes_pass_among_other_vectors_if_they_are_answered_as_expected() {
    let zoom = serde_json::json!({ "method": "POST", "headers": {
        "x-zm-request-timestamp": "1654503849", "x-zm-signature":
            "v0=3ddd8e04fcaf0125c51cff2bf5da6f848402fdea1b1c52d8eb8f6d236aa2a541" },
        "body": "{\"payload\":{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\"},\"event_ts\":1654503849680,\"event\":\"endpoint.url_validation\"}" });
    let validated = serde_json::json!({ "status": 200, "json": { "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
        "encryptedToken": "b17f0320a1322a509340a1a835b3d9edbc491f0b0790ed2d20d0604d39dfe922" } });
    let mut list = vec![GOOD.to_owned(), SHAKE.to_owned()];
    list.push(shake("zoom", "zoom-secret", &zoom, &validated));
    let wrong = SHAKE.replace("verify_token=meatyhamhock", "verify_token=nope");
    list.push(wrong.replace(r#""status": 200, "body": "1158""#, r#""status": 403"#));
    for (provider, secret, request, response) in [
        (
            "asana",
            "",
            r#"{ "method": "POST", "headers": { "X-Hook-Secret": "b537207f20cbfa02" }, "body": "{}" }"#,
            r#"{ "status": 200, "headers": { "X-Hook-Secret": "b537207f20cbfa02" } }"#,
        ),
        (
            "slack",
            "",
            r#"{ "method": "POST", "body": "{\"challenge\":\"3eZb\",\"type\":\"url_verification\"}" }"#,
            r#"{ "status": 200, "body": "3eZb" }"#,
        ),
        (
            "discord-events",
            "",
            r#"{ "method": "POST", "body": "{\"type\":0}" }"#,
            r#"{ "status": 204 }"#,
        ),
        (
            "discord-interactions",
            "",
            r#"{ "method": "POST", "body": "{\"type\":1}" }"#,
            r#"{ "status": 200, "json": { "type": 1 } }"#,
        ),
        (
            "trello",
            "",
            r#"{ "method": "HEAD" }"#,
            r#"{ "status": 200 }"#,
        ),
        (
            "x-twitter",
            "consumer-secret",
            r#"{ "method": "GET", "url": "?crc_token=challenge_string" }"#,
            r#"{ "status": 200, "json": { "response_token": "sha256=S/mG8E9n5SjoGuCqHguvP8K8uuu5ogCPF0dOpIdyZlk=" } }"#,
        ),
        (
            "braintree",
            "integration_private_key",
            r#"{ "method": "GET", "url": "?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53" }"#,
            r#"{ "status": 200, "body": "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4" }"#,
        ),
    ] {
        let (request, response) = (request.parse().unwrap(), response.parse().unwrap());
        list.push(shake(provider, secret, &request, &response));
    }

    let (text, ok) = check(&list);

    assert_eq!(text, format!("{} passed, 0 failed\n", list.len()));
    assert!(ok);
}

#[test]
fn a_handshake_that_goes_with_any_scheme_is_a_family_too() {
    let asks =
        r#"{ "method": "OPTIONS", "headers": { "WebHook-Request-Origin": "events.example.com" } }"#;
    let silent = r#"{ "method": "OPTIONS", "headers": {} }"#;
    let may = r#"{ "status": 200, "headers": { "WebHook-Allowed-Origin": "events.example.com" } }"#;
    let entry = |request: &str, response: &str| {
        let (request, response) = (request.parse().unwrap(), response.parse().unwrap());
        shake("cloudevents", "", &request, &response)
    };

    let (text, ok) = check(&[entry(asks, may), entry(silent, r#"{ "status": 403 }"#)]);
    assert!(ok, "{text}");

    let (text, ok) = check(&[entry(silent, may)]);
    assert!(text.contains("it is not answered"), "{text}");
    assert!(!ok && !text.contains("unknown"), "{text}");

    // What is no handshake has no verdict there.
    let (text, _) = check(&[with(r#""native""#, r#""cloudevents""#)]);
    assert!(text.contains("unknown family `cloudevents`"), "{text}");
}

#[test]
fn a_handshake_that_is_answered_otherwise_or_not_at_all_fails_by_name() {
    let slack = |secret: &str, headers: serde_json::Value, response: serde_json::Value| {
        let body = r#"{"challenge":"3eZb","type":"url_verification"}"#;
        let request = serde_json::json!({ "method": "POST", "headers": headers, "body": body });
        shake("slack", secret, &request, &response)
    };
    let answer = || serde_json::json!({ "status": 200, "body": "3eZb" });
    let forged = serde_json::json!({
        "X-Slack-Request-Timestamp": "1700000000",
        "X-Slack-Signature": format!("v0={}", "0".repeat(64)),
    });
    for (vector, why) in [
        (
            SHAKE.replace(r#""body": "1158""#, r#""body": "1159""#),
            "expected the body `1159`, but it is `1158`",
        ),
        (
            SHAKE.replace(r#""status": 200"#, r#""status": 204"#),
            "expected 204, but it is 200",
        ),
        (
            SHAKE.replace(r#""status": 200"#, r#""status": 403"#),
            "expected 403, but it is 200",
        ),
        (
            SHAKE.replace("_token=meaty", "_token="),
            "it is not answered",
        ),
        (
            SHAKE.replace(r#""body": "1158""#, r#""json": 1"#),
            "expected the JSON 1",
        ),
        (
            SHAKE.replace(r#""body": "1158""#, r#""headers": { "x-a": "b" }"#),
            "expected the header `x-a: b`",
        ),
        (
            SHAKE.replace("hub.mode=subscribe", "hub.mode=else"),
            "it is not answered",
        ),
        (
            SHAKE.replace(r#""meta""#, r#""acme""#),
            "unknown family `acme`",
        ),
        (
            slack("a-secret-of-a-good-length", forged, answer()),
            "expected an answer, but: bad_signature",
        ),
        (
            slack(
                "",
                serde_json::json!({}),
                serde_json::json!({ "status": 200, "body": "else" }),
            ),
            "expected the body `else`",
        ),
    ] {
        let (text, ok) = check(&[vector]);

        assert!(text.starts_with("failed: "), "{why}: {text}");
        assert!(text.contains(why), "{why}: {text}");
        assert!(text.ends_with("\n0 passed, 1 failed\n"), "{text}");
        assert!(!ok);
    }
    let refused = serde_json::json!({ "status": 401 });
    let unsigned = slack("a-secret-of-a-good-length", serde_json::json!({}), refused);
    assert!(check(&[unsigned]).1);
}

#[test]
fn a_malformed_handshake_says_where() {
    let (text, ok) = check(&[GOOD.to_owned(), SHAKE.replace("status", "state")]);

    let why = "meta/hub.challenge: cannot be read: unknown field `state`";
    assert!(text.contains(why) && text.contains("(line 10)"), "{text}");
    assert!(!ok);
}
