//! `countersign flows`: the flows of a running gateway, their keys, and how requests fared.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::ExitCode;

use http::StatusCode;
use serde::Deserialize;

use super::admin::{AdminArgs, encoded, question, tell};
use super::out::Out;
use super::table::table;
use super::{client, verdict};

/// List the flows of a running gateway, or show one: its keys with their uses, what was refused, what deserves a look.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The flow to show [default: list all].
    id: Option<String>,

    #[command(flatten)]
    admin: AdminArgs,

    /// Only those after this one: the next page.
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    after: Option<String>,

    /// Print JSON, as the admin API gives it.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Page {
    flows: Vec<Flow>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Flow {
    id: String,
    path: String,
    url: Option<String>,
    /// From gateways that tell it.
    several: Option<String>,
    auth: Vec<String>,
    schemes: Vec<String>,
    methods: Vec<String>,
    observe: bool,
    diagnose: bool,
    keys: Vec<Key>,
    since: String,
    accepted: u64,
    repeats: u64,
    refused: BTreeMap<String, u64>,
    observed: BTreeMap<String, u64>,
    steps: Vec<Step>,
    forward: Option<String>,
    warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct Key {
    id: String,
    state: String,
    not_before: Option<String>,
    not_after: Option<String>,
    uses: u64,
    last_seen: Option<String>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    url: String,
}

#[derive(Deserialize)]
struct Warning {
    message: String,
    help: String,
}

/// Runs `countersign flows`.
pub(crate) fn run(args: &Args, out: &mut Out) -> anyhow::Result<ExitCode> {
    let admin = args.admin.client()?;
    let answer = client::block_on(admin.get(&args.path()))?;
    if let (Some(id), StatusCode::NOT_FOUND) = (&args.id, answer.status) {
        eprintln!("error: there is no flow `{}`", id.escape_debug());
        return Ok(verdict(false));
    }
    match args.id {
        Some(_) => tell(&answer, args.json, out, show),
        None => tell(&answer, args.json, out, list),
    }
}

impl Args {
    fn path(&self) -> String {
        match &self.id {
            Some(id) => format!("/flows/{}", encoded(id)),
            None => question("/flows", [("after", self.after.clone())]),
        }
    }
}

fn list(page: &Page, out: &mut Out) -> io::Result<()> {
    if page.flows.is_empty() {
        return writeln!(out, "no flows");
    }
    let mut rows = table([
        "flow", "path", "auth", "keys", "accepted", "repeats", "refused", "observed", "warnings",
    ]);
    for flow in &page.flows {
        let keys = flow
            .keys
            .iter()
            .map(|key| format!("{}: {}", key.id, key.uses));
        rows.add_row([
            flow.id.clone(),
            flow.path.clone(),
            flow.kind(),
            keys.collect::<Vec<_>>().join(", "),
            flow.accepted.to_string(),
            flow.repeats.to_string(),
            sum(&flow.refused),
            sum(&flow.observed),
            match flow.warnings.len() {
                0 => String::new(),
                count => count.to_string(),
            },
        ]);
    }
    writeln!(out, "{rows}")?;
    match &page.next {
        Some(next) => writeln!(out, "more: --after {next}"),
        None => Ok(()),
    }
}

fn show(flow: &Flow, out: &mut Out) -> io::Result<()> {
    writeln!(
        out,
        "{} {} {} at {}",
        out.strong(&flow.id),
        flow.kind(),
        flow.methods.join(" "),
        flow.url.as_ref().unwrap_or(&flow.path)
    )?;
    for (set, word) in [
        (flow.observe, "observes only"),
        (flow.diagnose, "diagnoses"),
    ] {
        if set {
            writeln!(out, "{word}")?;
        }
    }
    if let Some(upstream) = &flow.forward {
        writeln!(out, "forwards to {upstream}")?;
    }
    for step in &flow.steps {
        writeln!(out, "delivers to {}, {}", step.name, step.url)?;
    }
    for warning in &flow.warnings {
        writeln!(
            out,
            "{}: {}; {}",
            out.bad("warning"),
            warning.message,
            warning.help
        )?;
    }
    if !flow.keys.is_empty() {
        let mut rows = table(["key", "state", "from", "to", "uses", "last seen"]);
        for key in &flow.keys {
            rows.add_row([
                key.id.clone(),
                key.state.clone(),
                key.not_before.clone().unwrap_or_default(),
                key.not_after.clone().unwrap_or_default(),
                key.uses.to_string(),
                key.last_seen.clone().unwrap_or_else(|| "never".to_owned()),
            ]);
        }
        writeln!(out, "{rows}")?;
    }
    writeln!(
        out,
        "since {}: {} accepted, {} repeats",
        flow.since, flow.accepted, flow.repeats
    )?;
    for (word, reasons) in [("refused", &flow.refused), ("observed", &flow.observed)] {
        for (reason, count) in reasons {
            writeln!(out, "{word} {count} {reason}")?;
        }
    }
    Ok(())
}

impl Flow {
    fn kind(&self) -> String {
        let Some(several) = &self.several else {
            let mut words = self.auth.clone();
            words.extend(self.schemes.iter().cloned());
            return words.join(" ");
        };
        let mut schemes = self.schemes.iter();
        let ways = self.auth.iter().map(|mode| match mode.as_str() {
            "signature" => schemes.next().unwrap_or(mode).as_str(),
            other => other,
        });
        format!("{several} of {}", ways.collect::<Vec<_>>().join(", "))
    }
}

fn sum(reasons: &BTreeMap<String, u64>) -> String {
    reasons.values().sum::<u64>().to_string()
}

const EXAMPLES: &str = "\
Examples:
  All flows, then one with its keys: is the old one still in use?
    export COUNTERSIGN_TOKEN=…
    countersign flows
    countersign flows orders

Requests are counted anew when the gateway starts; the uses of keys are counted on.";

#[cfg(test)]
mod tests {
    use super::super::out::testing::Printed;
    use super::*;

    const ONE: &str = r#"{
        "id": "orders", "path": "/hooks/orders", "url": null, "auth": ["signature"], "schemes": ["github"],
        "methods": ["POST"], "observe": false, "diagnose": true, "since": "2026-11-21T12:00:00.000Z",
        "keys": [{ "id": "old", "state": "active", "not_before": null, "not_after": null, "uses": 7,
            "last_seen": null }],
        "accepted": 7, "repeats": 1, "refused": { "bad_signature": 2, "stale_timestamp": 3 }, "observed": {},
        "steps": [{ "name": "billing", "url": "https://billing.example.com/in?…" }], "forward": null,
        "warnings": [{ "message": "the key `old` expires in 3 days", "help": "add the next key" }] }"#;

    #[test]
    fn a_list_adds_refusals_up() {
        let printed = Printed::default();
        let page = format!(r#"{{ "flows": [{ONE}], "next": "orders" }}"#);

        list(&serde_json::from_str(&page).unwrap(), &mut printed.out()).unwrap();

        let text = printed.text();
        assert!(text.contains("old: 7"), "{text}");
        assert!(text.contains(" 5 "), "{text}");
        assert!(text.ends_with("more: --after orders\n"), "{text}");
    }

    #[test]
    fn one_flow_is_shown_with_its_keys_reasons_and_warnings() {
        let printed = Printed::default();

        show(&serde_json::from_str(ONE).unwrap(), &mut printed.out()).unwrap();

        let text = printed.text();
        for part in [
            "orders signature github POST at /hooks/orders",
            "delivers to billing, https://billing.example.com/in?…",
            "warning: the key `old` expires in 3 days; add the next key",
            "never",
            "refused 3 stale_timestamp",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
