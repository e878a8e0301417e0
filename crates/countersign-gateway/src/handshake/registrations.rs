//! Who may bring a secret now, and the keys that were made of those that came.
//!
//! Nothing proves who brings a secret, so nobody can but for a while that an operator opens, once, for one flow.
//! What came is on disk before it is answered.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use countersign::{Key, KeyId, MAX_KEYS, Secret};
use countersign_tower::{Policy, Refusal, Resolve};
use http::request::Parts;

pub(crate) use self::fitting::Why;
use self::fitting::{Fitting, Unfit};
use super::kept::{self, Kept, KeptError};
use crate::config::{Flow, FlowId, Organization, Registration};

mod fitting;

/// The secrets that senders brought, and who may bring one now.
#[derive(Clone, Debug)]
pub(crate) struct Registrations {
    path: Arc<Path>,
    state: Arc<Mutex<State>>,
    /// One writes at a time, and nobody who only looks waits for it.
    writing: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// Until when each flow's sender may bring a secret.
    open: HashMap<FlowId, Instant>,
    kept: Vec<Kept>,
    /// The policies of flows whose sender brings secrets, as they are now.
    standing: HashMap<FlowId, (Arc<Flow>, Arc<ArcSwap<Policy>>)>,
}

/// A flow's policy of the moment.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// That of the configuration.
    Fixed(Arc<Policy>),
    /// That, and the keys that came.
    Moving(Arc<ArcSwap<Policy>>),
}

impl Resolve for Standing {
    type Future = Ready<Result<Arc<Policy>, Refusal>>;

    fn resolve(&self, _: &Parts) -> Self::Future {
        ready(Ok(self.policy()))
    }
}

impl Standing {
    /// The policy.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        match self {
            Self::Fixed(policy) => Arc::clone(policy),
            Self::Moving(cell) => cell.load_full(),
        }
    }
}

/// A flow that takes no secret now, and why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closed {
    /// There is no room for another key.
    #[error("the flow has {MAX_KEYS} keys, which is all that are tried; have one forgotten first")]
    Full,
    /// Nobody opened it, somebody closed it, or it was used.
    #[error("nobody has opened the flow to secrets, or its time is over")]
    NotOpen,
    /// Senders of this flow bring no secrets.
    #[error(
        "the senders of this flow bring no secret: its scheme has no such handshake, or it is turned off"
    )]
    NotThatKind,
    /// The secret is no key for the flow's scheme.
    #[error("the secret that came is no key: {0}")]
    Unfit(#[from] Why),
    /// The secret cannot be kept.
    #[error("the secret cannot be kept")]
    Kept(#[from] KeptError),
}

/// How a flow stands.
#[derive(Debug)]
pub(crate) struct Overview {
    /// For how long a secret is still taken.
    pub(crate) open_for: Option<Duration>,
    /// The keys that were made of secrets that came, and when.
    pub(crate) keys: Vec<(KeyId, SystemTime)>,
}

impl Registrations {
    /// Reads the secrets that belong to the store at `store`.
    ///
    /// # Errors
    ///
    /// There are some, and they cannot be read.
    pub(crate) fn load(store: &Path) -> Result<Self, KeptError> {
        let path = kept::place(store);
        let kept = kept::read(&path)?;
        Ok(Self {
            path: path.into(),
            state: Arc::new(Mutex::new(State {
                kept,
                ..State::default()
            })),
            writing: Arc::default(),
        })
    }

    /// The policy of a flow with the keys that came for it.
    pub(crate) fn stand(&self, flow: &Arc<Flow>) -> Standing {
        let mut state = self.state();
        let before = state.standing.get(&flow.id);
        if before.is_some_and(|(before, _)| before.organization != flow.organization) {
            // Whoever opened it meant another flow.
            state.open.remove(&flow.id);
        }
        let Some(registration) = &flow.registration else {
            state.standing.remove(&flow.id);
            return Standing::Fixed(Arc::clone(&flow.policy));
        };
        let kept = state.kept_for(&flow.id, &flow.organization);
        let Fitting { policy, unfit } = fitting::of(flow, registration, kept);
        for Unfit { id, why } in unfit {
            tracing::warn!(
                flow.id = %flow.id,
                key.id = %id,
                error = &why as &dyn std::error::Error,
                help = %to_forget(&flow.id, &id),
                "a key that the flow's sender brought does not count: it does not fit with the others"
            );
        }
        let cell = Arc::new(ArcSwap::new(policy));
        let known = (Arc::clone(flow), Arc::clone(&cell));
        state.standing.insert(flow.id.clone(), known);
        Standing::Moving(cell)
    }

    /// Says which keys are kept for none of `flows`: their secrets lie there for nothing.
    pub(crate) fn tell_left_over(&self, flows: &[Arc<Flow>]) {
        for (flow, organization, id) in self.left_over(flows) {
            tracing::warn!(
                flow.id = %flow,
                organization = %organization,
                key.id = %id,
                help = %to_forget(&flow, &id),
                "a secret is kept for a flow that is gone, or whose sender brings none any more"
            );
        }
    }

    /// The keys that are kept for none of `flows`.
    fn left_over(&self, flows: &[Arc<Flow>]) -> Vec<(FlowId, Organization, KeyId)> {
        let owns = |flow: &Flow, kept: &Kept| {
            flow.registration.is_some() && kept.is_of(&flow.id, &flow.organization)
        };
        let state = self.state();
        let kept = state.kept.iter();
        let left = kept.filter(|kept| !flows.iter().any(|flow| owns(flow, kept)));
        let named = left.map(|kept| {
            let (flow, organization) = (kept.flow.clone(), kept.organization.clone());
            (flow, organization, kept.id.clone())
        });
        named.collect()
    }

    /// Lets the flow's sender bring one secret within `time`.
    pub(crate) fn open(&self, flow: &Flow, time: Duration, now: Instant) -> Result<(), Closed> {
        let registration = flow.registration.as_ref().ok_or(Closed::NotThatKind)?;
        let mut state = self.state();
        if state.is_full(flow, registration) {
            return Err(Closed::Full);
        }
        state.open.insert(flow.id.clone(), now + time);
        Ok(())
    }

    /// Lets nobody bring a secret any more; whether somebody could.
    pub(crate) fn close(&self, flow: &FlowId, now: Instant) -> bool {
        let end = self.state().open.remove(flow);
        end.is_some_and(|end| now < end)
    }

    /// Whether the flow's sender may bring a secret now.
    pub(crate) fn is_open(&self, flow: &FlowId, now: Instant) -> bool {
        self.state().open.get(flow).is_some_and(|end| now < *end)
    }

    /// How the organization's flow of this id stands, or what is left of it.
    pub(crate) fn overview(
        &self,
        flow: &FlowId,
        organization: &Organization,
        now: Instant,
    ) -> Overview {
        let state = self.state();
        let open_for = state.open_of(flow, organization);
        Overview {
            open_for: open_for
                .and_then(|end| end.checked_duration_since(now))
                .filter(|left| !left.is_zero()),
            keys: state
                .kept_for(flow, organization)
                .map(|kept| {
                    (
                        kept.id.clone(),
                        UNIX_EPOCH + Duration::from_secs(kept.taken),
                    )
                })
                .collect(),
        }
    }

    /// Keeps a secret as a key of the flow and closes the flow to others: on disk when it returns. Blocks.
    pub(crate) fn take(
        &self,
        flow: &Flow,
        secret: Secret,
        now: (Instant, SystemTime),
    ) -> Result<KeyId, Closed> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (instant, time) = now;
        let (end, mut list, flow) = {
            let state = self.state();
            let end = state.open_of(&flow.id, &flow.organization);
            let end = end.filter(|end| instant < **end).ok_or(Closed::NotOpen)?;
            let (newest, _) = state.standing.get(&flow.id).ok_or(Closed::NotThatKind)?;
            let registration = newest.registration.as_ref().ok_or(Closed::NotThatKind)?;
            // The configuration may have got more keys since it was opened.
            if state.is_full(newest, registration) {
                return Err(Closed::Full);
            }
            (*end, state.kept.clone(), Arc::clone(newest))
        };
        let taken = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let id = fresh_id(&list, &flow, taken);
        list.push(Kept {
            flow: flow.id.clone(),
            organization: flow.organization.clone(),
            id: id.clone(),
            secret,
            taken,
        });
        // Until it is kept the sender may try again; whoever else comes meanwhile waits for `writing`.
        self.replace(&flow.id, &flow.organization, list, Some(&id))?;
        let mut state = self.state();
        if state.open.get(&flow.id) == Some(&end) {
            state.open.remove(&flow.id);
        }
        Ok(id)
    }

    /// Forgets a key that was made of a secret that came, also where the flow is gone; whether there was one. Blocks.
    pub(crate) fn forget(
        &self,
        flow: &FlowId,
        organization: &Organization,
        id: &str,
    ) -> Result<bool, Closed> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = self.state().kept.clone();
        let before = list.len();
        list.retain(|kept| !kept.is_of(flow, organization) || kept.id.as_str() != id);
        if list.len() == before {
            return Ok(false);
        }
        self.replace(flow, organization, list, None)?;
        Ok(true)
    }

    /// Makes `list` what is kept: the policy is built first, then the file is written, then both count.
    /// The key `wanted` has to fit.
    fn replace(
        &self,
        flow: &FlowId,
        organization: &Organization,
        list: Vec<Kept>,
        wanted: Option<&KeyId>,
    ) -> Result<(), Closed> {
        let standing = |state: &State| {
            let (flow, cell) = state.standing.get(flow)?;
            let same = flow.organization == *organization;
            same.then(|| (Arc::clone(flow), Arc::clone(cell)))
        };
        let fit = |of: &Flow| {
            let kept = list.iter().filter(|kept| kept.is_of(flow, organization));
            let registration = of.registration.as_ref()?;
            Some(fitting::of(of, registration, kept))
        };
        let known = standing(&self.state());
        let fitting = known.as_ref().and_then(|(flow, _)| fit(flow));
        let unfit = fitting.iter().flat_map(|fitting| &fitting.unfit);
        if let Some(Unfit { why, .. }) = unfit.into_iter().find(|unfit| Some(&unfit.id) == wanted) {
            return Err(why.clone().into());
        }
        kept::write(&self.path, &list)?;
        let mut state = self.state();
        if let Some(((_, cell), Fitting { policy, .. })) = known.as_ref().zip(fitting) {
            cell.store(policy);
        }
        // A newer configuration may have come meanwhile; its policy needs the keys as well.
        if let Some((newer, newest)) = standing(&state)
            && known.is_none_or(|(_, cell)| !Arc::ptr_eq(&newest, &cell))
            && let Some(Fitting { policy, .. }) = fit(&newer)
        {
            newest.store(policy);
        }
        state.kept = list;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn kept_for(&self, flow: &FlowId, organization: &Organization) -> impl Iterator<Item = &Kept> {
        let kept = self.kept.iter();
        kept.filter(move |kept| kept.is_of(flow, organization))
    }

    /// Until when the organization's flow of this id is open.
    fn open_of(&self, flow: &FlowId, organization: &Organization) -> Option<&Instant> {
        let (known, _) = self.standing.get(flow)?;
        let end = self.open.get(flow);
        end.filter(|_| known.organization == *organization)
    }

    /// Whether the flow has all keys that are tried.
    fn is_full(&self, flow: &Flow, registration: &Registration) -> bool {
        let brought = self.kept_for(&flow.id, &flow.organization).count();
        registration.keys.iter().count() + brought >= MAX_KEYS
    }
}

impl Kept {
    fn is_of(&self, flow: &FlowId, organization: &Organization) -> bool {
        self.flow == *flow && self.organization == *organization
    }
}

/// An id that no other key of the flow has.
fn fresh_id(list: &[Kept], flow: &Flow, taken: u64) -> KeyId {
    let of_flow = |kept: &&Kept| kept.is_of(&flow.id, &flow.organization);
    let file = flow.registration.iter().flat_map(|own| own.keys.iter());
    let brought = list.iter().filter(of_flow).map(|kept| &kept.id);
    let known: Vec<_> = brought.chain(file.map(Key::id)).collect();
    let mut ids = (taken..).filter_map(|number| KeyId::parse(&format!("handshake-{number}")).ok());
    ids.find(|id| !known.contains(&id))
        .expect("there are more numbers than keys")
}

/// What an operator writes to be rid of a key.
fn to_forget(flow: &FlowId, key: &KeyId) -> String {
    format!("with a token of the flow's organization: countersign handshake {flow} --forget {key}")
}

#[cfg(test)]
mod tests;
