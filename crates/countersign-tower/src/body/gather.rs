//! Reads a whole body, and never more of it than the limit.

use std::{
    error::Error,
    future::Future,
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::Refusal;

pin_project! {
    /// The body to come, as one slice.
    ///
    /// One frame goes on as it came. From the second on they are copied into one buffer:
    /// frames that are kept pin the read buffers they are slices of. Trailers are dropped;
    /// nothing a sender says after the body counts.
    #[derive(Debug)]
    pub(crate) struct Gather<B> {
        #[pin]
        body: B,
        limit: usize,
        so_far: SoFar,
    }
}

impl<B> Gather<B> {
    pub(crate) fn new(body: B, limit: usize) -> Self {
        Self {
            body,
            limit,
            so_far: SoFar::One(Bytes::new()),
        }
    }
}

impl<B> Future for Gather<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Bytes, Refusal>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        while let Some(frame) = ready!(this.body.as_mut().poll_frame(cx)) {
            let frame = frame.map_err(|error| failed(error.into().as_ref()))?;
            if let Ok(data) = frame.into_data() {
                this.so_far.push(data, *this.limit)?;
            }
        }
        let so_far = mem::replace(this.so_far, SoFar::One(Bytes::new()));
        Poll::Ready(Ok(so_far.into_bytes()))
    }
}

/// The data so far.
#[derive(Debug)]
enum SoFar {
    One(Bytes),
    Many(Vec<u8>),
}

impl SoFar {
    fn push(&mut self, mut data: impl Buf, limit: usize) -> Result<(), Refusal> {
        let more = data.remaining();
        if more == 0 {
            return Ok(());
        }
        if more > limit.saturating_sub(self.len()) {
            return Err(Refusal::BodyTooLarge);
        }
        match self {
            Self::One(first) if first.is_empty() => *first = data.copy_to_bytes(more),
            Self::One(first) => {
                let mut buffer = Vec::new();
                append(&mut buffer, mem::take(first), limit);
                append(&mut buffer, data, limit);
                *self = Self::Many(buffer);
            }
            Self::Many(buffer) => append(buffer, data, limit),
        }
        Ok(())
    }

    fn len(&self) -> usize {
        match self {
            Self::One(bytes) => bytes.len(),
            Self::Many(buffer) => buffer.len(),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::One(bytes) => bytes,
            Self::Many(buffer) => buffer.into(),
        }
    }
}

/// Appends `data`, growing by doubling but never past the limit.
///
/// The size that the request declares is not trusted with memory: it is reserved as
/// the data comes.
fn append(buffer: &mut Vec<u8>, mut data: impl Buf, limit: usize) {
    let needed = buffer.len() + data.remaining();
    if needed > buffer.capacity() {
        let capacity = buffer.capacity().saturating_mul(2).min(limit).max(needed);
        buffer.reserve_exact(capacity - buffer.len());
    }
    while data.has_remaining() {
        let chunk = data.chunk();
        buffer.extend_from_slice(chunk);
        let taken = chunk.len();
        data.advance(taken);
    }
}

/// A body that something outside cut off for its slowness says so somewhere in its causes.
fn failed(error: &(dyn Error + 'static)) -> Refusal {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) {
            return Refusal::BodyTimedOut;
        }
        cause = error.source();
    }
    Refusal::BodyFailed
}

#[cfg(test)]
mod tests;
