//! The reference document is true, and every key has a place in the documentation.

use std::collections::BTreeSet;

use super::*;
use crate::config::redact::HARMLESS;

/// The reference with every example in use.
fn everything() -> String {
    let lines = Config::REFERENCE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if !example.starts_with(' ') || example.starts_with("  {") => example,
            _ => line,
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every key of the reference, wherever it stands.
fn keys() -> BTreeSet<String> {
    fn collect(value: &toml::Value, keys: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    keys.insert(key.clone());
                    match (key.as_str(), value) {
                        // The names of headers are the operator's, not ours.
                        ("headers", _) => {}
                        // And so are those of schemes.
                        ("schemes", toml::Value::Table(schemes)) => {
                            schemes.values().for_each(|scheme| collect(scheme, keys));
                        }
                        _ => collect(value, keys),
                    }
                }
            }
            toml::Value::Array(list) => list.iter().for_each(|value| collect(value, keys)),
            _ => {}
        }
    }
    let mut keys = BTreeSet::new();
    collect(&toml::from_str(&everything()).unwrap(), &mut keys);
    keys
}

#[test]
fn the_reference_as_printed_says_the_defaults() {
    let reference = parse(Config::REFERENCE).unwrap_or_else(|error| panic!("{error}"));
    let nothing = parse("").unwrap();

    let debug = |config: &Config| {
        (
            format!("{:?} {:?} {:?}", config.ingress, config.admin, config.store),
            format!("{:?} {:?} {:?}", config.delivery, config.log, config.flows),
        )
    };
    assert_eq!(debug(&reference), debug(&nothing));
}

#[test]
fn the_reference_loads_with_every_example_in_use() {
    let config = parse(&everything()).unwrap_or_else(|error| panic!("{error}"));

    let ids: Vec<_> = config.flows.iter().map(|flow| flow.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "orders",
            "github",
            "everything",
            "basic",
            "htpasswd",
            "api-key",
            "bearer",
            "query",
            "from-there",
            "either",
            "both",
            "open",
            "acme",
            "social",
            "tasks",
            "bank",
            "news"
        ]
    );
    assert_eq!(config.admin.tokens.len(), 2);
}

#[test]
fn every_key_that_the_file_may_have_is_in_the_reference() {
    // serde names the keys of a table when it meets one that it does not know.
    let keys = keys();
    for table in [
        "x = 1",
        "[ingress]\nx = 1",
        "[admin]\nx = 1",
        "[[admin.tokens]]\nx = 1",
        "[store]\nx = 1",
        "[queue]\nx = 1",
        "[delivery]\nx = 1",
        "[log]\nx = 1",
        "[[flows]]\nx = 1",
        "[[flows]]\nauth = { x = 1 }",
        "[[flows]]\nforward = { x = 1 }",
        "[[flows]]\nwindow = { x = 1 }",
        "[[flows]]\nresponse = { x = 1 }",
        "[[flows]]\nsteps = [{ x = 1 }]",
        "[[flows]]\nsteps = [{ tls = { x = 1 } }]",
        "[[flows]]\nsteps = [{ secret = { x = 1 } }]",
        "[[flows]]\nauth = { keys = [{ x = 1 }] }",
        "[[flows]]\nauth = { users = [{ x = 1 }] }",
    ] {
        let error = parse(table).unwrap_err();
        let problem = error.problems().first().unwrap();
        assert_eq!(problem.message(), "unknown key `x`", "{table}");
        for known in problem.help().split('`').skip(1).step_by(2) {
            assert!(
                keys.contains(known),
                "`{known}` is not in the reference ({table})"
            );
        }
    }
}

#[test]
fn every_key_is_described_in_the_documentation() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    for key in keys() {
        assert!(
            page.contains(&format!("`{key}`")),
            "docs/configuration.md does not mention `{key}`"
        );
    }
}

#[test]
fn whether_a_value_may_be_shown_is_decided_for_every_key() {
    const NEVER: [&str; 26] = [
        "admin",
        "all",
        "any",
        "auth",
        "body",
        "delivery",
        "flows",
        "headers",
        "ingress",
        "keys",
        "log",
        "pairs",
        "parameters",
        "password",
        "queue",
        "response",
        "rules",
        "schemes",
        "secret",
        "sha256",
        "steps",
        "store",
        "tls",
        "topic",
        "verify_token",
        "webhook_id",
    ];
    const SCHEMES: [&str; 5] = ["from", "label", "sign", "token", "tokens"];
    for key in keys() {
        let key = key.as_str();
        let decided = HARMLESS.contains(&key)
            || NEVER.contains(&key)
            || SCHEMES.contains(&key)
            || key == "users";
        assert!(
            decided,
            "say in redact.rs whether the value of `{key}` may be shown"
        );
    }
}
