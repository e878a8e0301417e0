//! The keys that requests name by a URL, such as the certificates of AWS and PayPal.
//!
//! Whoever reaches a flow may name URLs on the hosts that its scheme lists, so what is fetched is bounded: so many
//! for each flow, so many at once, one for each URL, so large, for so long; and what came of it is remembered, for a
//! short while if nothing did. How long and how much is data of [`Store`] and [`Bucket`], which read no clock.
//!
//! What has led to a key is fetched again out of no measure, so that made-up URLs do not keep a sender out; and its key
//! counts on for a while when it cannot be had again, so that a sender's trouble with one server is not a second one here.
//! A certificate never counts past its own end, nor past that of one that it hangs on.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use countersign::{FetchedKey, KeyUrl};
use countersign_tower::{Fetching, KeySource, NoKey};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use crate::deliver::{Client, Trust};

#[cfg(test)]
mod authority;
mod bucket;
mod certificate;
mod fetch;
mod store;

use bucket::Bucket;
use fetch::Fetcher;
use store::Store;

/// Fetches keys for all flows, and remembers them.
#[derive(Clone)]
pub(crate) struct Keys(Arc<Shared>);

struct Shared {
    fetcher: Fetcher,
    /// How many may be fetched at once.
    seats: Semaphore,
    store: Mutex<Store<Cell>>,
    trust: Trust,
}

/// One URL.
type Cell = Arc<LookUp>;

/// What came of a URL, or is still under way.
struct LookUp {
    found: OnceCell<Found>,
    /// Whether the first fetch is taken out of a measure already; each further one, after one was given up, is not.
    measured: AtomicBool,
    /// What counted before.
    before: Option<Found>,
}

/// What came of a URL, and until when it counts.
#[derive(Clone)]
struct Found {
    key: Result<Arc<FetchedKey>, NoKey>,
    fetched: Instant,
    until: Instant,
}

impl Keys {
    /// Fetches with a client for URLs that strangers name; who has to have signed certificates is `trust`'s to say.
    pub(crate) fn new(client: Client, trust: Trust) -> Self {
        Self(Arc::new(Shared {
            fetcher: Fetcher::new(client),
            seats: Semaphore::new(AT_ONCE),
            store: Mutex::new(Store::new(URLS)),
            trust,
        }))
    }

    /// The source for one flow, which has a measure of its own.
    pub(crate) fn for_flow(&self) -> Arc<dyn KeySource> {
        Arc::new(OfFlow {
            bucket: Arc::new(Mutex::new(Bucket::full(Instant::now()))),
            keys: self.clone(),
        })
    }
}

/// The keys, as one flow has them fetched.
#[derive(Debug)]
struct OfFlow {
    bucket: Arc<Mutex<Bucket>>,
    keys: Keys,
}

impl KeySource for OfFlow {
    fn fetch(&self, url: KeyUrl, now: SystemTime) -> Fetching {
        let (keys, bucket) = (self.keys.clone(), Arc::clone(&self.bucket));
        Box::pin(async move { keys.0.look_up(url, &bucket, now).await })
    }
}

impl Shared {
    async fn look_up(
        &self,
        url: KeyUrl,
        bucket: &Mutex<Bucket>,
        time: SystemTime,
    ) -> Result<Arc<FetchedKey>, NoKey> {
        let may_fetch = || {
            let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.take(Instant::now())
        };
        let cell = {
            let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let counts = |cell: &Cell| {
                let found = cell.found.get();
                found.is_none_or(|found| now < found.until && found.covers(time))
            };
            let begin = |last: Option<&Cell>| {
                let before = last.and_then(LookUp::key).cloned();
                (before.is_some() || may_fetch()).then(|| LookUp::after(before))
            };
            let cell = store.find(&url, counts, |cell| LookUp::key(cell).is_some(), begin);
            cell.ok_or(NoKey::Unavailable)?
        };
        let fetch = || async {
            match cell.measured.swap(false, Ordering::Relaxed) || may_fetch() {
                true => Ok(self.fetch(&url, cell.before.as_ref(), time).await),
                false => Err(NoKey::Unavailable),
            }
        };
        // Whoever comes while this is under way waits for it; if this one is dropped, the next begins anew.
        let found = cell.found.get_or_try_init(fetch).await?;
        found.key.clone()
    }

    async fn fetch(&self, url: &KeyUrl, before: Option<&Found>, time: SystemTime) -> Found {
        let key = match self.seats.try_acquire() {
            Ok(_seat) => self.fetcher.key(url, &self.trust, time).await,
            Err(_) => Err(fetch::Failure::Busy),
        };
        let now = Instant::now();
        let age = match &key {
            Ok(_) if url.certificate().is_some() => CERTIFICATE_AGE,
            Ok(_) => SET_AGE,
            Err(failure) if failure.is_final() => ABSENT_AGE,
            Err(_) => FAILED_AGE,
        };
        match &key {
            Ok(_) => tracing::info!(key.url = %url, "fetched a sender's key"),
            Err(failure) => tracing::warn!(
                key.url = %url,
                error = failure as &dyn std::error::Error,
                "a key that a request names is not to be had"
            ),
        }
        let still_counts =
            |before: &&Found| now < before.fetched + LONGEST_AGE && before.covers(time);
        let kept = before.filter(still_counts);
        match (&key, kept) {
            (Err(failure), Some(kept)) if !failure.is_final() => Found {
                until: now + age,
                ..kept.clone()
            },
            _ => Found {
                key: key.map(Arc::new).map_err(|failure| failure.verdict()),
                fetched: now,
                until: now + age,
            },
        }
    }
}

impl Found {
    /// Whether it is a key that counts at this moment, or that there is none.
    fn covers(&self, time: SystemTime) -> bool {
        self.key.as_ref().is_ok_and(|key| key.covers(time)) || self.key.is_err()
    }
}

impl LookUp {
    /// One that has not begun.
    fn after(before: Option<Found>) -> Cell {
        Arc::new(Self {
            found: OnceCell::new(),
            measured: AtomicBool::new(true),
            before,
        })
    }

    /// What came of it, if that is a key.
    fn key(cell: &Cell) -> Option<&Found> {
        cell.found.get().filter(|found| found.key.is_ok())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// How many URLs are remembered.
const URLS: usize = 256;

/// How many keys may be fetched at once.
const AT_ONCE: usize = 8;

/// How long a certificate counts: what is at such a URL does not change, and it is checked again in time.
const CERTIFICATE_AGE: Duration = Duration::from_secs(60 * 60);

/// How long a set of keys counts: a token may name a key that was added since.
const SET_AGE: Duration = Duration::from_secs(2 * 60);

/// How long a key counts on, from when it was fetched, while it cannot be had again.
const LONGEST_AGE: Duration = Duration::from_secs(6 * 60 * 60);

/// How long a URL is known to lead to nothing, or to nothing that can be trusted.
const ABSENT_AGE: Duration = Duration::from_secs(60);

/// How long nobody tries again where there was no answer.
const FAILED_AGE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
