//! A response body within a limit.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::channel::Channel;

pub(super) enum Collected {
    Whole(Bytes),
    /// It has, or announces, more bytes than the limit.
    TooLarge,
    Broken(hyper::Error),
}

/// Reads to the end, or to the first byte beyond `limit`.
pub(super) async fn collect(channel: &mut Channel, mut body: Incoming, limit: usize) -> Collected {
    if body.size_hint().lower() > limit as u64 {
        return Collected::TooLarge;
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(0);
    // Most bodies are one frame, and then nothing is copied.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        match channel.drive(body.frame()).await {
            None => break,
            Some(Err(error)) => return Collected::Broken(error),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                if first.len() + rest.len() + data.len() > limit {
                    return Collected::TooLarge;
                }
                if first.is_empty() && rest.is_empty() {
                    first = data;
                } else {
                    if rest.is_empty() {
                        rest.reserve(announced.max(first.len() + data.len()));
                        rest.extend_from_slice(&std::mem::take(&mut first));
                    }
                    rest.extend_from_slice(&data);
                }
            }
        }
    }
    Collected::Whole(if rest.is_empty() { first } else { rest.freeze() })
}
