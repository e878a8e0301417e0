//! `countersign explain`: why is this request refused, and what would make it pass?

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context as _;
use countersign::{PublicUrl, Signed};
use http::Method;
use serde_json::json;

use super::message::Message;
use super::out::Out;
use super::verify::{Judge, JudgeArgs, Refused, as_json, print};
use super::{Usage, input};
use crate::config::Spare;
use crate::explain::{Captured, Case, Hint, NOTHING, Voice};
use curl::{Curl, Data};
use handshake::Shake;

mod curl;
mod handshake;

/// Say why a captured request is refused, and what was tried that would make it genuine; or how a handshake is answered.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The request: request line, headers, an empty line, the body; `-` is the standard input.
    #[arg(value_name = "FILE", default_value = "-", conflicts_with = "curl")]
    message: PathBuf,

    /// The request as a `curl` line, as `sign --curl` and browsers write it.
    #[arg(long, value_name = "LINE")]
    curl: Option<String>,

    #[command(flatten)]
    judge: JudgeArgs,

    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `countersign explain`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let judge = args.judge.judge()?;
    let message = match &args.curl {
        Some(line) => from_curl(line)?,
        None => input::message(&args.message)?,
    };
    let (base, target) = args.judge.public_url(&judge, &message)?;
    let url = PublicUrl::new(&base, &target);
    let now = args.judge.now();
    let verdict = judge.verify(&message, url, &message.body, now);
    let request = Signed {
        method: &message.method,
        url,
        headers: &message.headers,
        body: &message.body,
        now,
    };
    let shake = Shake::of(&args.judge, &judge, &request, verdict.as_ref().ok())?;
    let hints = match &verdict {
        _ if shake.is_some() => Vec::new(),
        Ok(_) => Vec::new(),
        // Another method or a shorter body is another request.
        Err(Refused::Method | Refused::TooLarge { .. }) => Vec::new(),
        Err(Refused::Rejected(_)) => hints(&args.judge, &judge, &message, url, now)?,
    };
    let mut notes: Vec<_> = message.notes.iter().map(ToString::to_string).collect();
    if shake.is_none() {
        notes.extend(note(&judge, verdict.as_ref().err(), &hints));
    }
    if args.json {
        let mut answer = as_json(&verdict, &notes);
        if let Some(shake) = &shake {
            answer["handshake"] = shake.as_json();
        }
        answer["hints"] = hints.iter().map(Hint::as_json).collect();
        writeln!(out, "{answer}")?;
    } else {
        if verdict.is_ok() || shake.is_none() {
            print(&verdict, &[], now, out)?;
        }
        if let Some(shake) = &shake {
            shake.print(out)?;
        }
        for hint in &hints {
            writeln!(out, "hint: {}", hint.text)?;
        }
        for note in &notes {
            writeln!(out, "note: {note}")?;
        }
    }
    let passes = shake.map_or(verdict.is_ok(), |shake| shake.is_answered());
    Ok(super::verdict(passes))
}

/// What is said where no hint is found.
fn note(judge: &Judge, refused: Option<&Refused>, hints: &[Hint]) -> Option<String> {
    match (refused?, judge) {
        (Refused::Method, Judge::Flow { flow, .. }) => {
            let methods: Vec<_> = flow.policy.methods().iter().map(Method::as_str).collect();
            Some(format!("the flow takes {}", methods.join(", ")))
        }
        (Refused::Rejected(_), _) if !hints.is_empty() => None,
        (Refused::Rejected(_), Judge::Flow { flow, .. }) if flow.registration.is_some() => {
            Some(BROUGHT.to_owned())
        }
        (Refused::Rejected(_), _) => Some(NOTHING.to_owned()),
        _ => None,
    }
}

fn hints(
    args: &JudgeArgs,
    judge: &Judge,
    message: &Message,
    url: PublicUrl<'_>,
    now: SystemTime,
) -> anyhow::Result<Vec<Hint>> {
    let given = match judge {
        Judge::Flow { .. } => Vec::new(),
        Judge::Keys(_) => vec![Spare {
            keys: args.keys.keyring()?,
            scheme: args.scheme.scheme()?,
        }],
    };
    let (auth, spare, others, voice) = match judge {
        Judge::Flow { flow, others, .. } => (
            flow.policy.auth(),
            &flow.spare[..],
            &others[..],
            Voice::Configuration,
        ),
        Judge::Keys(auth) => (auth, &given[..], &[][..], Voice::CommandLine),
    };
    let captured = Captured {
        method: &message.method,
        base: &message.base,
        headers: &message.headers,
        body: &message.body,
        client: args.client,
    };
    let case = Case {
        auth,
        captured,
        now,
        others,
        spare,
        url,
        voice,
    };
    Ok(case.hints())
}

fn from_curl(line: &str) -> anyhow::Result<Message> {
    let curl = Curl::parse(line).context(Usage("`--curl` cannot be read".to_owned()))?;
    let mut body = Vec::new();
    for (index, data) in curl.data.iter().enumerate() {
        if index > 0 {
            body.push(b'&');
        }
        match data {
            Data::Text(text) => body.extend(text.as_bytes()),
            Data::File { path, binary } => {
                let mut bytes = input::read(Path::new(path))?;
                bytes.retain(|byte| *binary || !matches!(byte, b'\r' | b'\n' | 0));
                body.extend(bytes);
            }
        }
    }
    Ok(curl.message(body))
}

impl Hint {
    fn as_json(&self) -> serde_json::Value {
        json!({ "kind": self.kind, "message": self.text })
    }
}

/// Where the gateway may know more than the file.
const BROUGHT: &str = "only the keys of the file were tried: those that the flow's sender brought are the gateway's, \
    which says more with `diagnose = true`";

const EXAMPLES: &str = "\
Examples:
  A captured request; the file is the request line, the headers, an empty line and the body:
    countersign explain --scheme github --secret-env HOOK_SECRET request.http

  As the flow `orders` of a configuration checks it:
    countersign explain --config countersign.toml --flow orders request.http

  A curl line:
    countersign explain --secret-env ORDERS_SECRET --curl \"$(cat line.txt)\"

Exit status: 0 genuine or a handshake that is answered, 1 not, 2 the command or a file is wrong. Repeats are not looked for.";

#[cfg(test)]
mod tests;
