//! What is refused about several auths on one flow.

use super::*;

const KEY: &str = "keys = [{ secret = { env = \"LONG\" } }]";
const NATIVE: &str =
    "{ scheme = \"designer-cloud\", keys = [{ id = \"a\", secret = { env = \"LONG\" } }] }";
const GITHUB: &str =
    "{ scheme = \"github\", keys = [{ id = \"b\", secret = { env = \"MARKER\" } }] }";
const EVE: &str = "{ mode = \"basic\", htpasswd = \"secrets/htpasswd\" }";

/// A flow whose auth is several: the first member stands on line 4, each on a line of its own; then `rest`.
fn several(key: &str, members: &[&str], rest: &str) -> String {
    let members = members.join(",\n");
    format!("[[flows]]\nid = \"orders\"\nauth.{key} = [\n{members}\n]\n{rest}\n")
}

#[test]
fn several_auths_that_do_not_hold_together_are_refused_by_the_member() {
    let user = "{ mode = \"basic\", users = [{ name = \"a\", password = { env = \"MARKER\" } }] }";
    let bearer = "{ mode = \"api_key\", bearer = true, keys = [{ id = \"c\", secret = { env = \"LONG\" } }] }";
    refused(&[
        (&several("any", &[], ""), 3, "`any` is empty"),
        (
            &several("any", &[NATIVE, "{ mode = \"magic\" }"], ""),
            5,
            "member 2 of `any`: `mode` names no way",
        ),
        (
            &several("all", &["{ mode = \"basic\" }", NATIVE], ""),
            4,
            "member 1 of `all`: `auth` has no `users`",
        ),
        (
            &several("any", &[NATIVE, "{ mode = \"none\" }"], ""),
            5,
            "member 2 of `any`: `mode = \"none\"` would let anybody in",
        ),
        (
            &several("all", &[NATIVE, "{ mode = \"none\" }"], ""),
            5,
            "demands nothing",
        ),
        (
            &several("any", &[NATIVE, &format!("{{ any = [{GITHUB}] }}")], ""),
            5,
            "stand in `auth` only",
        ),
        (
            &several("any", &[NATIVE, NATIVE], ""),
            5,
            "a key or a user named `a`",
        ),
        (
            &several("any", &[user, NATIVE], ""),
            5,
            "a key or a user named `a`",
        ),
        (
            &several("any", &[EVE, EVE], ""),
            5,
            "two members of `any` have `htpasswd`",
        ),
        (
            &several("all", &[user, bearer], ""),
            5,
            "need the header `Authorization`",
        ),
        (
            &several(
                "any",
                &[NATIVE, &GITHUB.replace(" }] }", " }], window = \"5m\" }")],
                "replay = \"off\"",
            ),
            5,
            "member 2 of `any`: `window` needs a signed time",
        ),
        (
            &several(
                "any",
                &[NATIVE, &EVE.replace(" }", ", window = \"5m\" }")],
                "",
            ),
            5,
            "member 2 of `any`: `window` needs a signature",
        ),
        (
            &several("any", &[NATIVE], "window = \"5m\""),
            6,
            "`window` has no meaning beside several auths",
        ),
        (
            &several("any", &[NATIVE], "auth.all = []"),
            6,
            "both `any` and `all`",
        ),
        (
            &several("any", &[NATIVE], "auth.scheme = \"github\""),
            6,
            "`scheme` has no meaning beside `any`",
        ),
        (
            &several("any", &[NATIVE], "auth.mode = \"none\""),
            6,
            "`mode` has no meaning beside `any`",
        ),
        (
            &with_auth(&format!(
                "scheme = \"designer-cloud\", {KEY}, window = \"5m\""
            )),
            3,
            "`window` belongs to the flow",
        ),
    ]);
}

#[test]
fn a_secret_of_one_flow_signs_under_one_scheme_and_is_nothing_else() {
    let with = |member: &str, id: &str| {
        format!("{{ {member}, keys = [{{ id = \"{id}\", secret = {{ env = \"LONG\" }} }}] }}")
    };
    let github = &with("scheme = \"github\"", "b");
    let key = &with("mode = \"api_key\"", "c");
    let user = "{ mode = \"basic\", users = [{ name = \"eve\", password = { env = \"LONG\" } }] }";
    let off = "replay = \"off\"";
    for (key_word, members, line, words) in [
        (
            "any",
            [github, NATIVE],
            5,
            "signs under `github` and under `designer-cloud`",
        ),
        (
            "any",
            [NATIVE, github],
            5,
            "signs under `designer-cloud` and under `github`",
        ),
        (
            "all",
            [NATIVE, github],
            5,
            "signs under `designer-cloud` and under `github`",
        ),
        ("any", [NATIVE, key], 5, "is an API key or a password, too"),
        ("any", [key, NATIVE], 5, "is an API key or a password, too"),
        ("all", [user, github], 5, "is an API key or a password, too"),
    ] {
        let text = several(key_word, &members, off);
        refused(&[(&text, line, words)]);
        assert!(problem(&text).help().contains("a secret of its own"));
    }
    let excused = github.replace("id = \"b\"", "id = \"b\", allow_shared_secret = true");
    let shown = key.replace("id = \"c\"", "id = \"c\", allow_shared_secret = true");
    for members in [[key, excused.as_str()], [NATIVE, &shown]] {
        let text = several("any", &members, off);
        refused(&[(&text, 5, "is an API key or a password, too")]);
    }
    let warned = parse(&several("any", &[NATIVE, &excused], off))
        .unwrap()
        .warnings;
    assert!(
        warned
            .iter()
            .any(|one| one.message().contains("signs under")),
        "{warned:?}"
    );
    let elsewhere = signed("").replace("orders", "first");
    let text = format!("{elsewhere}{}", several("any", &[github, NATIVE], off));
    assert!(
        problem(&text).message().contains("signs under"),
        "whoever had it first"
    );

    let apart = format!(
        "{elsewhere}{}",
        with_auth("mode = \"basic\", users = [{ name = \"eve\", password = { env = \"LONG\" } }]")
    );
    for text in [apart, several("any", &[key, user], "")] {
        let config = parse(&text).unwrap_or_else(|error| panic!("{error}"));
        let mut warnings = config.warnings.iter().map(Problem::message);
        assert!(
            warnings.any(|warning| warning.contains("the same secret")),
            "{text}"
        );
    }
}

#[test]
fn a_user_of_a_file_has_a_name_of_its_own_in_the_flow() {
    let eve = "{ mode = \"basic\", users = [{ name = \"eve\", password = { env = \"LONG\" } }] }";
    let native = &NATIVE.replace("\"a\"", "\"eve\"");
    for (members, line) in [([EVE, eve], 5), ([eve, EVE], 4), ([EVE, native], 5)] {
        refused(&[(
            &several("any", &members, ""),
            line,
            "a key or a user named `eve`",
        )]);
    }
}

#[test]
fn of_auths_that_are_demanded_at_once_one_has_its_key_fetched() {
    let fetched = |id: &str| {
        format!("{{ scheme = \"fireblocks\", keys = [{{ id = \"{id}\", fetch = true }}] }}")
    };
    let members = [&*fetched("a"), &*fetched("b")];
    let text = several("all", &members, "replay = \"off\"");
    refused(&[(&text, 5, "two members of `all` have a key that is fetched")]);

    parse(&several("any", &members, "replay = \"off\"")).unwrap();
    parse(&several("all", &[members[0], EVE], "replay = \"off\"")).unwrap();
}

#[test]
fn what_a_flow_demands_of_a_signature_it_demands_of_each_member() {
    refused(&[
        (
            &several(
                "any",
                &[GITHUB, NATIVE],
                "replay = \"off\"\nmethods = [\"POST\", \"GET\"]",
            ),
            8,
            "neither `public_url` nor `ingress.public_url`",
        ),
        (
            &several("any", &[GITHUB, NATIVE], ""),
            3,
            "`replay` needs `replay_for`: `github` signs neither",
        ),
        (
            &several("any", &[GITHUB, NATIVE], "replay = \"acknowledge\""),
            7,
            "`replay` needs `replay_for`: `github` signs neither",
        ),
        (
            &several("any", &[GITHUB, NATIVE], "replay_for = \"1m\""),
            7,
            "`replay_for` is shorter",
        ),
    ]);
}

#[test]
fn several_auths_that_hold_together_are_taken() {
    for (text, mode, policy) in [
        (
            several("any", &[NATIVE, EVE], ""),
            "any",
            ReplayPolicy::Acknowledge,
        ),
        (
            several("all", &[EVE, NATIVE], ""),
            "all",
            ReplayPolicy::Acknowledge,
        ),
        (several("any", &[GITHUB, EVE], ""), "any", ReplayPolicy::Off),
        (
            several("any", &[GITHUB, NATIVE], "replay = \"off\""),
            "any",
            ReplayPolicy::Off,
        ),
        (
            several("any", &[GITHUB, NATIVE], "replay_for = \"1h\""),
            "any",
            ReplayPolicy::Acknowledge,
        ),
        (
            several("all", &[NATIVE, GITHUB], ""),
            "all",
            ReplayPolicy::Acknowledge,
        ),
        (
            several("all", &[GITHUB, NATIVE], ""),
            "all",
            ReplayPolicy::Acknowledge,
        ),
        (several("all", &[GITHUB, EVE], ""), "all", ReplayPolicy::Off),
        (
            several(
                "any",
                &[NATIVE, "{ mode = \"none\", allow_from = [\"10.0.0.0/8\"] }"],
                "",
            ),
            "any",
            ReplayPolicy::Acknowledge,
        ),
        (
            several(
                "any",
                &[NATIVE, EVE],
                "auth.allow_from = [\"10.0.0.0/8\", \"::ffff:192.0.2.0/120\"]",
            ),
            "all",
            ReplayPolicy::Acknowledge,
        ),
        (
            with_auth("mode = \"none\", allow_from = [\"10.0.0.0/8\"]"),
            "address",
            ReplayPolicy::Off,
        ),
        (
            with_auth(
                "mode = \"basic\", htpasswd = \"secrets/htpasswd\", users = [{ name = \"bob\", password = { env = \"LONG\" } }]",
            ),
            "basic",
            ReplayPolicy::Off,
        ),
    ] {
        let flow = flow(&text);
        assert_eq!(flow.policy.auth().mode(), mode, "{text}");
        assert_eq!(flow.replay.policy, policy, "{text}");
    }
    let windows = several(
        "any",
        &[
            &NATIVE.replace(" }] }", " }], window = \"1m\" }"),
            &NATIVE
                .replace("\"a\"", "\"c\"")
                .replace(" }] }", " }], window = { past = \"1h\" } }"),
        ],
        "",
    );
    let kept = flow(&windows).replay.keep;
    assert_eq!(
        kept,
        Duration::from_secs(2 * 3600),
        "twice the longest window"
    );
}
