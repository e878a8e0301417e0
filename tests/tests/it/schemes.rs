//! Schemes are data that people can list, read, change and try; one that does not hold serves nobody.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::countersign;

/// The published example of the MAC in RFC 4231, test case 2, as a webhook.
const ACME: &str = r#"
name = "acme"
sign = "{body}"
signature = { from = "header:acme-signature", encoding = "hex" }
rules = [{ digest = "hmac-sha256" }]

[[vectors]]
name = "rfc-4231-2"
genuine = true
secret = "Jefe"
headers = { acme-signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" }
body = "what do ya want for nothing?"
now = 1700000000

[[vectors]]
name = "another-body"
genuine = false
secret = "Jefe"
headers = { acme-signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" }
body = "what do ya want for something?"
now = 1700000000
"#;

#[test]
fn a_scheme_of_ones_own_is_tried_with_its_own_vectors() {
    let (_folder, path) = written(ACME);

    let held = countersign(&["schemes", "test", path.to_str().unwrap()]);

    assert!(held.status.success(), "{held:?}");
    assert_eq!(
        String::from_utf8_lossy(&held.stdout),
        "2 passed, 0 failed\n"
    );
}

#[test]
fn the_page_on_own_schemes_holds_as_it_stands() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/own-scheme.md");
    let page = fs::read_to_string(page).unwrap();
    let mut blocks = page.split("```toml\n").skip(1);
    let mut block = || blocks.next().unwrap().split("```").next().unwrap();
    let (_folder, scheme) = written(block());
    let (_other, config) = written(block());
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let sign = [
        "sign",
        "--scheme",
        &path(&scheme),
        "--secret",
        "an acme secret of some length",
        "--id",
        "evt_1",
        "--timestamp",
        "1700000000",
        "--data",
        "{\"order\":7}",
    ];

    let tried = countersign(&["schemes", "test", scheme.to_str().unwrap()]);
    let checked = countersign(&["config", "check", config.to_str().unwrap()]);

    let signed = countersign(&sign);
    assert!(
        String::from_utf8_lossy(&signed.stdout).contains("ts=1700000000;sig=AZvg9xbxnAKBSr43"),
        "{signed:?}"
    );
    let said = String::from_utf8_lossy(&tried.stdout);
    assert!(
        page.contains(&format!("schemes test acme.toml\n{said}")),
        "{tried:?}"
    );
    assert!(checked.status.success(), "{checked:?}");
    let table = page.split("| such as |").nth(1).unwrap();
    let rows = table.lines().filter_map(|row| row.rsplit('|').nth(1));
    for name in rows.flat_map(|row| row.split('`').skip(1).step_by(2)) {
        let shown = countersign(&["schemes", "show", name]);
        assert!(shown.status.success(), "{name}: {shown:?}");
    }
}

#[test]
fn a_scheme_that_does_not_hold_fails_by_the_names_of_its_vectors() {
    let (_folder, path) = written(&broken());

    let failed = countersign(&["schemes", "test", path.to_str().unwrap()]);
    let json = countersign(&["schemes", "test", path.to_str().unwrap(), "--json"]);

    let said = String::from_utf8_lossy(&failed.stdout);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(
        said.contains("failed: acme/rfc-4231-2 is refused"),
        "{said}"
    );
    assert!(!said.contains("another-body"), "{said}");
    assert!(said.ends_with("1 passed, 1 failed\n"), "{said}");
    assert_eq!(json.status.code(), Some(1), "{json:?}");
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["failed"], 1);
    assert_eq!(report["failures"][0]["vector"], "rfc-4231-2");
}

#[test]
fn what_is_shown_of_a_built_in_scheme_is_a_file_that_holds() {
    let shown = countersign(&["schemes", "show", "stripe"]);
    let (_folder, path) = written(&String::from_utf8(shown.stdout).unwrap());

    let held = countersign(&["schemes", "test", path.to_str().unwrap()]);

    assert!(held.status.success(), "{held:?}");
    assert_eq!(
        held.stdout,
        countersign(&["schemes", "test", "stripe"]).stdout
    );
}

#[test]
fn every_built_in_scheme_is_listed_and_holds() {
    let list = countersign(&["schemes", "list", "--json"]);
    let tested = countersign(&["schemes", "test"]);

    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let names: Vec<_> = list.as_array().unwrap().iter().collect();
    assert!(names.len() > 90, "{}", names.len());
    assert!(tested.status.success(), "{tested:?}");
}

#[test]
fn a_scheme_that_is_nowhere_or_not_one_is_a_wrong_command() {
    let (_folder, path) = written("name = \"acme\"\nsign = 1\n");

    for words in [
        &["schemes", "show", "gihtub"][..],
        &["schemes", "test", "gihtub"],
        &["schemes", "test", path.to_str().unwrap()],
        &["schemes"],
    ] {
        let output = countersign(words);

        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn the_gateway_does_not_serve_with_a_scheme_that_does_not_hold() {
    for (what, flow) in [
        (
            "a flow",
            "[[flows]]\nid = \"orders\"\nauth = { scheme = \"acme\", keys = [{ secret = \"0123456789abcdef\" }] }\n",
        ),
        (
            "a step",
            "[[flows]]\nid = \"orders\"\nauth = { mode = \"none\" }\nsteps = [{ name = \"a\", url = \"http://127.0.0.1:9/\", scheme = \"acme\", secret = \"0123456789abcdef\" }]\n",
        ),
    ] {
        let (_folder, path) = written(&configuration(&broken(), flow));
        let path = path.to_str().unwrap();

        let tested = countersign(&["schemes", "test", path]);
        // The check comes first: were it to pass, the gateway would serve and never end.
        for words in [&["config", "check", path][..], &["serve", "--config", path]] {
            let output = countersign(words);

            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{what}: {said}");
            assert!(
                said.contains("acme") && said.contains("rfc-4231-2"),
                "{what}: {said}"
            );
        }
        assert_eq!(tested.status.code(), Some(1), "{what}: {tested:?}");
    }
}

#[test]
fn the_gateway_takes_a_scheme_that_holds() {
    let flow = "[[flows]]\nid = \"orders\"\nauth = { scheme = \"acme\", keys = [{ secret = \"0123456789abcdef\" }] }\n";
    let (_folder, path) = written(&configuration(ACME, flow));

    let checked = countersign(&["config", "check", path.to_str().unwrap()]);

    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn the_scheme_in_the_documents_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let (_, section) = page.split_once("## `schemes`").unwrap();
    let blocks: Vec<_> = section
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let (_folder, path) = written(&blocks.concat());

    let held = countersign(&["schemes", "test", path.to_str().unwrap()]);

    assert_eq!(
        String::from_utf8_lossy(&held.stdout),
        "1 passed, 0 failed\n"
    );
}

/// The scheme, described as if its senders used SHA-512.
fn broken() -> String {
    ACME.replace("digest = \"hmac-sha256\"", "digest = \"hmac-sha512\"")
}

/// A configuration with this scheme and this flow.
fn configuration(scheme: &str, flow: &str) -> String {
    let scheme = scheme
        .replace("name = \"acme\"\n", "")
        .replace("[[vectors]]", "[[schemes.acme.vectors]]");
    format!("[schemes.acme]{scheme}\n{flow}")
}

fn written(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}
