//! `countersign verify`: is this captured request genuine, and if not, why?

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use countersign::{Auth, PublicUrl, Reason, Rejection, Signed, Verified, Verifier, Window};
use serde_json::json;

use super::keys::{KeyArgs, SchemeArgs};
use super::message::{Message, split_url};
use super::out::Out;
use super::vectors::{self, Vector};
use super::{NO, Usage, input, usage};
use crate::config::{Config, Flow};
use crate::moment::{self, span};

/// Check a captured HTTP request: genuine or not, and why not. Or run a file of test vectors.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The request: request line, headers, an empty line, the body; `-` is the standard input.
    #[arg(value_name = "FILE", default_value = "-", conflicts_with = "vectors")]
    message: PathBuf,

    #[command(flatten)]
    scheme: SchemeArgs,

    #[command(flatten)]
    keys: KeyArgs,

    /// The public URL of the request, or only its scheme and host.
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// How far the signed time may be from now, on either side; `off` for any [default: the scheme's].
    #[arg(long, value_name = "SPAN", value_parser = window)]
    window: Option<Asked>,

    /// The time of the check, in UNIX seconds or RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    now: Option<SystemTime>,

    /// Check as a flow of this configuration would.
    #[arg(
        long, short, value_name = "FILE", requires = "flow",
        conflicts_with_all = ["scheme", "unit", "secret_env", "secret_file", "secret", "key_id", "allow_weak_secret", "window"]
    )]
    config: Option<PathBuf>,

    /// The flow, by its id.
    #[arg(long, value_name = "ID", requires = "config")]
    flow: Option<String>,

    /// Run this file of test vectors instead.
    #[arg(
        long, value_name = "FILE",
        conflicts_with_all = ["url", "window", "now", "config", "secret_env", "secret_file", "secret", "key_id"]
    )]
    vectors: Option<PathBuf>,

    /// Run the vectors of this family only; may be repeated.
    #[arg(long, value_name = "NAME", requires = "vectors")]
    family: Vec<String>,

    /// Print the answer as JSON.
    #[arg(long, conflicts_with = "vectors")]
    json: bool,
}

/// A window as it was asked for; `None` is `off`.
#[derive(Clone, Copy, Debug)]
struct Asked(Option<Duration>);

/// Who judges: one scheme and its keys, or a flow.
enum Judge {
    Flow(Arc<Flow>),
    Keys(Auth),
}

/// Why a request would not pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Refused {
    Method,
    Rejected(Rejection),
    TooLarge { limit: usize },
}

/// Runs `countersign verify`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.vectors {
        return run_vectors(path, &args.family, out);
    }
    let judge = args.judge()?;
    let message = Message::parse(&input::read(&args.message)?)
        .with_context(|| Usage(format!("{} is no HTTP request", input::name(&args.message))))?;
    let (base, target) = args.public_url(&judge, &message)?;
    let now = args.now.unwrap_or_else(SystemTime::now);
    let url = PublicUrl::new(&base, &target);
    let verdict = judge.verify(&message, url, &message.body, now);
    let notes = notes(&judge, &message, url, now, &verdict);
    if args.json {
        writeln!(out, "{}", as_json(&verdict, &notes))?;
    } else {
        print(&verdict, &notes, now, out)?;
    }
    Ok(if verdict.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NO)
    })
}

fn run_vectors(path: &Path, families: &[String], out: &mut Out) -> anyhow::Result<ExitCode> {
    let name = input::name(path);
    let mut list = Vector::list(&input::read(path)?)
        .with_context(|| Usage(format!("{name} is no file of test vectors")))?;
    if list.is_empty() {
        return Err(usage(format!("{name} holds no test vectors")));
    }
    let missing: Vec<_> = families
        .iter()
        .filter(|family| !list.iter().any(|vector| vector.family() == *family))
        .map(|family| format!("`{family}`"))
        .collect();
    if !missing.is_empty() {
        let known: BTreeSet<_> = list.iter().map(Vector::family).collect();
        let known: Vec<_> = known.into_iter().collect();
        return Err(usage(format!(
            "{name} has no vectors of the family {}; it has those of {}",
            missing.join(", "),
            known.join(", ")
        )));
    }
    if !families.is_empty() {
        list.retain(|vector| families.iter().any(|family| family == vector.family()));
    }
    Ok(vectors::run(&list, out)?)
}

impl Args {
    fn judge(&self) -> anyhow::Result<Judge> {
        if let (Some(path), Some(id)) = (&self.config, &self.flow) {
            let config = Config::load(path)?;
            let flow = config.flows.iter().find(|flow| flow.id.as_str() == id);
            let flow =
                flow.ok_or_else(|| usage(format!("{} has no flow `{id}`", path.display())))?;
            return Ok(Judge::Flow(Arc::clone(flow)));
        }
        let scheme = self.scheme.scheme()?;
        let verifier = Verifier::new(&scheme, &self.keys.keyring()?)
            .context(Usage("the scheme and the secret do not fit".to_owned()))?;
        let verifier = match self.window {
            None => verifier,
            Some(Asked(window)) => verifier
                .with_window(window.map(Window::symmetric))
                .context(Usage("`--window` does not fit the scheme".to_owned()))?,
        };
        Ok(Judge::Keys(Auth::Signature(verifier)))
    }

    /// The two parts of the URL that the sender knows.
    fn public_url(&self, judge: &Judge, message: &Message) -> anyhow::Result<(String, String)> {
        if let Some(url) = &self.url {
            return match split_url(url) {
                ("", _) => Err(usage(format!(
                    "`{url}` is no absolute URL; write it with https:// or http://"
                ))),
                (base, "" | "/") => Ok((base.to_owned(), message.target.clone())),
                (base, target) => Ok((base.to_owned(), target.to_owned())),
            };
        }
        let base = match judge {
            Judge::Flow(flow) => flow.policy.public_url().unwrap_or_default(),
            Judge::Keys(_) => &message.base,
        };
        if base.is_empty()
            && matches!(judge, Judge::Keys(_))
            && self.scheme.scheme()?.signs_url(&message.method)
        {
            return Err(usage(format!(
                "`{}` signs the public URL of a {}: give it with `--url https://…`",
                self.scheme.scheme.name(),
                message.method
            )));
        }
        Ok((base.to_owned(), message.target.clone()))
    }
}

impl Judge {
    fn verify(
        &self,
        message: &Message,
        url: PublicUrl<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Verified, Refused> {
        let auth = match self {
            Self::Keys(auth) => auth,
            Self::Flow(flow) => {
                if !flow.policy.methods().contains(&message.method) {
                    return Err(Refused::Method);
                }
                let limit = flow.policy.body_limit();
                if body.len() > limit {
                    return Err(Refused::TooLarge { limit });
                }
                flow.policy.auth()
            }
        };
        let signed = Signed {
            method: &message.method,
            url,
            headers: &message.headers,
            body,
            now,
        };
        auth.check_head(signed.method, signed.headers)
            .and_then(|()| auth.verify(&signed))
            .map_err(Refused::Rejected)
    }
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

fn print(
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

fn as_json(verdict: &Result<Verified, Refused>, notes: &[String]) -> serde_json::Value {
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

impl Refused {
    fn label(&self) -> &'static str {
        match self {
            Self::Method => "method_not_allowed",
            Self::Rejected(rejection) => rejection.reason().as_str(),
            Self::TooLarge { .. } => "body_too_large",
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Method => f.write_str("the flow does not take this method"),
            Self::Rejected(rejection) => rejection.reason().fmt(f),
            Self::TooLarge { limit } => write!(f, "the body is over the flow's {limit} bytes"),
        }
    }
}

fn window(text: &str) -> Result<Asked, String> {
    match text {
        "off" => Ok(Asked(None)),
        text => span::parse(text)
            .map(|side| Asked(Some(side)))
            .map_err(|why| format!("{why}, or `off`")),
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

Exit status: 0 genuine, 1 not, 2 the command or a file is wrong. Repeats are not looked for.";

#[cfg(test)]
mod tests;
