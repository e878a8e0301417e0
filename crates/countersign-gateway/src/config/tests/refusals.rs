//! What is refused, each with its line, its flow, its key and a remedy.

use super::*;

mod auth;
mod flow;
mod scheme;
mod sender;
mod several;
mod step;

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
error: flow `orders`: `methods` has `post`, which webhooks do not come with
 --> /etc/cs/countersign.toml:4:12
  |
4 | methods = [\"post\"]
  |            ^^^^^^
  |
  = help: use \"POST\", \"PUT\", \"PATCH\", \"GET\" or \"DELETE\", in capitals"
    );
}
