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
                if first.is_empty() {
                    first = data;
                } else {
                    rest.extend_from_slice(&data);
                }
            }
        }
    }
    if rest.is_empty() {
        return Collected::Whole(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Collected::Whole(whole.freeze())
}
