//! A closer look at what flows with `diagnose = true` refuse: off the path of requests, one request at a time.
//!
//! Everything is bounded: what waits, how long a body may be, what is kept and for how long. When another
//! configuration is in force, what is kept is looked at again.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use countersign::{Auth, PublicUrl, Signed, Weakness};
use countersign_tower::ClientAddress;
use http::request::Parts;
use http::{HeaderMap, Method};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::Entry;
use super::keep::Kept;
use super::waiting::Waiting;
use crate::config::Flow;
use crate::explain::{self, Captured, Hint, Voice};
use crate::hop;
use crate::live::{Current, Live};

/// A refused request, whole.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    entry: Arc<Entry>,
    body: Bytes,
    /// Where it came from, if that was asked for.
    client: Option<IpAddr>,
    headers: HeaderMap,
    method: Method,
    target: Box<str>,
}

/// Has a request looked at, if there is room for it.
pub(super) fn put(waiting: &Waiting, entry: &Arc<Entry>, head: &Parts, body: &Bytes) {
    let skipped = |why: &str| vec![Hint::new(SKIPPED, format!("not looked at: {why}"))];
    if body.len() > LARGEST_BODY {
        return entry.explain(skipped("the body is too large"));
    }
    for case in waiting.push(Case::new(Arc::clone(entry), head, body)) {
        case.entry
            .explain(skipped("others came faster than they are looked at"));
    }
}

/// Looks at what comes until `stop`.
pub(crate) async fn run(waiting: Waiting, current: Current, stop: CancellationToken) {
    let mut kept = Kept::default();
    let mut in_force = Arc::downgrade(&current.load_full());
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let case = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            // Neither loses anything when the other one is first.
            case = waiting.next() => Some(case),
            _ = sweep.tick() => None,
        };
        let live = current.load_full();
        let Some(case) = case else {
            kept.expire(Instant::now());
            if !std::ptr::eq(in_force.as_ptr(), Arc::as_ptr(&live)) {
                in_force = Arc::downgrade(&live);
                let diagnoses = |id: &str| live.flow(id).is_some_and(|flow| flow.diagnose);
                for case in kept.of_flows(diagnoses) {
                    unhurried(look(case, &live, true), &stop).await;
                    if stop.is_cancelled() {
                        return;
                    }
                }
            }
            continue;
        };
        if let Some(case) = unhurried(look(case, &live, false), &stop).await
            && let Some(case) = live.flow(case.flow()).and_then(|flow| case.kept_for(flow))
        {
            kept.push(case, Instant::now());
        }
    }
}

/// Looks, and then rests for longer than that took: whoever sends much to be looked at gets a part of one core.
async fn unhurried<T>(looking: impl Future<Output = T>, stop: &CancellationToken) -> T {
    let begun = Instant::now();
    let found = looking.await;
    tokio::select! {
        () = stop.cancelled() => {}
        () = sleep(begun.elapsed() * REST) => {}
    }
    found
}

/// Notes what would make the request genuine; it is handed back unless that went wrong.
async fn look(case: Case, live: &Arc<Live>, again: bool) -> Option<Case> {
    let (live, entry) = (Arc::clone(live), Arc::clone(&case.entry));
    let looking = tokio::task::spawn_blocking(move || {
        let hints = case.hints(&live, again)?;
        case.tell(&hints);
        case.entry.explain(hints);
        Some(case)
    });
    let looked = looking.await;
    entry.looked();
    looked.unwrap_or_else(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a closer look at a refused request failed"
        );
        None
    })
}

impl Case {
    fn new(entry: Arc<Entry>, head: &Parts, body: &Bytes) -> Self {
        let target = head.uri.path_and_query();
        Self {
            entry,
            // A copy: the original may pin a read buffer that is much larger.
            body: Bytes::copy_from_slice(body),
            client: head.extensions.get().map(|ClientAddress(address)| *address),
            headers: head.headers.clone(),
            method: head.method.clone(),
            target: target.map_or("", |target| target.as_str()).into(),
        }
    }

    pub(super) fn flow(&self) -> &str {
        self.entry.flow.as_deref().unwrap_or_default()
    }

    /// How many bytes it takes, about.
    pub(super) fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + 64);
        self.body.len() + self.target.len() + headers.sum::<usize>()
    }

    /// What may be kept of it: nothing where the request carries a secret itself, its sender's or the one that a
    /// handshake brings, and no credential besides.
    fn kept_for(mut self, flow: &Flow) -> Option<Self> {
        let auth = flow.policy.auth();
        let sends_none = |part: &Auth| match part {
            Auth::Address(_) => true,
            Auth::Signature(verifier) => !verifier.scheme().weaknesses().contains(&Weakness::Token),
            _ => false,
        };
        let request = Signed {
            method: &self.method,
            url: PublicUrl::new("", &self.target),
            headers: &self.headers,
            body: b"",
            now: self.entry.time,
        };
        if !auth.parts().all(sends_none) || flow.policy.handshakes().find_a_secret_in(&request) {
            return None;
        }
        let names: Vec<_> = self.headers.keys().cloned().collect();
        for name in names {
            if hop::is_credential(&name) && !auth.reads(&name) {
                self.headers.remove(name);
            }
        }
        Some(self)
    }

    /// What would make it genuine; `None` where its flow is gone, or another organization's by now.
    fn hints(&self, live: &Live, again: bool) -> Option<Vec<Hint>> {
        let is_same = |flow: &Flow| flow.organization.as_str() == &*self.entry.organization;
        let endpoint = live.endpoint(self.flow())?;
        let endpoint = Some(endpoint).filter(|endpoint| is_same(&endpoint.flow))?;
        let (flow, policy) = (&endpoint.flow, endpoint.policy());
        let flows = live.config.flows.iter();
        let others =
            flows.filter(|other| other.organization == flow.organization && other.id != flow.id);
        let others: Vec<_> = others.take(MOST_FLOWS).map(Arc::clone).collect();
        let base = policy.public_url().unwrap_or_default();
        let case = explain::Case {
            auth: policy.auth(),
            captured: Captured {
                method: &self.method,
                base: "",
                headers: &self.headers,
                body: &self.body,
                client: self.client,
            },
            now: self.entry.time,
            others: &others,
            spare: &flow.spare,
            url: PublicUrl::new(base, &self.target),
            voice: Voice::Configuration,
        };
        if flow.registration.is_some() && case.brings_a_secret(policy.handshakes()) {
            let text = format!(
                "it brings a secret, and none was waited for: run `countersign handshake {}`, then have the sender try again",
                flow.id
            );
            return Some(vec![Hint::new("handshake", text)]);
        }
        if again && case.is_genuine() {
            let text = "genuine under the configuration that is in force now".to_owned();
            return Some(vec![Hint::new("configuration", text)]);
        }
        Some(case.hints())
    }

    fn tell(&self, hints: &[Hint]) {
        let texts: Vec<_> = hints.iter().map(|hint| hint.text.as_str()).collect();
        tracing::info!(
            flow.id = self.flow(),
            rejection = self.entry.number,
            hints = if texts.is_empty() {
                explain::NOTHING.to_owned()
            } else {
                texts.join("; ")
            },
            "looked at a refused request"
        );
    }

    #[cfg(test)]
    pub(super) fn of(flow: &str, size: usize) -> Self {
        use super::tests::entry;

        Self {
            entry: Arc::new(entry(flow)),
            body: vec![0; size].into(),
            client: None,
            headers: HeaderMap::new(),
            method: Method::POST,
            target: "".into(),
        }
    }
}

/// The kind of a hint that says why there is none.
const SKIPPED: &str = "skipped";
/// How many other flows a request is tried with.
const MOST_FLOWS: usize = 256;
const LARGEST_BODY: usize = 1 << 20;
/// How many times longer than a look the rest after it is.
const REST: u32 = 3;
/// How often what is kept is gone through.
const SWEEP: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
