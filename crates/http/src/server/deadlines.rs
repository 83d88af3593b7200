//! The deadline of a connection.
//!
//! Each connection has one timer, which looks at one number. Events on the connection only change that
//! number, so that a call does not need a timer of its own.

use super::limits::ConnectionLimits;
use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// No deadline: the time is spent on our side.
const NEVER: u64 = u64::MAX;

/// Phase of a connection: a request is being read or answered.
const REQUEST: u8 = 0;
/// Phase: an answer is there and can be written at once.
const ANSWERED: u8 = 1;
/// Phase: the rest of an answer is being written, or nothing happens. The next byte that is read begins a
/// head.
const IDLE: u8 = 2;

/// A connection's deadline, in milliseconds since it began.
pub(super) struct Deadlines {
    began: Instant,
    limits: ConnectionLimits,
    at_ms: AtomicU64,
    /// One of the three phases.
    phase: AtomicU8,
}

impl Deadlines {
    pub(super) fn begin(limits: ConnectionLimits) -> Self {
        let deadlines = Self {
            began: Instant::now(),
            limits,
            at_ms: AtomicU64::new(NEVER),
            phase: AtomicU8::new(REQUEST),
        };
        deadlines.set(limits.head);
        deadlines
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(NEVER)
    }

    fn set(&self, span: Duration) {
        let span = u64::try_from(span.as_millis()).unwrap_or(NEVER);
        self.at_ms.store(self.now_ms().saturating_add(span), Ordering::Relaxed);
    }

    fn bytes_read(&self) {
        if self.phase.swap(REQUEST, Ordering::Relaxed) != REQUEST {
            self.set(self.limits.head);
        }
    }

    /// A head is complete. Where it came together with the request before, no byte was read for it alone.
    pub(super) fn head_ended(&self) {
        self.phase.store(REQUEST, Ordering::Relaxed);
    }

    /// The body does not come with the head.
    fn waits_for_body(&self) {
        self.set(self.limits.body);
    }

    pub(super) fn body_ended(&self) {
        self.at_ms.store(NEVER, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) {
        self.phase.store(ANSWERED, Ordering::Relaxed);
        self.set(self.limits.idle);
    }

    /// A part of an answer was written, or cannot be written at the moment. Most answers are written at once,
    /// which needs no new deadline.
    fn wrote<T>(&self, written: Poll<T>) -> Poll<T> {
        match self.phase.load(Ordering::Relaxed) {
            ANSWERED => self.phase.store(IDLE, Ordering::Relaxed),
            IDLE if written.is_ready() => self.set(self.limits.idle),
            _ => {}
        }
        written
    }

    /// Returns when the deadline has passed. A deadline that was moved nearer is noticed after the shortest
    /// limit at the latest, so a connection lives at most twice as long as it may.
    pub(super) async fn passed(&self) {
        let check_interval = self.limits.head.min(self.limits.body).min(self.limits.idle);
        loop {
            let left = self.at_ms.load(Ordering::Relaxed).saturating_sub(self.now_ms());
            if left == 0 {
                return;
            }
            tokio::time::sleep(check_interval.min(Duration::from_millis(left))).await;
        }
    }
}

/// A connection or a body whose progress moves the deadline.
pub(super) struct Timed<T> {
    inner: T,
    deadlines: Arc<Deadlines>,
    /// Only for a body: whether it was waited for.
    waited: bool,
}

impl<T> Timed<T> {
    pub(super) fn new(inner: T, deadlines: &Arc<Deadlines>) -> Self {
        Self { inner, deadlines: Arc::clone(deadlines), waited: false }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Timed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.inner).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.deadlines.bytes_read();
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Timed<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.deadlines.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.deadlines.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<T: Body<Data = Bytes> + Unpin> Body for Timed<T> {
    type Data = Bytes;
    type Error = T::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, T::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
            if !std::mem::replace(&mut self.waited, true) {
                self.deadlines.waits_for_body();
            }
            return Poll::Pending;
        };
        if frame.is_none() || self.inner.is_end_stream() {
            self.deadlines.body_ended();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_receiver_gets_more_time_with_each_part() {
        let second = Duration::from_secs(1);
        let limits = ConnectionLimits { connections: 1, head: second, body: second, idle: second };
        let deadlines = Deadlines::begin(limits);
        let write = |written: Poll<()>| {
            deadlines.at_ms.store(0, Ordering::Relaxed);
            assert_eq!(deadlines.wrote(written), written);
            deadlines.at_ms.load(Ordering::Relaxed) != 0
        };
        deadlines.answered();
        assert_eq!([write(Poll::Pending), write(Poll::Ready(()))], [false, true]);
        deadlines.answered();
        assert_eq!([write(Poll::Ready(())), write(Poll::Ready(()))], [false, true]);
        // Bytes that are written during a request belong to an earlier answer.
        deadlines.head_ended();
        assert!(!write(Poll::Ready(())));
    }
}
