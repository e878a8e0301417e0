//! One request on its way: policy, head, body, verdict, reservation, inner service.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use countersign::HandshakeAnswer;
use http::{Request, Response, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    Policy, Refusal, Refused, ReplayGuard, ReplyBody, Reservation, Resolve, Respond, VerifiedBody,
    VerifyLayer,
    body::gather::Gather,
    decision::{self, Check},
    handshake,
    lookup::{Learnt, Question},
    respond::refuse,
};

pin_project! {
    /// The future of [`Verify`](crate::Verify).
    ///
    /// Dropping it at any point leaves nothing behind: the body is let go, the inner
    /// service is, and a reservation is released.
    #[must_use = "futures do nothing unless they are polled"]
    pub struct ResponseFuture<S, P, R, G, B>
    where
        S: Service<Request<VerifiedBody>>,
        P: Resolve,
        G: ReplayGuard,
    {
        settings: Arc<VerifyLayer<P, R, G>>,
        waiting: Option<Waiting<S>>,
        policy: Option<Arc<Policy>>,
        #[pin]
        state: State<P::Future, B, G::Reserving, S::Future, G::Reservation>,
    }
}

/// What waits for the verdict: the head, and the inner service that was polled ready.
struct Waiting<S> {
    parts: Parts,
    /// How long the body is, once it was read.
    read: Option<usize>,
    /// The body, once it was read and refused.
    refused: Option<Bytes>,
    service: S,
}

pin_project! {
    #[project = StateProj]
    enum State<Resolving, B, Reserving, Calling, Held> {
        Resolving { #[pin] policy: Resolving, body: Option<B> },
        Reading { #[pin] body: Gather<B> },
        // The question is asked if the verdict hangs on it, and the request judged again with the answer.
        Judging { body: Option<Bytes>, learnt: Learnt, question: Option<Question> },
        Reserving { #[pin] reserve: Reserving, body: Option<VerifiedBody> },
        Calling { #[pin] response: Calling, held: Option<Held> },
        Done,
    }
}

impl<S, P, R, G, B> ResponseFuture<S, P, R, G, B>
where
    S: Service<Request<VerifiedBody>>,
    P: Resolve,
    G: ReplayGuard,
{
    pub(crate) fn new(
        request: Request<B>,
        service: S,
        settings: Arc<VerifyLayer<P, R, G>>,
    ) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            state: State::Resolving {
                policy: settings.policies().resolve(&parts),
                body: Some(body),
            },
            policy: None,
            waiting: Some(Waiting {
                parts,
                read: None,
                refused: None,
                service,
            }),
            settings,
        }
    }
}

impl<S, P, R, G, B, ResBody> ResponseFuture<S, P, R, G, B>
where
    S: Service<Request<VerifiedBody>, Response = Response<ResBody>>,
    P: Resolve,
    G: ReplayGuard,
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Goes on to what the inner service answers, or to a refusal.
    fn advance(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<ResBody, S::Error>> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProj::Resolving { policy, body } => {
                    let policy = this.policy.insert(ready!(policy.poll(cx))?);
                    let body = body.take().expect(ONCE);
                    let parts = &this.waiting.as_ref().expect(ONCE).parts;
                    if let Some(answer) = handshake::greet(policy, parts, this.settings.now())? {
                        return Poll::Ready(Err(Instead::Answered(answer)));
                    }
                    decision::check_head(policy, parts, &body.size_hint())?;
                    State::Reading {
                        body: Gather::new(body, policy.body_limit()),
                    }
                }
                StateProj::Reading { body } => State::Judging {
                    body: Some(ready!(body.poll(cx))?),
                    learnt: Learnt::default(),
                    question: None,
                },
                StateProj::Judging {
                    body,
                    learnt,
                    question,
                } => {
                    if let Some(asked) = question {
                        ready!(asked.poll(cx, learnt));
                    }
                    let bytes = body.as_ref().expect(ONCE);
                    let policy = this.policy.as_ref().expect(ONCE);
                    let waiting = this.waiting.as_mut().expect(ONCE);
                    waiting.read = Some(bytes.len());
                    let now = this.settings.now();
                    let verdict = decision::check(policy, &waiting.parts, bytes, learnt, now)
                        .inspect_err(|_| waiting.refused = Some(bytes.clone()))?;
                    let verdict = match verdict {
                        Check::Settled(verdict) => verdict,
                        Check::Ask(claim) => {
                            let asked = policy.ask(claim).ok_or(Refusal::Unavailable)?;
                            *question = Some(Question::Password(asked));
                            continue;
                        }
                        Check::Fetch(url) => {
                            let keys = this.settings.keys().ok_or(Refusal::Unavailable)?;
                            *question = Some(Question::Key(keys.fetch(url, now)));
                            continue;
                        }
                    };
                    if let Some(answer) =
                        handshake::confirm(policy, &waiting.parts, bytes, &verdict, now)
                    {
                        return Poll::Ready(Err(Instead::Answered(answer)));
                    }
                    let bytes = body.take().expect(ONCE);
                    #[cfg(feature = "axum")]
                    crate::extract::leave_proof(&mut waiting.parts, &bytes, &verdict);

                    let body = VerifiedBody::new(bytes, Arc::clone(policy), verdict);
                    match body.replay_key().zip(body.remember()) {
                        Some((key, keep)) => State::Reserving {
                            reserve: this.settings.guard().reserve(key, keep, now),
                            body: Some(body),
                        },
                        None => call(this.waiting, body, None),
                    }
                }
                StateProj::Reserving { reserve, body } => {
                    let policy = this.policy.as_ref().expect(ONCE);
                    let held = decision::admit(policy, ready!(reserve.poll(cx)))?;
                    call(this.waiting, body.take().expect(ONCE), held)
                }
                StateProj::Calling { response, held } => {
                    let response = ready!(response.poll(cx));
                    let accepted =
                        matches!(&response, Ok(response) if decision::accepted(response));
                    // What is not committed is released when it is dropped.
                    if let Some(held) = held.take().filter(|_| accepted) {
                        held.commit();
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProj::Done => panic!("polled after it was done"),
            };
            this.state.set(next);
        }
    }
}

impl<S, P, R, G, B, ResBody> Future for ResponseFuture<S, P, R, G, B>
where
    S: Service<Request<VerifiedBody>, Response = Response<ResBody>>,
    P: Resolve,
    R: Respond,
    G: ReplayGuard,
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Response<ReplyBody<ResBody>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(self.as_mut().advance(cx));
        let mut this = self.project();
        // The body, the inner service and a reservation go now, not when the caller
        // gets around to dropping the future.
        this.state.set(State::Done);
        let waiting = this.waiting.take();

        Poll::Ready(match outcome {
            Ok(response) => response.map(|response| response.map(ReplyBody::inner)),
            Err(Instead::Answered(answer)) => Ok(handshake::respond(answer)),
            Err(Instead::Refused(refusal)) => {
                let mut response =
                    refuse(this.settings.responder(), refusal, this.policy.as_deref());
                if let Some(waiting) = waiting.filter(|_| this.settings.keeps_refused()) {
                    let refused = Refused::new(waiting.parts, waiting.refused, waiting.read);
                    response.extensions_mut().insert(Arc::new(refused));
                }
                Ok(response)
            }
        })
    }
}

impl<S, P, R, G, B> fmt::Debug for ResponseFuture<S, P, R, G, B>
where
    S: Service<Request<VerifiedBody>>,
    P: Resolve,
    G: ReplayGuard,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Hands the request to the service that waited for it.
fn call<S, A, B, C, D>(
    waiting: &mut Option<Waiting<S>>,
    body: VerifiedBody,
    held: Option<D>,
) -> State<A, B, C, S::Future, D>
where
    S: Service<Request<VerifiedBody>>,
{
    let Waiting {
        parts, mut service, ..
    } = waiting.take().expect(ONCE);
    State::Calling {
        response: service.call(Request::from_parts(parts, body)),
        held,
    }
}

/// What the inner service answered, or why it was not asked.
type Outcome<ResBody, E> = Result<Result<Response<ResBody>, E>, Instead>;

/// What is answered in the inner service's place.
enum Instead {
    Answered(HandshakeAnswer),
    Refused(Refusal),
}

impl From<Refusal> for Instead {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Each state takes what it needs as it is left, and is never come back to.
const ONCE: &str = "taken on leaving a state that is entered once";
