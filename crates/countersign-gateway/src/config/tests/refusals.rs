//! What is refused, each with its line, its flow, its key and a remedy.

use super::*;

/// The only problem of a text.
fn problem(text: &str) -> Problem {
    let error = parse(text)
        .err()
        .unwrap_or_else(|| panic!("accepted:\n{text}"));
    assert_eq!(error.problems().len(), 1, "{error}\n{text}");
    error.problems().first().unwrap().clone()
}

/// Each text is refused for one reason, on this line, in a message that has these words.
fn refused(cases: &[(&str, usize, &str)]) {
    for (text, line, words) in cases {
        let problem = problem(text);
        let shown = problem.render(false);
        assert!(
            problem.message().contains(words),
            "{words:?} is missing:\n{shown}"
        );
        assert_eq!(problem.line(), Some(*line), "{shown}");
        assert!(
            shown.contains(&format!("/etc/cs/countersign.toml:{line}:")),
            "{shown}"
        );
        assert!(!problem.help().is_empty(), "no remedy:\n{shown}");
        if text.contains("id = \"orders\"") {
            assert_eq!(problem.flow(), Some("orders"), "{shown}");
        }
    }
}

#[test]
fn a_wrong_shape_is_refused_at_its_place() {
    refused(&[
        (
            "[ingress]\nlisen = \"0.0.0.0:80\"",
            2,
            "unknown key `lisen`",
        ),
        (
            "[[flows]]\nid = \"orders\"\nsecret = \"x\"",
            3,
            "unknown key `secret`",
        ),
        (
            "[[flows]]\nid = \"orders\"\nauth = { mode = \"none\", key = 1 }",
            3,
            "unknown key `key`",
        ),
        (
            "[ingress]\nlisten = 8080",
            2,
            "expected a text, found a whole number",
        ),
        (
            "[[flows]]\nid = \"orders\"\nmethods = \"POST\"",
            3,
            "expected a list, found a text",
        ),
        ("[ingress]\nlisten = 0.0.0.0:80", 2, "not valid TOML"),
        (
            "[ingress]\nlisten = \"0.0.0.0:80\"\nlisten = \"0.0.0.0:81\"",
            3,
            "not valid TOML: duplicate key",
        ),
        (
            "[[flows]]\nid = \"orders\"\nauth = { mode = \"none\"\n",
            3,
            "not valid TOML",
        ),
    ]);
}

#[test]
fn a_misspelt_key_is_recognised() {
    assert_eq!(
        problem("[ingress]\nlisen = \"x\"").help(),
        "did you mean `listen`?"
    );
}

#[test]
fn the_rest_of_the_file_is_not_taken_for_a_part_of_a_flow() {
    let text = "[[flows]]\nid = \"orders\"\nauth = { mode = \"none\" }\n[log]\ncolour = 1";

    assert_eq!(problem(text).flow(), None);
}

#[test]
fn a_flow_that_is_not_one_is_refused() {
    refused(&[
        ("[[flows]]\nauth = { mode = \"none\" }", 1, "no `id`"),
        (
            "[[flows]]\nid = \"a b\"\nauth = { mode = \"none\" }",
            2,
            "`id` is not a name",
        ),
        ("[[flows]]\nid = \"orders\"", 2, "no `auth`"),
        (
            "[[flows]]\nid = \"x\"\nauth = { mode = \"none\" }\n[[flows]]\nid = \"x\"\nauth = { mode = \"none\" }",
            5,
            "on line 2",
        ),
        (
            &signed("steps = []\nforward = \"http://a:1\""),
            5,
            "both `steps` and `forward`",
        ),
        (
            &signed("observe = true"),
            4,
            "`observe` is for flows with `forward`",
        ),
        (
            &signed("forward = \"http://a:1\"\nresponse = { status = 200 }"),
            5,
            "`response` has no meaning with `forward`",
        ),
        (
            &signed("organization = \"a/b\""),
            4,
            "`organization` is not a name",
        ),
        (&signed("body_limit = 1000"), 4, "`body_limit` has no unit"),
        (
            &signed("body_limit = \"10GiB\""),
            4,
            "`body_limit` is too large",
        ),
    ]);
}

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
                "mode = \"api_key\", {key}, header = \"X\", bearer = true"
            )),
            3,
            "more than one place",
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

#[test]
fn methods_are_few() {
    refused(&[
        (&signed("methods = []"), 4, "`methods` is empty"),
        (&signed("methods = [\"post\"]"), 4, "`methods` has `post`"),
        (&signed("methods = [\"TRACE\"]"), 4, "`methods` has `TRACE`"),
    ]);
}

#[test]
fn a_response_is_a_success() {
    refused(&[
        (
            &signed("response = { status = 302 }"),
            4,
            "`status` is not a success",
        ),
        (
            &signed("response = { status = 99999 }"),
            4,
            "`status` is not a success",
        ),
        (
            &signed("response = { content_type = \"text/plain\" }"),
            4,
            "`content_type` needs a `body`",
        ),
        (
            &signed("response = { body = \"x\", content_type = \"text\" }"),
            4,
            "`content_type` is not a media type",
        ),
        (
            &signed("response = { status = 204, body = \"x\" }"),
            4,
            "`body` has no meaning with status 204",
        ),
    ]);
}

#[test]
fn steps_have_names_and_places() {
    let step = |keys: &str| signed(&format!("steps = [{{ {keys} }}]"));
    refused(&[
        (&step("url = \"http://a/\""), 4, "no `name`"),
        (&step("name = \"a\""), 4, "no `url`"),
        (
            &step("name = \"a b\", url = \"http://a/\""),
            4,
            "`name` is not a name",
        ),
        (
            &step("name = \"a\", url = \"ftp://a/\""),
            4,
            "`url` is neither http nor https",
        ),
        (
            &step("name = \"a\", url = \"/in\""),
            4,
            "`url` is not a URL",
        ),
        (
            &step("name = \"a\", url = \"http://u:p@a/\""),
            4,
            "`url` holds credentials",
        ),
        (
            &step("name = \"a\", url = \"http://@a/\""),
            4,
            "`url` holds credentials",
        ),
        (
            &step("name = \"a\", url = \"http://a/#x\""),
            4,
            "`url` has a fragment",
        ),
        (
            &step("name = \"a\", url = \"http://bücher.example/\""),
            4,
            "`url` is not in plain ASCII",
        ),
        (
            &step("name = \"a\", url = \"http://0x7f.1/\""),
            4,
            "`url` names its host in an unusual way",
        ),
        (
            &step("name = \"a\", url = \"http://2130706433/\""),
            4,
            "`url` names its host in an unusual way",
        ),
        (
            &step("name = \"a\", url = \"http://a:0/\""),
            4,
            "`url` has port 0",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", secret = \"short\""),
            4,
            "`secret` does not fit",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", scheme = \"svix\""),
            4,
            "`scheme` needs a secret",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", secret = { env = \"LONG\" }, keys = []"),
            4,
            "both `secret` and `keys`",
        ),
        (
            &step(
                "name = \"a\", url = \"http://a/\", retry_delay = \"1s\", retry_delays = [\"1s\"]",
            ),
            4,
            "`retry_delay` and `retry_delays`",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", retry_delays = []"),
            4,
            "`retry_delays` is empty",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", max_retries = -1"),
            4,
            "`max_retries` is out of range",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", timeout = \"0s\""),
            4,
            "`timeout` is zero",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { Host = \"x\" }"),
            4,
            "`headers` has `host`",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { Countersign-Event = \"x\" }"),
            4,
            "the gateway sets itself",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { X = \"a\\nb\" }"),
            4,
            "control characters",
        ),
        (
            &step("name = \"a\", url = \"http://a/\", headers = { X = \"a\", x = \"b\" }"),
            4,
            "one header twice",
        ),
        (
            &step("name = \"a\", url = \"http://a/\" }, { name = \"a\", url = \"http://b/\""),
            4,
            "two steps are named `a`",
        ),
    ]);
}

#[test]
fn places_do_not_collide() {
    let open = |id: &str, path: &str| {
        format!("[[flows]]\nid = \"{id}\"\nauth = {{ mode = \"none\" }}\npath = \"{path}\"\n")
    };
    refused(&[
        (&open("a", "/hooks/x"), 4, "`path` lies in `/hooks/`"),
        (&open("a", "x"), 4, "`path` does not begin with a slash"),
        (
            &format!("{}{}", open("a", "/x"), open("b", "/x")),
            8,
            "another flow has this `path`, on line 4",
        ),
        (
            &format!("{SMALLEST}{}", open("a", "/{*rest}")),
            7,
            "`path` takes everything from `/hooks/`",
        ),
    ]);
    parse(&open("a", "/{*rest}")).unwrap();
    parse(&format!("{}{}", open("a", "/x"), open("b", "/x/{*rest}"))).unwrap();
}

#[test]
fn listeners_and_stores_that_cannot_be_are_refused() {
    refused(&[
        (
            "[ingress]\nlisten = \"localhost:80\"",
            2,
            "`listen` is not an address",
        ),
        (
            "[ingress]\nprefix = \"/hooks/\"",
            2,
            "`prefix` has an empty part",
        ),
        (
            "[ingress]\npublic_url = \"hooks.example.com\"",
            2,
            "`public_url` is not a URL",
        ),
        (
            "[ingress]\npublic_url = \"https://hooks.example.com//\"",
            2,
            "more than one slash",
        ),
        (
            "[ingress]\npublic_url = \"https://hooks.example.com/?a\"",
            2,
            "`public_url` has a query",
        ),
        (
            "[ingress]\nmax_connections = 0",
            2,
            "`max_connections` is out of range",
        ),
        ("[ingress]\ngrace = 30", 2, "`grace` has no unit"),
        (
            "[ingress]\ntrusted_proxies = [\"10.1.1.1/8\"]",
            2,
            "`trusted_proxies` names an address inside",
        ),
        (
            "[ingress]\nlisten = \"0.0.0.0:8081\"",
            2,
            "`admin.listen` is also where",
        ),
        (
            "[admin]\nlisten = \"127.0.0.1:8080\"",
            2,
            "`admin.listen` is also where",
        ),
        (
            "[admin]\ntokens = [{ name = \"a\" }]",
            2,
            "neither `sha256` nor `token`",
        ),
        (
            "[admin]\ntokens = [{ token = { env = \"LONG\" } }]",
            2,
            "no `name`",
        ),
        (
            "[admin]\ntokens = [{ name = \"a\", token = \"short\" }]",
            2,
            "`token` has less than 16 bytes",
        ),
        (
            "[admin]\ntokens = [{ name = \"a\", sha256 = \"xyz\" }]",
            2,
            "`sha256` is not a SHA-256",
        ),
        (
            "[admin]\ntokens = [{ name = \"a\", token = { env = \"LONG\" } }, { name = \"b\", token = { env = \"LONG\" } }]",
            2,
            "are equal",
        ),
        (
            "[store]\nurl = \"postgres://db\"",
            2,
            "a store that this version does not have: `postgres`",
        ),
        (
            "[store]\nurl = \"countersign.db\"",
            2,
            "`url` names no kind of store",
        ),
        (
            "[store]\nurl = \"sqlite::memory:\"",
            2,
            "would lose every event",
        ),
        (
            "[queue]\nurl = \"nats://n\"",
            2,
            "a queue that this version does not have",
        ),
        (
            "[delivery]\ndenied_addresses = [\"private\"]",
            2,
            "`denied_addresses` is not a network",
        ),
        (
            "[delivery]\nretry_delay = \"1s\"\nretry_delays = [\"1s\"]",
            2,
            "`retry_delay` and `retry_delays`",
        ),
        (
            "[log]\nfilter = \"info,[\"",
            2,
            "`filter` is not a log filter",
        ),
        ("[log]\nformat = \"xml\"", 2, "`format` is not a log format"),
        (
            "[[schemes]]\nname = \"github\"\nsign = \"{body}\"\nsignature = { from = \"header:x\", encoding = \"hex\" }\nrules = [{ digest = \"hmac-sha256\" }]",
            1,
            "another scheme named `github`",
        ),
    ]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
    let error = parse("[ingress]\nlisten = \"x\"\n[[flows]]\nid = \"a b\"\n[[flows]]\nid = \"c\"\nauth = { mode = \"none\" }\nmethods = []\n").unwrap_err();

    let lines: Vec<_> = error.problems().iter().map(Problem::line).collect();
    assert_eq!(lines, [Some(2), Some(4), Some(4), Some(8)]);
}

#[test]
fn a_file_that_cannot_be_read_is_told_from_one_that_is_wrong() {
    let load = |path: &str| Config::load_with(Path::new(path), GIVEN);

    load("/etc/cs/good.toml").unwrap();
    let missing = load("/etc/cs/missing.toml").unwrap_err().to_string();
    assert!(
        missing.contains("/etc/cs/missing.toml")
            && missing.contains("countersign config default > countersign.toml"),
        "{missing}"
    );
    let locked = load("/etc/cs/locked.toml").unwrap_err().to_string();
    assert!(locked.contains("permission denied"), "{locked}");
    let latin1 = load("/etc/cs/latin1.toml").unwrap_err().to_string();
    assert!(latin1.contains("line 2 is not UTF-8"), "{latin1}");
}

#[test]
fn an_error_looks_like_a_compilers() {
    let error =
        parse("[[flows]]\nid = \"orders\"\nauth = { mode = \"none\" }\nmethods = [\"post\"]\n")
            .unwrap_err();

    assert_eq!(
        error.to_string(),
        "\
error: flow `orders`: `methods` has `post`
 --> /etc/cs/countersign.toml:4:12
  |
4 | methods = [\"post\"]
  |            ^^^^^^
  |
  = help: webhooks come as \"POST\", \"PUT\", \"PATCH\", \"GET\" or \"DELETE\", in capitals"
    );
}
