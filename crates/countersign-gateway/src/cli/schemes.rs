//! `countersign schemes`: which ways of signing there are, how each is described, whether they hold.

mod summary;
mod text;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use countersign::{Scheme, Unproven};
use serde::Deserialize;
use serde_json::{Value, json};

use super::out::{Out, printable};
use super::table::table;
use super::{Usage, input, usage, verdict};
use crate::config::OwnSchemes;
use summary::Summary;

/// List the schemes by which senders sign, show one as data, or test them with their own vectors.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// List the built-in schemes: name, where the signature is, digest, window.
    #[command(after_help = EXAMPLES)]
    List(List),
    /// Print a built-in scheme as it is written in a configuration, with its vectors.
    #[command(after_help = EXAMPLES)]
    Show(Show),
    /// Try the vectors that schemes carry: requests whose verdict is known.
    #[command(after_help = EXAMPLES)]
    Test(Test),
}

#[derive(Clone, Debug, clap::Args)]
struct List {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct Show {
    /// The scheme; `countersign schemes list` has the names.
    name: String,

    /// Print JSON instead of TOML.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct Test {
    /// A built-in scheme, or a TOML file: one scheme, or a configuration with `schemes`; `-` is the standard input [default: every built-in scheme].
    #[arg(value_name = "NAME|FILE")]
    which: Option<String>,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `countersign schemes`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let status = match &args.command {
        Command::List(args) => list(args, out),
        Command::Show(args) => show(args, out),
        Command::Test(args) => test(args, out),
    }?;
    out.flush()?;
    Ok(status)
}

fn list(args: &List, out: &mut Out) -> anyhow::Result<ExitCode> {
    let summaries: Vec<_> = Scheme::presets()
        .map(|scheme| Summary::of(&scheme))
        .collect::<Result<_, _>>()?;
    if args.json {
        let entries: Vec<_> = summaries.iter().map(Summary::entry).collect();
        writeln!(out, "{:#}", Value::from(entries))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table(["scheme", "signature", "digest", "window"]);
    for summary in summaries {
        rows.add_row(summary.row());
    }
    writeln!(out, "{rows}")?;
    Ok(ExitCode::SUCCESS)
}

fn show(args: &Show, out: &mut Out) -> anyhow::Result<ExitCode> {
    let name = &args.name;
    let scheme = Scheme::preset(name).ok_or_else(|| {
        usage(format!(
            "there is no scheme `{}`; `countersign schemes list` has the names",
            printable(name)
        ))
    })?;
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&scheme)?)?;
    } else {
        write!(out, "{}", text::toml(&scheme)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn test(args: &Test, out: &mut Out) -> anyhow::Result<ExitCode> {
    let schemes = match &args.which {
        None => Scheme::presets().collect(),
        Some(which) => match Scheme::preset(which) {
            Some(scheme) => vec![scheme],
            None => read(which)?,
        },
    };
    let mut passed = 0_usize;
    let mut failures = Vec::new();
    let mut bare = Vec::new();
    for scheme in &schemes {
        let before = (passed, failures.len());
        for trial in scheme.trials() {
            match trial {
                Ok(_) => passed += 1,
                Err(unproven) => failures.push(unproven),
            }
        }
        if before == (passed, failures.len()) {
            bare.push(scheme.name());
        }
    }
    if args.json {
        let report = json!({
            "passed": passed,
            "failed": failures.len(),
            "failures": failures.iter().map(entry).collect::<Vec<_>>(),
            "without_vectors": bare,
        });
        writeln!(out, "{report:#}")?;
    } else {
        for failure in &failures {
            writeln!(
                out,
                "{}: {}/{} {}",
                out.bad("failed"),
                failure.scheme(),
                printable(failure.vector()),
                printable(failure.outcome())
            )?;
        }
        for name in bare {
            writeln!(
                out,
                "note: `{name}` carries no vectors, so nothing proves it"
            )?;
        }
        writeln!(out, "{passed} passed, {} failed", failures.len())?;
    }
    Ok(verdict(failures.is_empty()))
}

fn entry(failure: &Unproven) -> Value {
    json!({
        "scheme": failure.scheme(),
        "vector": failure.vector(),
        "outcome": failure.outcome(),
    })
}

/// The schemes of a configuration; everything else in it is nobody's business here.
#[derive(Deserialize)]
struct Configuration {
    schemes: OwnSchemes,
}

/// The schemes of a file: one, or those of a configuration.
pub(super) fn read(which: &str) -> anyhow::Result<Vec<Scheme>> {
    let path = Path::new(which);
    let name = input::name(path);
    let bytes = input::read(path).with_context(|| {
        Usage(format!(
            "there is no built-in scheme `{}`, and no file of that name can be read",
            printable(which)
        ))
    })?;
    let text = String::from_utf8(bytes).map_err(|_| usage(format!("{name} is not UTF-8")))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(&name, &text, &error))?;
    let schemes = if table.contains_key("schemes") {
        toml::from_str(&text).map(|Configuration { schemes }| schemes.iter().cloned().collect())
    } else {
        toml::from_str(&text).map(|scheme| vec![scheme])
    };
    schemes.map_err(|error| wrong(&name, &text, &error))
}

/// Where the file is wrong; its lines are not shown, since they may hold secrets.
fn wrong(name: &str, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let place = error.span().and_then(|span| text.get(..span.start));
    let line = place.map(|before| before.matches('\n').count() + 1);
    let line = line.map_or_else(String::new, |line| format!(":{line}"));
    let message = printable(error.message());
    usage(format!("{name}{line} is no scheme: {}", message.trim_end()))
}

const EXAMPLES: &str = "\
Examples:
  Which senders are known, and what one of them signs:
    countersign schemes list
    countersign schemes show stripe

  Begin a scheme of your own from one that is like it, and see that it holds:
    countersign schemes show github > acme.toml
    countersign schemes test acme.toml

  Try every built-in scheme, for a script:
    countersign schemes test --json";

#[cfg(test)]
mod tests;
