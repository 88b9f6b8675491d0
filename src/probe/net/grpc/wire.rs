//! The bytes under a gRPC connection: counted, and remembered when they stop. The layers above
//! turn every fault into one word, so the truth is written down here.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::net::{Stream, from_io};

/// The head of a frame, as much as is needed to tell HTTP/2 from anything else.
const HEAD: usize = 9;
const SETTINGS: u8 = 4;

/// What a connection came to; shared between the stream and whoever asks afterwards.
pub(super) struct Wire {
    what: String,
    limit: u64,
    read: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    head: Vec<u8>,
    fault: Option<ProbeError>,
}

/// A stream with its record.
pub(super) struct Wired {
    stream: Stream,
    wire: Arc<Wire>,
    /// Read ahead, and not given out yet.
    ahead: Vec<u8>,
}

impl Wire {
    /// Why the connection failed; `None` if it did not.
    pub(super) fn explain(&self) -> Option<ProbeError> {
        let seen = self.lock();
        let what = &self.what;
        if seen.head.starts_with(b"HTTP/") {
            let text = format!("{what} does not speak gRPC: it answered in HTTP/1");
            return Some(ProbeError::target(Reason::Protocol, text));
        }
        if seen.head.get(3).is_some_and(|kind| *kind != SETTINGS) {
            let text = format!("{what} does not speak gRPC: it did not answer in HTTP/2");
            return Some(ProbeError::target(Reason::Protocol, text));
        }
        seen.fault.clone()
    }

    /// Ready once the first frame of the peer has begun, or the connection has failed. Wakes nobody.
    pub(super) fn begun(&self) -> Poll<Result<(), ProbeError>> {
        match self.explain() {
            Some(error) => Poll::Ready(Err(error)),
            None if self.lock().head.len() == HEAD => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first fault is the cause of those that follow.
    fn fault(&self, error: ProbeError) {
        self.lock().fault.get_or_insert(error);
    }

    fn arrived(&self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            self.fault(from_io(&io::ErrorKind::UnexpectedEof.into(), &self.what));
            return Ok(());
        }
        let mut seen = self.lock();
        let lacking = HEAD.saturating_sub(seen.head.len());
        seen.head.extend(bytes.iter().take(lacking));
        drop(seen);
        let read = self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed).saturating_add(bytes.len() as u64);
        if read > self.limit {
            let text = format!("{} sent more than {} bytes", self.what, self.limit);
            self.fault(ProbeError::observer(Reason::TooLarge, text));
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        Ok(())
    }
}

impl Wired {
    pub(super) fn new(stream: Stream, what: &str, limit: u64) -> Self {
        let wire = Wire { what: what.to_owned(), limit, read: AtomicU64::new(0), seen: Mutex::default() };
        Self { stream, wire: Arc::new(wire), ahead: Vec::new() }
    }

    pub(super) fn wire(&self) -> Arc<Wire> {
        Arc::clone(&self.wire)
    }

    /// Waits until the peer says something, which is kept for the reader.
    pub(super) async fn listen(&mut self) -> Result<(), ProbeError> {
        let mut first = [0; 64];
        match self.stream.read(&mut first).await {
            Ok(count) => {
                self.ahead.extend(first.iter().take(count));
                self.wire.arrived(&self.ahead).map_err(|error| from_io(&error, &self.wire.what))?;
                if count == 0 { Err(from_io(&io::ErrorKind::UnexpectedEof.into(), &self.wire.what)) } else { Ok(()) }
            }
            Err(error) => Err(from_io(&error, &self.wire.what)),
        }
    }

    fn failed<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &outcome {
            self.wire.fault(from_io(error, &self.wire.what));
        }
        outcome
    }
}

impl AsyncRead for Wired {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            let count = this.ahead.len().min(buffer.remaining());
            let given: Vec<u8> = this.ahead.drain(..count).collect();
            buffer.put_slice(&given);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                let new = buffer.filled().get(before..).unwrap_or_default();
                Poll::Ready(this.wire.arrived(new))
            }
            other => this.failed(other),
        }
    }
}

impl AsyncWrite for Wired {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.failed(outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.failed(outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
        this.failed(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
