//! A request body that must be whole within a given time.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// Fails with [`io::ErrorKind::TimedOut`] when `body` has not ended `limit` after the first wait for it,
/// and tells whether it has been read to its end.
///
/// The limit is on the whole body, not on each read: one byte a second does not hold a
/// connection for ever. No timer is made for a body that is there already.
#[derive(Debug)]
pub(crate) struct Timed<'a, B> {
    body: B,
    deadline: Option<Pin<Box<Sleep>>>,
    limit: Duration,
    read: &'a mut bool,
}

impl<'a, B: Body> Timed<'a, B> {
    /// Limits `body`; `read` is made true when nothing of it is to come.
    pub(crate) fn new(body: B, limit: Duration, read: &'a mut bool) -> Self {
        *read = body.is_end_stream();
        Self {
            body,
            deadline: None,
            limit,
            read,
        }
    }
}

impl<B> Body for Timed<'_, B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            *this.read |= frame.is_none();
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = this
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(this.limit)));
        match deadline.as_mut().poll(context) {
            Poll::Ready(()) => {
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_fails_at_the_limit() {
        let mut read = true;
        let mut body = Timed::new(Stalled, Duration::from_secs(30), &mut read);

        let frame = body.frame().await;

        let error = frame.unwrap().unwrap_err();
        let error = error.downcast_ref::<io::Error>().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(!read);
    }

    #[tokio::test]
    async fn a_body_that_is_there_passes_without_a_timer() {
        let mut read = false;
        let whole = Full::new(Bytes::from("whole"));
        let mut body = Timed::new(whole, Duration::ZERO, &mut read);

        let frame = body.frame().await;

        assert!(matches!(frame, Some(Ok(_))));
        assert!(body.deadline.is_none());
    }

    #[tokio::test]
    async fn a_body_is_read_when_its_end_was_seen() {
        let mut read = true;
        let whole = || Full::new(Bytes::from("whole"));

        drop(Timed::new(whole(), Duration::ZERO, &mut read));
        assert!(!read);

        let mut body = Timed::new(whole(), Duration::ZERO, &mut read);
        while body.frame().await.is_some() {}
        assert!(read);

        drop(Timed::new(
            Full::<Bytes>::default(),
            Duration::ZERO,
            &mut read,
        ));
        assert!(read, "there is none");
    }

    /// A body that promises a frame and never brings it.
    struct Stalled;

    impl Body for Stalled {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            Poll::Pending
        }
    }
}
