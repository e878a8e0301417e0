//! `/rejections`: which requests were refused, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};

use super::State;
use super::error::Problem;
use super::flows::is_of;
use super::query::{Query, limit};
use super::token::Operator;
use crate::moment;
use crate::rejections::{self, Entry, Unreadable};
use crate::tally::LABELS;

/// What can be asked of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    after: Option<u64>,
    before: Option<u64>,
    flow: Option<String>,
    limit: Option<usize>,
    reason: Option<String>,
}

/// One page of the list, newest first.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    rejections: Vec<View>,
    /// The `before` of the next page.
    next: Option<u64>,
    /// How many of each flow are told nowhere, because there were too many at once.
    not_logged: BTreeMap<String, u64>,
    since: String,
}

/// One refused request, without anything of it that may be secret.
#[derive(Debug, Serialize)]
struct View {
    number: u64,
    time: String,
    flow: Option<String>,
    reason: &'static str,
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
    read_bytes: Option<usize>,
    suppressed: u64,
    looking: bool,
    hints: Option<Vec<HintView>>,
}

#[derive(Debug, Serialize)]
struct HintView {
    kind: &'static str,
    message: String,
}

/// `GET /rejections`.
pub(super) async fn list(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page>, Problem> {
    let limit = limit(asked.limit, DEFAULT_LIMIT, LARGEST_LIMIT)?;
    asked.check_reason()?;
    let live = state.current.load_full();
    let own = live
        .config
        .flows
        .iter()
        .filter(|flow| is_of(flow, &operator));
    let own = own.filter(|flow| {
        asked
            .flow
            .as_deref()
            .is_none_or(|id| flow.id.as_str() == id)
    });
    let mut own = own.peekable();
    if let (Some(flow), None) = (&asked.flow, own.peek()) {
        let detail = format!("`flow`: there is no flow `{}`", flow.escape_debug());
        return Err(Problem::bad_request(detail));
    }
    let not_logged = own.filter_map(|flow| {
        let count = live.endpoint(flow.id.as_str())?.ledger.tally().kept_back();
        (count > 0).then(|| (flow.id.to_string(), count))
    });
    let not_logged: BTreeMap<_, _> = not_logged.collect();
    let mut found = state.rejections.list(rejections::Asked {
        after: asked.after,
        before: asked.before,
        flow: asked.flow.as_deref(),
        limit: limit + 1,
        organization: &operator.organization,
        reason: asked.reason.as_deref(),
    });
    let more = found.len() > limit;
    match asked.after {
        Some(_) if more => drop(found.remove(0)),
        _ => found.truncate(limit),
    }
    let last = found.last().filter(|_| more && asked.after.is_none());
    Ok(Json(Page {
        next: last.map(|entry| entry.number),
        rejections: found.iter().map(|entry| View::new(entry)).collect(),
        not_logged,
        since: moment::show(state.rejections.since()),
    }))
}

impl Asked {
    fn check_reason(&self) -> Result<(), Problem> {
        match self.reason.as_deref() {
            Some(reason) if !labels().any(|label| label == reason) => {
                let mut labels: Vec<_> = labels().collect();
                labels.sort_unstable();
                Err(Problem::bad_request(format!(
                    "`reason` is one of {}",
                    labels.join(", ")
                )))
            }
            _ => Ok(()),
        }
    }
}

impl View {
    fn new(entry: &Entry) -> Self {
        let sketch = &entry.sketch;
        // Asked first: whoever is told that nobody looks is told what was found.
        let looking = entry.is_looked_at();
        let hints = entry.hints().map(|hints| {
            let hints = hints.iter().map(|hint| HintView {
                kind: hint.kind,
                message: hint.text.clone(),
            });
            hints.collect()
        });
        Self {
            number: entry.number,
            time: moment::show(entry.time),
            flow: entry.flow.as_deref().map(str::to_owned),
            reason: sketch.cause.as_str(),
            message: sketch.cause.to_string(),
            observed: sketch.observed,
            client: sketch.sender.client.map(|client| client.to_string()),
            peer: sketch.sender.peer.to_string(),
            method: sketch.method.to_string(),
            target: sketch.target.to_string(),
            headers: sketch.headers.iter().map(ToString::to_string).collect(),
            keys: sketch.keys.iter().map(ToString::to_string).collect(),
            clock_difference_ms: sketch.clock_difference,
            declared_bytes: sketch.declared,
            read_bytes: sketch.read,
            suppressed: entry.suppressed,
            looking,
            hints,
        }
    }
}

/// Every reason that an entry may have.
fn labels() -> impl Iterator<Item = &'static str> {
    let unreadable = Unreadable::ALL.into_iter().map(Unreadable::as_str);
    LABELS.iter().copied().chain(unreadable)
}

const DEFAULT_LIMIT: usize = 50;
const LARGEST_LIMIT: usize = 500;
