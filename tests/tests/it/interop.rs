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
fn twilio_and_we_accept_each_others_forms() {
    let form = "To=%2B18005551212&Body=Zo%C3%AB+says+hi%21&From=%2B14158675309&Empty=&CallSid=CA1";
    for url in ["/hooks/in?foo=1&bar=a%20b", ":8443/hooks/in"] {
        let mut pair = Pair::new("twilio", "twilio", HEX);
        pair.kind = "application/x-www-form-urlencoded";
        pair.url = format!("https://hooks.example.com{url}");
        pair.both_ways(form);
    }
}

#[test]
fn twilio_and_we_accept_each_others_json() {
    use sha2::Digest as _;
    let digest = hex::encode(sha2::Sha256::digest(BODY));
    let mut pair = Pair::new("twilio", "twilio", HEX);
    pair.url = format!("https://hooks.example.com/hooks/in?a=1&bodySHA256={digest}");
    pair.changed = "body_changed";
    pair.they_sign(BODY);
    // Ours writes the hash into the URL.
    pair.url = "https://hooks.example.com/hooks/in?a=1".to_owned();
    pair.we_sign(BODY);
}

#[test]
fn twilio_and_we_accept_each_others_gets() {
    let mut pair = Pair::new("twilio", "twilio", HEX);
    pair.method = "GET";
    pair.url = "https://hooks.example.com/hooks/in?Body=Zo%C3%AB&n=1".to_owned();
    pair.forge = |sent| sent.url = forged(&sent.url);
    pair.both_ways("");
}

#[test]
fn discord_and_we_accept_each_other() {
    let mut pair = Pair::new("discord", "discord", ONE_KEY);
    pair.receiver = &ONE_KEY[64..];
    pair.stranger = (OTHER_KEY, &OTHER_KEY[64..]);
    pair.both_ways(BODY);
}

#[test]
fn braintree_and_we_accept_each_other() {
    let mut pair = Pair::new("braintree", "braintree", HEX);
    pair.kind = "application/x-www-form-urlencoded";
    pair.key_id = Some("public");
    pair.forge = |sent| sent.body = sent.body.replacen("bt_payload=", "bt_payload=A", 1);
    pair.they_sign("");
    let Some(sample) = pair.ask(json!({"do": "sign", "secret": STRANGER, "url": "", "body": ""}))
    else {
        return;
    };
    // Their sample with a stranger's signature, over which ours goes.
    pair.we_sign(sample["body"].as_str().unwrap());
}

/// An SDK, our name for what it does, and the secret that both have.
struct Pair {
    sdk: &'static str,
    scheme: &'static str,
    /// What the sender signs with.
    secret: &'static str,
    /// What the receiver verifies with: the same, unless that is a public key.
    receiver: &'static str,
    /// Both of somebody else.
    stranger: (&'static str, &'static str),
    key_id: Option<&'static str>,
    method: &'static str,
    url: String,
    kind: &'static str,
    /// Changes a byte of a request.
    forge: fn(&mut Sent),
    /// The reason for which we refuse what was changed.
    changed: &'static str,
}

/// A signed request.
#[derive(Clone)]
struct Sent {
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Pair {
    fn new(sdk: &'static str, scheme: &'static str, secret: &'static str) -> Self {
        Self {
            sdk,
            scheme,
            secret,
            receiver: secret,
            stranger: (STRANGER, STRANGER),
            key_id: None,
            method: "POST",
            url: "https://hooks.example.com/hooks/in".to_owned(),
            kind: "application/json",
            forge: |sent| sent.body = forged(&sent.body),
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
        let headers = signed["headers"].as_object().unwrap().iter();
        let mut headers: Vec<_> = headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        headers.push(("content-type".to_owned(), self.kind.to_owned()));
        let sent = Sent {
            url: self.url.clone(),
            headers,
            body: signed["body"].as_str().unwrap_or(body).to_owned(),
        };

        let genuine = self.verify(self.receiver, &sent);
        let changed = self.verify(self.receiver, &self.forged(&sent));
        let stranger = self.verify(self.stranger.1, &sent);

        assert_eq!(genuine["genuine"], true, "{}: {genuine}", self.sdk);
        for (refused, reason) in [(changed, self.changed), (stranger, "bad_signature")] {
            assert_eq!(refused["genuine"], false, "{}: {refused}", self.sdk);
            assert_eq!(refused["reason"], reason, "{}: {refused}", self.sdk);
        }
    }

    /// What we sign the SDK accepts; with a byte changed, or by another secret, it does not.
    fn we_sign(&self, body: &str) {
        let judged = |sent: &Sent| {
            let headers = sent.headers.iter();
            let headers = headers.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            let question = json!({
                "do": "verify", "secret": self.secret, "url": sent.url, "body": sent.body,
                "headers": Value::Object(headers.collect()),
            });
            Some(self.ask(question)?["genuine"].clone())
        };
        let sent = self.sign(self.secret, body);
        let Some(genuine) = judged(&sent) else {
            return;
        };

        assert_eq!(genuine, true, "{} refuses what we signed", self.sdk);
        assert_eq!(judged(&self.forged(&sent)), Some(json!(false)));
        assert_eq!(
            judged(&self.sign(self.stranger.0, body)),
            Some(json!(false))
        );
    }

    fn forged(&self, sent: &Sent) -> Sent {
        let mut forged = sent.clone();
        (self.forge)(&mut forged);
        forged
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

    /// The request that `countersign sign` prints.
    fn sign(&self, secret: &str, body: &str) -> Sent {
        let mut command = Command::new(binary());
        command
            .args(["sign", "--http", "--scheme", self.scheme])
            .args(["--url", &self.url, "--method", self.method])
            .args(["--header", &format!("Content-Type: {}", self.kind)])
            .args(["--secret-env", "SECRET", "--data", body])
            .args(self.key_id())
            .env("SECRET", secret);
        let output = with_input(&mut command, b"");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, body) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let url = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        Sent {
            url: url.to_owned(),
            headers: headers.collect(),
            body: body.to_owned(),
        }
    }

    /// What `countersign verify` says about the request.
    fn verify(&self, secret: &str, sent: &Sent) -> Value {
        let mut request = format!("{} {} HTTP/1.1\r\n", self.method, sent.url);
        for (name, value) in &sent.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n", sent.body.len()));
        request.push_str(&sent.body);
        let mut command = Command::new(binary());
        command
            .args(["verify", "--json", "--scheme", self.scheme])
            .args(["--url", &sent.url, "--secret-env", "SECRET"])
            .args(self.key_id())
            .env("SECRET", secret);
        let output = with_input(&mut command, request.as_bytes());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    fn key_id(&self) -> impl Iterator<Item = &'static str> {
        self.key_id.into_iter().flat_map(|id| ["--key-id", id])
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
/// Private keys of RFC 8032: the seed, then the public key.
const ONE_KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const OTHER_KEY: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const STRANGER: &str = "whsec_c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vy";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
