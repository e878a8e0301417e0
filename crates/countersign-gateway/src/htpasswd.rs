//! Users of a file, as `htpasswd -B` writes it: their passwords are known by slow hashes only.
//!
//! A check takes a core for tens of milliseconds, on purpose, so checks are few at once, one of an address, on threads
//! where nobody waits, and a password that was right is known again for as long as it is in use.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::Claim;
use countersign_tower::{Answer, Checking, Passwords};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

mod hash;
mod line;
mod seats;

use hash::Hash;
pub(crate) use line::Bad;
pub(crate) use seats::Seats;

/// The users of one file. A clone is the same users.
#[derive(Clone)]
pub(crate) struct Htpasswd(Arc<Users>);

struct Users {
    /// In the order of their names, at least one.
    all: Vec<User>,
    /// What marks depend on: nobody outside can know one.
    key: [u8; 32],
    seats: Seats,
}

struct User {
    name: String,
    hash: Hash,
    /// The last password that was right, for as long as it is in use.
    remembered: Mutex<Option<Remembered>>,
}

struct Remembered {
    mark: Mark,
    until: Instant,
}

/// A keyed hash of a user and a password.
type Mark = [u8; 32];

impl Htpasswd {
    /// Reads a file; `key` is new and random.
    ///
    /// # Errors
    ///
    /// The first line that is not a user with a hash of a kind and a cost that is taken.
    pub(crate) fn parse(text: &str, key: [u8; 32], seats: Seats) -> Result<Self, Bad> {
        let mut all: Vec<User> = Vec::new();
        for (name, hash) in line::users(text)? {
            all.push(User {
                name,
                hash,
                remembered: Mutex::default(),
            });
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self(Arc::new(Users { all, key, seats })))
    }

    /// Whether there is a user of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.find(name.as_bytes()).is_some()
    }
}

impl Passwords for Htpasswd {
    fn check(&self, claim: Claim) -> Checking {
        Box::pin(Arc::clone(&self.0).answer(claim))
    }
}

impl Users {
    async fn answer(self: Arc<Self>, claim: Claim) -> Answer {
        let mark = self.mark(&claim);
        if self.remembers(&claim, &mark) {
            return Answer::Right;
        }
        let Some(place) = self.seats.line_up(claim.client(), mark) else {
            return Answer::Unavailable;
        };
        let Ok(Some(seat)) = timeout(PATIENCE, place.seat()).await else {
            return Answer::Unavailable;
        };
        // Whoever waited behind an equal claim has its answer by now.
        if self.remembers(&claim, &mark) {
            return Answer::Right;
        }
        // If the sender goes away meanwhile, the check ends all the same, and with it the seat.
        let checked = spawn_blocking(move || {
            let _seat = seat;
            self.check(&claim, mark)
        });
        match checked.await {
            Ok(true) => Answer::Right,
            Ok(false) => Answer::Wrong,
            Err(_) => Answer::Unavailable,
        }
    }

    /// Takes as long for a user that there is not: then another one's hash is computed, always the same one's.
    fn check(&self, claim: &Claim, mark: Mark) -> bool {
        let known = self.find(claim.user());
        let Some(user) = known.or_else(|| self.stand_in(claim.user())) else {
            return false;
        };
        let right = user.hash.is_of(claim.password().expose()) & known.is_some();
        if right {
            let until = Instant::now() + MEMORY;
            *user.memory() = Some(Remembered { mark, until });
        }
        right
    }

    fn remembers(&self, claim: &Claim, mark: &Mark) -> bool {
        let Some(user) = self.find(claim.user()) else {
            return false;
        };
        let now = Instant::now();
        let mut memory = user.memory();
        match &mut *memory {
            Some(known) if known.until > now && known.mark.ct_eq(mark).into() => {
                known.until = now + MEMORY;
                true
            }
            _ => false,
        }
    }

    fn find(&self, name: &[u8]) -> Option<&User> {
        let at = self
            .all
            .binary_search_by(|user| user.name.as_bytes().cmp(name));
        self.all.get(at.ok()?)
    }

    fn stand_in(&self, name: &[u8]) -> Option<&User> {
        let digest = self.keyed(&[b"stand in", name]);
        let number = u64::from_le_bytes(*digest.first_chunk()?);
        let at = number.checked_rem(u64::try_from(self.all.len()).ok()?)?;
        self.all.get(usize::try_from(at).ok()?)
    }

    fn mark(&self, claim: &Claim) -> Mark {
        self.keyed(&[claim.user(), claim.password().expose()])
    }

    fn keyed(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(self.key);
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

impl User {
    fn memory(&self) -> std::sync::MutexGuard<'_, Option<Remembered>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Htpasswd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Htpasswd")
            .field("users", &self.0.all.len())
            .finish_non_exhaustive()
    }
}

/// How long a password that was right is known again after its last use.
const MEMORY: Duration = Duration::from_secs(60);
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
