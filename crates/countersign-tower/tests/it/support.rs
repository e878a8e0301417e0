//! A sender that signs, a receiver that counts, and bodies that misbehave.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Future, Ready, ready},
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use countersign::{Auth, Keyring, Scheme, Secret, Signer, Verifier};
use countersign_tower::{Policy, PolicyBuilder, Refusal, Verdict, VerifiedBody, VerifyLayer};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, Limited};
use tower::{Layer, Service, ServiceExt};

pub(crate) const BASE: &str = "https://hooks.example.com";
pub(crate) const HEADER: &str = "x-webhook-signature";
pub(crate) const TARGET: &str = "/hooks/orders?job=7";

/// The time at which everything here happens.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_568_818_215_724)
}

pub(crate) fn scheme(name: &str) -> Scheme {
    Scheme::preset(name).unwrap()
}

pub(crate) fn keys() -> Keyring {
    Keyring::single(Secret::new("a secret that is long enough"))
}

pub(crate) fn auth(preset: &str) -> Auth {
    Auth::Signature(Verifier::new(&scheme(preset), &keys()).unwrap())
}

/// The policy that [`signed`] requests pass.
pub(crate) fn policy() -> PolicyBuilder {
    Policy::builder(auth("designer-cloud"))
        .flow("orders")
        .body_limit(LIMIT)
}

pub(crate) const LIMIT: usize = 1024;

pub(crate) fn layer(policy: PolicyBuilder) -> VerifyLayer {
    VerifyLayer::new(policy.build().unwrap()).clock(now)
}

/// A genuine request of the sender's.
pub(crate) fn signed(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    signed_at(now(), "designer-cloud", Method::POST, body.into()).map(Full::new)
}

pub(crate) fn signed_at(
    time: SystemTime,
    preset: &str,
    method: Method,
    body: Bytes,
) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = TARGET.parse().unwrap();
    let signer = Signer::new(&scheme(preset), &keys()).unwrap();
    signer.public_url(BASE).sign(&mut request, time).unwrap();
    request
}

/// A request with a byte changed on its way.
pub(crate) fn forged() -> Request<Full<Bytes>> {
    with_body(signed("hello"), Full::from("hellp"))
}

/// The same request with another body, its signature as it was.
pub(crate) fn with_body<B>(request: Request<Full<Bytes>>, body: B) -> Request<B> {
    request.map(|_| body)
}

/// The signature header's value.
pub(crate) fn signature<B>(request: &Request<B>) -> String {
    request.headers()[HEADER].to_str().unwrap().to_owned()
}

/// The same request with another signature header.
pub(crate) fn with_signature<B>(mut request: Request<B>, value: &str) -> Request<B> {
    let value = HeaderValue::from_str(value).unwrap();
    request.headers_mut().insert(HEADER, value);
    request
}

/// An inner service that keeps what reaches it.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) inbox: Inbox,
    pub(crate) status: StatusCode,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self::answering(StatusCode::ACCEPTED)
    }

    pub(crate) fn answering(status: StatusCode) -> Self {
        let inbox = Inbox::default();
        Self { inbox, status }
    }
}

impl Service<Request<VerifiedBody>> for Receiver {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<VerifiedBody>) -> Self::Future {
        let body = request.into_body();
        self.inbox.put(body.verdict().clone(), body.into_bytes());
        let mut response = Response::new(Full::from("thanks"));
        *response.status_mut() = self.status;
        ready(Ok(response))
    }
}

/// What reached the receiver.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<Vec<(Verdict, Bytes)>>>);

impl Inbox {
    pub(crate) fn put(&self, verdict: Verdict, body: Bytes) {
        self.0.lock().unwrap().push((verdict, body));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn bodies(&self) -> Vec<Bytes> {
        let inbox = self.0.lock().unwrap();
        inbox.iter().map(|(_, body)| body.clone()).collect()
    }

    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let inbox = self.0.lock().unwrap();
        inbox.iter().map(|(verdict, _)| verdict.clone()).collect()
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Bytes>,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.response.body()).unwrap()
    }

    /// The label of the refusal in the extensions.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        let refusal = self.response.extensions().get::<Refusal>()?;
        Some(refusal.as_str())
    }
}

/// Sends one request and reads the answer.
pub(crate) async fn send<S, B, R>(service: S, request: Request<B>) -> Answer
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: std::fmt::Debug,
    R: Body<Data = Bytes>,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = whole(body).await;
    let response = Response::from_parts(parts, body);
    Answer { response }
}

pub(crate) async fn whole<R>(body: R) -> Bytes
where
    R: Body<Data = Bytes>,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    #[expect(clippy::disallowed_methods, reason = "limited on this very line")]
    Limited::new(body, 1 << 20)
        .collect()
        .await
        .unwrap()
        .to_bytes()
}

/// Sends one request through a layer with this policy to a receiver that must not see it.
pub(crate) async fn refused<B>(policy: PolicyBuilder, request: Request<B>) -> Answer
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let receiver = Receiver::new();
    let answer = send(layer(policy).layer(receiver.clone()), request).await;
    assert_eq!(receiver.inbox.len(), 0, "the receiver was reached");
    answer
}

/// A body made of these frames, then this end, that declares nothing.
pub(crate) struct Frames {
    frames: VecDeque<io::Result<Frame<Bytes>>>,
    polled: Arc<Mutex<usize>>,
}

impl Frames {
    pub(crate) fn new(frames: impl IntoIterator<Item = io::Result<Frame<Bytes>>>) -> Self {
        Self {
            frames: frames.into_iter().collect(),
            polled: Arc::default(),
        }
    }

    pub(crate) fn data<D: Into<Bytes>>(frames: impl IntoIterator<Item = D>) -> Self {
        Self::new(frames.into_iter().map(|data| Ok(Frame::data(data.into()))))
    }

    /// How often it has been polled, as it goes.
    pub(crate) fn polled(&self) -> Arc<Mutex<usize>> {
        Arc::clone(&self.polled)
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        *self.polled.lock().unwrap() += 1;
        Poll::Ready(self.frames.pop_front())
    }
}

/// A body that must not be asked for, with this size declared.
pub(crate) struct Untouchable(pub(crate) SizeHint);

impl Body for Untouchable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was asked for");
    }

    fn size_hint(&self) -> SizeHint {
        self.0
    }
}

/// A future that is polled by hand.
pub(crate) struct ByHand<F>(Pin<Box<F>>);

impl<F: Future> ByHand<F> {
    pub(crate) fn new(future: F) -> Self {
        Self(Box::pin(future))
    }

    /// Its output, if it has one now.
    pub(crate) fn poll(&mut self) -> Option<F::Output> {
        match self
            .0
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

/// A body that never comes.
pub(crate) struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}
