//! What is refused about keys, credentials and signatures.

use super::*;

#[test]
fn a_secret_that_is_none_is_refused() {
    let with_key = |key: &str| with_auth(&format!("scheme = \"github\", keys = [{{ {key} }}]"));
    refused(&[
        (&with_key("secret = \"\""), 3, "`secret` is empty"),
        (
            &with_key("secret = { env = \"EMPTY\" }"),
            3,
            "`secret` is empty",
        ),
        (
            &with_key("secret = { file = \"secrets/empty\" }"),
            3,
            "`secret` is empty",
        ),
        (
            &with_key("secret = { env = \"SHORT\" }, id = \"k1\""),
            3,
            "key `k1` has a secret of 7 bytes",
        ),
        (
            &with_key("secret = { env = \"UNSET\" }"),
            3,
            "environment variable `UNSET`, which is not set",
        ),
        (
            &with_key("secret = { file = \"nowhere\" }"),
            3,
            "file `/etc/cs/nowhere`, which cannot be read",
        ),
        (&with_key("secret = { }"), 3, "neither `env` nor `file`"),
        (
            &with_key("secret = { env = \"LONG\", file = \"x\" }"),
            3,
            "both `env` and `file`",
        ),
        (
            &with_key("secret = 12345678901234567"),
            3,
            "`secret` is not a text",
        ),
        (&with_key("id = \"k1\""), 3, "no `secret`"),
        (
            &with_key("id = \"k 1\", secret = { env = \"LONG\" }"),
            3,
            "`id` is not a key id",
        ),
        (
            &with_key("secret = { env = \"LONG\" }, not_after = \"tomorrow\""),
            3,
            "`not_after` is not a time",
        ),
        (
            &with_key(
                "secret = { env = \"LONG\" }, not_before = 2027-01-01T00:00:00Z, not_after = 2026-01-01T00:00:00Z",
            ),
            3,
            "`not_before` is not before `not_after`",
        ),
        (&with_key("sha256 = \"ab\""), 3, "`sha256` is not a SHA-256"),
    ]);
    assert!(
        problem(&with_key("secret = \"short\""))
            .help()
            .contains("allow_weak_secret = true")
    );
}

#[test]
fn auth_that_does_not_hold_together_is_refused() {
    let key = "keys = [{ secret = { env = \"LONG\" } }]";
    refused(&[
        (&with_auth(key), 3, "no `mode`"),
        (&with_auth("mode = \"magic\""), 3, "`mode` names no way"),
        (
            &with_auth(&format!("mode = \"signature\", {key}")),
            3,
            "no `scheme`",
        ),
        (
            &with_auth(&format!("scheme = \"gihtub\", {key}")),
            3,
            "`scheme` names no scheme",
        ),
        (&with_auth("scheme = \"github\""), 3, "no `keys`"),
        (
            &with_auth("scheme = \"github\", keys = []"),
            3,
            "there is no key",
        ),
        (
            &with_auth(&format!("mode = \"none\", {key}")),
            3,
            "`keys` has no meaning with `mode = \"none\"`",
        ),
        (
            &with_auth(&format!("scheme = \"github\", {key}, header = \"X\"")),
            3,
            "`header` has no meaning",
        ),
        (
            &with_auth(&format!(
                "scheme = \"github\", {key}, timestamp = \"seconds\""
            )),
            3,
            "`timestamp` does not fit",
        ),
        (
            &with_auth(&format!(
                "scheme = \"designer-cloud\", {key}, timestamp = \"s\""
            )),
            3,
            "`timestamp` is not a unit",
        ),
        (&with_auth("mode = \"basic\""), 3, "no `users`"),
        (
            &with_auth("mode = \"basic\", users = [{ name = \"a\", password = \"short\" }]"),
            3,
            "`password` has less than 16 bytes",
        ),
        (
            &with_auth(
                "mode = \"basic\", users = [{ name = \"a:b\", password = { env = \"LONG\" } }]",
            ),
            3,
            "`name` has a character",
        ),
        (&with_auth("mode = \"api_key\""), 3, "no `keys`"),
        (
            &with_auth(&format!(
                "mode = \"api_key\", {key}, header = \"Authorization\", bearer = true"
            )),
            3,
            "`header` is where `bearer` is",
        ),
        (
            &with_auth(&format!("mode = \"api_key\", {key}, header = []")),
            3,
            "`header` is empty",
        ),
        (
            &with_auth(&format!("mode = \"api_key\", {key}, header = [\"X\", 7]")),
            3,
            "`header` is not the name of a header",
        ),
        (
            &with_auth(&format!("mode = \"api_key\", {key}, header = \"X Y\"")),
            3,
            "`header` is not the name of a header",
        ),
        (
            &with_auth(
                "scheme = \"github\", keys = [{ secret = { env = \"LONG\" } }, { id = \"b\", secret = { env = \"MARKER\" } }]",
            ),
            3,
            "no `id`",
        ),
    ]);
}

#[test]
fn keys_are_few_and_have_names_of_their_own() {
    let key = |id: u32| format!("{{ id = \"{id}\", secret = \"0123456789abcdef-{id}\" }}");
    let keys = |ids: &[u32]| {
        with_auth(&format!(
            "scheme = \"github\", keys = [{}]",
            ids.iter().map(|id| key(*id)).collect::<Vec<_>>().join(", ")
        ))
    };

    refused(&[
        (&keys(&[1, 2, 1]), 3, "key `1` is there twice"),
        (&keys(&[1, 2, 3, 4, 5]), 3, "one too many"),
    ]);
}

#[test]
fn repeats_and_windows_need_something_to_go_by() {
    let github = |rest: &str| {
        format!(
            "{}{rest}",
            with_auth("scheme = \"github\", keys = [{ secret = { env = \"LONG\" } }]")
        )
    };
    refused(&[
        (
            &github("window = \"5m\""),
            4,
            "`window` needs a signed time",
        ),
        (
            &github("replay = \"acknowledge\""),
            4,
            "`replay` needs `replay_for`",
        ),
        (
            &github("replay = \"off\"\nreplay_for = \"1m\""),
            5,
            "`replay_for` has no meaning",
        ),
        (&signed("window = 300"), 4, "`window` has no unit"),
        (
            &signed("window = { past = \"5\" }"),
            4,
            "`past` has no unit",
        ),
        (&signed("replay = \"yes\""), 4, "`replay` is not a way"),
        (&signed("replay_for = \"9m\""), 4, "`replay_for` is shorter"),
        (
            &format!("{}window = \"5m\"", with_auth("mode = \"none\"")),
            4,
            "`window` needs a signature",
        ),
        (
            &format!("{}replay = \"refuse\"", with_auth("mode = \"none\"")),
            4,
            "this flow has none",
        ),
    ]);
}

#[test]
fn url_signatures_need_the_public_url() {
    let problem = problem(&signed("methods = [\"POST\", \"GET\"]"));

    assert_eq!(problem.line(), Some(4));
    for key in ["GET", "`public_url`", "`ingress.public_url`"] {
        assert!(problem.message().contains(key), "{}", problem.message());
    }
}
