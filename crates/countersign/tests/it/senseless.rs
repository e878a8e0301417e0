//! Descriptions that are well formed and cannot be meant: each is refused with the key and what to do about it.

use countersign::Scheme;

const MINIMAL: &str = r#"
name = "acme"
sign = "{timestamp}.{body}"
signature = { from = "header:X-Acme-Signature", grammar = { pairs = "," }, encoding = "hex" }
timestamp = { from = "pair:t", unit = "seconds" }
rules = [{ label = "v1", digest = "hmac-sha256" }]
"#;

/// One without labels and without a time.
const BARE: &str = r#"
name = "acme"
sign = "{body}"
signature = { from = "header:X-Acme-Signature", encoding = "hex" }
rules = [{ digest = "hmac-sha256" }]
"#;

/// A JSON Web Token.
const TOKEN: &str = r#"
name = "acme"
sign = "{token:head}.{token:claims}"
signature = { from = "header:X-Acme", grammar = { token = "ES256" }, encoding = "base64-url" }
require = [{ from = "claim:/body", body = "sha256-hex" }]
rules = [{ digest = "ecdsa-p256-fixed", key = { encoding = "public" } }]
"#;

#[track_caller]
fn refused(text: &str, words: &str) {
    let error = toml::from_str::<Scheme>(text).expect_err(text);
    let message = error.message();
    assert!(message.contains(words), "{words}: {message}\n{text}");
}

#[track_caller]
fn changed(good: &str, from: &str, to: &str, words: &str) {
    toml::from_str::<Scheme>(good).unwrap();
    assert!(good.contains(from), "{from}");
    refused(&good.replacen(from, to, 1), words);
}

#[test]
fn a_plain_hash_that_anybody_can_make_is_no_scheme() {
    changed(BARE, "hmac-sha256", "sha256", "did you mean `hmac-sha256`");
    changed(BARE, "{body}", "{body}{secret}", "is for the plain hashes");
    let hash = BARE.replace("{body}", "{body}{secret}");
    toml::from_str::<Scheme>(&hash.replace("hmac-sha256", "sha1")).unwrap();
}

#[test]
fn a_token_has_an_algorithm_that_is_one_and_goes_with_the_digest() {
    for algorithm in ["none", "RS256", "es256", "PS512", ""] {
        changed(TOKEN, "ES256", algorithm, "does not go with the `digest`");
    }
    changed(TOKEN, "base64-url", "hex", "of a token is `base64-url`");
    changed(BARE, "{body}", "{body}.{token:head}", "is no `token`");
}

#[test]
fn what_holds_for_no_request_is_refused() {
    for (when, words) in [
        (
            "{ from = \"header:A\", without = \"header:A\" }",
            "which never holds",
        ),
        (
            "[{ from = \"header:A\", is = \"a\" }, { from = \"header:A\", is = \"b\" }]",
            "`is` takes a list",
        ),
        (
            "[{ methods = \"GET\" }, { methods = \"POST\" }]",
            "never holds",
        ),
        ("{}", "`when` says nothing"),
        ("[]", "an empty list says nothing"),
        (
            "{ from = \"header:A\", is = [] }",
            "an empty list says nothing",
        ),
        ("{ is = \"a\" }", "no `from`"),
        ("{ from = \"pair:t\" }", "`when` cannot read `pair:t`"),
        ("{ from = \"claim:/a\" }", "`when` cannot read `claim:/a`"),
        ("{ without = \"first\" }", "`when` cannot read `first`"),
        ("{ from = \"form:\" }", "`form:` is not a place"),
        ("{ content-type = \"json\" }", "not a media type"),
        (
            "{ content-type = \"a/b; charset=c\" }",
            "without parameters",
        ),
    ] {
        refused(&format!("when = {when}\n{MINIMAL}"), words);
    }
    let methods = "[{ methods = [\"POST\"], message = \"{timestamp}.{body}\" }]";
    let by_method = MINIMAL.replace("\"{timestamp}.{body}\"", methods);
    refused(
        &format!("when = {{ methods = \"GET\" }}\n{by_method}"),
        "no message",
    );
}

#[test]
fn a_demand_that_cannot_be_met_or_looked_at_is_refused() {
    for (demand, words) in [
        ("{ from = \"pair:t\" }", "`require` cannot read `pair:t`"),
        (
            "{ from = \"claim:/a\" }",
            "`require` cannot read `claim:/a`",
        ),
        ("{ from = \"json:/a\", parameter = \"\" }", "without a name"),
        (
            "{ from = \"header:A\", https = { hosts = [] } }",
            "without `hosts`",
        ),
        (
            "{ from = \"header:A\", https = { hosts = [\"*\"] } }",
            "without `hosts`",
        ),
        (
            "{ from = \"header:A\", https = { hosts = [\"*.com\"] } }",
            "",
        ),
        (
            "{ from = \"header:A\", is = \"a\" }, { from = \"header:A\", is = \"b\" }",
            "which never holds",
        ),
    ] {
        refused(&format!("require = [{demand}]\n{MINIMAL}"), words);
    }
}

#[test]
fn a_variant_that_is_never_reached_is_refused() {
    let variants = |conditions: &[&str]| {
        let when = |when: &&str| format!("[[variants]]\n{when}\n");
        let variants: String = conditions.iter().map(when).collect();
        format!("{MINIMAL}\n{variants}")
    };
    const A: &str = "when = { from = \"header:A\" }";
    const B: &str = "when = { from = \"header:B\" }";

    toml::from_str::<Scheme>(&variants(&[A, B, ""])).unwrap();
    refused(&variants(&[A, "", B]), "put it last");
    refused(&variants(&[A, B, A]), "the same for two variants");
    let many: Vec<_> = (0..65)
        .map(|n| format!("when = {{ from = \"header:A{n}\" }}"))
        .collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    refused(&variants(&many), "more than any sender has");
}

#[test]
fn a_signature_that_nobody_could_make_or_read_is_refused() {
    const FROM: &str = "header:X-Acme-Signature";
    const LABELLED: &str = "label = \"v1\", digest";
    changed(BARE, FROM, "json:/signature", "so nobody could make it");
    changed(
        BARE,
        "{body}",
        "{body}.{header:x-acme-signature}",
        "so nobody could make it",
    );
    changed(BARE, "\"hex\"", "\"text\"", "is for the digest `token`");
    changed(
        BARE,
        &format!("\"{FROM}\""),
        "\"numbered:X-\", repeated = true",
        "in one header",
    );
    changed(
        MINIMAL,
        LABELLED,
        "label = \"v1\", label-is-key = true, digest",
        "one or the other",
    );
    let key = |words: &str| format!("\"hmac-sha256\", key = {{ {words} }}");
    for (form, words) in [
        ("length = 0", "no key"),
        ("optional = true", "there is none"),
        ("id = \"a b\"", "no id of a key"),
        ("private = \"sk_\"", "is for the digest `ed25519`"),
    ] {
        changed(BARE, "\"hmac-sha256\"", &key(form), words);
    }
    let twice = "rules = [{ label = \"v0\", digest = \"hmac-sha256\" }, {";
    changed(MINIMAL, "rules = [{", twice, "all belong to one before it");
    for (slots, words) in [
        (
            "{ label = \"a\", from = \"header:A\" }, { label = \"b\", from = \"header:B\" }",
            "no rule",
        ),
        (
            "{ label = \"a\", from = \"header:A\" }, { label = \"a\", from = \"header:B\" }",
            "one label",
        ),
    ] {
        let text = BARE.replace(&format!("from = \"{FROM}\""), &format!("slots = [{slots}]"));
        refused(&text.replace("digest", "label = \"a\", digest"), words);
    }
}

#[test]
fn a_word_that_says_nothing_is_refused() {
    for (line, words) in [
        ("window = 0", "lets nothing in"),
        ("window = { past = 0, future = 0 }", "lets nothing in"),
        ("window = -5", "cannot be negative"),
        ("window = 9223372036854775807", "longer than a year"),
        ("ambiguous = \" \"", "`ambiguous` says why"),
        ("unsigned-body = \"\"", "`unsigned-body` says why"),
        ("shared-key = \"\"", "`shared-key` says why"),
        ("or = [\"{timestamp}.{body}\"]", "`or` has the message"),
        ("each = \"/items\"", "`each` wants a signature"),
        ("key-url = \"a\"", ""),
    ] {
        refused(&format!("{line}\n{MINIMAL}"), words);
    }
    refused(&format!("excludes-edges = true\n{BARE}"), "signs no time");
    changed(
        BARE,
        "sign = \"{body}\"",
        "sign = \"{url}\"\nneeds-body = true",
        "with the body in them",
    );
    changed(BARE, "name = \"acme\"\n", "", "the scheme has no `name`");
    changed(BARE, "sign = \"{body}\"\n", "", "message in `sign`");
    changed(
        BARE,
        "rules = [{ digest = \"hmac-sha256\" }]",
        "",
        "rule in `rules`",
    );
    let vector = "[[vectors]]\nname = \"a\"\ngenuine = false\nsecret = \"s\"\nnow = 1\n";
    refused(&format!("{BARE}{vector}{vector}"), "two of one name");
}

#[test]
fn a_handshake_whose_answer_can_never_be_given_is_refused() {
    let shake = |lines: &str| format!("{MINIMAL}\n[handshake]\n{lines}\n");
    let gets = "when = { methods = \"GET\" }";
    for (lines, words) in [
        (
            format!("{gets}\nanswer = {{ headers = {{ A = \"a\\nb\" }} }}"),
            "that no header can have",
        ),
        (
            format!(
                "{gets}\nmac = {{ of = \"query:c\", encoding = \"hex\", most = 0 }}\nanswer = {{ text = \"{{mac}}\" }}"
            ),
            "so none fits",
        ),
        (
            format!(
                "{gets}\nmac = {{ of = \"query:c\", encoding = \"hex\", hex = true, uuid = true }}"
            ),
            "say which",
        ),
        (
            "when = [{ methods = \"GET\" }, { methods = \"HEAD\" }]".to_owned(),
            "never holds",
        ),
        (
            "when = { methods = \"GET\", is = \"a\" }".to_owned(),
            "no `from`",
        ),
    ] {
        refused(&shake(&lines), words);
    }
}

#[test]
fn lists_and_texts_have_an_end() {
    let list = |item: &dyn Fn(usize) -> String, count: usize| {
        let items: Vec<_> = (0..count).map(item).collect();
        format!("[{}]", items.join(", "))
    };
    let from = list(&|n| format!("\"header:X-{n}\""), 1000);
    changed(
        BARE,
        "\"header:X-Acme-Signature\"",
        &from,
        "longer than any sender needs",
    );
    let labels = list(&|n| format!("\"v{n}\""), 1000);
    changed(MINIMAL, "\"v1\"", &labels, "longer than any sender needs");
    let rules = list(
        &|n| format!("{{ label = \"v{n}\", digest = \"hmac-sha256\" }}"),
        1000,
    );
    let rule = "[{ label = \"v1\", digest = \"hmac-sha256\" }]";
    changed(MINIMAL, rule, &rules, "more than any sender has");
    let prefix = format!("\"hex\", grammar = {{ prefix = \"{}\" }}", "x".repeat(257));
    changed(BARE, "\"hex\"", &prefix, "longer than any sender's");
    let long = format!("{{body}}{}", "x".repeat(4096));
    changed(BARE, "{body}", &long, "more parts or text");
    let deep = format!(
        "require = [{{ from = \"json:{}\" }}]\n{BARE}",
        "/a".repeat(65)
    );
    refused(&deep, "is not a JSON pointer");
    refused(
        &format!("x = {}{}\n{BARE}", "[".repeat(500), "]".repeat(500)),
        "recurs",
    );
}

#[test]
fn a_vector_has_one_body_in_one_spelling() {
    let vector = "[[vectors]]\nname = \"a\"\ngenuine = false\nsecret = \"s\"\nnow = 1\n";
    for (bodies, words) in [
        (
            "body = \"\"\nbody-base64 = \"\"",
            "has one with `body` and `body-base64`",
        ),
        ("body-base64 = \"AA\"", "`body-base64` is not base64"),
        ("body-base64 = \"AB==\"", "`body-base64` is not base64"),
        ("body-base64 = \"_w==\"", "`body-base64` is not base64"),
        ("body-base64 = \"AA==\\n\"", "`body-base64` is not base64"),
        ("body_base64 = \"AA==\"", "unknown field `body_base64`"),
    ] {
        refused(&format!("{BARE}{vector}{bodies}\n"), words);
    }
    for body in [
        "",
        "body = \"\"",
        "body-base64 = \"\"",
        "body-base64 = \"/w==\"",
    ] {
        toml::from_str::<Scheme>(&format!("{BARE}{vector}{body}\n")).expect(body);
    }
}
