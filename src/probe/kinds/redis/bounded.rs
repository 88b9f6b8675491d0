//! A stream that passes on no more than it may, and remembers why reading failed: the parser of
//! the crate reduces every failure to a kind.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::net::from_io;

pub(super) struct Bounded<S> {
    inner: S,
    /// `host:port`, for sentences.
    peer: String,
    limit: usize,
    left: usize,
    failed: Option<ProbeError>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Bounded<S> {
    pub(super) fn new(inner: S, peer: String, limit: usize) -> Self {
        Self { inner, peer, limit, left: limit, failed: None }
    }

    /// Sends a request; the answer may have `limit` bytes. A peer that has something to say before
    /// it closes makes this fail: the error is given if nothing is heard either.
    pub(super) async fn ask(&mut self, request: &[u8]) {
        self.left = self.limit;
        let sent = async {
            self.inner.write_all(request).await?;
            self.inner.flush().await
        };
        if let Err(error) = sent.await {
            self.failed = Some(from_io(&error, &self.peer));
        }
    }

    /// Why nothing was heard, if it is known.
    pub(super) fn failed(&mut self) -> Option<ProbeError> {
        self.failed.take()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if let Err(error) = ready!(Pin::new(&mut this.inner).poll_read(cx, buffer)) {
            this.failed = Some(from_io(&error, &this.peer));
            return Poll::Ready(Err(error));
        }
        match this.left.checked_sub(buffer.filled().len() - before) {
            Some(left) => this.left = left,
            None => {
                let sentence = format!("an answer of {} has more than {} bytes", this.peer, this.limit);
                this.failed = Some(ProbeError::observer(Reason::TooLarge, sentence));
                return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}
