//! `countersign events`: what came in and what became of it, asked of a running gateway.

pub(super) mod api;
mod show;

use std::process::ExitCode;
use std::time::SystemTime;

use http::StatusCode;

use super::admin::{AdminArgs, question, tell};
use super::out::Out;
use super::{client, verdict};
use crate::moment;
use api::event_path;
use show::{list, show};

/// List the events of a running gateway, or show one with its deliveries and attempts.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The event to show [default: list the newest].
    id: Option<String>,

    #[command(flatten)]
    admin: AdminArgs,

    #[command(flatten)]
    which: Which,

    /// Print JSON, as the admin API gives it.
    #[arg(long)]
    json: bool,
}

/// Which events to list.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(id = "which", multiple = true, conflicts_with = "id")]
struct Which {
    /// Only this flow's.
    #[arg(long, value_name = "ID")]
    flow: Option<String>,

    /// Only those received since then: RFC 3339, UNIX seconds, or how long ago (15m, 2h, 7d).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<SystemTime>,

    /// Only those in this state.
    #[arg(long, value_name = "STATE", value_parser = ["pending", "done", "dead"])]
    state: Option<String>,

    /// At most so many.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: Option<u16>,

    /// Only those before this event: the next page.
    #[arg(long, value_name = "EVENT")]
    before: Option<String>,
}

/// Runs `countersign events`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let admin = args.admin.client()?;
    let path = match &args.id {
        Some(id) => event_path(id),
        None => args.which.path(),
    };
    let answer = client::block_on(admin.get(&path))?;
    if args.id.is_some() && answer.status == StatusCode::NOT_FOUND {
        eprintln!("error: there is no such event, or no longer");
        return Ok(verdict(false));
    }
    match args.id {
        Some(_) => tell(&answer, args.json, out, show),
        None => tell(&answer, args.json, out, list),
    }
}

impl Which {
    fn path(&self) -> String {
        let words = [
            ("flow", self.flow.clone()),
            ("since", self.since.map(moment::show)),
            ("state", self.state.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("before", self.before.clone()),
        ];
        question("/events", words)
    }
}

fn since(text: &str) -> Result<SystemTime, String> {
    moment::parse_or_ago(text, SystemTime::now())
}

const EXAMPLES: &str = "\
Examples:
  The newest events, then one of them with its attempts:
    export COUNTERSIGN_TOKEN=…
    countersign events
    countersign events evt_…

  What a flow got in the last hour and did not deliver yet, for a script:
    countersign events --flow orders --since 1h --state pending --json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_encoded() {
        let which = Which {
            flow: Some("a&b".to_owned()),
            limit: Some(5),
            ..Which::default()
        };

        assert_eq!(which.path(), "/events?flow=a%26b&limit=5");
        assert_eq!(event_path("a/b"), "/events/a%2Fb");
    }
}
