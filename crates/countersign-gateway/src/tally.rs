//! How often a flow's requests were let in and refused, and which keys were used: counted without a lock.
//!
//! Everything is an atomic that counts up from when the process started. What is made from one configuration
//! goes on counting where the one before it stopped; what is counted for keys, across restarts too ([`kept`]).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use countersign::KeyId;
use countersign_tower::Refusal;

pub(crate) mod kept;

/// The counters of one flow.
#[derive(Debug)]
pub(crate) struct Tally {
    counts: Arc<Counts>,
    /// By id. A key that a sender brings is added when it is first used.
    keys: ArcSwap<Vec<(KeyId, Arc<KeyTally>)>>,
}

/// What is counted for the flow as a whole.
#[derive(Debug)]
struct Counts {
    accepted: AtomicU64,
    observed: Reasons,
    refused: Reasons,
    repeats: AtomicU64,
    since: SystemTime,
    unlogged: AtomicU64,
}

/// One counter for each label.
#[derive(Debug)]
struct Reasons(Box<[AtomicU64]>);

/// What is counted for one key.
#[derive(Debug)]
pub(crate) struct KeyTally {
    /// Milliseconds since 1970; zero for never.
    last_seen: AtomicU64,
    /// Whether no configuration names it: it was added when it was first used.
    met: bool,
    since: SystemTime,
    uses: AtomicU64,
}

impl Tally {
    /// Counts for a flow with these keys and those that were met, going on from `previous` where there is one.
    pub(crate) fn new(
        keys: impl IntoIterator<Item = KeyId>,
        previous: Option<&Self>,
        now: SystemTime,
    ) -> Self {
        let counts = match previous {
            Some(previous) => Arc::clone(&previous.counts),
            None => Arc::new(Counts::new(now)),
        };
        let known = |id: &KeyId| previous?.key(id);
        let tally_of =
            |id: &KeyId| known(id).unwrap_or_else(|| Arc::new(KeyTally::new(now, false)));
        let mut keys: Vec<_> = keys
            .into_iter()
            .map(|id| (id.clone(), tally_of(&id)))
            .collect();
        if let Some(previous) = previous {
            let before = previous.keys.load();
            keys.extend(before.iter().filter(|(_, key)| key.met).cloned());
        }
        keys.sort_by(|one, other| one.0.cmp(&other.0));
        keys.dedup_by(|one, other| one.0 == other.0);
        Self {
            counts,
            keys: ArcSwap::from_pointee(keys),
        }
    }

    /// A genuine request that was stored or passed on.
    pub(crate) fn accepted(&self) {
        self.counts.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A repeat that was acknowledged once more.
    pub(crate) fn repeated(&self) {
        self.counts.repeats.fetch_add(1, Ordering::Relaxed);
    }

    /// A refused request.
    pub(crate) fn refused(&self, label: &str) {
        self.counts.refused.add(label);
    }

    /// A request that was let in and would be refused if the flow did not only observe.
    pub(crate) fn observed(&self, label: &str) {
        self.counts.observed.add(label);
    }

    /// A refused request that is told nowhere, because there were too many.
    pub(crate) fn unlogged(&self) {
        self.counts.unlogged.fetch_add(1, Ordering::Relaxed);
    }

    /// A genuine request under this key.
    pub(crate) fn used(&self, id: &KeyId, now: SystemTime) {
        let keys = self.keys.load();
        match find(&keys, id) {
            Some(key) => key.used(now),
            None => self.met(id, now),
        }
    }

    /// What is counted for this key.
    pub(crate) fn key(&self, id: &KeyId) -> Option<Arc<KeyTally>> {
        find(&self.keys.load(), id).map(Arc::clone)
    }

    /// Goes on from what was counted before the process started; for the start, before anything is counted.
    ///
    /// Of keys that no configuration names, only those count on that had none then either.
    fn recall(&self, before: impl IntoIterator<Item = (KeyId, KeyTally)>) {
        let mut keys = Vec::clone(&self.keys.load());
        for (id, mut tally) in before {
            match place(&keys, &id) {
                Ok(at) => {
                    if let Some((_, known)) = keys.get_mut(at) {
                        tally.met = known.met;
                        *known = Arc::new(tally);
                    }
                }
                Err(at) if tally.met && keys.len() < MOST_KEYS => {
                    keys.insert(at, (id, Arc::new(tally)));
                }
                Err(_) => {}
            }
        }
        self.keys.store(Arc::new(keys));
    }

    /// How many keys of before may be looked at for one of its own.
    fn room(&self) -> usize {
        self.keys.load().len().saturating_add(MOST_KEYS)
    }

    /// The keys that are told apart.
    pub(crate) fn keys(&self) -> Vec<KeyId> {
        self.keys.load().iter().map(|(id, _)| id.clone()).collect()
    }

    /// How many refused requests are told nowhere.
    pub(crate) fn kept_back(&self) -> u64 {
        self.counts.unlogged.load(Ordering::Relaxed)
    }

    /// All counters of the flow itself, as they are now.
    pub(crate) fn totals(&self) -> Totals {
        let counts = &self.counts;
        Totals {
            accepted: counts.accepted.load(Ordering::Relaxed),
            observed: counts.observed.read(),
            refused: counts.refused.read(),
            repeats: counts.repeats.load(Ordering::Relaxed),
            since: counts.since,
            unlogged: self.kept_back(),
        }
    }

    /// Counts the first use of a key that was not there at the start.
    fn met(&self, id: &KeyId, now: SystemTime) {
        if self.keys.load().len() >= MOST_KEYS {
            return;
        }
        let new = Arc::new(KeyTally::new(now, true));
        self.keys.rcu(|keys| {
            let mut keys = Vec::clone(keys);
            if let Err(at) = place(&keys, id)
                && keys.len() < MOST_KEYS
            {
                keys.insert(at, (id.clone(), Arc::clone(&new)));
            }
            keys
        });
        if let Some(key) = self.key(id) {
            key.used(now);
        }
    }
}

impl KeyTally {
    fn new(now: SystemTime, met: bool) -> Self {
        Self {
            last_seen: AtomicU64::new(0),
            met,
            since: now,
            uses: AtomicU64::new(0),
        }
    }

    fn used(&self, now: SystemTime) {
        self.uses.fetch_add(1, Ordering::Relaxed);
        self.last_seen.fetch_max(millis(now), Ordering::Relaxed);
    }

    /// When a request under this key was last let in.
    pub(crate) fn last_seen(&self) -> Option<SystemTime> {
        let millis = self.last_seen.load(Ordering::Relaxed);
        (millis > 0).then(|| UNIX_EPOCH + Duration::from_millis(millis))
    }

    /// Since when it is counted.
    pub(crate) fn since(&self) -> SystemTime {
        self.since
    }

    /// How many requests were genuine under this key.
    pub(crate) fn uses(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }
}

impl Counts {
    fn new(now: SystemTime) -> Self {
        Self {
            accepted: AtomicU64::new(0),
            observed: Reasons::new(),
            refused: Reasons::new(),
            repeats: AtomicU64::new(0),
            since: now,
            unlogged: AtomicU64::new(0),
        }
    }
}

impl Reasons {
    fn new() -> Self {
        Self(LABELS.iter().map(|_| AtomicU64::new(0)).collect())
    }

    fn add(&self, label: &str) {
        let at = LABELS.iter().position(|known| *known == label);
        if let Some(count) = at.and_then(|at| self.0.get(at)).or(self.0.last()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        LABELS
            .iter()
            .copied()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

/// What the counters of one flow said at one moment; reasons that never occurred are left out.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) observed: BTreeMap<&'static str, u64>,
    pub(crate) refused: BTreeMap<&'static str, u64>,
    pub(crate) repeats: u64,
    pub(crate) since: SystemTime,
    pub(crate) unlogged: u64,
}

/// Every reason for which a request may be refused, by its label.
pub(crate) static LABELS: LazyLock<Box<[&'static str]>> = LazyLock::new(|| {
    // The last one stands for what has no counter of its own.
    let own = [UNPROCESSABLE, "other"];
    Refusal::labels().chain(own).collect()
});

/// The store cannot hold it, now or later.
pub(crate) const UNPROCESSABLE: &str = "unprocessable";

fn find<'a>(keys: &'a [(KeyId, Arc<KeyTally>)], id: &KeyId) -> Option<&'a Arc<KeyTally>> {
    keys.get(place(keys, id).ok()?).map(|(_, key)| key)
}

fn place(keys: &[(KeyId, Arc<KeyTally>)], id: &KeyId) -> Result<usize, usize> {
    keys.binary_search_by(|(known, _)| known.cmp(id))
}

/// How many keys are told apart.
const MOST_KEYS: usize = 1_024;

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
