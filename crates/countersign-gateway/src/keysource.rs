//! The keys that requests name by a URL, such as the certificates of AWS and PayPal.
//!
//! Whoever reaches a flow may name URLs on the hosts that its scheme lists, so what is fetched is bounded: so many
//! for each flow, so many at once, one for each URL, so large, for so long; and what came of it is remembered, for a
//! short while if nothing did. How long and how much is data of [`Store`] and [`Bucket`], which read no clock.

use std::fmt;
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

/// One URL: what came of it, or is still under way.
type Cell = Arc<OnceCell<Found>>;

/// What came of a URL, and until when it counts.
#[derive(Clone)]
struct Found {
    key: Result<Arc<FetchedKey>, NoKey>,
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
    fn fetch(&self, url: KeyUrl) -> Fetching {
        let (keys, bucket) = (self.keys.clone(), Arc::clone(&self.bucket));
        Box::pin(async move { keys.0.look_up(url, &bucket).await })
    }
}

impl Shared {
    async fn look_up(&self, url: KeyUrl, bucket: &Mutex<Bucket>) -> Result<Arc<FetchedKey>, NoKey> {
        let cell = {
            let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let counts = |cell: &Cell| cell.get().is_none_or(|found| now < found.until);
            let keeps = |cell: &Cell| cell.get().is_some_and(|found| found.key.is_ok());
            let may_fetch = || {
                let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
                bucket.take(now)
            };
            let cell = store.find(&url, counts, keeps, || may_fetch().then(Cell::default));
            cell.ok_or(NoKey::Unavailable)?
        };
        // Whoever comes while this is under way waits for it; if this one is dropped, the next goes on.
        let found = cell.get_or_init(|| self.fetch(&url)).await;
        found.key.clone()
    }

    async fn fetch(&self, url: &KeyUrl) -> Found {
        let key = match self.seats.try_acquire() {
            Ok(_seat) => self.fetcher.key(url, &self.trust, SystemTime::now()).await,
            Err(_) => Err(fetch::Failure::Busy),
        };
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
        Found {
            key: key.map(Arc::new).map_err(|failure| failure.verdict()),
            until: Instant::now() + age,
        }
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

/// How long a set of keys counts, to which new ones are added.
const SET_AGE: Duration = Duration::from_secs(10 * 60);

/// How long a URL is known to lead to nothing, or to nothing that can be trusted.
const ABSENT_AGE: Duration = Duration::from_secs(60);

/// How long nobody tries again where there was no answer.
const FAILED_AGE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
