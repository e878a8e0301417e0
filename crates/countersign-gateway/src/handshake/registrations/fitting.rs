//! A flow's policy with as many of the keys that came as fit.

use std::sync::Arc;

use countersign::{Key, KeyId, Keyring, SchemeError, Verifier};
use countersign_tower::{Policy, PolicyError};

use super::Kept;
use crate::config::{Flow, Registration};

/// A policy, and the keys that are not in it.
pub(super) struct Fitting {
    pub(super) policy: Arc<Policy>,
    pub(super) unfit: Vec<Unfit>,
}

/// A key that came and does not count.
pub(super) struct Unfit {
    pub(super) id: KeyId,
    pub(super) why: Why,
}

/// Why a key does not count.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Why {
    /// The scheme has no use for it, or has enough.
    #[error(transparent)]
    Scheme(#[from] SchemeError),
    /// The policy cannot be rebuilt with it.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// The flow's policy with the keys of the file and, of those that came, the newest that fit.
pub(super) fn of<'a>(
    flow: &Flow,
    registration: &Registration,
    kept: impl Iterator<Item = &'a Kept>,
) -> Fitting {
    let mut keys: Vec<_> = registration.keys.iter().cloned().collect();
    let first = keys.len();
    let mut fitting = Fitting {
        policy: Arc::clone(&flow.policy),
        unfit: Vec::new(),
    };
    let kept: Vec<_> = kept.collect();
    for one in kept.into_iter().rev() {
        // In the order in which they came.
        keys.insert(first, Key::new(one.id.clone(), one.secret.clone()));
        match policy(flow, registration, &keys) {
            Ok(policy) => fitting.policy = policy,
            Err(why) => {
                let id = keys.remove(first).id().clone();
                fitting.unfit.push(Unfit { id, why });
            }
        }
    }
    fitting
}

fn policy(flow: &Flow, registration: &Registration, keys: &[Key]) -> Result<Arc<Policy>, Why> {
    let ring = Keyring::new(keys.iter().cloned()).map_err(SchemeError::from)?;
    let fresh = Verifier::new(&registration.scheme, &ring)?.with_window(registration.window)?;
    let mut fresh = Some(fresh);
    // The first of its scheme, which the registration was made of: another one has keys of its own.
    let auth = flow.policy.auth().clone().with_signatures(|known| {
        let brought = *known.scheme() == registration.scheme;
        fresh.take_if(|_| brought).unwrap_or(known)
    });
    Ok(Arc::new(flow.policy.with_auth(auth).build()?))
}
