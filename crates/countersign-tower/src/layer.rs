//! The layer: data and how to set it.

use std::{
    fmt,
    future::{Future, Ready, ready},
    sync::Arc,
    time::SystemTime,
};

use http::request::Parts;
use tower_layer::Layer;

use crate::{KeySource, NoReplayGuard, Policy, Problem, Refusal, Verify};

/// Lets only genuine requests reach the service it wraps.
///
/// It wraps a `Service<Request<VerifiedBody>>`; see the [crate's page](crate) for use.
#[derive(Clone)]
#[must_use = "a layer does nothing until a service is put into it"]
pub struct VerifyLayer<P = Fixed, R = Problem, G = NoReplayGuard> {
    clock: fn() -> SystemTime,
    guard: G,
    keep_refused: bool,
    keys: Option<Arc<dyn KeySource>>,
    policies: P,
    respond: R,
}

impl VerifyLayer {
    /// Holds every request to one policy.
    pub fn new(policy: impl Into<Arc<Policy>>) -> Self {
        Self::with(Fixed(policy.into()))
    }

    /// Holds each request to the policy that `resolve` finds for it.
    ///
    /// What it answers instead of a policy is the refusal that the sender gets:
    /// [`Refusal::UnknownFlow`] where there is none, [`Refusal::Unavailable`] where it cannot
    /// be looked up. The future borrows nothing from the request: take out first what it needs.
    ///
    /// An unknown flow is told apart from a wrong signature by its status. Where that gives
    /// too much away, answer with a policy whose key nobody has: the sender is then refused
    /// like everybody else, after the same work.
    ///
    /// ```
    /// # use std::{collections::HashMap, sync::Arc};
    /// # use countersign_tower::{Policy, Refusal, VerifyLayer};
    /// # let flows: Arc<HashMap<String, Arc<Policy>>> = Arc::default();
    /// let layer = VerifyLayer::resolve(move |request: &http::request::Parts| {
    ///     let policy = flows.get(request.uri.path()).cloned();
    ///     async move { policy.ok_or(Refusal::UnknownFlow) }
    /// });
    /// ```
    pub fn resolve<F, Fut>(resolve: F) -> VerifyLayer<ResolveFn<F>>
    where
        F: Fn(&Parts) -> Fut,
        Fut: Future<Output = Result<Arc<Policy>, Refusal>>,
    {
        VerifyLayer::with(ResolveFn(resolve))
    }
}

impl<P> VerifyLayer<P> {
    /// Holds each request to the policy that `policies` finds for it.
    pub fn with(policies: P) -> Self {
        Self {
            clock: SystemTime::now,
            guard: NoReplayGuard,
            keep_refused: false,
            keys: None,
            policies,
            respond: Problem,
        }
    }
}

impl<P, R, G> VerifyLayer<P, R, G> {
    /// Reads the time from `clock`, in place of the system's.
    pub fn clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = clock;
        self
    }

    /// Fetches from `source` the keys that requests name by a URL. Without it, requests that need one are refused
    /// as what cannot be decided now.
    pub fn key_source(mut self, source: Arc<dyn KeySource>) -> Self {
        self.keys = Some(source);
        self
    }

    /// Asks `guard` about each genuine request whose policy remembers, so that a repeat
    /// does not reach the service again.
    pub fn replay<G2>(self, guard: G2) -> VerifyLayer<P, R, G2> {
        VerifyLayer {
            clock: self.clock,
            guard,
            keep_refused: self.keep_refused,
            keys: self.keys,
            policies: self.policies,
            respond: self.respond,
        }
    }

    /// Leaves each refused request in the extensions of its response, as an `Arc<Refused>` beside the
    /// [`Refusal`], for whoever tells the operator why.
    ///
    /// Take it out there: what was read of the request lives as long as the response does.
    pub fn keep_refused(mut self, keep: bool) -> Self {
        self.keep_refused = keep;
        self
    }

    /// Answers refused requests as `respond` says.
    pub fn respond<R2>(self, respond: R2) -> VerifyLayer<P, R2, G> {
        VerifyLayer {
            clock: self.clock,
            guard: self.guard,
            keep_refused: self.keep_refused,
            keys: self.keys,
            policies: self.policies,
            respond,
        }
    }
}

impl<S, P, R, G> Layer<S> for VerifyLayer<P, R, G>
where
    P: Clone,
    R: Clone,
    G: Clone,
{
    type Service = Verify<S, P, R, G>;

    fn layer(&self, inner: S) -> Self::Service {
        Verify::new(inner, self.clone())
    }
}

impl<P, R, G> fmt::Debug for VerifyLayer<P, R, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyLayer").finish_non_exhaustive()
    }
}

impl<P, R, G> VerifyLayer<P, R, G> {
    pub(crate) fn guard(&self) -> &G {
        &self.guard
    }

    pub(crate) fn keys(&self) -> Option<&dyn KeySource> {
        self.keys.as_deref()
    }

    pub(crate) fn keeps_refused(&self) -> bool {
        self.keep_refused
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    pub(crate) fn policies(&self) -> &P {
        &self.policies
    }

    pub(crate) fn responder(&self) -> &R {
        &self.respond
    }
}

/// Finds the policy for a request.
pub trait Resolve {
    /// The answer, to be awaited.
    type Future: Future<Output = Result<Arc<Policy>, Refusal>>;

    /// Looks at the head only: nothing has been read of the body.
    fn resolve(&self, request: &Parts) -> Self::Future;
}

/// One policy for every request.
#[derive(Clone, Debug)]
pub struct Fixed(Arc<Policy>);

impl Resolve for Fixed {
    type Future = Ready<Result<Arc<Policy>, Refusal>>;

    fn resolve(&self, _: &Parts) -> Self::Future {
        ready(Ok(Arc::clone(&self.0)))
    }
}

/// A function that finds the policy.
#[derive(Clone)]
pub struct ResolveFn<F>(F);

impl<F, Fut> Resolve for ResolveFn<F>
where
    F: Fn(&Parts) -> Fut,
    Fut: Future<Output = Result<Arc<Policy>, Refusal>>,
{
    type Future = Fut;

    fn resolve(&self, request: &Parts) -> Fut {
        (self.0)(request)
    }
}

impl<F> fmt::Debug for ResolveFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResolveFn")
    }
}
