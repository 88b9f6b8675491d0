//! An answer that is read while it comes, for as long as it comes.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::body::{Collected, collect};
use super::exchange::{Call, Phases, authority, key, request};
use super::kept::Line;
use crate::model::Reason;
use crate::probe::net::{Clients, from_hyper, spoken};
use crate::probe::{ProbeCx, ProbeError};

/// The head of an answer, and the connection over which its body comes. Nothing is read ahead of who asks.
pub(crate) struct Flow {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    what: String,
    line: Line,
    body: Incoming,
}

impl Clients {
    /// Asks over a connection of its own; the deadline is that of the head. `max_body` and `reuse` of the
    /// call mean nothing here.
    pub(crate) async fn flow(&self, cx: &ProbeCx, call: &Call<'_>) -> Result<Flow, ProbeError> {
        let mut line = self.open(cx, call, &key(call)?, &mut Phases::default()).await?;
        let what = authority(call.url);
        let request = request(call, line.channel.is_two())?;
        let patience = cx.remaining();
        let answer = timeout_at(cx.deadline(), line.channel.send(request)).await.map_err(|_| {
            let text =
                format!("{what} accepted the connection but sent no complete headers within {}", spoken(patience));
            ProbeError::target(Reason::Timeout, text)
        })?;
        let (head, body) = answer.map_err(|error| from_hyper(&error, what))?.into_parts();
        Ok(Flow { status: head.status, headers: head.headers, what: what.to_owned(), line, body })
    }
}

impl Flow {
    /// The next bytes of the body; `None` after its end. Put a deadline around it.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, ProbeError>> {
        use http_body_util::BodyExt;
        loop {
            match self.line.channel.drive(self.body.frame()).await? {
                Err(error) => return Some(Err(from_hyper(&error, &self.what))),
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
            }
        }
    }

    /// A short body as a whole; empty if it is longer than `limit`, or late, or breaks.
    pub(crate) async fn said(mut self, limit: usize, until: Instant) -> Bytes {
        match timeout_at(until, collect(&mut self.line.channel, self.body, limit)).await {
            Ok(Collected::Whole(body)) => body,
            _ => Bytes::new(),
        }
    }

    /// `host:port` that answers.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }
}
