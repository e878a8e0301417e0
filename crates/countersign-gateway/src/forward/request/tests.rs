//! The rules of a hop, one table line each.

use countersign::Reason;
use http::Method;

use super::*;
use crate::config::Config;

const OBSERVED: Verdict = Verdict::Observed(Reason::BadSignature);

#[test]
fn the_target_follows_the_upstreams_own_path() {
    for (upstream, target, joined) in [
        ("http://up:3000", "/a?b=c", "http://up:3000/a?b=c"),
        ("http://up:3000/", "/a", "http://up:3000/a"),
        ("https://up/in/", "/a//b?c", "https://up/in/a//b?c"),
        ("http://up/in", "/", "http://up/in/"),
        (
            "http://[::1]:3000",
            "/%2e%2e/a",
            "http://[::1]:3000/%2e%2e/a",
        ),
    ] {
        let onward = pass(upstream, &request(target, &[]), None, false, &OBSERVED);

        assert_eq!(onward.uri().to_string(), joined);
    }
}

#[test]
fn a_senders_word_about_itself_is_replaced_by_ours() {
    let spoofed = request(
        "/",
        &[
            ("host", "hooks.example.com"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x_forwarded_for", "10.0.0.1"),
            ("x-forwarded-host", "evil.example.com"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=10.0.0.1"),
            ("countersign-key", "stolen"),
            ("countersign_verified_at", "2026-01-01T00:00:00Z"),
        ],
    );

    let onward = pass("http://up", &spoofed, Some("192.0.2.7"), false, &OBSERVED);

    assert_eq!(
        lines(&onward),
        [
            "countersign-flow: orders",
            "countersign-observed: bad_signature",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-host: hooks.example.com",
            "x-forwarded-proto: http",
        ]
    );
}

#[test]
fn a_proxy_of_ours_is_believed_and_the_chain_grows() {
    let proxied = request(
        "/",
        &[
            ("host", "inner"),
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-host", "hooks.example.com"),
            ("x-forwarded-proto", "https"),
        ],
    );

    let onward = pass(
        "http://up",
        &proxied,
        Some("::ffff:10.0.0.2"),
        true,
        &OBSERVED,
    );

    assert_eq!(
        lines(&onward)[2..],
        [
            "x-forwarded-for: 192.0.2.7, 10.0.0.2",
            "x-forwarded-host: hooks.example.com",
            "x-forwarded-proto: https",
        ]
    );
}

#[test]
fn connection_cannot_strip_what_we_add() {
    let sly = request(
        "/",
        &[("connection", "countersign-flow, x-forwarded-for, x-own")],
    );

    let onward = pass("http://up", &sly, Some("192.0.2.7"), false, &OBSERVED);

    assert!(onward.headers().contains_key("countersign-flow"));
    assert!(onward.headers().contains_key("x-forwarded-for"));
    assert!(!onward.headers().contains_key("connection"));
}

fn pass(
    upstream: &str,
    inbound: &Parts,
    peer: Option<&str>,
    peer_is_proxy: bool,
    verdict: &Verdict,
) -> Request<()> {
    let config = Config::parse(FLOW, "countersign.toml".as_ref()).unwrap();
    let hop = Hop {
        flow: &config.flows[0],
        peer: peer.map(|peer| peer.parse().unwrap()),
        peer_is_proxy,
        upstream: &upstream.parse().unwrap(),
    };
    hop.onward(inbound, verdict).unwrap()
}

fn request(target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(Method::POST).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn lines(request: &Request<()>) -> Vec<String> {
    let mut lines: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort_unstable();
    lines
}

const FLOW: &str = r#"
    [[flows]]
    id = "orders"
    auth = { mode = "none" }
    forward = "http://up"
"#;
