//! The senders' own SDKs as the other side: what they sign we accept, what we sign they accept, and neither takes a forgery.
//!
//! The SDKs are in `.tools/interop`, where `cargo xtask test` installs what `tests/interop` pins.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::binary;

#[test]
fn stripe_and_we_accept_each_other() {
    let event = r#"{"id": "evt_1", "object": "event", "name": "Zoë"}"#;
    Pair::new("stripe", "stripe", "whsec_0123456789abcdef0123456789abcdef").both_ways(event);
}

#[test]
fn svix_and_we_accept_each_other() {
    Pair::new("svix", "svix", WHSEC).both_ways(BODY);
}

#[test]
fn standard_webhooks_and_we_accept_each_other() {
    Pair::new("standardwebhooks", "standard-webhooks", WHSEC).both_ways(BODY);
}

#[test]
fn slack_and_we_accept_each_other() {
    let command =
        "token=abc&command=%2Fweather&text=94070+K%C3%B6ln&response_url=https%3A%2F%2Fexample.com";
    Pair::new("slack-sdk", "slack", HEX).both_ways(command);
}

#[test]
fn github_and_we_accept_each_other() {
    Pair::new("octokit", "github", HEX).both_ways(BODY);
}

#[test]
fn forms_that_twilio_signed_are_accepted() {
    let form = "To=%2B18005551212&Body=Zo%C3%AB+says+hi%21&From=%2B14158675309&Empty=&CallSid=CA1";
    let mut pair = Pair::new("twilio", "twilio", HEX);
    pair.kind = "application/x-www-form-urlencoded";
    for url in ["?foo=1&bar=a%20b", ":8443/hooks/in"] {
        pair.url = format!(
            "https://hooks.example.com{}",
            url.replace("?", "/hooks/in?")
        );
        pair.they_sign(form);
    }
}

#[test]
fn json_that_twilio_signed_is_accepted() {
    use sha2::Digest as _;
    let digest = hex::encode(sha2::Sha256::digest(BODY));
    let mut pair = Pair::new("twilio", "twilio", HEX);
    pair.url = format!("https://hooks.example.com/hooks/in?a=1&bodySHA256={digest}");
    pair.changed = "body_changed";
    pair.they_sign(BODY);
}

/// An SDK, our name for what it does, and the secret that both have.
struct Pair {
    sdk: &'static str,
    scheme: &'static str,
    secret: &'static str,
    url: String,
    kind: &'static str,
    /// The reason for which we refuse a changed body.
    changed: &'static str,
}

impl Pair {
    fn new(sdk: &'static str, scheme: &'static str, secret: &'static str) -> Self {
        Self {
            sdk,
            scheme,
            secret,
            url: "https://hooks.example.com/hooks/in".to_owned(),
            kind: "application/json",
            changed: "bad_signature",
        }
    }

    fn both_ways(&self, body: &str) {
        self.they_sign(body);
        self.we_sign(body);
    }

    /// What the SDK signs we accept; with a byte changed, or by another secret, we do not.
    fn they_sign(&self, body: &str) {
        let question = json!({"do": "sign", "secret": self.secret, "url": self.url, "body": body});
        let Some(signed) = self.ask(question) else {
            return;
        };
        let headers = &signed["headers"];

        let genuine = self.verify(self.secret, body, headers);
        let changed = self.verify(self.secret, &forged(body), headers);
        let stranger = self.verify(STRANGER, body, headers);

        assert_eq!(genuine["genuine"], true, "{}: {genuine}", self.sdk);
        for (refused, reason) in [(changed, self.changed), (stranger, "bad_signature")] {
            assert_eq!(refused["genuine"], false, "{}: {refused}", self.sdk);
            assert_eq!(refused["reason"], reason, "{}: {refused}", self.sdk);
        }
    }

    /// What we sign the SDK accepts; with a byte changed, or by another secret, it does not.
    fn we_sign(&self, body: &str) {
        let judged = |secret: &str, sent: &str| {
            let headers = self.sign(secret, body);
            let question = json!({
                "do": "verify", "secret": self.secret, "url": self.url, "body": sent, "headers": headers,
            });
            Some(self.ask(question)?["genuine"].clone())
        };
        let Some(genuine) = judged(self.secret, body) else {
            return;
        };

        assert_eq!(genuine, true, "{} refuses what we signed", self.sdk);
        assert_eq!(judged(self.secret, &forged(body)), Some(json!(false)));
        assert_eq!(judged(STRANGER, body), Some(json!(false)));
    }

    /// The answer of the SDK; `None` where there are no SDKs.
    fn ask(&self, mut question: Value) -> Option<Value> {
        let mut script = script(self.sdk)?;
        question["sdk"] = self.sdk.into();
        let output = with_input(&mut script, format!("{question}\n").as_bytes());
        assert!(
            output.status.success(),
            "{}: {}",
            self.sdk,
            String::from_utf8_lossy(&output.stderr)
        );
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The headers that `countersign sign` prints.
    fn sign(&self, secret: &str, body: &str) -> Value {
        let mut command = Command::new(binary());
        command
            .args(["sign", "--scheme", self.scheme, "--url", &self.url])
            .args(["--secret-env", "SECRET", "--data", body])
            .env("SECRET", secret);
        let output = with_input(&mut command, b"");
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let headers = lines.lines().map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), Value::from(value))
        });
        Value::Object(headers.collect())
    }

    /// What `countersign verify` says about the request.
    fn verify(&self, secret: &str, body: &str, headers: &Value) -> Value {
        let kind = self.kind;
        let mut request = format!("POST /hooks/in HTTP/1.1\r\nContent-Type: {kind}\r\n");
        for (name, value) in headers.as_object().unwrap() {
            request.push_str(&format!("{name}: {}\r\n", value.as_str().unwrap()));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut command = Command::new(binary());
        command
            .args(["verify", "--json", "--scheme", self.scheme])
            .args(["--url", &self.url, "--secret-env", "SECRET"])
            .env("SECRET", secret);
        let output = with_input(&mut command, request.as_bytes());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }
}

/// The same text with one letter another, still in its format.
fn forged(body: &str) -> String {
    let at = body.rfind("Zo").or_else(|| body.rfind("ample"));
    let at = at.expect("a body has a word to change");
    format!("{}X{}", &body[..at], &body[at + 1..])
}

/// The script that speaks for `sdk`; `None`, loudly, where the SDKs are not installed, which CI may not be.
fn script(sdk: &str) -> Option<Command> {
    let tools = root().join(".tools/interop");
    if !tools.join("installed").is_file() {
        assert!(
            env::var_os("CI").is_none(),
            "CI must have the SDKs; `cargo xtask test` installs them"
        );
        eprintln!(
            "SKIPPED: no SDKs here (`cargo xtask test` installs them), so this test shows nothing"
        );
        return None;
    }
    let mut command = if sdk == "octokit" {
        let mut node = Command::new("node");
        // As text, its imports are looked up where the packages are.
        node.args([
            "--input-type=module",
            "-e",
            include_str!("../../interop/sdk.mjs"),
        ]);
        node
    } else {
        let mut python = Command::new(tools.join("venv/bin/python"));
        python.arg(root().join("tests/interop/sdk.py"));
        python
    };
    command.current_dir(tools);
    Some(command)
}

fn with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    // One that reads nothing may have ended already; its output says why.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

const BODY: &str = r#"{"order": 7, "name": "Zoë", "price": 1.50}"#;
const HEX: &str = "0123456789abcdef0123456789abcdef";
const STRANGER: &str = "whsec_c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vy";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
