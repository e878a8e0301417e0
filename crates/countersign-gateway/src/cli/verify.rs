//! `countersign verify`: is this captured request genuine, and if not, why?

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context as _;
use countersign::{PublicUrl, Reason, Verified};
use serde_json::json;

use super::message::Message;
use super::out::Out;
use super::vectors::{self, Entry};
use super::{Usage, input, usage};
use crate::moment;
pub(super) use judge::{Judge, JudgeArgs, Refused};

mod judge;

/// Check a captured HTTP request: genuine or not, and why not. Or run a file of test vectors.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The request: request line, headers, an empty line, the body; `-` is the standard input.
    #[arg(value_name = "FILE", default_value = "-", conflicts_with = "vectors")]
    message: PathBuf,

    #[command(flatten)]
    judge: JudgeArgs,

    /// Run this file of test vectors instead; handshakes may be among them. Fields that are not known fail, but for
    /// remarks: `note`, `notes`, `comment`, `description`, `source`, `tier`, and what begins with `_` or `$`.
    #[arg(
        long, value_name = "FILE",
        conflicts_with_all = ["url", "window", "now", "config", "secret_env", "secret_file", "secret", "key_id"]
    )]
    vectors: Option<PathBuf>,

    /// Run the vectors of this family only; may be repeated.
    #[arg(long, value_name = "NAME", requires = "vectors")]
    family: Vec<String>,

    /// Print the answer as JSON; of test vectors how many passed and failed, and each that did not hold.
    #[arg(long)]
    json: bool,
}

/// Runs `countersign verify`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.vectors {
        return run_vectors(path, args, out);
    }
    let judge = args.judge.judge()?;
    let message = input::message(&args.message)?;
    let (base, target) = args.judge.public_url(&judge, &message)?;
    let now = args.judge.now();
    let url = PublicUrl::new(&base, &target);
    let verdict = judge.verify(&message, url, &message.body, now);
    let notes = notes(&judge, &message, url, now, &verdict);
    if args.json {
        writeln!(out, "{}", as_json(&verdict, &notes))?;
    } else {
        print(&verdict, &notes, now, out)?;
    }
    Ok(super::verdict(verdict.is_ok()))
}

fn run_vectors(path: &Path, args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let families = &args.family;
    let name = input::name(path);
    let mut list = Entry::list(&input::read(path)?)
        .with_context(|| Usage(format!("{name} is no file of test vectors")))?;
    if list.is_empty() {
        return Err(usage(format!("{name} holds no test vectors")));
    }
    let is_none = list.iter().all(|entry| entry.problem().is_some());
    if let Some(why) = list.first().and_then(Entry::problem).filter(|_| is_none) {
        return Err(usage(format!("{name} is no file of test vectors: {why}")));
    }
    let missing: Vec<_> = families
        .iter()
        .filter(|family| !list.iter().any(|entry| entry.family() == *family))
        .map(|family| format!("`{family}`"))
        .collect();
    if !missing.is_empty() {
        let known: BTreeSet<_> = list.iter().map(Entry::family).collect();
        let known: Vec<_> = known.into_iter().collect();
        return Err(usage(format!(
            "{name} has no vectors of the family {}; it has those of {}",
            missing.join(", "),
            known.join(", ")
        )));
    }
    if !families.is_empty() {
        list.retain(|entry| families.iter().any(|family| family == entry.family()));
    }
    Ok(vectors::run(&list, args.json, out)?)
}

/// What the reader should know besides the verdict.
fn notes(
    judge: &Judge,
    message: &Message,
    url: PublicUrl<'_>,
    now: SystemTime,
    verdict: &Result<Verified, Refused>,
) -> Vec<String> {
    let mut notes: Vec<String> = message.notes.iter().map(ToString::to_string).collect();
    let Err(Refused::Rejected(rejection)) = verdict else {
        return notes;
    };
    notes.extend(rejection.hint().map(|hint| hint.to_string()));
    if rejection.reason() == Reason::BadSignature {
        let body = &message.body;
        let shorter = body
            .strip_suffix(b"\r\n")
            .or_else(|| body.strip_suffix(b"\n"));
        if shorter.is_some_and(|body| judge.verify(message, url, body, now).is_ok()) {
            notes.push(
                "without the line end after it, the body is genuine: an editor added one"
                    .to_owned(),
            );
        }
    }
    notes
}

pub(super) fn print(
    verdict: &Result<Verified, Refused>,
    notes: &[String],
    now: SystemTime,
    out: &mut Out,
) -> std::io::Result<()> {
    match verdict {
        Ok(verified) => {
            let key = verified.key().map_or_else(
                || "no key: nothing is asked for".to_owned(),
                |key| format!("key {key}"),
            );
            let time = verified
                .time()
                .map(|time| format!(", signed {}", moment::distance(time, now)));
            writeln!(
                out,
                "{}: {key}{}",
                out.good("genuine"),
                time.unwrap_or_default()
            )?;
        }
        Err(refused) => writeln!(
            out,
            "{}: {}, {refused}",
            out.bad("refused"),
            refused.label()
        )?,
    }
    for note in notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}

pub(super) fn as_json(verdict: &Result<Verified, Refused>, notes: &[String]) -> serde_json::Value {
    match verdict {
        Ok(verified) => json!({
            "genuine": true,
            "key": verified.key().map(ToString::to_string),
            "signed_at": verified.time().map(moment::show),
            "notes": notes,
        }),
        Err(refused) => json!({
            "genuine": false,
            "reason": refused.label(),
            "message": refused.to_string(),
            "notes": notes,
        }),
    }
}

const EXAMPLES: &str = "\
Examples:
  A captured request; the file is the request line, the headers, an empty line and the body:
    countersign verify --secret-env ORDERS_SECRET request.http

  As it was when it came in:
    countersign verify --secret-env ORDERS_SECRET \\
      --now 2026-11-21T12:00:00Z request.http

  As the flow `orders` of a configuration checks it:
    countersign verify --config countersign.toml --flow orders request.http

  A GET, whose public URL is signed:
    countersign verify --secret-env ORDERS_SECRET \\
      --url https://hooks.example.com request.http

  A file of test vectors, or one family of it:
    countersign verify --vectors vectors.json --family stripe
    countersign verify --vectors vectors.json --json

Exit status: 0 genuine, 1 not, 2 the command or a file is wrong. Repeats are not looked for.";

#[cfg(test)]
mod tests;
