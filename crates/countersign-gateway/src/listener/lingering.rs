//! Closing a connection so that its peer can still read the last answer.
//!
//! A socket that is closed while bytes wait in it, or come after, is reset, and a reset throws away
//! what the peer has not read yet. A sender that writes its whole request before it reads would
//! so never see that it was refused early: it sees a broken pipe, and tries again. So our side says
//! that it has finished, then reads on and throws away what comes, within bounds.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Put into the extensions of an answer that was given before the request's body had been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unread;

/// Whether the peer is known to be in the middle of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Midway(Arc<AtomicBool>);

impl Midway {
    /// Says what is true after an answer.
    pub(super) fn set(&self, midway: bool) {
        // One task has the connection and all that serves it: there is nothing to order.
        self.0.store(midway, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection whose shutdown is not over before the peer has finished, too, or has had its time.
#[derive(Debug)]
pub(super) struct Lingering<S> {
    farewell: Option<Farewell>,
    midway: Midway,
    stream: S,
}

impl<S> Lingering<S> {
    /// Lingers at the end of `stream` if the peer is `midway`, or something of it waits unread.
    pub(super) fn new(stream: S, midway: Midway) -> Self {
        Self {
            farewell: None,
            midway,
            stream,
        }
    }
}

/// What is left of the patience with a peer.
#[derive(Debug)]
struct Farewell {
    bytes: usize,
    deadline: Option<Pin<Box<Sleep>>>,
    expecting: bool,
    scratch: Box<[u8]>,
}

impl Farewell {
    fn new(expecting: bool) -> Self {
        Self {
            bytes: MOST_BYTES,
            deadline: None,
            expecting,
            scratch: vec![0; SCRATCH].into_boxed_slice(),
        }
    }

    /// Reads and forgets until the peer ends, or has sent too much, or taken too long.
    fn poll<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            let mut into = ReadBuf::new(&mut self.scratch);
            match Pin::new(&mut *stream).poll_read(context, &mut into) {
                Poll::Ready(Ok(())) if !into.filled().is_empty() => {
                    let Some(left) = self.bytes.checked_sub(into.filled().len()) else {
                        return Poll::Ready(());
                    };
                    self.bytes = left;
                    self.expecting = true;
                }
                // The peer has finished, or is gone.
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.expecting => break,
                Poll::Pending => return Poll::Ready(()),
            }
        }
        self.deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LONGEST)))
            .as_mut()
            .poll(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.farewell.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        let expecting = this.midway.get();
        this.farewell
            .get_or_insert_with(|| Farewell::new(expecting))
            .poll(&mut this.stream, context)
            .map(Ok)
    }
}

/// More than the largest request of any provider we know (GitHub's 25 MB): a sender that writes
/// before it reads gets its answer. Nothing of it is kept.
const MOST_BYTES: usize = 32 << 20;
/// How long a connection, and its place under the cap, is spent on somebody who was refused.
const LONGEST: Duration = Duration::from_secs(5);
const SCRATCH: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::Instant;

    use super::*;

    fn pair(midway: bool) -> (Lingering<DuplexStream>, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1024);
        let flag = Midway::default();
        flag.set(midway);
        (Lingering::new(ours, flag), theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_midway_is_read_to_its_end() {
        let (mut ours, mut theirs) = pair(true);
        let sender = async {
            theirs.write_all(&vec![b'x'; 5 << 20]).await.unwrap();
            theirs.shutdown().await.unwrap();
            theirs
        };

        let (closed, mut theirs) = tokio::join!(ours.shutdown(), sender);

        closed.unwrap();
        assert_eq!(theirs.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_ends_has_a_limited_time() {
        let (mut ours, _theirs) = pair(true);
        let started = Instant::now();

        ours.shutdown().await.unwrap();

        assert_eq!(started.elapsed().as_secs(), LONGEST.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_sends_for_ever_has_a_limited_number_of_bytes() {
        let (mut ours, mut theirs) = pair(true);
        let flood = async {
            let mut sent = 0;
            while theirs.write_all(&[0; 1024]).await.is_ok() {
                sent += 1024;
            }
            sent
        };
        let end = async {
            ours.shutdown().await.unwrap();
            drop(ours);
        };

        let (sent, ()) = tokio::join!(flood, end);

        assert!(
            (MOST_BYTES..MOST_BYTES + (1 << 20)).contains(&sent),
            "{sent}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_peer_is_not_waited_for() {
        let (mut ours, _theirs) = pair(false);
        let started = Instant::now();

        ours.shutdown().await.unwrap();

        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_unread_makes_a_peer_one_that_is_midway() {
        let (mut ours, mut theirs) = pair(false);
        theirs.write_all(b"more").await.unwrap();
        let started = Instant::now();

        ours.shutdown().await.unwrap();

        assert_eq!(started.elapsed().as_secs(), LONGEST.as_secs());
    }
}
