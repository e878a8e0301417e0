//! The service that the layer makes.

use std::{
    error::Error,
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{
    ReplayGuard, ReplyBody, Resolve, Respond, ResponseFuture, VerifiedBody, VerifyLayer,
    layer::Fixed, replay::NoReplayGuard, respond::Problem,
};

/// Verifies each request and passes the genuine ones on; made by [`VerifyLayer`].
pub struct Verify<S, P = Fixed, R = Problem, G = NoReplayGuard> {
    inner: S,
    settings: Arc<VerifyLayer<P, R, G>>,
}

impl<S, P, R, G> Verify<S, P, R, G> {
    pub(crate) fn new(inner: S, settings: VerifyLayer<P, R, G>) -> Self {
        let settings = Arc::new(settings);
        Self { inner, settings }
    }

    /// The service behind.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service behind.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service behind.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, P, R, G, ReqBody, ResBody> Service<Request<ReqBody>> for Verify<S, P, R, G>
where
    S: Service<Request<VerifiedBody>, Response = Response<ResBody>> + Clone,
    P: Resolve,
    R: Respond,
    G: ReplayGuard,
    ReqBody: Body,
    ReqBody::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<ReplyBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, P, R, G, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The original has been polled ready and a clone has not: send the original.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture::new(request, ready, Arc::clone(&self.settings))
    }
}

impl<S: Clone, P, R, G> Clone for Verify<S, P, R, G> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<S: fmt::Debug, P, R, G> fmt::Debug for Verify<S, P, R, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
