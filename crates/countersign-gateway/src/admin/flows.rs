//! `/flows` and `/flows/{id}`: what is configured, which keys are in use, and how requests fared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{Path, State as Shared};
use countersign::{Auth, KeyId, Validity, Verifier, Window};
use http::Method;
use serde::{Deserialize, Serialize};

use super::State;
use super::error::Problem;
use super::query::{Query, limit};
use super::token::Operator;
use crate::config::{Flow, ReplayPolicy, Then};
use crate::ingress::endpoint::Endpoint;
use crate::live::Live;
use crate::moment;
use crate::tally::Tally;
use crate::warnings;

/// What can be asked of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    after: Option<String>,
    limit: Option<usize>,
}

/// One page of the list, by id.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    flows: Vec<View>,
    /// The `after` of the next page.
    next: Option<String>,
}

/// One flow.
#[derive(Debug, Serialize)]
pub(super) struct View {
    id: String,
    organization: String,
    path: String,
    /// The address that signatures of URLs cover, as far as it is known.
    url: Option<String>,
    /// `any` or `all`, where there are several ways in `auth`.
    several: Option<&'static str>,
    auth: Vec<&'static str>,
    schemes: Vec<String>,
    window: Option<WindowView>,
    replay: ReplayView,
    methods: Vec<String>,
    body_limit: usize,
    observe: bool,
    diagnose: bool,
    keys: Vec<KeyView>,
    since: String,
    accepted: u64,
    repeats: u64,
    refused: BTreeMap<&'static str, u64>,
    observed: BTreeMap<&'static str, u64>,
    not_logged: u64,
    steps: Vec<StepView>,
    forward: Option<String>,
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize)]
struct KeyView {
    id: String,
    state: &'static str,
    not_before: Option<String>,
    not_after: Option<String>,
    uses: u64,
    last_seen: Option<String>,
    since: Option<String>,
}

#[derive(Debug, Serialize)]
struct ReplayView {
    policy: &'static str,
    keep_s: f64,
}

#[derive(Debug, Serialize)]
struct StepView {
    name: String,
    url: String,
}

#[derive(Debug, Serialize)]
struct Warning {
    kind: &'static str,
    key: Option<String>,
    message: String,
    help: &'static str,
}

#[derive(Debug, Serialize)]
struct WindowView {
    past_s: f64,
    future_s: f64,
}

/// `GET /flows`.
pub(super) async fn list(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page>, Problem> {
    let limit = limit(asked.limit, DEFAULT_LIMIT, LARGEST_LIMIT)?;
    let live = state.current.load_full();
    let mut ids: Vec<_> = live
        .config
        .flows
        .iter()
        .filter(|flow| is_of(flow, &operator))
        .map(|flow| flow.id.as_str())
        .filter(|id| asked.after.as_deref().is_none_or(|after| *id > after))
        .collect();
    ids.sort_unstable();
    let next = ids
        .get(limit.saturating_sub(1))
        .filter(|_| ids.len() > limit);
    let next = next.map(|id| (*id).to_owned());
    ids.truncate(limit);
    let now = SystemTime::now();
    let endpoints = ids.iter().filter_map(|id| live.endpoint(id));
    Ok(Json(Page {
        flows: endpoints
            .map(|endpoint| View::new(endpoint, &live, now))
            .collect(),
        next,
    }))
}

/// `GET /flows/{id}`.
pub(super) async fn show(
    operator: Operator,
    Shared(state): Shared<Arc<State>>,
    Path(id): Path<String>,
) -> Result<Json<View>, Problem> {
    let live = state.current.load_full();
    let endpoint = live
        .endpoint(&id)
        .filter(|endpoint| is_of(&endpoint.flow, &operator));
    let endpoint = endpoint.ok_or_else(|| Problem::not_found("there is no such flow"))?;
    Ok(Json(View::new(endpoint, &live, SystemTime::now())))
}

/// Whether the operator may see this flow.
pub(super) fn is_of(flow: &Flow, operator: &Operator) -> bool {
    flow.organization.as_str() == &*operator.organization
}

impl View {
    fn new(endpoint: &Endpoint, live: &Live, now: SystemTime) -> Self {
        let (flow, tally) = (&*endpoint.flow, endpoint.ledger.tally());
        let policy = endpoint.policy();
        let totals = tally.totals();
        let path = flow.place(&live.config.ingress.prefix);
        let (steps, forward) = match &flow.then {
            Then::Queue { steps } => (
                steps
                    .iter()
                    .map(|step| StepView {
                        name: step.name.to_string(),
                        url: step.url.to_string(),
                    })
                    .collect(),
                None,
            ),
            Then::Forward(upstream) => (Vec::new(), Some(upstream.base.to_string())),
        };
        let mut keys = policy.auth().keys();
        if policy.auth().asks() {
            // Users whose passwords somebody else knows are known by their uses only.
            let met = tally.keys().into_iter().map(|id| (id, Validity::default()));
            let met: Vec<_> = met
                .filter(|(id, _)| !keys.iter().any(|(known, _)| known == id))
                .collect();
            keys.extend(met);
        }
        Self {
            id: flow.id.to_string(),
            organization: flow.organization.to_string(),
            url: policy.public_url().map(|base| format!("{base}{path}")),
            path,
            several: several(policy.auth()),
            auth: policy.auth().parts().map(Auth::mode).collect(),
            schemes: verifiers(policy.auth())
                .map(|verifier| verifier.scheme().name().to_owned())
                .collect(),
            window: verifiers(policy.auth())
                .find_map(Verifier::window)
                .map(WindowView::new),
            replay: ReplayView {
                policy: match flow.replay.policy {
                    ReplayPolicy::Acknowledge => "acknowledge",
                    ReplayPolicy::Off => "off",
                    ReplayPolicy::Refuse => "refuse",
                },
                keep_s: flow.replay.keep.as_secs_f64(),
            },
            methods: policy.methods().iter().map(Method::to_string).collect(),
            body_limit: policy.body_limit(),
            observe: policy.observes(),
            diagnose: flow.diagnose,
            keys: keys
                .into_iter()
                .map(|(id, validity)| KeyView::new(&id, validity, tally, now))
                .collect(),
            since: moment::show(totals.since),
            accepted: totals.accepted,
            repeats: totals.repeats,
            refused: totals.refused,
            observed: totals.observed,
            not_logged: totals.unlogged,
            steps,
            forward,
            warnings: warned(endpoint, live, now),
        }
    }
}

impl KeyView {
    fn new(id: &KeyId, validity: Validity, tally: &Tally, now: SystemTime) -> Self {
        let counted = tally.key(id);
        let over = validity.not_after().is_some_and(|end| end <= now);
        Self {
            id: id.to_string(),
            state: match validity.covers(now) {
                true => "active",
                false if over => "expired",
                false => "not_yet",
            },
            not_before: validity.not_before().map(moment::show),
            not_after: validity.not_after().map(moment::show),
            uses: counted.as_ref().map_or(0, |key| key.uses()),
            last_seen: counted
                .as_ref()
                .and_then(|key| key.last_seen())
                .map(moment::show),
            since: counted.map(|key| moment::show(key.since())),
        }
    }
}

impl WindowView {
    fn new(window: Window) -> Self {
        let seconds = |side: Duration| side.as_secs_f64();
        Self {
            past_s: seconds(window.past()),
            future_s: seconds(window.future()),
        }
    }
}

/// Whether any or all of several ways are asked for, apart from the address.
pub(super) fn several(auth: &Auth) -> Option<&'static str> {
    match auth {
        Auth::Any(_) => Some("any"),
        Auth::All(members) => {
            let is_more = |member: &&Auth| !matches!(member, Auth::Address(_));
            let members: Vec<_> = members.iter().filter(is_more).collect();
            match members[..] {
                [] => None,
                [one] => several(one),
                _ => Some("all"),
            }
        }
        _ => None,
    }
}

fn verifiers(auth: &Auth) -> impl Iterator<Item = &Verifier> {
    auth.parts().filter_map(|part| match part {
        Auth::Signature(verifier) => Some(verifier),
        _ => None,
    })
}

/// What about the flow's keys deserves a look.
fn warned(endpoint: &Endpoint, live: &Live, now: SystemTime) -> Vec<Warning> {
    let flow = &endpoint.flow;
    let shared = live
        .config
        .shared_secrets
        .iter()
        .filter_map(|[one, other]| {
            let other = match flow.id.as_str() {
                id if id == one => other,
                id if id == other => one,
                _ => return None,
            };
            let known = live.flow(other);
            // Another organization's flow is nobody's business, not even its name.
            let named = known.filter(|other| other.organization == flow.organization);
            let named = named.map_or("another flow".to_owned(), |other| {
                format!("the flow `{}`", other.id)
            });
            Some(Warning {
                kind: "shared_secret",
                key: None,
                message: format!(
                    "{named} has the same secret: what is signed for one is genuine for the other"
                ),
                help: "give each flow a secret of its own",
            })
        });
    let tally = endpoint.ledger.tally();
    let of_keys = warnings::of_keys(endpoint.policy().auth(), Some(tally), now).into_iter();
    let of_keys = of_keys.map(|warning| Warning {
        kind: warning.kind,
        key: warning.key.map(|key| key.to_string()),
        message: warning.message,
        help: warning.help,
    });
    shared.chain(of_keys).collect()
}

const DEFAULT_LIMIT: usize = 100;
const LARGEST_LIMIT: usize = 1_000;
