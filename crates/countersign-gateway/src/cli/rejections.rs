//! `countersign rejections`: which requests a running gateway refused, and why.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::Value;

use super::admin::{AdminArgs, question, tell};
use super::client;
use super::out::{Out, printable};
use crate::explain::NOTHING;

mod follow;

/// Say which requests a running gateway refused, and why: without bodies, signatures or values of headers.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    admin: AdminArgs,

    #[command(flatten)]
    which: Which,

    /// Go on with those that are refused from now on, also when the gateway starts again.
    #[arg(long, conflicts_with_all = ["before", "limit"])]
    follow: bool,

    /// Print JSON, as the admin API gives it; with `--follow`, one object a line.
    #[arg(long)]
    json: bool,
}

/// Which refused requests to list.
#[derive(Clone, Debug, Default, clap::Args)]
struct Which {
    /// Only this flow's.
    #[arg(long, value_name = "ID")]
    flow: Option<String>,

    /// Only those refused for this reason; a wrong one lists all.
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,

    /// At most so many.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=i64::from(LARGEST_PAGE)))]
    limit: Option<u16>,

    /// Only those before this one: the next page.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
}

#[derive(Deserialize)]
struct Page {
    rejections: Vec<Value>,
    next: Option<u64>,
    not_logged: std::collections::BTreeMap<String, u64>,
    since: String,
}

#[derive(Deserialize)]
struct Rejection {
    number: u64,
    time: String,
    flow: Option<String>,
    reason: String,
    message: String,
    observed: bool,
    client: Option<String>,
    peer: String,
    method: String,
    target: String,
    headers: Vec<String>,
    keys: Vec<String>,
    clock_difference_ms: Option<i64>,
    declared_bytes: Option<u64>,
    read_bytes: Option<u64>,
    suppressed: u64,
    hints: Option<Vec<Hint>>,
}

#[derive(Deserialize)]
struct Hint {
    message: String,
}

/// Runs `countersign rejections`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let admin = args.admin.client()?;
    client::block_on(async {
        match args.follow {
            true => follow::follow(&admin, args, out).await,
            false => {
                let answer = admin.get(&args.which.path(None)).await?;
                tell(&answer, args.json, out, list)
            }
        }
    })
}

fn list(page: &Page, out: &mut Out) -> anyhow::Result<()> {
    if page.rejections.is_empty() {
        writeln!(out, "nothing was refused since {}", page.since)?;
    }
    for rejection in &page.rejections {
        show(&Rejection::deserialize(rejection)?, out)?;
    }
    for (flow, count) in &page.not_logged {
        writeln!(
            out,
            "{flow}: {count} more were refused, too many at once to be listed"
        )?;
    }
    if let Some(next) = page.next {
        writeln!(out, "older ones: --before {next}")?;
    }
    Ok(())
}

impl Which {
    fn path(&self, after: Option<u64>) -> String {
        // Whoever follows has to be quicker than what comes.
        let limit = after.map_or(self.limit, |_| Some(LARGEST_PAGE));
        let words = [
            ("flow", self.flow.clone()),
            ("reason", self.reason.clone()),
            ("limit", limit.map(|limit| limit.to_string())),
            ("before", self.before.map(|before| before.to_string())),
            ("after", after.map(|after| after.to_string())),
        ];
        question("/rejections", words)
    }
}

/// One refused request, for people.
fn show(rejection: &Rejection, out: &mut Out) -> io::Result<()> {
    let flow = rejection.flow.as_deref().unwrap_or("no flow");
    let what = if rejection.observed {
        "observed"
    } else {
        "refused"
    };
    writeln!(
        out,
        "{} #{} {} {what}: {}, {}",
        rejection.time,
        rejection.number,
        out.strong(flow),
        out.bad(&rejection.reason),
        rejection.message
    )?;
    let sender = rejection.client.as_ref().unwrap_or(&rejection.peer);
    match rejection.method.as_str() {
        // It is no request, so there is nothing more.
        "" => writeln!(out, "    from {sender}")?,
        method => writeln!(
            out,
            "    {} {} from {sender}, {}",
            printable(method),
            rejection.target.escape_debug(),
            size(rejection.declared_bytes, rejection.read_bytes)
        )?,
    }
    if !rejection.keys.is_empty() {
        writeln!(out, "    keys tried: {}", rejection.keys.join(", "))?;
    }
    if let Some(difference) = rejection.clock_difference_ms {
        writeln!(out, "    signed {}", distance(difference))?;
    }
    if !rejection.headers.is_empty() {
        writeln!(out, "    headers: {}", rejection.headers.join(", "))?;
    }
    match &rejection.hints {
        Some(hints) if hints.is_empty() => writeln!(out, "    hint: {NOTHING}")?,
        hints => {
            for hint in hints.iter().flatten() {
                writeln!(
                    out,
                    "    {}: {}",
                    out.good("hint"),
                    printable(&hint.message)
                )?;
            }
        }
    }
    if rejection.suppressed > 0 {
        writeln!(out, "    {} before it are not listed", rejection.suppressed)?;
    }
    Ok(())
}

fn size(declared: Option<u64>, read: Option<u64>) -> String {
    match (read, declared) {
        (Some(read), _) => format!("{read} bytes"),
        (None, Some(declared)) => format!("{declared} bytes declared, none read"),
        (None, None) => "no body read".to_owned(),
    }
}

/// How far the sender's clock, by its own word, is from ours.
fn distance(millis: i64) -> String {
    let seconds = (millis.unsigned_abs() as f64) / 1_000.0;
    let side = if millis < 0 { "before" } else { "after" };
    match seconds / (365.25 * 86_400.0) {
        // Another unit than is meant, mostly.
        years if years >= 1.0 => format!("{years:.0} years {side} it was received"),
        _ => format!("{seconds:.1} s {side} it was received"),
    }
}

/// How many a gateway tells at once.
const LARGEST_PAGE: u16 = 500;

const EXAMPLES: &str = "\
Examples:
  The last requests that were refused, then those of one flow for one reason:
    export COUNTERSIGN_TOKEN=…
    countersign rejections
    countersign rejections --flow orders --reason bad_signature

  While a sender tries again, for a script:
    countersign rejections --flow orders --follow --json

With `diagnose = true` a flow says what would have made a request genuine.";

#[cfg(test)]
mod tests {
    use super::super::out::testing::Printed;
    use super::*;

    const ONE: &str = r#"{
        "number": 7, "time": "2026-11-21T12:00:00.000Z", "flow": "orders", "reason": "stale_timestamp",
        "message": "the signature is genuine, its time too far back", "observed": false,
        "client": "192.0.2.1", "peer": "192.0.2.9:5000", "method": "POST", "target": "/hooks/orders?a=…\u001b",
        "headers": ["host", "x-webhook-signature"], "keys": ["2026", "old"], "clock_difference_ms": -400500,
        "declared_bytes": 4, "read_bytes": 4, "suppressed": 3,
        "hints": [{ "kind": "clock", "message": "genuine but for its time" }] }"#;

    #[test]
    fn one_is_shown_with_all_that_is_known_and_drives_no_terminal() {
        let printed = Printed::default();

        show(&serde_json::from_str(ONE).unwrap(), &mut printed.out()).unwrap();

        let text = printed.text();
        for part in [
            "#7 orders refused: stale_timestamp",
            "POST /hooks/orders?a=…\\u{1b} from 192.0.2.1, 4 bytes",
            "keys tried: 2026, old",
            "signed 400.5 s before it was received",
            "hint: genuine but for its time",
            "3 before it are not listed",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn the_question_is_encoded() {
        let which = Which {
            flow: Some("a&b".to_owned()),
            limit: Some(5),
            ..Which::default()
        };

        assert_eq!(which.path(None), "/rejections?flow=a%26b&limit=5");
        assert_eq!(
            which.path(Some(9)),
            "/rejections?flow=a%26b&limit=500&after=9"
        );
    }
}
