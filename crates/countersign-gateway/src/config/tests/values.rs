//! What is accepted, and what it means.

use std::time::Duration;

use super::*;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_smallest_file_is_a_flow_that_stores() {
    let config = parse(SMALLEST).unwrap();

    let flow = config.flows.first().unwrap();
    assert_eq!(flow.id.as_str(), "open");
    assert_eq!(flow.organization.as_str(), "default");
    assert_eq!(flow.policy.methods(), [http::Method::POST]);
    assert_eq!(flow.policy.body_limit(), 1 << 20);
    assert_eq!(
        flow.response,
        Feedback {
            body: None,
            content_type: None,
            status: StatusCode::ACCEPTED
        }
    );
    assert!(steps(flow).is_empty());
    assert_eq!(flow.place(&config.ingress.prefix), "/hooks/open");
}

#[test]
fn no_auth_is_said_out_loud() {
    let config = parse(SMALLEST).unwrap();

    let warning = config.warnings.first().unwrap();
    assert_eq!(
        (warning.severity(), warning.flow(), warning.line()),
        (Severity::Warning, Some("open"), Some(3))
    );
    assert!(
        warning.to_string().contains("/etc/cs/countersign.toml:3:"),
        "{warning}"
    );
}

#[test]
fn a_file_without_flows_loads_and_says_so() {
    let config = parse("").unwrap();

    assert!(
        config
            .warnings
            .first()
            .unwrap()
            .message()
            .contains("no flow")
    );
}

#[test]
fn port_zero_is_any_port_even_twice() {
    let config =
        parse("[ingress]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"").unwrap();

    assert_eq!(
        (config.ingress.listen.port(), config.admin.listen.port()),
        (0, 0)
    );
}

#[test]
fn relative_paths_begin_at_the_files_folder() {
    let path = |url: &str| {
        parse(&format!("[store]\nurl = \"{url}\""))
            .unwrap()
            .store
            .path
    };

    assert_eq!(path("sqlite:data/cs.db"), Path::new("/etc/cs/data/cs.db"));
    assert_eq!(path("sqlite:/var/lib/cs.db"), Path::new("/var/lib/cs.db"));
    assert_eq!(
        parse("").unwrap().store.path,
        Path::new("/etc/cs/countersign.db")
    );
    parse(&with_auth(
        "scheme = \"github\", keys = [{ secret = { file = \"secrets/github\" } }]",
    ))
    .unwrap();
}

#[test]
fn a_public_url_is_kept_as_written_without_its_last_slash() {
    for (written, kept) in [
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("https://hooks.example.com/", "https://hooks.example.com"),
        (
            "https://Hooks.Example.com:443/in",
            "https://Hooks.Example.com:443/in",
        ),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ] {
        let config = parse(&format!(
            "[ingress]\npublic_url = \"{written}\"\n{}",
            signed("methods = [\"GET\"]")
        ))
        .unwrap();
        assert_eq!(config.ingress.public_url.as_deref(), Some(kept));
        assert_eq!(
            config.flows.first().unwrap().policy.public_url(),
            Some(kept)
        );
    }
}

#[test]
fn a_flows_own_public_url_wins() {
    let text = signed("methods = [\"POST\", \"GET\"]\npublic_url = \"https://orders.example.com\"");

    let flow = flow(&format!(
        "[ingress]\npublic_url = \"https://hooks.example.com\"\n{text}"
    ));

    assert_eq!(flow.policy.public_url(), Some("https://orders.example.com"));
}

#[test]
fn repeats_are_kept_for_twice_the_wider_side_of_the_window() {
    for (rest, policy, keep) in [
        ("", ReplayPolicy::Acknowledge, 600),
        ("window = \"2m\"", ReplayPolicy::Acknowledge, 240),
        (
            "window = { past = \"10m\", future = \"1m\" }",
            ReplayPolicy::Acknowledge,
            1200,
        ),
        (
            "window = { future = \"1m\" }",
            ReplayPolicy::Acknowledge,
            600,
        ),
        ("replay = \"refuse\"", ReplayPolicy::Refuse, 600),
        ("replay_for = \"1h\"", ReplayPolicy::Acknowledge, 3600),
        ("replay = \"off\"", ReplayPolicy::Off, 0),
        ("window = \"off\"", ReplayPolicy::Acknowledge, 86_400),
    ] {
        assert_eq!(
            flow(&signed(rest)).replay,
            Replay {
                keep: seconds(keep),
                policy
            },
            "{rest}"
        );
    }
}

#[test]
fn without_a_signed_time_repeats_are_recognised_only_when_asked_for() {
    let github = |rest: &str| {
        flow(&format!(
            "{}{rest}",
            with_auth("scheme = \"github\", keys = [{ secret = { env = \"LONG\" } }]")
        ))
    };

    assert_eq!(github("").replay.policy, ReplayPolicy::Off);
    assert_eq!(github("").policy.remember(), None);
    assert_eq!(
        github("replay_for = \"10m\"").replay,
        Replay {
            keep: seconds(600),
            policy: ReplayPolicy::Acknowledge
        }
    );
    assert_eq!(
        github("replay = \"refuse\"\nreplay_for = \"10m\"")
            .replay
            .policy,
        ReplayPolicy::Refuse
    );
}

#[test]
fn forwarding_is_a_text_or_a_table() {
    for (forward, base, timeout) in [
        ("\"http://127.0.0.1:3000\"", "http://127.0.0.1:3000/", 30),
        (
            "{ url = \"https://app.internal/base\", timeout = \"5s\" }",
            "https://app.internal/base",
            5,
        ),
    ] {
        let flow = flow(&signed(&format!("forward = {forward}\nobserve = true")));
        let Then::Forward(upstream) = &flow.then else {
            panic!("it stores")
        };
        assert_eq!(
            (upstream.base.to_string().as_str(), upstream.timeout),
            (base, seconds(timeout))
        );
        assert!(flow.policy.observes());
    }
}

#[test]
fn a_step_takes_what_it_does_not_say_from_delivery() {
    let text = format!(
        "[delivery]\ntimeout = \"9s\"\nretry_delay = \"2s\"\nmax_retries = 1\n{}",
        signed(
            "steps = [{ name = \"a\", url = \"http://a/in\" }, { name = \"b\", url = \"https://b/\", timeout = \"1s\", max_retries = 3, retry_delays = [\"1s\", \"5s\"], tls = { verify = false } }]"
        )
    );

    let flow = flow(&text);
    let [a, b] = steps(&flow) else { panic!() };

    assert_eq!(
        (a.timeout, &a.schedule, a.verify_tls),
        (seconds(9), &Schedule::fixed(seconds(2), 1), true)
    );
    assert_eq!(
        (b.timeout, &b.schedule, b.verify_tls),
        (
            seconds(1),
            &Schedule::stepped([seconds(1), seconds(5)], 3),
            false
        )
    );
    assert!(a.signer.is_none());
    assert_eq!(a.url.to_string(), "http://a/in");
}

#[test]
fn one_retry_after_one_second_can_be_said_and_the_default_is_more_patient() {
    let schedule = |delivery: &str| {
        let flow = flow(&format!(
            "{delivery}{}",
            signed("steps = [{ name = \"a\", url = \"http://a/in\" }]")
        ));
        steps(&flow).first().unwrap().schedule.clone()
    };

    assert_eq!(
        schedule("[delivery]\nmax_retries = 1\nretry_delay = \"1s\"\n"),
        Schedule::fixed(seconds(1), 1)
    );
    assert_eq!(schedule("").max_retries(), 7);
}

#[test]
fn a_steps_headers_are_secret_and_its_url_shows_no_query() {
    let flow = flow(&signed(
        "steps = [{ name = \"a\", url = \"https://a/in?token=x\", secret = { env = \"LONG\" }, headers = { Authorization = { env = \"MARKER\" } } }]",
    ));
    let [step] = steps(&flow) else { panic!() };

    assert_eq!(step.headers.get("authorization").unwrap(), MARKER);
    assert!(step.headers.get("authorization").unwrap().is_sensitive());
    assert!(step.signer.is_some());
    assert_eq!(step.url.to_string(), "https://a/in?…");
    assert_eq!(step.url.host(), "a");
    assert!(!format!("{step:?}").contains("hunter2"));
}

#[test]
fn a_weak_secret_is_taken_where_it_is_allowed() {
    parse(&with_auth(
        "scheme = \"designer-cloud\", keys = [{ secret = \"mySecret\", allow_weak_secret = true }]",
    ))
    .unwrap();
    parse(&with_auth("mode = \"basic\", users = [{ name = \"a\", password = \"short\", allow_weak_secret = true }]")).unwrap();
}

#[test]
fn the_line_break_at_the_end_of_a_secret_file_is_dropped_and_told() {
    let config = parse(&with_auth(
        "scheme = \"github\", keys = [{ secret = { file = \"secrets/line\" } }]",
    ))
    .unwrap();

    assert!(
        config
            .warnings
            .first()
            .unwrap()
            .message()
            .contains("ends with a line break")
    );
}

#[test]
fn equal_secrets_of_two_flows_are_told() {
    let text = format!("{}{}", signed(""), signed("").replace("orders", "returns"));

    let config = parse(&text).unwrap();

    let warning = config.warnings.first().unwrap();
    assert_eq!((warning.flow(), warning.line()), (Some("returns"), Some(6)));
    assert!(warning.message().contains("`orders`"), "{warning}");
}

#[test]
fn every_auth_mode_loads() {
    let key = "keys = [{ id = \"k\", secret = { env = \"LONG\" } }]";
    for (auth, mode) in [
        ("mode = \"none\"".to_owned(), "none"),
        (
            "mode = \"basic\", users = [{ name = \"a\", password = { env = \"LONG\" } }]"
                .to_owned(),
            "basic",
        ),
        (format!("mode = \"api_key\", {key}"), "api_key"),
        (
            format!("mode = \"api_key\", header = \"X-Key\", {key}"),
            "api_key",
        ),
        (
            format!("mode = \"api_key\", bearer = true, {key}"),
            "api_key",
        ),
        (
            format!("mode = \"api_key\", query = \"key\", {key}"),
            "api_key",
        ),
        (
            format!("mode = \"signature\", scheme = \"stripe\", {key}"),
            "signature",
        ),
        (
            format!("scheme = \"designer-cloud\", timestamp = \"seconds\", {key}"),
            "signature",
        ),
    ] {
        assert_eq!(flow(&with_auth(&auth)).policy.auth().mode(), mode, "{auth}");
    }
}

#[test]
fn a_key_may_count_for_a_time_quoted_or_not() {
    for time in [
        "\"2026-01-01T00:00:00Z\"",
        "2026-01-01T00:00:00Z",
        "\"2026-01-01T00:00:00+01:00\"",
    ] {
        parse(&with_auth(&format!(
            "scheme = \"github\", keys = [{{ secret = {{ env = \"LONG\" }}, not_before = {time} }}]"
        )))
        .unwrap();
    }
}

#[test]
fn a_scheme_of_the_file_is_used_by_name() {
    let scheme = "[schemes.acme]\nsign = \"{body}\"\nsignature = { from = \"header:acme\", encoding = \"hex\" }\nrules = [{ digest = \"hmac-sha256\" }]\n";

    parse(&format!(
        "{scheme}{}",
        with_auth("scheme = \"acme\", keys = [{ secret = { env = \"LONG\" } }]")
    ))
    .unwrap();
}

#[test]
fn a_success_without_a_body_has_none() {
    let feedback = |response: &str| {
        flow(&signed(&format!("response = {response}")))
            .response
            .clone()
    };

    assert_eq!(feedback("{ status = 204 }").body, Some(Bytes::new()));
    assert_eq!(feedback("{ status = 200 }").body, None);
    let own = feedback("{ status = 200, content_type = \"text/plain\", body = \"ok\" }");
    assert_eq!(
        (own.body, own.content_type),
        (
            Some("ok".into()),
            Some(HeaderValue::from_static("text/plain"))
        )
    );
}

#[test]
fn tokens_are_kept_as_digests() {
    let config = parse("organization = \"acme\"\n[admin]\ntokens = [{ name = \"ops\", token = { env = \"MARKER\" } }]").unwrap();

    let token = config.admin.tokens.first().unwrap();
    assert_eq!(token.organization.as_str(), "acme");
    assert!(!format!("{:?}", config.admin).contains("sha256"));
    assert_eq!(
        hex::encode(token.sha256),
        "ae71c4cdf5d735963a372732e38e6c3198c25c4cc759e915682f4f04219c077e"
    );
}
