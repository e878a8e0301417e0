//! The commands people type.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{FLOW_SECRET, Receiver, Setup, binary, countersign, native, step, tool};

#[test]
fn the_demo_ends_well_and_prints_what_the_readme_shows() {
    let output = countersign(&["demo", "--exit"]);

    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme
        .split_once("<!-- demo -->\n```text\n")
        .and_then(|(_, rest)| rest.split_once("```\n<!-- /demo -->"))
        .map(|(shown, _)| shown);
    assert_eq!(
        shown,
        Some(said.as_str()),
        "README.md shows another output of `countersign demo --exit`"
    );
}

#[test]
fn the_configurations_in_the_documents_are_ones_that_load() {
    let folder = tempfile::tempdir().unwrap();
    let mut found = 0;
    for name in ["README.md", "examples/sidecar/countersign.toml"] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let blocks: Vec<&str> = match name.ends_with(".toml") {
            true => vec![&text],
            false => text
                .split("```toml\n")
                .skip(1)
                .filter_map(|rest| rest.split("```").next())
                .collect(),
        };
        for block in blocks {
            let path = folder.path().join(format!("{found}.toml"));
            fs::write(&path, block).unwrap();
            let output = Command::new(binary())
                .args(["config", "check"])
                .arg(&path)
                .envs(
                    ["GITHUB_SECRET", "ORDERS_SECRET", "BILLING_SECRET"]
                        .map(|name| (name, FLOW_SECRET)),
                )
                .env("COUNTERSIGN_TOKEN", "a-token-of-a-good-length")
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{name}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            found += 1;
        }
    }
    assert_eq!(found, 3);
}

#[test]
fn the_published_vectors_pass() {
    let output = countersign(&["verify", "--vectors", vectors().to_str().unwrap()]);

    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.ends_with(" passed, 0 failed"), "{last}");
    assert!(!last.starts_with("0 "), "{last}");
}

#[test]
fn a_vector_that_does_not_hold_fails_the_run_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors.json");
    let vector = |provider: &str, name: &str, mac: &str| {
        format!(
            "{{\"provider\":\"{provider}\",\"name\":\"{name}\",\"secret\":\"mySecret\",\"method\":\"POST\",\
             \"url\":\"https://hooks.example.com/hooks/orders\",\
             \"headers\":{{\"X-Webhook-Signature\":\"t=1568818215724,sha256={mac}\"}},\"body\":\"test\",\
             \"now\":1568818216,\"tolerance_s\":300,\"expect\":\"accept\",\"reason\":\"\",\
             \"params\":{{\"timestamp_unit\":\"ms\"}},\"source\":\"here\"}}"
        )
    };
    let good = "ae9c9f18381e423059604b64469099165a343deef595013525703e50e84d19f9";
    let text = format!(
        "[{},{},{}]",
        vector("native", "the-good-one", good),
        vector("native", "the-bad-one", &good.replace('a', "b")),
        vector("nobody-knows", "the-unknown-one", good),
    );
    fs::write(&path, text).unwrap();

    let output = countersign(&["verify", "--vectors", path.to_str().unwrap()]);

    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("1 passed, 2 failed"), "{said}");
    assert!(
        said.contains("the-bad-one") && said.contains("nobody-knows"),
        "{said}"
    );
    assert!(!said.contains("the-good-one"), "{said}");

    let output = countersign(&["verify", "--json", "--vectors", path.to_str().unwrap()]);

    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["passed"], &report["failed"]),
        (&1.into(), &2.into())
    );
    assert_eq!(report["failures"][0]["name"], "the-bad-one");
}

#[test]
fn verify_says_yes_or_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let verify = |name: &str, signature: &str| {
        let path = folder.path().join(name);
        let text = format!(
            "POST /hooks/orders HTTP/1.1\r\nHost: hooks.example.com\r\nX-Webhook-Signature: {signature}\r\n\r\nbody"
        );
        fs::write(&path, text).unwrap();
        countersign(&["verify", "--secret", FLOW_SECRET, path.to_str().unwrap()])
    };

    let yes = verify("yes.http", &native(FLOW_SECRET, b"body"));
    let no = verify("no.http", &native(FLOW_SECRET, b"another body"));

    assert!(yes.status.success(), "{yes:?}");
    assert_eq!(no.status.code(), Some(1), "{no:?}");
    assert!(
        String::from_utf8_lossy(&no.stdout).contains("bad_signature"),
        "{no:?}"
    );
}

#[test]
fn a_signed_request_sent_by_us_arrives() {
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();
    let url = format!("http://{}/hooks/orders", gateway.ingress);

    let sent = with_secret(&[
        "send",
        "--secret-env",
        "SECRET",
        "--data",
        "it's {\"order\": 7}",
        &url,
    ]);
    let forged = countersign(&[
        "send",
        "--secret",
        "another-secret-of-a-good-length",
        "--data",
        "x",
        &url,
    ]);

    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(forged.status.code(), Some(1), "{forged:?}");
    assert_eq!(receiver.wait_for(1)[0].body, b"it's {\"order\": 7}");
}

#[test]
fn the_printed_curl_line_works() {
    if !tool("curl") {
        return;
    }
    let receiver = Receiver::start();
    let gateway = Setup::new()
        .flow("orders", &step("only", &receiver.url("/in")))
        .start();
    let url = format!("http://{}/hooks/orders?q=a%20b&c=$HOME", gateway.ingress);
    let body = "it's {\"order\": \"$7\"}\n";
    let line = with_secret(&[
        "sign",
        "--secret-env",
        "SECRET",
        "--data",
        body,
        "--url",
        &url,
        "--curl",
    ]);
    assert!(line.status.success(), "{line:?}");

    let sent = Command::new("sh")
        .arg("-c")
        .arg(String::from_utf8(line.stdout).unwrap())
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&sent.stdout).into_owned();
    assert!(
        said.contains("202"),
        "{said}{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    assert_eq!(receiver.wait_for(1)[0].body, body.as_bytes());
}

#[test]
fn a_command_line_that_is_wrong_ends_with_two_and_says_so() {
    for words in [
        &["serf"][..],
        &["serve", "--confi", "x"],
        &["sign", "--data", "x"],
        &["verify", "/nowhere/at/all"],
        &["schemes", "test", "/nowhere/at/all"],
    ] {
        let output = countersign(words);

        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn every_command_explains_itself() {
    let help = String::from_utf8(countersign(&["--help"]).stdout).unwrap();

    for command in [
        "demo", "serve", "config", "sign", "send", "verify", "events", "schemes",
    ] {
        assert!(help.contains(command), "{help}");
        let own = countersign(&[command, "--help"]);
        assert!(own.status.success() && own.stdout.len() > 100, "{command}");
    }
}

fn with_secret(words: &[&str]) -> Output {
    Command::new(binary())
        .args(words)
        .env("SECRET", FLOW_SECRET)
        .output()
        .unwrap()
}

/// The vectors of the schemes we have, kept with the crate that they are about.
fn vectors() -> PathBuf {
    root().join("crates/countersign/tests/vectors.json")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
