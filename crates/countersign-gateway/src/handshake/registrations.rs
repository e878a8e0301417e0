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
use countersign::{Key, KeyId, Keyring, MAX_KEYS, SchemeError, Secret, Verifier};
use countersign_tower::{Policy, PolicyError, Refusal, Resolve};
use http::request::Parts;

use super::kept::{self, Kept, KeptError};
use crate::config::{Flow, FlowId, Registration};

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
    Unfit(#[from] SchemeError),
    /// The policy cannot be rebuilt.
    #[error("the flow cannot be used with the secret that came: {0}")]
    Policy(#[from] PolicyError),
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
        let Some(registration) = &flow.registration else {
            return Standing::Fixed(Arc::clone(&flow.policy));
        };
        let mut state = self.state();
        let policy = match policy(flow, registration, state.kept_for(&flow.id)) {
            Ok(policy) => policy,
            Err(error) => {
                tracing::error!(
                    flow.id = %flow.id,
                    error = &error as &dyn std::error::Error,
                    "the secrets that the flow's sender brought cannot be used"
                );
                Arc::clone(&flow.policy)
            }
        };
        let cell = Arc::new(ArcSwap::new(policy));
        let known = (Arc::clone(flow), Arc::clone(&cell));
        state.standing.insert(flow.id.clone(), known);
        Standing::Moving(cell)
    }

    /// Lets the flow's sender bring one secret within `time`.
    pub(crate) fn open(&self, flow: &Flow, time: Duration, now: Instant) -> Result<(), Closed> {
        let registration = flow.registration.as_ref().ok_or(Closed::NotThatKind)?;
        let mut state = self.state();
        let known = registration.keys.iter().count() + state.kept_for(&flow.id).count();
        if known >= MAX_KEYS {
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

    /// How the flow stands.
    pub(crate) fn overview(&self, flow: &FlowId, now: Instant) -> Overview {
        let state = self.state();
        let open_for = state.open.get(flow);
        Overview {
            open_for: open_for
                .and_then(|end| end.checked_duration_since(now))
                .filter(|left| !left.is_zero()),
            keys: state
                .kept_for(flow)
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
        flow: &FlowId,
        secret: Secret,
        now: (Instant, SystemTime),
    ) -> Result<KeyId, Closed> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (instant, time) = now;
        let (end, mut list) = {
            let state = self.state();
            let end = state.open.get(flow).filter(|end| instant < **end);
            (*end.ok_or(Closed::NotOpen)?, state.kept.clone())
        };
        let taken = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let id = fresh_id(&list, flow, taken);
        list.push(Kept {
            flow: flow.clone(),
            id: id.clone(),
            secret,
            taken,
        });
        // Until it is kept the sender may try again; whoever else comes meanwhile waits for `writing`.
        self.replace(flow, list)?;
        let mut state = self.state();
        if state.open.get(flow) == Some(&end) {
            state.open.remove(flow);
        }
        Ok(id)
    }

    /// Forgets a key that was made of a secret that came; whether there was one. Blocks.
    pub(crate) fn forget(&self, flow: &FlowId, id: &str) -> Result<bool, Closed> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = self.state().kept.clone();
        let before = list.len();
        list.retain(|kept| kept.flow != *flow || kept.id.as_str() != id);
        if list.len() == before {
            return Ok(false);
        }
        self.replace(flow, list)?;
        Ok(true)
    }

    /// Makes `list` what is kept: the policy is built first, then the file is written, then both count.
    fn replace(&self, flow: &FlowId, list: Vec<Kept>) -> Result<(), Closed> {
        let of_flow = || list.iter().filter(|kept| kept.flow == *flow);
        let known = self.state().standing.get(flow).cloned();
        let (flow, cell) = known.ok_or(Closed::NotThatKind)?;
        let registration = flow.registration.as_ref().ok_or(Closed::NotThatKind)?;
        let policy = policy(&flow, registration, of_flow())?;
        kept::write(&self.path, &list)?;
        let mut state = self.state();
        cell.store(policy);
        // A newer configuration may have come meanwhile; its policy needs the keys as well.
        if let Some((newer, newest)) = state.standing.get(&flow.id)
            && !Arc::ptr_eq(newest, &cell)
            && let Some(registration) = &newer.registration
        {
            newest.store(self::policy(newer, registration, of_flow())?);
        }
        state.kept = list;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn kept_for(&self, flow: &FlowId) -> impl Iterator<Item = &Kept> {
        self.kept.iter().filter(move |kept| kept.flow == *flow)
    }
}

/// The flow's policy with the keys of the file and those that came.
fn policy<'a>(
    flow: &Flow,
    registration: &Registration,
    kept: impl Iterator<Item = &'a Kept>,
) -> Result<Arc<Policy>, Closed> {
    let came = kept.map(|kept| Key::new(kept.id.clone(), kept.secret.clone()));
    let keys: Vec<_> = registration.keys.iter().cloned().chain(came).collect();
    if keys.is_empty() {
        return Ok(Arc::clone(&flow.policy));
    }
    let ring = Keyring::new(keys).map_err(SchemeError::from)?;
    let fresh = Verifier::new(&registration.scheme, &ring)?.with_window(registration.window)?;
    let mut fresh = Some(fresh);
    // The first of its scheme, which the registration was made of: another one has keys of its own.
    let auth = flow.policy.auth().clone().with_signatures(|known| {
        let brought = *known.scheme() == registration.scheme;
        fresh.take_if(|_| brought).unwrap_or(known)
    });
    Ok(Arc::new(flow.policy.with_auth(auth).build()?))
}

/// An id that no other key of the flow has.
fn fresh_id(list: &[Kept], flow: &FlowId, taken: u64) -> KeyId {
    let known = |id: &KeyId| list.iter().any(|kept| kept.flow == *flow && kept.id == *id);
    let mut ids = (taken..).filter_map(|number| KeyId::parse(&format!("handshake-{number}")).ok());
    ids.find(|id| !known(id))
        .expect("there are more numbers than keys")
}

#[cfg(test)]
mod tests;
