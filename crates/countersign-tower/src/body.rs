//! The bodies on either side: gathered and verified on the way in, the inner
//! service's or ours on the way out.

use std::{
    convert::Infallible,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use countersign::{Reason, ReplayKey, Verified};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::Policy;

pub(crate) mod gather;

/// The whole body of a request that was let in, with the verdict on it.
///
/// Only [`Verify`](crate::Verify) makes one, so a `Service<Request<VerifiedBody>>` can
/// be reached by no other way:
///
/// ```compile_fail,E0451
/// use countersign_tower::VerifiedBody;
///
/// let body = VerifiedBody {
///     bytes: Default::default(),
///     policy: todo!(),
///     verdict: todo!(),
/// };
/// ```
///
/// ```compile_fail,E0624
/// let body = countersign_tower::VerifiedBody::new(todo!(), todo!(), todo!());
/// ```
///
/// ```compile_fail,E0599
/// let body = countersign_tower::VerifiedBody::default();
/// ```
///
/// Under [`observe`](crate::PolicyBuilder::observe) the verdict may be that it did not
/// verify: look at [`verdict`](Self::verdict) there.
pub struct VerifiedBody {
    bytes: Bytes,
    policy: Arc<Policy>,
    verdict: Verdict,
}

impl VerifiedBody {
    pub(crate) fn new(bytes: Bytes, policy: Arc<Policy>, verdict: Verdict) -> Self {
        Self {
            bytes,
            policy,
            verdict,
        }
    }

    /// The bytes that were verified, until they are read as frames.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes that were verified.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The policy it passed.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The key by which a repeat of this request within its flow is known.
    pub fn replay_key(&self) -> Option<ReplayKey> {
        self.policy.replay_key(self.verdict.verified()?)
    }

    /// For how long a repeat of it is known, if it is.
    pub(crate) fn remember(&self) -> Option<Duration> {
        self.policy.remember_this(self.verdict.verified()?)
    }

    /// What was found.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

impl Body for VerifiedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        exact(&self.bytes)
    }
}

impl fmt::Debug for VerifiedBody {
    /// Without the bytes: they are the sender's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedBody")
            .field("len", &self.bytes.len())
            .field("flow", &self.policy.flow())
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

/// What was found about a request that was let in.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It did not verify, and the policy only observes.
    Observed(Reason),
    /// It is genuine.
    Verified(Verified),
}

impl Verdict {
    /// Who sent it and when, if it is genuine.
    pub fn verified(&self) -> Option<&Verified> {
        match self {
            Self::Observed(_) => None,
            Self::Verified(verified) => Some(verified),
        }
    }
}

pin_project! {
    /// The body of an answer: the inner service's, or the one of a refusal.
    #[derive(Debug)]
    pub struct ReplyBody<B> {
        #[pin]
        reply: Reply<B>,
    }
}

pin_project! {
    #[project = ReplyProj]
    #[derive(Debug)]
    enum Reply<B> {
        Inner { #[pin] body: B },
        Refusal { bytes: Bytes },
    }
}

impl<B> ReplyBody<B> {
    pub(crate) fn inner(body: B) -> Self {
        let reply = Reply::Inner { body };
        Self { reply }
    }
}

impl<B> From<Bytes> for ReplyBody<B> {
    /// An answer in one buffer, as refusals are.
    fn from(bytes: Bytes) -> Self {
        let reply = Reply::Refusal { bytes };
        Self { reply }
    }
}

impl<B> Body for ReplyBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().reply.project() {
            ReplyProj::Inner { body } => body.poll_frame(cx),
            ReplyProj::Refusal { bytes } => {
                let bytes = mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.reply {
            Reply::Inner { body } => body.is_end_stream(),
            Reply::Refusal { bytes } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.reply {
            Reply::Inner { body } => body.size_hint(),
            Reply::Refusal { bytes } => exact(bytes),
        }
    }
}

fn exact(bytes: &Bytes) -> SizeHint {
    // A length in memory fits.
    SizeHint::with_exact(bytes.len() as u64)
}
