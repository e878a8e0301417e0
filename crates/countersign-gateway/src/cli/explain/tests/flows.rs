//! Hints where a flow of a configuration judges: its other keys, other flows, several ways, addresses.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

const CONFIG: &str = include_str!("../tests.toml");

/// A flow that asks for any or all of a time that is signed and a signature without one.
const SEVERAL: &str = r#"
[[flows]]
id = "one"
replay = "off"
[[flows.auth.WORD]]
scheme = "slack"
keys = [{ id = "first", secret = "0123456789abcdef0123456789abcdef" }]
[[flows.auth.WORD]]
scheme = "github"
keys = [{ id = "second", secret = "another secret of some length" }]
"#;
pub(super) const SECOND: &[u8] = b"another secret of some length";

fn written(config: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.toml");
    std::fs::write(&path, config).unwrap();
    (folder, path)
}

/// What is said of a request to the flow `one` of a configuration.
pub(super) fn judged(config: &str, request: &str, more: &[&str]) -> String {
    let (_folder, path) = written(config);
    let mut flags = vec!["--config", path.to_str().unwrap(), "--flow", "one"];
    flags.extend(more);
    explain(request, &flags).unwrap().0
}

/// A request with the heads of several, each without its request line.
pub(super) fn together(heads: &[String]) -> String {
    let lines = heads.iter().flat_map(|head| head.lines().skip(1));
    let lines = lines.filter(|line| !line.is_empty());
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    format!("POST /hooks/a?b=1 HTTP/1.1\n{lines}\n")
}

#[test]
fn another_key_and_another_flow_of_the_configuration_are_found() {
    let folder = tempfile::tempdir().unwrap();
    for (name, secret) in [
        ("a", SECRET),
        ("old", "an old secret of some length"),
        ("b", "the other flow's secret"),
    ] {
        std::fs::write(folder.path().join(name), secret).unwrap();
    }
    let config = folder.path().join("countersign.toml");
    let text = CONFIG.replace("FOLDER", folder.path().to_str().unwrap());
    std::fs::write(&config, text).unwrap();
    let flags = ["--config", config.to_str().unwrap(), "--flow", "one"];

    let old = post("github", b"an old secret of some length", "a") + "a";
    let other = post("github", b"the other flow's secret", "a") + "a";

    hinted(&old, &flags, "with the key `old` of this flow");
    hinted(&other, &flags, "for the flow `two`");
}

#[test]
fn another_url_is_tried_where_it_is_signed_only_in_what_counts_as_well() {
    let config = "[[flows]]\nid = \"one\"\npublic_url = \"https://h.example\"\n\
        auth = { scheme = \"acme\", keys = [{ secret = \"0123456789abcdef0123456789abcdef\" }] }\n\
        [schemes.acme]\nsign = \"{body}\"\nor = [\"{url}{body}\"]\nambiguous = \"the sender has it so\"\n\
        signature = { from = \"header:X-Acme\", encoding = \"hex\" }\nrules = [{ digest = \"hmac-sha256\" }]\n";
    // The sender's own: what counts as well is never signed by the scheme itself.
    let theirs = "name = \"theirs\"\nsign = \"{url}{body}\"\nambiguous = \"the sender has it so\"\n\
        signature = { from = \"header:X-Acme\", encoding = \"hex\" }\nrules = [{ digest = \"hmac-sha256\" }]\n";
    let theirs: Scheme = toml::from_str(theirs).unwrap();
    let elsewhere = PublicUrl::new("https://other.example", "/hooks/a?b=1");
    let sent = head(&theirs, SECRET.as_bytes(), &Method::POST, elsewhere, "a")
        .replace("HTTP/1.1\n", "HTTP/1.1\nHost: other.example\n");

    let said = judged(config, &(sent + "a"), &[]);

    assert!(
        said.contains("hint: genuine for the public URL https://other.example"),
        "{said}"
    );
}

#[test]
fn no_other_url_is_tried_where_the_method_signs_none() {
    let config = "[[flows]]\nid = \"one\"\nmethods = [\"GET\", \"POST\"]\npublic_url = \"https://h.example\"\n\
        auth = { scheme = \"designer-cloud\", keys = [{ secret = \"0123456789abcdef0123456789abcdef\" }] }\n";
    let body = "https://h.example/hooks/a";
    let scheme = Scheme::preset("designer-cloud").unwrap();
    let elsewhere = PublicUrl::new("https://other.example", "/hooks/a?b=1");
    let get = head(&scheme, SECRET.as_bytes(), &Method::GET, elsewhere, "")
        .replace("HTTP/1.1\n", "HTTP/1.1\nHost: other.example\n");

    // Anywhere else it would be no URL of the flow, and pass.
    let posted = judged(
        config,
        &(post("designer-cloud", SECRET.as_bytes(), body) + body),
        &[],
    );
    let got = judged(config, &get, &[]);

    assert!(posted.starts_with("refused: ambiguous_body"), "{posted}");
    assert!(!posted.contains("public URL https:"), "{posted}");
    assert!(!posted.contains("hint: "), "{posted}");
    let hint = "hint: genuine for the public URL https://other.example/hooks/a?…";
    assert!(got.contains(hint), "{got}");
}

#[test]
fn of_any_the_member_is_named_that_would_have_passed_and_with_what_change() {
    let config = SEVERAL.replace("WORD", "any");
    let milliseconds = Scheme::preset("slack").unwrap();
    let milliseconds = milliseconds
        .with_timestamp_unit(Unit::Milliseconds)
        .unwrap();
    let in_milliseconds = head(&milliseconds, SECRET.as_bytes(), &Method::POST, URL, "a") + "a";
    for (request, hint) in [
        (
            post("slack", SECRET.as_bytes(), "a") + "a\n",
            "member 1 of `any` (`slack`): genuine without the LF that ends the body",
        ),
        (
            post("github", SECOND, "a") + "a\n",
            "member 2 of `any` (`github`): genuine without the LF that ends the body",
        ),
        (
            in_milliseconds,
            "member 1 of `any` (`slack`): genuine with the timestamp in milliseconds: `timestamp = \"milliseconds\"`",
        ),
        (
            post("shopify", SECOND, "a") + "a",
            "member 2 of `any` (`github`): genuine as `scheme = \"shopify\"`",
        ),
        (
            post("github", b"another secret of some length\n", "a") + "a",
            "member 2 of `any` (`github`): genuine with a line end after the secret",
        ),
    ] {
        let said = judged(&config, &request, &[]);

        assert!(said.contains(hint), "{hint}: {said}");
        assert!(
            !said.contains("does not have"),
            "the other one was not meant: {said}"
        );
    }
}

#[test]
fn where_no_member_of_any_nearly_holds_each_says_why() {
    let config = SEVERAL.replace("WORD", "any");

    let said = judged(
        &config,
        &(post("github", b"the secret of nobody here", "a") + "a"),
        &[],
    );

    for part in [
        "member 1 of `any` (`slack`): `slack` reads `x-slack-request-timestamp` and `x-slack-signature`, and the request does not have them",
        "member 2 of `any` (`github`): no configured key makes this signature",
        "refused: bad_signature",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("genuine"), "{said}");
}

#[test]
fn of_all_every_member_that_does_not_hold_is_named_with_what_it_lacks() {
    let config = SEVERAL.replace("WORD", "all");
    let slack = || post("slack", SECRET.as_bytes(), "a");
    for (heads, body, hints) in [
        (
            vec![slack(), post("github", SECOND, "a")],
            "a\n",
            vec![
                "member 1 of `all` (`slack`): genuine without the LF",
                "member 2 of `all` (`github`): genuine without the LF",
            ],
        ),
        (
            vec![slack()],
            "a",
            vec![
                "member 2 of `all` (`github`): `github` reads `x-hub-signature-256`, and the request does not have it",
            ],
        ),
        (
            vec![slack(), post("github", b"the secret of nobody here", "a")],
            "a",
            vec!["member 2 of `all` (`github`): no configured key makes this signature"],
        ),
    ] {
        let said = judged(&config, &(together(&heads) + body), &[]);

        for hint in &hints {
            assert!(said.contains(hint), "{hint}: {said}");
        }
        assert_eq!(said.matches("hint: ").count(), hints.len(), "{said}");
    }
}

#[test]
fn a_request_from_elsewhere_is_told_its_address_and_whether_the_rest_holds() {
    let config = SEVERAL.replace("WORD", "any");
    let listed = config.replace(
        "replay = \"off\"",
        "replay = \"off\"\nauth.allow_from = [\"192.0.2.0/24\"]",
    );
    let genuine = post("github", SECOND, "a") + "a";
    for (request, client, said) in [
        (
            genuine.clone(),
            vec!["--client", "198.51.100.1"],
            "it comes from 198.51.100.1, which is not in `allow_from`; the rest of it holds",
        ),
        (
            genuine.clone() + "x",
            vec!["--client", "198.51.100.1"],
            "the rest of it does not hold either",
        ),
        (
            genuine.clone(),
            vec![],
            "it comes from an address that is not known, which is not in `allow_from`",
        ),
        (
            genuine.clone() + "\n",
            vec!["--client", "192.0.2.1"],
            "member 2 of `any` (`github`): genuine without the LF",
        ),
    ] {
        let text = judged(&listed, &request, &client);

        assert!(text.contains(said), "{said}: {text}");
    }
    let text = judged(&listed, &genuine, &["--client", "192.0.2.1"]);
    assert!(text.starts_with("genuine"), "{text}");
}

#[test]
fn the_key_of_another_flow_under_this_ones_scheme_is_found() {
    let config = "[[flows]]\nid = \"one\"\nauth = { scheme = \"github\", keys = [{ secret = \"0123456789abcdef\" }] }\n\
        [[flows]]\nid = \"two\"\nauth = { scheme = \"shopify\", keys = [{ id = \"theirs\", secret = \"another secret of some length\" }] }\n";

    let said = judged(config, &(post("github", SECOND, "a") + "a"), &[]);

    let hint = "genuine with the key `theirs` of the flow `two`: the keys are mixed up";
    assert!(said.contains(hint), "{said}");
}

#[test]
fn a_header_that_is_not_there_is_named() {
    for (scheme, names) in [
        ("github", "`x-hub-signature-256`"),
        ("svix", "`svix-signature` or `webhook-signature`"),
    ] {
        let (said, _) = explain("POST / HTTP/1.1\n\n{}", &["--scheme", scheme]).unwrap();

        assert!(said.contains(&format!("`{scheme}` reads")), "{said}");
        assert!(said.contains(names), "{said}");
    }
}

#[test]
fn a_method_that_the_flow_does_not_take_gets_the_ones_it_takes_and_no_hint() {
    let config = "[[flows]]\nid = \"one\"\nmethods = [\"POST\", \"PUT\"]\n\
        auth = { scheme = \"github\", keys = [{ secret = \"0123456789abcdef\" }] }\n";

    let said = judged(config, "GET / HTTP/1.1\n\n", &[]);

    assert!(said.contains("note: the flow takes POST, PUT"), "{said}");
    assert!(!said.contains("hint"), "{said}");
}

#[test]
fn of_a_flow_whose_sender_brings_its_key_it_is_said_that_the_gateway_has_those() {
    let config = "[[flows]]\nid = \"one\"\nauth = { scheme = \"asana\" }\n";

    let said = judged(config, &(post("asana", SECRET.as_bytes(), "a") + "a"), &[]);

    assert!(
        said.contains("note: only the keys of the file were tried"),
        "{said}"
    );
}
