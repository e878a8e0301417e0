//! The last refused requests of every flow, for operators: why, and what of the request may be shown.
//!
//! In memory, bounded and only as much as [`Entry`] has: no body, no signature, no value of a header or a query. A
//! flow has a ring of its own, and where all rings together are full the longest gives way: whoever floods one
//! flow pushes out what is known of that flow and of no other. Within a ring the most frequent reason gives way.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use countersign::{Auth, KeyId, Reason};
use countersign_tower::Refusal;
use http::header::CONTENT_LENGTH;
use http::request::Parts;

pub(crate) use self::cause::{Cause, NotStored, Outline, Unreadable};
pub(crate) use self::entry::Entry;
use self::entry::Look;
use self::shown::{cut, names, shown};
use self::waiting::Waiting;

mod cause;
pub(crate) mod diagnose;
mod entry;
mod keep;
mod shown;
pub(crate) mod waiting;

/// What is told of a refused request.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    pub(crate) cause: Cause,
    /// The signed time minus ours, in milliseconds.
    pub(crate) clock_difference: Option<i64>,
    /// How long the body is, by its `Content-Length`.
    pub(crate) declared: Option<u64>,
    /// The names of its headers.
    pub(crate) headers: Box<[Box<str>]>,
    /// The keys that were tried.
    pub(crate) keys: Box<[KeyId]>,
    /// Whether a closer look at it follows.
    pub(crate) looking: bool,
    pub(crate) method: Box<str>,
    /// Whether it was let in all the same.
    pub(crate) observed: bool,
    /// How long the body is, where it was read.
    pub(crate) read: Option<usize>,
    pub(crate) sender: Sender,
    /// The path, and the names of the query.
    pub(crate) target: Box<str>,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    /// The sender's own address; none where our proxies do not say.
    pub(crate) client: Option<IpAddr>,
    /// The other end of the connection.
    pub(crate) peer: SocketAddr,
}

/// The sender, or whoever speaks for it.
impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.client {
            Some(client) if client != self.peer.ip().to_canonical() => client.fmt(f),
            _ => self.peer.fmt(f),
        }
    }
}

/// Which refused requests are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Only those that came later than this one.
    pub(crate) after: Option<u64>,
    pub(crate) before: Option<u64>,
    pub(crate) flow: Option<&'a str>,
    pub(crate) limit: usize,
    pub(crate) organization: &'a str,
    pub(crate) reason: Option<&'a str>,
}

/// The refused requests that are remembered.
#[derive(Debug)]
pub(crate) struct Rejections {
    rings: Mutex<Rings>,
    since: SystemTime,
    to_diagnose: Waiting,
}

impl Rejections {
    /// None yet; what flows want to have looked at goes to `to_diagnose`.
    pub(crate) fn new(now: SystemTime, to_diagnose: Waiting) -> Self {
        Self {
            rings: Mutex::default(),
            since: now,
            to_diagnose,
        }
    }

    /// Remembers one.
    pub(crate) fn note(
        &self,
        flow: Option<Arc<str>>,
        organization: Arc<str>,
        sketch: Sketch,
        suppressed: u64,
        time: SystemTime,
    ) -> Arc<Entry> {
        let look = match sketch.looking {
            true => Look::UnderWay,
            false => Look::None,
        };
        let mut rings = self.rings();
        rings.last += 1;
        let entry = Arc::new(Entry {
            number: rings.last,
            time,
            flow,
            organization,
            sketch,
            suppressed,
            look: Mutex::new(look),
        });
        rings.push(Arc::clone(&entry));
        entry
    }

    /// Has a request looked at more closely, if there is room for it.
    pub(crate) fn diagnose(&self, entry: &Arc<Entry>, head: &Parts, body: &Bytes) {
        diagnose::put(&self.to_diagnose, entry, head, body);
    }

    /// Those asked for, the newest first.
    pub(crate) fn list(&self, asked: Asked<'_>) -> Vec<Arc<Entry>> {
        let rings = self.rings();
        let of_flow = |flow: &Option<Arc<str>>| {
            asked
                .flow
                .is_none_or(|wanted| flow.as_deref() == Some(wanted))
        };
        let rings = rings.by_flow.iter().filter(|(flow, _)| of_flow(flow));
        let mut found: Vec<_> = rings
            .flat_map(|(_, ring)| ring)
            .filter(|entry| asked.wants(entry))
            .map(Arc::clone)
            .collect();
        match asked.after {
            // Whoever follows gets the oldest first pages first, so that nothing is skipped.
            Some(_) => {
                found.sort_by_key(|entry| entry.number);
                found.truncate(asked.limit);
                found.reverse();
            }
            None => {
                found.sort_by_key(|entry| Reverse(entry.number));
                found.truncate(asked.limit);
            }
        }
        found
    }

    /// Since when they are remembered: the process started.
    pub(crate) fn since(&self) -> SystemTime {
        self.since
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked<'_> {
    fn wants(&self, entry: &Entry) -> bool {
        *entry.organization == *self.organization
            && self.after.is_none_or(|after| entry.number > after)
            && self.before.is_none_or(|before| entry.number < before)
            && self
                .reason
                .is_none_or(|reason| entry.sketch.cause.as_str() == reason)
    }
}

impl Sketch {
    /// What may be told of this request.
    pub(crate) fn new(cause: impl Into<Cause>, head: &Parts, sender: Sender) -> Self {
        let cause = cause.into();
        let declared = head.headers.get(CONTENT_LENGTH);
        let difference = match cause {
            Cause::Refused(Refusal::Rejected(rejection)) => rejection.clock_difference(),
            _ => None,
        };
        let read = match cause {
            Cause::NotStored(not_stored) => Some(not_stored.bytes),
            Cause::Refused(_) | Cause::Unreadable(_) => None,
        };
        Self {
            cause,
            clock_difference: difference,
            declared: declared.and_then(|value| value.to_str().ok()?.parse().ok()),
            headers: names(head),
            keys: Box::default(),
            looking: false,
            method: cut(head.method.as_str(), LONGEST_METHOD).into(),
            observed: false,
            read,
            sender,
            target: shown(
                head.uri
                    .path_and_query()
                    .map_or("", |target| target.as_str()),
            )
            .into(),
        }
    }

    /// What may be told of what is no request.
    pub(crate) fn of_nothing(unreadable: Unreadable, sender: Sender) -> Self {
        Self {
            cause: Cause::Unreadable(unreadable),
            clock_difference: None,
            declared: None,
            headers: Box::default(),
            keys: Box::default(),
            looking: false,
            method: Box::default(),
            observed: false,
            read: None,
            sender,
            target: Box::default(),
        }
    }

    /// The same, where the body was read and judged.
    pub(crate) fn judged(mut self, read: usize, auth: &Auth, now: SystemTime) -> Self {
        self.read = Some(read);
        let tried = match self.cause {
            Cause::Refused(Refusal::Rejected(rejection)) => tries_keys(rejection.reason()),
            _ => false,
        };
        if tried {
            let keys = auth.keys().into_iter();
            let active = keys.filter(|(_, validity)| validity.covers(now));
            self.keys = active.map(|(id, _)| id).collect();
        }
        self
    }

    /// The same, where it goes on to [`Rejections::diagnose`].
    pub(crate) fn looked_at(mut self) -> Self {
        self.looking = true;
        self
    }

    /// The same, where it was let in although it would be refused.
    pub(crate) fn let_in(mut self) -> Self {
        self.observed = true;
        self
    }
}

/// The rings, and which of them is the longest.
#[derive(Debug, Default)]
struct Rings {
    by_flow: HashMap<Option<Arc<str>>, VecDeque<Arc<Entry>>>,
    /// Length, number of the first entry (the older, the greater), flow.
    by_length: BTreeSet<(usize, Reverse<u64>, Option<Arc<str>>)>,
    /// How many entries there are.
    all: usize,
    /// The number of the last entry.
    last: u64,
}

impl Rings {
    fn push(&mut self, entry: Arc<Entry>) {
        let flow = entry.flow.clone();
        self.change(&flow, |ring| {
            if ring.len() == OF_ONE_FLOW {
                give_way(ring);
            }
            ring.push_back(entry);
        });
        if self.all > IN_ALL
            && let Some((_, _, longest)) = self.by_length.last().cloned()
        {
            self.change(&longest, give_way);
        }
    }

    /// Changes one ring and keeps account of its length.
    fn change(&mut self, flow: &Option<Arc<str>>, change: impl FnOnce(&mut VecDeque<Arc<Entry>>)) {
        let ring = self.by_flow.entry(flow.clone()).or_default();
        if let Some(first) = ring.front() {
            let place = (ring.len(), Reverse(first.number), flow.clone());
            self.by_length.remove(&place);
        }
        self.all -= ring.len();
        change(ring);
        self.all += ring.len();
        match ring.front() {
            Some(first) => {
                let place = (ring.len(), Reverse(first.number), flow.clone());
                self.by_length.insert(place);
            }
            None => drop(self.by_flow.remove(flow)),
        }
    }
}

/// Takes out the oldest of those that were refused for the most frequent reason.
fn give_way(ring: &mut VecDeque<Arc<Entry>>) {
    let label = |entry: &Arc<Entry>| entry.sketch.cause.as_str();
    let mut counts = HashMap::<_, usize>::new();
    for entry in ring.iter() {
        *counts.entry(label(entry)).or_default() += 1;
    }
    let most = counts.values().max();
    let of_most = |entry| counts.get(label(entry)) == most;
    ring.remove(ring.iter().position(of_most).unwrap_or(0));
}

/// Whether a request is refused for this reason only after every key was tried.
fn tries_keys(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::BadCredentials
            | Reason::BadSignature
            | Reason::FutureTimestamp
            | Reason::StaleTimestamp
    )
}

/// How many are remembered of one flow.
const OF_ONE_FLOW: usize = 100;
/// How many are remembered in all.
const IN_ALL: usize = 5_000;
const LONGEST_METHOD: usize = 16;

#[cfg(test)]
mod tests;
