//! `/flows/{id}/handshake`: for how long the flow's sender may bring a secret, and the keys that were made of those
//! that came. The secrets themselves are not told.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State as Shared};
use serde::{Deserialize, Serialize};

use super::State;
use super::error::Problem;
use super::flows::is_of;
use super::query::Query;
use super::token::Operator;
use crate::config::{Flow, FlowId, Organization};
use crate::handshake::Closed;
use crate::moment::{self, span};

/// What can be said when a flow is opened.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// For how long: `10m`.
    #[serde(rename = "for")]
    time: Option<String>,
}

/// How a flow stands.
#[derive(Debug, Serialize)]
pub(super) struct View {
    flow: String,
    open: bool,
    open_for_s: Option<u64>,
    keys: Vec<Key>,
}

/// A key that was made of a secret that came.
#[derive(Debug, Serialize)]
struct Key {
    id: String,
    taken: String,
}

/// `GET /flows/{id}/handshake`.
pub(super) async fn show(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<View>, Problem> {
    let flow = find(&state, &operator, &id)?;
    Ok(Json(View::new(&state, &flow.id, &flow.organization)))
}

/// `POST /flows/{id}/handshake?for=10m`.
pub(super) async fn open(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<View>, Problem> {
    let flow = find(&state, &operator, &id)?;
    let time = match asked.time.as_deref().map(span::parse) {
        None => USUAL,
        Some(Ok(time)) if (SHORTEST..=LONGEST).contains(&time) => time,
        Some(_) => return Err(Problem::bad_request("`for` goes from 1s to 24h, like 10m")),
    };
    state
        .registrations
        .open(&flow, time, Instant::now())
        .map_err(|why| Problem::conflict(why.to_string()))?;
    tracing::info!(
        flow.id = %flow.id,
        open_for_s = time.as_secs(),
        "the flow's sender may bring a secret now, once"
    );
    Ok(Json(View::new(&state, &flow.id, &flow.organization)))
}

/// `DELETE /flows/{id}/handshake`.
pub(super) async fn close(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<View>, Problem> {
    let flow = find(&state, &operator, &id)?;
    if state.registrations.close(&flow.id, Instant::now()) {
        tracing::info!(flow.id = %flow.id, "the flow's sender may bring no secret any more");
    }
    Ok(Json(View::new(&state, &flow.id, &flow.organization)))
}

/// `DELETE /flows/{id}/handshake/keys/{key}`: also of a flow that is gone, whose secrets nobody needs.
pub(super) async fn forget(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    Path((id, key)): Path<(String, String)>,
) -> Result<Json<View>, Problem> {
    let names = FlowId::parse(&id).and_then(|flow| {
        let organization = Organization::parse(&operator.organization)?;
        Ok((flow, organization))
    });
    let (flow, organization) = names.map_err(|_| Problem::not_found("there is no such flow"))?;
    let registrations = state.registrations.clone();
    let (of, whose, which) = (flow.clone(), organization.clone(), key.clone());
    let forgotten =
        tokio::task::spawn_blocking(move || registrations.forget(&of, &whose, &which)).await;
    match forgotten.map_err(|_| Problem::unavailable("the key cannot be forgotten now"))? {
        Ok(true) => {
            tracing::info!(flow.id = %flow, key.id = %key, "a key that the sender brought is forgotten");
            Ok(Json(View::new(&state, &flow, &organization)))
        }
        Ok(false) => Err(Problem::not_found(
            "the flow's sender brought no such key; keys of the configuration are removed there",
        )),
        Err(error) => {
            tracing::error!(flow.id = %flow, error = &error as &dyn Error, "a key cannot be forgotten");
            Err(match error {
                Closed::Kept(_) => Problem::unavailable(error.to_string()),
                _ => Problem::conflict(error.to_string()),
            })
        }
    }
}

/// The flow, if its sender brings secrets.
fn find(state: &State, operator: &Operator, id: &str) -> Result<Arc<Flow>, Problem> {
    let live = state.current.load();
    let flow = live.flow(id).filter(|flow| is_of(flow, operator));
    let flow = flow.ok_or_else(|| Problem::not_found("there is no such flow"))?;
    match flow.registration {
        Some(_) => Ok(Arc::clone(flow)),
        None => Err(Problem::conflict(Closed::NotThatKind.to_string())),
    }
}

impl View {
    fn new(state: &State, flow: &FlowId, organization: &Organization) -> Self {
        let now = Instant::now();
        let overview = state.registrations.overview(flow, organization, now);
        let keys = overview.keys.into_iter().map(|(id, taken)| Key {
            id: id.to_string(),
            taken: moment::show(taken),
        });
        Self {
            flow: flow.to_string(),
            open: overview.open_for.is_some(),
            open_for_s: overview.open_for.map(|left| left.as_secs()),
            keys: keys.collect(),
        }
    }
}

/// How long a flow is open unless it is said.
const USUAL: Duration = Duration::from_secs(10 * 60);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
