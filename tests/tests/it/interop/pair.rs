//! An SDK and we, each judging what the other signs.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::binary;

/// An SDK, our name for what it does, and the secret that both have.
pub(super) struct Pair {
    pub(super) sdk: &'static str,
    pub(super) scheme: &'static str,
    /// What the sender signs with.
    pub(super) secret: &'static str,
    /// What the receiver verifies with: the same, unless that is a public key.
    pub(super) receiver: &'static str,
    /// Both of somebody else.
    pub(super) stranger: (&'static str, &'static str),
    pub(super) key_id: Option<&'static str>,
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) kind: &'static str,
    /// How old a request may be, where the scheme allows too little for a slow machine.
    pub(super) window: Option<&'static str>,
    /// When we judge, where that is not now.
    pub(super) now: Option<u64>,
    /// Changes a byte of a request.
    pub(super) forge: fn(&mut Sent),
    /// The reason for which we refuse what was changed.
    pub(super) changed: &'static str,
}

/// A signed request.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Pair {
    pub(super) fn new(sdk: &'static str, scheme: &'static str, secret: &'static str) -> Self {
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
            window: None,
            now: None,
            forge: |sent| sent.body = forged(&sent.body),
            changed: "bad_signature",
        }
    }

    pub(super) fn both_ways(&self, body: &str) {
        self.they_sign(body);
        self.we_sign(body);
    }

    /// What the SDK signs we accept; with a byte changed, or by another secret, we do not.
    pub(super) fn they_sign(&self, body: &str) {
        let Some(sent) = self.signed_by_them(body) else {
            return;
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
    pub(super) fn we_sign(&self, body: &str) {
        if script(self.sdk).is_none() {
            return;
        }
        let sent = self.sign(self.secret, body);
        let stranger = self.sign(self.stranger.0, body);

        let judged = self.judged_by_them(self.secret, &[&sent, &self.forged(&sent), &stranger]);

        let sdk = self.sdk;
        let judged = judged.unwrap();
        assert_eq!(judged, [true, false, false], "what {sdk} says of ours");
    }

    /// The SDK and we say the same of a genuine request, of one with a byte changed, and under another key.
    pub(super) fn both_judge(&self, sent: &Sent) {
        let forged = self.forged(sent);
        let Some(mut theirs) = self.judged_by_them(self.receiver, &[sent, &forged]) else {
            return;
        };
        theirs.extend(self.judged_by_them(self.stranger.1, &[sent]).unwrap());
        let ours = [
            self.verify(self.receiver, sent),
            self.verify(self.receiver, &forged),
            self.verify(self.stranger.1, sent),
        ];

        assert_eq!(theirs, [true, false, false], "what {} says", self.sdk);
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours["genuine"], theirs, "{}: {ours}", self.sdk);
        }
    }

    /// A request that the SDK signs; `None` where there are no SDKs.
    pub(super) fn signed_by_them(&self, body: &str) -> Option<Sent> {
        let question = json!({"do": "sign", "secret": self.secret, "url": self.url, "body": body});
        let signed = self.ask(vec![question])?.pop().unwrap();
        let headers = signed["headers"].as_object().unwrap().iter();
        let mut headers: Vec<_> = headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        headers.push(("content-type".to_owned(), self.kind.to_owned()));
        Some(Sent {
            url: self.url.clone(),
            headers,
            body: signed["body"].as_str().unwrap_or(body).to_owned(),
        })
    }

    /// What the SDK says of each request; `None` where there are no SDKs.
    fn judged_by_them(&self, secret: &str, all: &[&Sent]) -> Option<Vec<bool>> {
        let questions = all.iter().map(|sent| {
            let headers = sent.headers.iter();
            let headers = headers.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            json!({
                "do": "verify", "secret": secret, "url": sent.url, "body": sent.body,
                "headers": Value::Object(headers.collect()),
            })
        });
        let answers = self.ask(questions.collect())?.into_iter();
        let genuine = answers.map(|answer| answer["genuine"].as_bool().unwrap());
        Some(genuine.collect())
    }

    fn forged(&self, sent: &Sent) -> Sent {
        let mut forged = sent.clone();
        (self.forge)(&mut forged);
        forged
    }

    /// The SDK's answer to each question; `None` where there are no SDKs.
    pub(super) fn ask(&self, questions: Vec<Value>) -> Option<Vec<Value>> {
        let mut script = script(self.sdk)?;
        let lines = questions.into_iter().map(|mut question| {
            question["sdk"] = self.sdk.into();
            format!("{question}\n")
        });
        let output = with_input(&mut script, lines.collect::<String>().as_bytes());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}", self.sdk);
        let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
        Some(answers.collect::<Result<_, _>>().unwrap())
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
            .args(self.window.into_iter().flat_map(|span| ["--window", span]))
            .args(self.now.map(|now| format!("--now={now}")))
            .env("SECRET", secret);
        let output = with_input(&mut command, request.as_bytes());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    fn key_id(&self) -> impl Iterator<Item = &'static str> {
        self.key_id.into_iter().flat_map(|id| ["--key-id", id])
    }
}

/// The same text with one letter another, still in its format.
pub(super) fn forged(body: &str) -> String {
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
    let mut command = if NODE.contains(&sdk) {
        let mut node = Command::new("node");
        // As text, its imports are looked up where the packages are.
        node.args([
            "--input-type=module",
            "-e",
            include_str!("../../../interop/sdk.mjs"),
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

/// The SDKs for node; the others are Python's.
const NODE: [&str; 6] = ["linear", "octokit", "sanity", "sendgrid", "sns", "workos"];
const STRANGER: &str = "whsec_c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vy";
