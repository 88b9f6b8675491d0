//! One HTTP/1.1 exchange over a connection that nobody uses again: one write, and reads until the
//! answer is whole. Most checks are that. A general client keeps channels, buffers and timers for
//! what comes after, and costs as much again as all else that such a check does in this process.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::body::Collected;
use super::chunked::{self, Chunk};
use super::head::{self, Framing};
use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::net::{Stream, from_io};

/// Longer requests are written while the answer is read, by the general client.
const LONGEST_REQUEST: usize = 16 << 10;
/// Most answers to checks are shorter.
const USUAL_ANSWER: usize = 1000;
/// Asked for at once for the rest of one that is not.
const MORE: usize = 8 << 10;

/// Whether a request of so many bytes can be written before its answer is read.
pub(super) fn fits(request: &[u8]) -> bool {
    request.len() <= LONGEST_REQUEST
}

/// What has answered with its headers.
pub(super) struct Answering {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    framing: Framing,
    /// What was read beyond the headers.
    read: BytesMut,
}

/// Until the headers are whole. `what` is the peer as sentences name it.
pub(super) async fn ask(
    stream: &mut Stream,
    request: &[u8],
    method: &Method,
    what: &str,
) -> Result<Answering, ProbeError> {
    let written = match stream.write_all(request).await {
        Ok(()) => stream.flush().await,
        Err(error) => Err(error),
    };
    let mut read = BytesMut::with_capacity(USUAL_ANSWER);
    let mut seen = 0;
    loop {
        if read.len() == read.capacity() {
            read.reserve(MORE);
        }
        // Who refuses a request may close before having read all of it: an answer counts for more.
        match (stream.read_buf(&mut read).await, &written) {
            (Ok(1..), _) => {}
            (_, Err(error)) => return Err(from_io(error, what)),
            (Err(error), Ok(())) => return Err(from_io(&error, what)),
            (Ok(0), Ok(())) => return Err(closed(what)),
        }
        while let Some(head) = head::take(&mut read, &mut seen, what)? {
            if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                continue;
            }
            let framing = head::framing(&head, method, what)?;
            let head::Head { status, version, headers } = head;
            return Ok(Answering { status, version, headers, framing, read });
        }
    }
}

impl Answering {
    /// The body to its end, or to the first byte beyond `limit`.
    pub(super) async fn body(&mut self, stream: &mut Stream, limit: usize, what: &str) -> Collected {
        let collected = match self.framing {
            Framing::Empty => Ok(Some(Bytes::new())),
            Framing::Length(length) if length > limit as u64 => Ok(None),
            Framing::Length(length) => self.sized(stream, usize::try_from(length).unwrap_or(usize::MAX), what).await,
            Framing::UntilClosed => self.until_closed(stream, limit, what).await,
            Framing::Chunked => self.chunked(stream, limit, what).await,
        };
        match collected {
            Ok(Some(body)) => Collected::Whole(body),
            Ok(None) => Collected::TooLarge,
            Err(error) => Collected::Broken(error),
        }
    }

    async fn sized(&mut self, stream: &mut Stream, length: usize, what: &str) -> Result<Option<Bytes>, ProbeError> {
        while self.read.len() < length {
            if !self.more(stream, what).await? {
                return Err(closed(what));
            }
        }
        Ok(Some(self.read.split_to(length).freeze()))
    }

    async fn until_closed(
        &mut self,
        stream: &mut Stream,
        limit: usize,
        what: &str,
    ) -> Result<Option<Bytes>, ProbeError> {
        while self.read.len() <= limit {
            if !self.more(stream, what).await? {
                return Ok(Some(self.read.split().freeze()));
            }
        }
        Ok(None)
    }

    async fn chunked(&mut self, stream: &mut Stream, limit: usize, what: &str) -> Result<Option<Bytes>, ProbeError> {
        let mut whole = BytesMut::new();
        let mut chunk = Chunk::Size;
        loop {
            while chunked::step(&mut chunk, &mut self.read, &mut whole).map_err(|why| broken(what, why))? {
                if whole.len() > limit {
                    return Ok(None);
                }
            }
            if chunk == Chunk::End {
                return Ok(Some(whole.freeze()));
            }
            if !self.more(stream, what).await? {
                return Err(closed(what));
            }
        }
    }

    /// False at the end.
    async fn more(&mut self, stream: &mut Stream, what: &str) -> Result<bool, ProbeError> {
        self.read.reserve(MORE);
        stream.read_buf(&mut self.read).await.map(|read| read > 0).map_err(|error| from_io(&error, what))
    }
}

fn closed(what: &str) -> ProbeError {
    ProbeError::target(Reason::Reset, format!("{what} closed the connection before the answer was complete"))
}

fn broken(what: &str, why: &str) -> ProbeError {
    ProbeError::target(Reason::Protocol, format!("{what} broke the HTTP protocol: {why}"))
}
