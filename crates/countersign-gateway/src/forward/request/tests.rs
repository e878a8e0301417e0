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
            "countersign-hops: 1",
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
        lines(&onward)[3..],
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

#[test]
fn connection_cannot_strip_what_was_verified() {
    let sly = request(
        "/",
        &[
            ("connection", "X-Key, x-other"),
            ("x-key", "a key of some length"),
            ("x-other", "1"),
        ],
    );

    let onward = try_pass(KEYED, "http://up", &sly, None, false, &OBSERVED).unwrap();

    assert!(onward.headers().contains_key("x-key"));
    assert!(!onward.headers().contains_key("x-other"));
}

#[test]
fn a_request_that_goes_in_circles_goes_no_further() {
    let again = |hops| {
        let request = request("/", &[("countersign-hops", hops)]);
        try_pass(FLOW, "http://up", &request, None, false, &OBSERVED)
    };

    assert_eq!(again("7").unwrap().headers()["countersign-hops"], "8");
    assert!(matches!(again("8"), Err(NoAnswer::Loop(_))));
}

fn pass(
    upstream: &str,
    inbound: &Parts,
    peer: Option<&str>,
    peer_is_proxy: bool,
    verdict: &Verdict,
) -> Request<()> {
    try_pass(FLOW, upstream, inbound, peer, peer_is_proxy, verdict).unwrap()
}

fn try_pass(
    flow: &str,
    upstream: &str,
    inbound: &Parts,
    peer: Option<&str>,
    peer_is_proxy: bool,
    verdict: &Verdict,
) -> Result<Request<()>, NoAnswer> {
    let config = Config::parse(flow, "countersign.toml".as_ref()).unwrap();
    let hop = Hop {
        flow: &config.flows[0],
        peer: peer.map(|peer| peer.parse().unwrap()),
        peer_is_proxy,
        upstream: &upstream.parse().unwrap(),
    };
    hop.onward(inbound, verdict)
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

const KEYED: &str = r#"
    [[flows]]
    id = "orders"
    auth = { mode = "api_key", header = "X-Key", keys = [{ secret = "a key of some length" }] }
    forward = "http://up"
"#;
