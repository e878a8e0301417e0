//! `countersign handshake`: lets a flow's sender bring its secret, once, for a while.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use http::Method;
use serde::Deserialize;

use super::admin::{AdminArgs, encoded, question, tell};
use super::client;
use super::out::Out;
use crate::moment::span;

/// Let a flow's sender bring its secret, as Asana does when a webhook is made.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The flow.
    flow: String,

    /// For how long the secret is waited for.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = time)]
    time: Duration,

    /// Stop waiting for one.
    #[arg(long, group = "instead")]
    close: bool,

    /// Only show whether one is waited for, and the keys that came.
    #[arg(long, group = "instead")]
    show: bool,

    /// Forget a key that came.
    #[arg(long, value_name = "KEY", group = "instead")]
    forget: Option<String>,

    #[command(flatten)]
    gateway: AdminArgs,

    /// Print JSON, as the admin API gives it.
    #[arg(long)]
    json: bool,
}

/// How the flow stands.
#[derive(Deserialize)]
struct Standing {
    flow: String,
    open_for_s: Option<u64>,
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    id: String,
    taken: String,
}

/// Runs `countersign handshake`.
pub(super) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let admin = args.gateway.client()?;
    let (method, path) = args.question();
    let answer = client::block_on(admin.ask(method, &path))?;
    tell(&answer, args.json, out, show)
}

fn show(standing: &Standing, out: &mut Out) -> io::Result<()> {
    match standing.open_for_s {
        Some(left) => writeln!(
            out,
            "`{}` waits for its sender's secret for another {}; have the sender register now",
            standing.flow,
            span::show(Duration::from_secs(left))
        )?,
        None => writeln!(out, "`{}` waits for no secret", standing.flow)?,
    }
    for key in &standing.keys {
        writeln!(out, "key {} came at {}", key.id, key.taken)?;
    }
    Ok(())
}

impl Args {
    /// What the gateway is asked.
    fn question(&self) -> (Method, String) {
        let path = format!("/flows/{}/handshake", encoded(&self.flow));
        match &self.forget {
            Some(key) => (Method::DELETE, format!("{path}/keys/{}", encoded(key))),
            None if self.close => (Method::DELETE, path),
            None if self.show => (Method::GET, path),
            None => {
                let time = Some(span::show(self.time));
                (Method::POST, question(&path, [("for", time)]))
            }
        }
    }
}

fn time(text: &str) -> Result<Duration, String> {
    span::parse(text).map_err(|why| why.to_string())
}

const EXAMPLES: &str = "\
Examples:
  Wait for Asana's secret for ten minutes, then make the webhook in Asana:
    export COUNTERSIGN_TOKEN=…
    countersign handshake tasks
    countersign handshake tasks --show

  One webhook was deleted, so its key is not needed any more:
    countersign handshake tasks --forget handshake-1700000000";

#[cfg(test)]
mod tests {
    use super::super::testing::parsed;
    use super::*;

    fn question(words: &[&str]) -> (Method, String) {
        let line = ["handshake"].iter().chain(words);
        parsed::<Args>(line).unwrap().question()
    }

    #[test]
    fn each_wish_is_one_question() {
        for (words, method, path) in [
            (&["a"][..], Method::POST, "/flows/a/handshake?for=10m"),
            (
                &["a", "--for", "90s"],
                Method::POST,
                "/flows/a/handshake?for=90s",
            ),
            (&["a", "--close"], Method::DELETE, "/flows/a/handshake"),
            (&["a", "--show"], Method::GET, "/flows/a/handshake"),
            (
                &["a", "--forget", "k/1"],
                Method::DELETE,
                "/flows/a/handshake/keys/k%2F1",
            ),
            (&["../a"], Method::POST, "/flows/..%2Fa/handshake?for=10m"),
        ] {
            assert_eq!(question(words), (method, path.to_owned()), "{words:?}");
        }
    }

    #[test]
    fn only_one_thing_is_done_at_a_time() {
        assert!(parsed::<Args>(["handshake", "a", "--close", "--show"]).is_err());
        assert!(parsed::<Args>(["handshake", "a", "--for", "soon"]).is_err());
    }
}
