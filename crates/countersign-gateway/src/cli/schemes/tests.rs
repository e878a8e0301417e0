//! What is listed, shown and tested.

use super::super::out::testing::Printed;
use super::super::testing::parsed;
use super::*;

fn said(words: &[&str]) -> (String, anyhow::Result<ExitCode>) {
    let printed = Printed::default();
    let args = parsed::<Args>([&["schemes"], words].concat()).unwrap();
    let ended = run(&args, &mut printed.out());
    (printed.text(), ended)
}

#[test]
fn every_scheme_is_listed_with_its_place_digest_and_window() {
    let (text, ended) = said(&["list"]);

    ended.unwrap();
    for name in Scheme::preset_names() {
        assert!(text.contains(name), "{name}");
    }
    for summary in Scheme::presets().map(|scheme| Summary::of(&scheme).unwrap()) {
        let [name, signature, digest, _] = summary.row();
        assert!(!signature.is_empty() && !digest.is_empty(), "{name}");
    }
}

#[test]
fn a_list_for_machines_says_the_same() {
    let (text, ended) = said(&["list", "--json"]);

    ended.unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    let stripe = list
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["name"] == "stripe");
    assert_eq!(
        list.as_array().unwrap().len(),
        Scheme::preset_names().count()
    );
    let stripe = stripe.unwrap();
    assert_eq!(stripe["signature"], json!(["stripe-signature"]));
    assert_eq!(stripe["digest"], json!(["hmac-sha256"]));
    assert_eq!(stripe["window"], json!({ "past": 300, "future": 300 }));
}

#[test]
fn what_is_shown_is_the_scheme_and_can_be_used_as_it_is() {
    for name in Scheme::preset_names() {
        let scheme = Scheme::preset(name).unwrap();

        let (toml, _) = said(&["show", name]);
        let (json, _) = said(&["show", name, "--json"]);

        let read: Scheme = toml::from_str(&toml).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(read, scheme, "{name}");
        let read: Scheme = serde_json::from_str(&json).unwrap();
        assert_eq!(read, scheme, "{name}");
    }
}

#[test]
fn a_scheme_is_shown_in_the_order_in_which_it_is_read() {
    let (text, _) = said(&["show", "stripe"]);

    let keys: Vec<_> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    assert_eq!(
        keys,
        ["name", "note", "sign", "signature", "timestamp", "rules"]
    );
}

#[test]
fn an_unknown_name_is_a_usage_error() {
    for words in [&["show", "gihtub"], &["test", "gihtub"]] {
        let (text, ended) = said(words);

        let error = ended.unwrap_err();
        assert!(error.is::<Usage>(), "{error:?}");
        assert!(error.to_string().contains("`gihtub`"), "{error}");
        assert_eq!(text, "");
    }
}

#[test]
fn every_built_in_scheme_holds() {
    let (text, ended) = said(&["test"]);

    assert_eq!(ended.unwrap(), ExitCode::SUCCESS, "{text}");
    assert!(text.ends_with(" passed, 0 failed\n"), "{text}");
    assert!(!text.contains("note:"), "{text}");
}

#[test]
fn a_wrong_file_names_the_line_and_shows_nothing_of_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "name = \"acme\"\nsecrit = \"hunter2\"\n").unwrap();

    let (_, ended) = said(&["test", file.path().to_str().unwrap()]);

    let error = ended.unwrap_err();
    assert!(error.is::<Usage>(), "{error:?}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(error.to_string().contains(":2 is no scheme"), "{error}");
}
