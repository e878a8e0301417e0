//! `/events` and `/events/{id}`: what came in, and what became of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{Path, State as Shared};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_queue::{
    AttemptRecord, Delivery, EventId, EventQuery, EventSummary, ReadError, State as Standing,
    StoredEvent,
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::State;
use super::error::Problem;
use super::query::{Query, limit};
use super::redact::{REDACTED, Redaction};
use super::token::Operator;
use crate::moment;

/// Makes a [`Summary`]: the queue's `Event` and `EventSummary` have these fields in common and no trait.
macro_rules! summary {
    ($event:expr, $size:expr, $state:expr, $deliveries:expr, $redaction:expr) => {
        Summary {
            id: $event.id.to_string(),
            organization: $event.organization.to_string(),
            flow: $event.flow.to_string(),
            received: moment::show($event.received),
            method: $event.method.to_string(),
            target: $redaction.target(&$event.target).into_owned(),
            key: $event.key.map(|key| key.to_string()),
            size: $size,
            state: $state.as_str(),
            deliveries: $deliveries.into_iter().map(Owed::from).collect(),
        }
    };
}

/// What can be asked of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    before: Option<String>,
    flow: Option<String>,
    limit: Option<usize>,
    since: Option<String>,
    state: Option<String>,
    until: Option<String>,
}

/// One page of the list, newest first.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    events: Vec<Summary>,
    /// The `before` of the next page.
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Summary {
    id: String,
    organization: String,
    flow: String,
    received: String,
    method: String,
    target: String,
    key: Option<String>,
    size: u64,
    state: &'static str,
    deliveries: Vec<Owed>,
}

#[derive(Debug, Serialize)]
struct Owed {
    step: String,
    state: &'static str,
    attempts: u32,
    due: Option<String>,
    reason: Option<String>,
}

/// One event, whole.
#[derive(Debug, Serialize)]
pub(super) struct Detail {
    #[serde(flatten)]
    summary: Summary,
    headers: Vec<Header>,
    body: Content,
    attempts: Vec<Attempt>,
}

#[derive(Debug, Serialize)]
struct Header {
    name: String,
    value: String,
}

/// Bytes, and the text they are if they are one.
#[derive(Debug, Serialize)]
struct Content {
    base64: String,
    text: Option<String>,
}

#[derive(Debug, Serialize)]
struct Attempt {
    step: String,
    number: u32,
    started: String,
    took_ms: f64,
    outcome: String,
    status: Option<u16>,
    error: Option<String>,
    answer: Content,
}

/// `GET /events`.
pub(super) async fn list(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page>, Problem> {
    let query = asked.query(operator.organization, SystemTime::now())?;
    let page = state.queue.events(query).await?;
    let live = state.current.load();
    let summary = |event: EventSummary| {
        let redaction = Redaction::new(live.flow(&event.flow).map(|flow| &**flow));
        Summary::new(event, redaction)
    };
    Ok(Json(Page {
        events: page.events.into_iter().map(summary).collect(),
        next: page.next.map(|id| id.to_string()),
    }))
}

/// `GET /events/{id}`.
pub(super) async fn show(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<Detail>, Problem> {
    let missing = || {
        Problem::not_found(
            "there is no such event, or no longer; `retention` says how long events are kept",
        )
    };
    let id: EventId = id.parse().map_err(|_| missing())?;
    let stored = state.queue.event(id).await?;
    let stored = stored
        .filter(|stored| stored.event.organization == operator.organization)
        .ok_or_else(missing)?;
    let attempts = state.queue.attempts(id).await?;
    let live = state.current.load();
    let redaction = Redaction::new(live.flow(&stored.event.flow).map(|flow| &**flow));
    Ok(Json(Detail::new(stored, attempts, redaction)))
}

impl Asked {
    fn query(self, organization: Arc<str>, now: SystemTime) -> Result<EventQuery, Problem> {
        let time = |name: &str, text: Option<String>| {
            text.map(|text| moment::parse_or_ago(&text, now))
                .transpose()
                .map_err(|why| Problem::bad_request(format!("`{name}`: {why}")))
        };
        let limit = limit(self.limit, DEFAULT_LIMIT, LARGEST_LIMIT)?;
        let before = self
            .before
            .map(|id| id.parse())
            .transpose()
            .map_err(|_| Problem::bad_request("`before` is the `next` of the page before"))?;
        let state = match self.state.as_deref() {
            None => None,
            Some("dead") => Some(Standing::Dead),
            Some("done") => Some(Standing::Done),
            Some("pending") => Some(Standing::Pending),
            Some(_) => {
                return Err(Problem::bad_request(
                    "`state` is one of pending, done, dead",
                ));
            }
        };
        Ok(EventQuery {
            organization: Some(organization),
            flow: self.flow.map(Arc::from),
            since: time("since", self.since)?,
            until: time("until", self.until)?,
            state,
            before,
            limit,
        })
    }
}

impl Detail {
    fn new(stored: StoredEvent, attempts: Vec<AttemptRecord>, redaction: Redaction<'_>) -> Self {
        let StoredEvent {
            event,
            state,
            deliveries,
            ..
        } = stored;
        let size = event.body.len() as u64;
        Self {
            headers: headers(&event.headers, redaction),
            body: Content::new(&event.body),
            attempts: attempts.into_iter().map(Attempt::from).collect(),
            summary: summary!(event, size, state, deliveries, redaction),
        }
    }
}

impl Summary {
    fn new(event: EventSummary, redaction: Redaction<'_>) -> Self {
        let (size, state) = (event.size, event.state);
        summary!(event, size, state, event.deliveries, redaction)
    }
}

impl From<Delivery> for Owed {
    fn from(delivery: Delivery) -> Self {
        Self {
            step: delivery.step.to_string(),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            due: delivery.due.map(moment::show),
            reason: delivery.reason.map(String::from),
        }
    }
}

impl From<AttemptRecord> for Attempt {
    fn from(attempt: AttemptRecord) -> Self {
        Self {
            step: attempt.step.to_string(),
            number: attempt.number,
            started: moment::show(attempt.started),
            took_ms: millis(attempt.took),
            outcome: attempt.outcome.into(),
            status: attempt.status,
            error: attempt.error.map(String::from),
            answer: Content::new(&attempt.answer),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the admin API could not read the queue"
        );
        Self::unavailable(error.to_string())
    }
}

impl Content {
    fn new(bytes: &[u8]) -> Self {
        Self {
            base64: STANDARD.encode(bytes),
            text: str::from_utf8(bytes).ok().map(str::to_owned),
        }
    }
}

fn headers(headers: &HeaderMap, redaction: Redaction<'_>) -> Vec<Header> {
    let shown = |(name, value): (&http::HeaderName, &http::HeaderValue)| Header {
        name: name.to_string(),
        value: if redaction.hides(name) {
            REDACTED.to_owned()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        },
    };
    headers.iter().map(shown).collect()
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

const DEFAULT_LIMIT: usize = 50;
const LARGEST_LIMIT: usize = 500;
