//! What is kept of a step's answer: its first bytes, and no more than that.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

/// Reads `body` into `kept` until it ends, breaks off or exceeds [`LIMIT`].
///
/// What was read is there, too, when the caller runs out of time and drops this future. A body that is not read
/// to its end takes its connection with it.
pub(crate) async fn keep<B>(kept: &mut BytesMut, mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    while let Some(Ok(frame)) = body.frame().await {
        // Trailers say nothing that is kept.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = LIMIT.saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            break;
        }
    }
}

/// The most that is kept of an answer's body.
pub(crate) const LIMIT: usize = 20 * 1024;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http::HeaderMap;
    use http_body::Frame;

    use super::*;

    /// Frames, then an error, then nothing ever.
    struct Frames(Vec<Result<Frame<Bytes>, Infallible>>, Ending);

    enum Ending {
        Complete,
        Endless,
    }

    impl Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match (self.0.is_empty(), &self.1) {
                (false, _) => Poll::Ready(Some(self.0.remove(0))),
                (true, Ending::Complete) => Poll::Ready(None),
                (true, Ending::Endless) => Poll::Pending,
            }
        }
    }

    fn data(length: usize) -> Result<Frame<Bytes>, Infallible> {
        Ok(Frame::data(Bytes::from(vec![b'x'; length])))
    }

    #[tokio::test]
    async fn up_to_the_limit_everything_is_kept() {
        for frames in [
            vec![],
            vec![data(1)],
            vec![data(LIMIT)],
            vec![data(1), data(LIMIT - 1)],
        ] {
            let length = frames
                .iter()
                .map(|frame| frame.as_ref().unwrap().data_ref().unwrap().len())
                .sum::<usize>();
            let mut kept = BytesMut::new();
            keep(&mut kept, Frames(frames, Ending::Complete)).await;
            assert_eq!(kept.len(), length);
        }
    }

    #[tokio::test]
    async fn past_the_limit_nothing_is_waited_for() {
        for frames in [
            vec![data(LIMIT + 1)],
            vec![data(LIMIT), data(1)],
            vec![data(1 << 20)],
        ] {
            let mut kept = BytesMut::new();
            keep(&mut kept, Frames(frames, Ending::Endless)).await;
            assert_eq!(kept.len(), LIMIT);
        }
    }

    #[tokio::test]
    async fn trailers_are_not_kept() {
        let frames = vec![data(2), Ok(Frame::trailers(HeaderMap::new())), data(3)];
        let mut kept = BytesMut::new();

        keep(&mut kept, Frames(frames, Ending::Complete)).await;

        assert_eq!(kept, "xxxxx");
    }
}
