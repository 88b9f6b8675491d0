//! An answer before it meets the wire: handlers make it, tests read it.

use std::convert::Infallible;
use std::io::{self, Write};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, Stream, TryStreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use tokio::task::JoinHandle;

use super::page;
use super::view::Links;

/// Below this, gzip costs more than it saves.
const COMPRESS_FROM: usize = 1024;
/// At most so much of a long answer is made, or compressed, at once, off the async threads.
const AT_ONCE: usize = 512 * 1024;
/// So much is made first: little, because nothing is being sent meanwhile.
const AT_FIRST: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) frames: Vec<Bytes>,
    pub(super) etag: Option<String>,
    pub(super) location: Option<String>,
    /// Seconds after which to ask again.
    pub(super) retry_after: Option<u32>,
}

/// What a request says about the form of its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) gzip: bool,
    /// A browser, rather than a program.
    pub(super) html: bool,
    pub(super) if_none_match: Option<String>,
}

impl Asked {
    /// `path` decides where `Accept` does not: below `/api/` programs ask.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        Self {
            gzip: text(header::ACCEPT_ENCODING).is_some_and(accepts_gzip),
            html: text(header::ACCEPT).is_some_and(|accept| accept.contains("text/html")),
            if_none_match: text(header::IF_NONE_MATCH).map(str::to_owned),
        }
    }
}

fn accepts_gzip(accept: &str) -> bool {
    accept.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().unwrap_or(0.0) <= 0.0));
        named && !refused
    })
}

impl Reply {
    pub(super) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { frames: vec![body.into()], ..Self::frames(status, content_type, Vec::new()) }
    }

    pub(super) fn frames(status: StatusCode, content_type: &'static str, frames: Vec<Bytes>) -> Self {
        Self { status, content_type, frames, etag: None, location: None, retry_after: None }
    }

    pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(mut body) => {
                body.push(b'\n');
                Self::new(status, "application/json", body)
            }
            Err(error) => {
                Self::text(StatusCode::INTERNAL_SERVER_ERROR, format!("no JSON can be made of this: {error}\n"))
            }
        }
    }

    pub(super) fn see_other(location: String) -> Self {
        Self { location: Some(location), ..Self::text(StatusCode::SEE_OTHER, "") }
    }

    /// An error, as a page for people and as JSON for programs.
    pub(super) fn problem(status: StatusCode, detail: &str, asked: &Asked, links: &Links) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        if asked.html {
            return page::problem(status, title, detail, links);
        }
        Self::json(status, &serde_json::json!({ "error": { "status": status.as_u16(), "detail": detail } }))
    }

    pub(super) fn with_etag(self, etag: String) -> Self {
        Self { etag: Some(etag), ..self }
    }

    pub(super) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// What a client already has is neither made nor sent again.
    pub(super) fn unless_known(etag: String, asked: &Asked, make: impl FnOnce() -> Self) -> Self {
        let known = asked.if_none_match.as_deref().is_some_and(|known| matches_etag(known, &etag));
        let reply = if known { Self::text(StatusCode::OK, "") } else { make() };
        reply.with_etag(etag)
    }

    /// Blocks while it compresses; call it off the async threads.
    pub(super) fn into_response(self, asked: &Asked) -> Response {
        let known = asked.if_none_match.as_deref();
        if let (Some(etag), Some(known)) = (&self.etag, known)
            && self.status == StatusCode::OK
            && matches_etag(known, etag)
        {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            set(response.headers_mut(), header::ETAG, etag);
            set(response.headers_mut(), header::CACHE_CONTROL, "no-cache");
            return response;
        }
        let size: usize = self.frames.iter().map(Bytes::len).sum();
        let compressed = (asked.gzip && size >= COMPRESS_FROM).then(|| gzip(&self.frames)).flatten();
        let zipped = compressed.is_some();
        let frames = compressed.map_or(self.frames, |bytes| vec![bytes]);
        let length: usize = frames.iter().map(Bytes::len).sum();
        let mut response = Response::new(body(frames));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        describe(headers, self.content_type, zipped);
        if let Some(etag) = &self.etag {
            set(headers, header::ETAG, etag);
            set(headers, header::CACHE_CONTROL, "no-cache");
        }
        if let Some(location) = &self.location {
            set(headers, header::LOCATION, location);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    #[cfg(test)]
    pub(super) fn body(&self) -> String {
        self.frames.iter().map(|frame| String::from_utf8_lossy(frame).into_owned()).collect()
    }
}

/// A long answer, made as fast as it is read: neither all of it is ever in memory, nor does a
/// thread wait for a slow reader.
pub(super) fn streamed(
    content_type: &'static str,
    frames: impl Iterator<Item = Bytes> + Send + 'static,
    asked: &Asked,
) -> Response {
    let body = if asked.gzip {
        let encoder = GzEncoder::new(Vec::new(), Compression::fast());
        Body::from_stream(stream::try_unfold(Some((frames, encoder)), compressed))
    } else {
        Body::from_stream(stream::try_unfold(Some(ahead(frames, AT_FIRST)), made).try_flatten())
    };
    let mut response = Response::new(body);
    describe(response.headers_mut(), content_type, asked.gzip);
    response
}

/// A part of a long answer, what comes after it, and how much of that to make.
type Part<I> = (Vec<Bytes>, Option<(I, usize)>);

/// Makes the next part while the one before is being sent. It ends by itself, so that no thread
/// waits for a slow reader.
fn ahead<I>(mut frames: I, wanted: usize) -> JoinHandle<Part<I>>
where
    I: Iterator<Item = Bytes> + Send + 'static,
{
    tokio::task::spawn_blocking(move || {
        let (mut part, mut size) = (Vec::new(), 0);
        while size < wanted {
            let Some(frame) = frames.next() else { return (part, None) };
            size += frame.len();
            part.push(frame);
        }
        (part, Some((frames, AT_ONCE.min(wanted * 2))))
    })
}

async fn made<I>(
    next: Option<JoinHandle<Part<I>>>,
) -> io::Result<Option<(impl Stream<Item = io::Result<Bytes>>, Option<JoinHandle<Part<I>>>)>>
where
    I: Iterator<Item = Bytes> + Send + 'static,
{
    let Some(next) = next else { return Ok(None) };
    let (part, rest) = next.await.map_err(io::Error::other)?;
    Ok(Some((stream::iter(part.into_iter().map(Ok)), rest.map(|(frames, wanted)| ahead(frames, wanted)))))
}

/// The next piece of a compressed answer, and what is left to do.
async fn compressed<I>(
    state: Option<(I, GzEncoder<Vec<u8>>)>,
) -> io::Result<Option<(Bytes, Option<(I, GzEncoder<Vec<u8>>)>)>>
where
    I: Iterator<Item = Bytes> + Send + 'static,
{
    let Some((mut frames, mut encoder)) = state else { return Ok(None) };
    let work = tokio::task::spawn_blocking(move || {
        let mut taken = 0;
        while taken < AT_ONCE {
            let Some(frame) = frames.next() else { return Ok(Some((encoder.finish()?.into(), None))) };
            taken += frame.len();
            encoder.write_all(&frame)?;
        }
        Ok(Some((std::mem::take(encoder.get_mut()).into(), Some((frames, encoder)))))
    });
    work.await.map_err(io::Error::other)?
}

/// What all answers say of themselves.
fn describe(headers: &mut HeaderMap, content_type: &'static str, zipped: bool) {
    set(headers, header::CONTENT_TYPE, content_type);
    // Readiness is about now: nothing is reused without asking.
    set(headers, header::CACHE_CONTROL, "no-store");
    set(headers, header::VARY, "accept, accept-encoding");
    if zipped {
        set(headers, header::CONTENT_ENCODING, "gzip");
    }
}

fn matches_etag(known: &str, etag: &str) -> bool {
    known.trim() == "*" || known.split(',').any(|one| one.trim() == etag)
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn body(mut frames: Vec<Bytes>) -> Body {
    if frames.len() <= 1 {
        return frames.pop().map_or_else(Body::empty, Body::from);
    }
    Body::from_stream(stream::iter(frames.into_iter().map(Ok::<_, Infallible>)))
}

fn gzip(frames: &[Bytes]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for frame in frames {
        encoder.write_all(frame).ok()?;
    }
    encoder.finish().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_where_it_is_accepted() {
        assert!(accepts_gzip("br, GZIP;q=0.5"));
        assert!(!accepts_gzip("gzip;q=0, identity"));
        assert!(!accepts_gzip("x-gzip"));
        assert!(!accepts_gzip("gzip; q=0.0"));
    }

    #[test]
    fn an_unchanged_page_is_not_sent_again() {
        let reply = Reply::text(StatusCode::OK, "x").with_etag("W/\"1\"".to_owned());
        let asked = Asked { if_none_match: Some("W/\"0\", W/\"1\"".to_owned()), ..Asked::default() };
        assert_eq!(reply.clone().into_response(&asked).status(), StatusCode::NOT_MODIFIED);
        let other = Asked { if_none_match: Some("W/\"2\"".to_owned()), ..Asked::default() };
        assert_eq!(reply.into_response(&other).status(), StatusCode::OK);
        let kept = Reply::unless_known("W/\"1\"".to_owned(), &asked, || panic!("it is made all the same"));
        assert_eq!(kept.into_response(&asked).status(), StatusCode::NOT_MODIFIED);
    }
}
