//! The upstream's answer on its way back: what belongs to this hop stays here, and its body may not stall.

use std::error::Error;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Flow;
use crate::hop;

/// An upstream's body that breaks off when nothing came for a while.
///
/// The limit is on each wait, not on the whole: a long download goes on as long as it moves. Only time in
/// which the sender wanted more counts, and no timer is made for a body that is there already.
#[derive(Debug)]
pub(crate) struct PassedBack<B> {
    body: B,
    flow: Arc<Flow>,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

/// The answer without what belonged to its connection; no wait for its body is longer than `limit`.
pub(super) fn passed_back<B>(
    answer: Response<B>,
    flow: &Arc<Flow>,
    limit: Duration,
) -> Response<PassedBack<B>> {
    let (mut parts, body) = answer.into_parts();
    parts.headers = hop::end_to_end_answer(&parts.headers);
    let body = PassedBack {
        body,
        flow: Arc::clone(flow),
        limit,
        timer: None,
        waiting: false,
    };
    Response::from_parts(parts, body)
}

impl<B> PassedBack<B> {
    fn broken_off(&self, error: &(dyn Error + 'static)) {
        tracing::warn!(
            flow.id = %self.flow.id,
            error,
            "the upstream's answer broke off, and so did ours"
        );
    }
}

impl<B> Body for PassedBack<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waiting = false;
            return Poll::Ready(frame.map(|frame| {
                frame.map_err(|error| {
                    let error = error.into();
                    this.broken_off(&*error);
                    error
                })
            }));
        }
        let waited_before = mem::replace(&mut this.waiting, true);
        let limit = this.limit;
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        if !waited_before {
            timer.as_mut().reset(Instant::now() + limit);
        }
        ready!(timer.as_mut().poll(context));
        let stalled = Stalled(limit);
        this.broken_off(&stalled);
        Poll::Ready(Some(Err(stalled.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The upstream fell silent in the middle of its answer.
#[derive(Debug, thiserror::Error)]
#[error("nothing came within {0:?}")]
struct Stalled(Duration);

#[cfg(test)]
mod tests;
