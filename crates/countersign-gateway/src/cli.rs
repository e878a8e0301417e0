//! The command line: what can be asked for, and how it ends.
//!
//! Exit status: 0 it went well; 1 the answer is no, or a check failed; 2 the command or a file it was
//! given is wrong.

mod admin;
mod client;
mod config;
mod demo;
mod events;
mod explain;
mod flows;
mod handshake;
mod input;
mod keys;
mod message;
mod out;
mod rejections;
mod schemes;
mod send;
mod serve;
mod shell;
mod sign;
mod table;
mod vectors;
mod verify;

use std::fmt;
use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use countersign::{KeyError, KeyProblem, SchemeError};

use crate::config::ConfigError;
use crate::log::LogError;
use out::Out;

/// Lets genuine webhooks in and loses none of them.
#[derive(Parser)]
#[command(
    name = "countersign",
    version,
    about,
    long_about = LONG,
    after_help = EXAMPLES,
    arg_required_else_help = true,
    max_term_width = 100,
    propagate_version = true,
    subcommand_required = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Config(config::Args),
    Sign(sign::Args),
    Send(send::Args),
    Verify(verify::Args),
    Explain(explain::Args),
    Schemes(schemes::Args),
    Events(events::Args),
    Rejections(rejections::Args),
    Flows(flows::Args),
    Handshake(handshake::Args),
    Demo(demo::Args),
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let mut out = Out::stdout();
    match run(&command, &mut out) {
        Ok(status) => status,
        Err(error) => {
            complain(&error);
            status_of(&error)
        }
    }
}

fn run(command: &Command, out: &mut Out) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Config(args) => config::run(args, out),
        Command::Sign(args) => sign::run(args, out),
        Command::Send(args) => send::run(args, out),
        Command::Verify(args) => verify::run(args, out),
        Command::Explain(args) => explain::run(args, out),
        Command::Schemes(args) => schemes::run(args, out),
        Command::Events(args) => events::run(args, out),
        Command::Rejections(args) => rejections::run(args, out),
        Command::Flows(args) => flows::run(args, out),
        Command::Handshake(args) => handshake::run(args, out),
        Command::Demo(args) => demo::run(args, out),
    }
}

/// The command cannot be carried out as it was written; the text says what to write.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

fn usage(text: impl Into<String>) -> anyhow::Error {
    Usage(text.into()).into()
}

fn complain(error: &anyhow::Error) {
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        eprintln!("{}", error.render(out::colours(&io::stderr())));
        return;
    }
    let mut causes = error.chain();
    if let Some(first) = causes.next() {
        eprintln!("error: {first}");
    }
    for cause in causes {
        eprintln!("  because: {cause}");
    }
    if let Some(remedy) = remedy(error) {
        eprintln!("  {remedy}");
    }
}

/// What to do about a cause whose own words know nothing of the command line.
fn remedy(error: &anyhow::Error) -> Option<&'static str> {
    let key = error.chain().find_map(|cause| {
        cause
            .downcast_ref::<KeyError>()
            .or_else(|| match cause.downcast_ref()? {
                SchemeError::Key(error) => Some(error),
                _ => None,
            })
    })?;
    matches!(key.problem(), KeyProblem::Short(_))
        .then_some("`--allow-weak-secret` allows it, for examples and old senders")
}

fn status_of(error: &anyhow::Error) -> ExitCode {
    let wrong_input = error.is::<Usage>() || error.is::<ConfigError>() || error.is::<LogError>();
    ExitCode::from(if wrong_input { 2 } else { 1 })
}

/// The status for yes or no.
fn verdict(yes: bool) -> ExitCode {
    ExitCode::from(if yes { 0 } else { 1 })
}

const LONG: &str = "\
Lets genuine webhooks in and loses none of them.

Countersign checks the signature of every webhook, stores the genuine ones durably before it answers, \
and delivers each to the steps of its flow, again and again until it arrives. It can also stand in \
front of a receiver as a reverse proxy that passes genuine requests on.";

const EXAMPLES: &str = "\
Examples:
  See it work, with a receiver beside it:
    countersign demo

  Write a configuration with one flow, check it, run it:
    export ORDERS_SECRET=$(openssl rand -hex 32)
    export COUNTERSIGN_TOKEN=$(openssl rand -hex 32)
    countersign config example > countersign.toml
    countersign config check
    countersign serve

  In another terminal with the same two variables, send yourself a webhook and see
  what became of it:
    countersign send --secret-env ORDERS_SECRET --data '{\"order\":7}' \\
      http://localhost:8080/hooks/orders
    countersign events

  Ask which requests were refused and why, and the same of a captured one:
    countersign rejections
    countersign verify --secret-env ORDERS_SECRET request.http

Exit status: 0 it went well, 1 the answer is no, 2 the command or a file is wrong.";

#[cfg(test)]
mod testing {
    //! A command's flags, from the words that follow its name.

    use std::ffi::OsString;

    use clap::{Args, Parser};

    #[derive(Parser)]
    struct Line<A: Args> {
        #[command(flatten)]
        args: A,
    }

    /// The flags of a line that begins with the command.
    pub(super) fn parsed<A: Args>(
        line: impl IntoIterator<Item: Into<OsString> + Clone>,
    ) -> Result<A, clap::Error> {
        Line::try_parse_from(line).map(|line| line.args)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use countersign::{Keyring, Scheme, Secret, Verifier};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_example() {
        for command in Cli::command().get_subcommands() {
            let own = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let nested = command.get_subcommands().next().is_some();

            assert!(
                own.contains("countersign") || nested,
                "{}",
                command.get_name()
            );
        }
    }

    #[test]
    fn examples_fit_a_narrow_terminal_and_so_can_be_copied() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            for line in help
                .unwrap_or_default()
                .lines()
                .filter(|line| line.starts_with("    "))
            {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn a_short_secret_names_the_flag_that_allows_it() {
        let short = Secret::new("short");
        let keys = Keyring::single(short);
        let scheme = Scheme::preset("github").unwrap();
        let error = anyhow::Error::new(Verifier::new(&scheme, &keys).unwrap_err());

        assert!(
            remedy(&error.context("outer"))
                .unwrap()
                .contains("--allow-weak-secret")
        );
        assert_eq!(remedy(&usage("no secret")), None);
    }

    #[test]
    fn a_usage_error_ends_with_two_and_others_with_one() {
        let wrong = usage("no such file").context("reading");
        let failed = anyhow::anyhow!("connection refused");

        assert_eq!(status_of(&wrong), ExitCode::from(2));
        assert_eq!(status_of(&failed), ExitCode::from(1));
    }
}
