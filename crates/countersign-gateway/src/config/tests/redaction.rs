//! No error ever shows a secret, however the file is broken.

use proptest::prelude::*;

use super::*;

/// A file with secrets in every place that has one.
const FULL: &str = r#"# hunter2-hunter2-hunter2
[admin]
tokens = [{ name = "ops", token = "hunter2-hunter2-hunter2" }]

[[flows]]
id = "orders"
auth = { mode = "signature", scheme = "designer-cloud", keys = [{ id = "2026", secret = "hunter2-hunter2-hunter2" }] }
window = "5m" # hunter2-hunter2-hunter2
[[flows.steps]]
name = "billing"
url = "https://billing.example.com/in?token=hunter2-hunter2-hunter2"
secret = 'hunter2-hunter2-hunter2'
headers = { Authorization = "Bearer hunter2-hunter2-hunter2", X.id = "hunter2-hunter2-hunter2" }
[[flows.steps]]
name = "other"
url = "https://other.example.com/in"
secret = """
hunter2-hunter2-hunter2"""
[flows.steps.headers]
X-Token = "hunter2-hunter2-hunter2"

[[flows]]
id = "basic"
auth.mode = "basic"
auth.users = [{ name = "a", password = "hunter2-hunter2-hunter2" }]
"#;

fn shows_nothing(text: &str) {
    let shown = match parse(text) {
        Ok(config) => config
            .warnings
            .iter()
            .map(|warning| warning.render(false) + &warning.to_string())
            .collect(),
        Err(error) => {
            error.to_string()
                + &format!(
                    "{:?}",
                    error
                        .problems()
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                )
        }
    };
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// `FULL` with `headers.X.id` made a plain header, which it has to be to load.
fn loadable() -> String {
    FULL.replace("X.id", "X-Id")
}

#[test]
fn a_file_in_order_shows_none_either() {
    let config = parse(&loadable()).unwrap_or_else(|error| panic!("{error}"));

    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_word_that_lost_its_quotes_is_shown_only_where_it_is_a_number_a_time_or_short() {
    for (word, shown) in [
        ("10s", true),
        ("86_400", true),
        ("-1.5", true),
        ("2026-01-01T00:00:00Z", true),
        ("true", true),
        (".hunter2-hunter2-hunter2", false),
        ("-hunter2-hunter2-hunter2", false),
        ("2hunter2-hunter2-hunter2", false),
        ("hunter2", false),
    ] {
        let line = format!("timeout = {word}");

        let error = parse(&format!("[delivery]\n{line}\n")).unwrap_err();

        let error = error.to_string();

        assert_eq!(error.contains(&line), shown, "{error}");
    }
}

#[test]
fn a_file_cut_off_anywhere_shows_no_secret() {
    for (end, _) in FULL.char_indices() {
        shows_nothing(&FULL[..end]);
    }
}

#[test]
fn a_file_with_any_character_missing_shows_no_secret() {
    for text in [FULL.to_owned(), loadable()] {
        for (at, c) in text.char_indices() {
            shows_nothing(&[&text[..at], &text[at + c.len_utf8()..]].concat());
        }
    }
}

#[test]
fn a_file_with_any_line_missing_or_moved_shows_no_secret() {
    let text = loadable();
    let lines: Vec<_> = text.lines().collect();
    for at in 0..lines.len() {
        let mut fewer = lines.clone();
        let line = fewer.remove(at);
        shows_nothing(&fewer.join("\n"));
        fewer.push(line);
        shows_nothing(&fewer.join("\n"));
    }
}

#[test]
fn a_file_with_any_key_misspelt_shows_no_secret() {
    for key in [
        "tokens", "name", "token", "id", "auth", "mode", "keys", "secret", "url", "headers",
        "users", "password",
    ] {
        for wrong in [
            format!("{key}x"),
            format!("{key} {key}"),
            key[1..].to_owned(),
            format!("\"{key}"),
        ] {
            shows_nothing(&loadable().replace(key, &wrong));
        }
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    for text in [
        format!("secret = \"{MARKER}\""),
        format!("[ingress]\n{MARKER}"),
        format!("[ingress]\nsecret {MARKER}"),
        format!("[ingress]\nsecret: \"{MARKER}\""),
        format!("[ingress]\n\"{MARKER}\""),
        with_auth(&format!("scheme = \"github\", keys = \"{MARKER}\"")),
        with_auth(&format!("scheme = \"github\", keys = [\"{MARKER}\"]")),
        with_auth(&format!(
            "scheme = \"github\", keys = [{{ secret = {MARKER} }}]"
        )),
        with_auth(&format!(
            "scheme = \"github\", keys = [{{ secret = [\"{MARKER}\"] }}]"
        )),
        with_auth(&format!(
            "scheme = \"github\", keys = [{{ sha256 = \"{MARKER}\" }}]"
        )),
        with_auth("scheme = \"standard-webhooks\", keys = [{ secret = { env = \"MARKER\" } }]"),
        with_auth(&format!(
            "scheme = \"standard-webhooks\", keys = [{{ secret = \"{MARKER}!\" }}]"
        )),
        signed(&format!(
            "steps = [{{ name = \"a\", url = \"https://a:{MARKER}@a/\" }}]"
        )),
        signed(&format!(
            "steps = [{{ name = \"a\", url = \"https://a/?{MARKER}#x\" }}]"
        )),
        signed(&format!(
            "steps = [{{ name = \"a\", headrs = {{ name = \"{MARKER}\" }} }}]"
        )),
        signed(&format!("forward = \"http://{MARKER}@a/\"")),
    ] {
        assert!(parse(&text).is_err(), "{text}");
        shows_nothing(&text);
    }
}

#[test]
fn a_header_named_like_a_key_of_ours_is_not_shown() {
    for headers in [
        "headers = { name = \"M\", id = 5 }",
        "headers.name = \"M\"\nheaders.id = 5",
        "[flows.steps.headers]\nname = \"M\"; id = 5",
    ] {
        let headers = headers.replace('M', MARKER);
        shows_nothing(&signed(&format!(
            "[[flows.steps]]\nname = \"a\"\nurl = \"http://a/\"\n{headers}"
        )));
    }
}

#[test]
fn what_is_harmless_is_still_shown() {
    let text = with_auth(
        "mode = \"signature\", scheme = \"gihtub\", keys = [{ id = \"2026\", secret = \"hunter2-hunter2-hunter2\" }]",
    );

    let shown = parse(&text).unwrap_err().to_string();

    assert!(
        shown.contains("3 | auth = { mode = \"signature\", scheme = \"gihtub\", keys = [{ id = \"2026\", secret = \"…\" }] }"),
        "{shown}"
    );
}

#[test]
fn a_reference_to_a_secret_is_shown() {
    let shown = parse(&with_auth(
        "scheme = \"github\", keys = [{ secret = { env = \"UNSET\" } }]",
    ))
    .unwrap_err()
    .to_string();

    assert!(shown.contains("secret = { env = \"UNSET\" }"), "{shown}");
}

#[test]
fn a_terminal_is_not_driven_by_a_file() {
    let error = parse("\"\\u001b[2J\" = 1\n[[flows]]\nid = \"\\u001b[2J\"\n").unwrap_err();
    let shown = error.to_string();

    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
}

proptest! {
    #[test]
    fn any_text_is_refused_or_read_without_panic(text in ".*") {
        let _ = parse(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn a_damaged_file_shows_no_secret(at in 0..FULL.len(), length in 0usize..8, put in "[\"'=\\[\\]{},.#\\n\\\\a ]{0,3}") {
        let end = (at + length).min(FULL.len());
        prop_assume!(FULL.is_char_boundary(at) && FULL.is_char_boundary(end));
        shows_nothing(&[&FULL[..at], &put, &FULL[end..]].concat());
    }
}
