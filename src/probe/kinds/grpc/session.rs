//! A connection, and single questions over it.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::HeaderMap;
use http::uri::PathAndQuery;
use tokio::time::{Instant, timeout_at};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::fault::{self, Said};
use super::place::Place;
use super::{Grpc, Refusal, place};
use crate::model::Reason;
use crate::probe::net::grpc::{Encrypted, Line, Opened, Peer};
use crate::probe::net::spoken;
use crate::probe::{Blame, ProbeCx, ProbeError};

/// All that is read over one connection besides the largest message.
const OTHER_BYTES: u64 = 4 << 20;

/// What came of opening.
pub(super) enum Begun {
    Session(Box<Session>),
    /// TLS ended because of the client certificate, or for want of one.
    Refused(ProbeError),
}

pub(super) struct Session {
    line: Line,
    metadata: HeaderMap,
    max_bytes: usize,
    /// `host:port`.
    pub(super) what: String,
    /// From the first packet until the peer began HTTP/2.
    pub(super) ready: Duration,
}

impl Session {
    /// Connects, and waits until the peer has begun HTTP/2.
    pub(super) async fn open(leg: &Grpc, cx: &ProbeCx, place: &Place) -> Result<Begun, ProbeError> {
        let begun = Instant::now();
        let mut clear = false;
        // Where TLS is a guess, it must leave time for the other.
        let until = if place.or_clear { begun + cx.remaining() / 2 } else { cx.deadline() };
        let opening = timeout_at(until, connect(leg, cx, place, true)).await;
        let opened = match opening.unwrap_or_else(|_| Err(late(&place.what(), "the handshake", until - begun))) {
            // What ends in a handshake that showed no certificate may be no TLS at all.
            Err(error) if place.or_clear && is_no_tls(&error) => {
                cx.note("tls", format_args!("not spoken; in the clear: {}", error.detail));
                clear = true;
                connect(leg, cx, place, false).await
            }
            opened => opened,
        };
        let mut line = match opened? {
            Opened::Line(line) => line,
            Opened::CertificateRefused(error) => return Ok(Begun::Refused(error)),
        };
        let asked = line.tls().is_some_and(|tls| tls.client_cert_requested);
        let patience = cx.remaining();
        let ready = timeout_at(cx.deadline(), line.ready()).await;
        match ready.unwrap_or_else(|_| Err(late(&place.what(), "the beginning of HTTP/2", patience))) {
            Ok(()) => {}
            Err(error) if asked && leg.refuses(Refusal::Certificate) && ends_in_handshake(&error) => {
                return Ok(Begun::Refused(error));
            }
            // With TLS 1.3 a certificate is refused after the handshake, and not every server says so.
            Err(error) if asked && place.shows_certificate() && ends_in_handshake(&error) => {
                let text = format!("{}, after it was shown our client certificate", error.detail);
                return Err(ProbeError::observer(Reason::AuthRejected, text));
            }
            Err(error) => return Err(error),
        }
        let metadata = place::metadata(leg, cx, clear).await?;
        let max_bytes = usize::try_from(leg.max_bytes).unwrap_or(usize::MAX);
        Ok(Begun::Session(Box::new(Self { line, metadata, max_bytes, what: place.what(), ready: begun.elapsed() })))
    }

    pub(super) fn tls(&self) -> Option<&Encrypted> {
        self.line.tls()
    }

    /// Puts one message to a method and waits for one. The outer error is one of the connection, the
    /// inner what the server said instead. `doing` names it in sentences, such as `the health check`.
    pub(super) async fn ask(
        &mut self,
        cx: &ProbeCx,
        path: &str,
        message: Vec<u8>,
        doing: &str,
    ) -> Result<Result<Bytes, Said>, ProbeError> {
        let path: PathAndQuery =
            path.parse().map_err(|_| ProbeError::unconfigured(format!("{path} is no path of a method")))?;
        let patience = cx.remaining();
        let mut request = Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(self.metadata.clone());
        request.set_timeout(patience);
        let mut client = tonic::client::Grpc::new(self.line.channel()).max_decoding_message_size(self.max_bytes);
        let asking = async move {
            client.ready().await.map_err(|error| Status::from_error(error.into()))?;
            client.unary(request, path, Raw).await
        };
        let answer = timeout_at(cx.deadline(), self.line.drive(asking)).await;
        let what = &self.what;
        match answer {
            Err(_) => Err(self.line.explain().unwrap_or_else(|| late(what, doing, patience))),
            // The library keeps the deadline that is sent, too.
            Ok(Err(status)) if status.message() == "Timeout expired" => Err(late(what, doing, patience)),
            Ok(Err(status)) => fault::said(&status, self.line.explain(), what, doing).map(Err),
            Ok(Ok(answer)) => {
                let kind =
                    answer.metadata().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
                if !kind.starts_with("application/grpc") {
                    return Err(fault::broken(what, doing, &format!("its content type is `{kind}`")));
                }
                Ok(Ok(answer.into_inner()))
            }
        }
    }
}

async fn connect(leg: &Grpc, cx: &ProbeCx, place: &Place, encrypted: bool) -> Result<Opened, ProbeError> {
    let peer = Peer {
        address: &place.address,
        tls: place.tls.as_ref().filter(|_| encrypted).map(|(profile, name)| (profile, name.as_str())),
        max_bytes: u64::from(leg.max_bytes) + OTHER_BYTES,
        seeks_refusal: leg.refuses(Refusal::Certificate),
    };
    cx.clients().grpc(cx, &peer).await
}

/// What a peer that speaks no TLS makes of a ClientHello: another protocol, a close, or nothing.
fn is_no_tls(error: &ProbeError) -> bool {
    error.blame == Blame::Target && matches!(error.reason, Reason::Protocol | Reason::Reset | Reason::Timeout)
}

fn ends_in_handshake(error: &ProbeError) -> bool {
    matches!(error.reason, Reason::Reset | Reason::TlsHandshake)
}

fn late(what: &str, doing: &str, patience: Duration) -> ProbeError {
    ProbeError::target(Reason::Timeout, format!("{what} did not answer {doing} within {}", spoken(patience)))
}

/// Messages as they are on the wire: what they mean is not known before the run.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
