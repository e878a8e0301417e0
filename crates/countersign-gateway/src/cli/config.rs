//! `countersign config`: prints the commented reference, and checks a file as the gateway would.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Subcommand;
use serde_json::{Value, json};

use super::out::Out;
use crate::config::{Config, ConfigError, Flow, Problem, Surroundings, Then};
use crate::warnings::{self, Warning};

/// Print the commented configuration, or check one.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Print a configuration with every key, its default and its meaning.
    Default,
    /// Print a small configuration to begin with: one flow, ready to run.
    Example,
    /// Check a configuration, as the gateway does when it starts.
    #[command(after_help = EXAMPLES)]
    Check(Check),
}

#[derive(Clone, Debug, clap::Args)]
struct Check {
    /// The configuration file.
    #[arg(
        value_name = "FILE",
        env = "COUNTERSIGN_CONFIG",
        default_value = "countersign.toml"
    )]
    file: PathBuf,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `countersign config`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Default => print(Config::REFERENCE, out),
        Command::Example => print(EXAMPLE, out),
        Command::Check(check) => self::check(check, out, Surroundings::SYSTEM),
    }
}

fn print(text: &str, out: &mut Out) -> anyhow::Result<ExitCode> {
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn check(check: &Check, out: &mut Out, surroundings: Surroundings) -> anyhow::Result<ExitCode> {
    let checked = Config::load_with(&check.file, surroundings);
    if check.json {
        let status = ExitCode::from(if checked.is_ok() { 0 } else { WRONG_FILE });
        writeln!(out, "{:#}", report(&check.file, &checked))?;
        out.flush()?;
        return Ok(status);
    }
    let config = checked?;
    for warning in &config.warnings {
        writeln!(out, "{}\n", warning.render(out.colour()))?;
    }
    let now = SystemTime::now();
    for (flow, warning) in dated(&config, now) {
        let kind = out.strong("warning").to_string();
        writeln!(
            out,
            "{kind}: flow `{}`: {}; {}\n",
            flow.id, warning.message, warning.help
        )?;
    }
    for flow in &config.flows {
        let path = flow.place(&config.ingress.prefix);
        writeln!(
            out,
            "{}  {path}  {}  {}",
            flow.id,
            flow.policy.auth().mode(),
            purpose(flow)
        )?;
    }
    let good = out.good("is in order").to_string();
    writeln!(
        out,
        "{} {good}: {}",
        check.file.display(),
        count(config.flows.len(), "flow")
    )?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What the dates of the keys say at this moment.
fn dated(config: &Config, now: SystemTime) -> impl Iterator<Item = (&Flow, Warning)> {
    config.flows.iter().flat_map(move |flow| {
        let found = warnings::of_keys(flow.policy.auth(), None, now);
        found.into_iter().map(|warning| (&**flow, warning))
    })
}

fn report(file: &Path, checked: &Result<Config, ConfigError>) -> Value {
    let (flows, problems): (Vec<Value>, &[Problem]) = match checked {
        Ok(config) => {
            let prefix = &config.ingress.prefix;
            (
                config
                    .flows
                    .iter()
                    .map(|flow| summary(flow, prefix))
                    .collect(),
                &config.warnings,
            )
        }
        Err(error) => (Vec::new(), error.problems()),
    };
    let now = SystemTime::now();
    let dated = checked.iter().flat_map(|config| dated(config, now));
    let dated = dated.map(|(flow, warning)| {
        json!({
            "severity": "warning",
            "file": file.display().to_string(),
            "line": null,
            "column": null,
            "flow": flow.id.as_str(),
            "message": warning.message,
            "help": warning.help,
        })
    });
    json!({
        "file": file.display().to_string(),
        "ok": checked.is_ok(),
        "flows": flows,
        "problems": problems.iter().map(entry).chain(dated).collect::<Vec<_>>(),
    })
}

fn summary(flow: &Flow, prefix: &str) -> Value {
    let (steps, forward) = match &flow.then {
        Then::Queue { steps } => (
            steps.iter().map(|step| step.name.to_string()).collect(),
            None,
        ),
        Then::Forward(upstream) => (Vec::new(), upstream.base.host()),
    };
    json!({
        "id": flow.id.as_str(),
        "organization": flow.organization.as_str(),
        "path": flow.place(prefix),
        "auth": flow.policy.auth().mode(),
        "methods": flow.policy.methods().iter().map(http::Method::as_str).collect::<Vec<_>>(),
        "steps": steps,
        "forward": forward,
    })
}

fn entry(problem: &Problem) -> Value {
    json!({
        "severity": problem.severity().as_str(),
        "file": problem.file().display().to_string(),
        "line": problem.line(),
        "column": problem.column(),
        "flow": problem.flow(),
        "message": problem.message(),
        "help": problem.help(),
    })
}

fn purpose(flow: &Flow) -> String {
    match &flow.then {
        Then::Queue { steps } => format!("stores, {}", count(steps.len(), "step")),
        Then::Forward(upstream) => {
            format!("forwards to {}", upstream.base.host().unwrap_or_default())
        }
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What a beginner starts from.
const EXAMPLE: &str = include_str!("../config/example.toml");

/// The status for a file that is wrong.
const WRONG_FILE: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  countersign config default | less
  countersign config example > countersign.toml
  countersign config check
  countersign config check --json /etc/countersign/countersign.toml";

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::out::testing::Printed;
    use super::*;

    const GOOD: &str = "\
[[flows]]
id = \"orders\"
auth = { scheme = \"github\", keys = [{ secret = { env = \"S\" } }] }
steps = [{ name = \"billing\", url = \"https://billing.example.com/in\" }]
[[flows]]
id = \"open\"
path = \"/open\"
auth = { mode = \"none\" }
forward = \"http://127.0.0.1:3000/app\"
";

    const GIVEN: Surroundings = Surroundings {
        file: |path| match path.to_str() {
            Some("good.toml") => Ok(GOOD.into()),
            Some("bad.toml") => Ok("[[flows]]\nid = \"orders\"\n".into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        },
        variable: |name| (name == "S").then(|| "0123456789abcdef0123".into()),
    };

    fn checked(file: &str, json: bool) -> (String, anyhow::Result<ExitCode>) {
        let printed = Printed::default();
        let check = Check {
            file: file.into(),
            json,
        };
        let ended = super::check(&check, &mut printed.out(), GIVEN);
        (printed.text(), ended)
    }

    #[test]
    fn the_reference_is_printed_as_it_is() {
        let printed = Printed::default();

        run(
            &Args {
                command: Command::Default,
            },
            &mut printed.out(),
        )
        .unwrap();

        assert_eq!(printed.text(), Config::REFERENCE);
    }

    #[test]
    fn the_example_is_in_order_once_its_secrets_are_there() {
        let given = Surroundings {
            variable: |name| {
                ["ORDERS_SECRET", "COUNTERSIGN_TOKEN"]
                    .contains(&name)
                    .then(|| format!("the value of {name}").into())
            },
            ..GIVEN
        };

        let config = Config::parse_with(EXAMPLE, Path::new("countersign.toml"), given).unwrap();

        assert_eq!(
            config.flows[0].place(&config.ingress.prefix),
            "/hooks/orders"
        );
        assert!(config.warnings.is_empty());
    }

    #[test]
    fn a_good_file_is_summed_up() {
        let (text, ended) = checked("good.toml", false);

        ended.unwrap();
        assert!(
            text.contains("orders  /hooks/orders  signature  stores, 1 step\n"),
            "{text}"
        );
        assert!(
            text.contains("open  /open  none  forwards to 127.0.0.1\n"),
            "{text}"
        );
        assert!(text.contains("lets anybody in"), "{text}");
        assert!(text.ends_with("good.toml is in order: 2 flows\n"), "{text}");
    }

    #[test]
    fn a_bad_file_is_an_error_with_its_place() {
        let (text, ended) = checked("bad.toml", false);

        let error = ended.unwrap_err();
        assert_eq!(text, "");
        assert!(error.to_string().contains("bad.toml:2:"), "{error}");
        assert!(error.is::<ConfigError>());
    }

    #[test]
    fn json_says_the_same_to_machines() {
        let (good, good_ended) = checked("good.toml", true);
        let (bad, bad_ended) = checked("bad.toml", true);
        let (missing, _) = checked("missing.toml", true);

        let good: Value = serde_json::from_str(&good).unwrap();
        assert_eq!(good["ok"], true);
        assert_eq!(good["flows"][0]["path"], "/hooks/orders");
        assert_eq!(good["problems"][0]["severity"], "warning");
        assert_eq!(good["problems"][0]["line"], 8);
        assert_eq!(good_ended.unwrap(), ExitCode::SUCCESS);

        let bad: Value = serde_json::from_str(&bad).unwrap();
        assert_eq!(bad["ok"], false);
        assert_eq!(bad["problems"][0]["flow"], "orders");
        assert_eq!(bad["problems"][0]["line"], 2);
        assert_eq!(bad_ended.unwrap(), ExitCode::from(2));

        let missing: Value = serde_json::from_str(&missing).unwrap();
        assert_eq!(missing["problems"][0]["line"], Value::Null);
    }
}
