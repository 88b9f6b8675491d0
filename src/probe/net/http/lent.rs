//! A connection that a client of another library speaks HTTP/1.1 over: dialled, encrypted, bounded
//! and driven here, so that nothing runs on after a run that was cut off.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Mutex;

use super::channel::MAX_HEAD;
use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::net::{Stream, from_hyper};

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// What a foreign client is given to send its requests with. Usable only while the line is driven.
#[derive(Clone, Default)]
pub(crate) struct Sender(Arc<Mutex<Option<SendRequest<Full<Bytes>>>>>);

/// The connection behind a sender.
pub(crate) struct LentLine {
    sender: Sender,
    /// Gone when the connection has ended.
    connection: Option<Connection>,
    left: Arc<AtomicU64>,
}

impl Sender {
    /// Sends over the connection as it is now; one request at a time.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> io::Result<Response<Incoming>> {
        let mut sender = self.0.lock().await;
        let sender = sender.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        sender.ready().await.map_err(io::Error::other)?;
        sender.send_request(request).await.map_err(io::Error::other)
    }
}

impl LentLine {
    /// Puts the stream behind `sender`, instead of what was there. `max_bytes` is all that may be read
    /// over it.
    pub(crate) async fn over(stream: Stream, sender: Sender, max_bytes: u64, what: &str) -> Result<Self, ProbeError> {
        let left = Arc::new(AtomicU64::new(max_bytes));
        let counted = Counted { stream, left: Arc::clone(&left) };
        let (new, connection) = Builder::new()
            .max_header_size(MAX_HEAD)
            .max_buf_size(2 * MAX_HEAD)
            .handshake(TokioIo::new(counted))
            .await
            .map_err(|error| from_hyper(&error, what))?;
        *sender.0.lock().await = Some(new);
        Ok(Self { sender, connection: Some(Box::pin(connection)), left })
    }

    /// Whether another request can be sent; waits until that is known. Put a deadline around it.
    pub(crate) async fn is_open(&mut self) -> bool {
        let sender = self.sender.clone();
        self.drive(async move {
            match sender.0.lock().await.as_mut() {
                Some(sender) => sender.ready().await.is_ok(),
                None => false,
            }
        })
        .await
    }

    /// Bytes that may still be read; what is read next over another connection counts on from there.
    pub(crate) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// What it failed for, if that was the bound on its bytes.
    pub(crate) fn exceeded(&self, what: &str) -> Option<ProbeError> {
        let text = || format!("{what} answered with more bytes than are read");
        (self.left() == 0).then(|| ProbeError::observer(Reason::TooLarge, text()))
    }

    /// Waits for `wanted` while the connection is driven. Put a deadline around it.
    pub(crate) async fn drive<F: Future>(&mut self, wanted: F) -> F::Output {
        let (mut wanted, connection) = (pin!(wanted), &mut self.connection);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = wanted.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            // Its error reaches `wanted` as well.
            if connection.as_mut().is_some_and(|running| running.as_mut().poll(cx).is_ready()) {
                *connection = None;
            }
            // What was driven may have made it ready; its waker need not have been told.
            wanted.as_mut().poll(cx)
        })
        .await
    }
}

/// Reads no more than what is left.
struct Counted {
    stream: Stream,
    left: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let new = (buffer.filled().len() - before) as u64;
        let left = this.left.load(Ordering::Relaxed).saturating_sub(new);
        this.left.store(left, Ordering::Relaxed);
        if left == 0 && new > 0 { Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into())) } else { outcome }
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
