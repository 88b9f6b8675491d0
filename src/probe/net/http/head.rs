//! The head of an HTTP/1 answer, and what it says of the body.

use std::mem::MaybeUninit;

use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use httparse::{Error, Status};

use super::channel::{MAX_HEAD, MAX_HEADERS};
use crate::model::Reason;
use crate::probe::ProbeError;

#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Empty,
    Length(u64),
    Chunked,
    /// By closing the connection.
    UntilClosed,
}

/// Takes a head off what was read; `None` if it is not whole. `seen` is how much of that was looked
/// at in vain, so that a head that comes byte by byte is not read anew with each.
pub(super) fn take(read: &mut BytesMut, seen: &mut usize, what: &str) -> Result<Option<Head>, ProbeError> {
    let not_http = |why: &dyn std::fmt::Display| {
        ProbeError::target(Reason::Protocol, format!("{what} did not answer in HTTP: {why}"))
    };
    let too_large = || ProbeError::target(Reason::TooLarge, format!("the response headers of {what} exceed the limit"));
    if read.is_empty() || *seen > 0 && !has_blank_line(read.get(seen.saturating_sub(3)..).unwrap_or(read)) {
        *seen = read.len();
        return if *seen > MAX_HEAD { Err(too_large()) } else { Ok(None) };
    }
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, read, &mut headers);
    let end = match parsed {
        Ok(Status::Complete(end)) if end <= MAX_HEAD => end,
        Ok(Status::Partial) if read.len() <= MAX_HEAD => {
            *seen = read.len();
            return Ok(None);
        }
        Ok(_) | Err(Error::TooManyHeaders) => return Err(too_large()),
        Err(error) => return Err(not_http(&error)),
    };
    let status = StatusCode::from_u16(response.code.unwrap_or_default()).map_err(|error| not_http(&error))?;
    let version = if response.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|error| not_http(&error))?;
        let value = HeaderValue::from_bytes(header.value).map_err(|error| not_http(&error))?;
        headers.append(name, value);
    }
    read.advance(end);
    *seen = 0;
    Ok(Some(Head { status, version, headers }))
}

fn has_blank_line(bytes: &[u8]) -> bool {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut after = ends.filter_map(|(at, _)| bytes.get(at + 1..));
    after.any(|rest| rest.starts_with(b"\n") || rest.starts_with(b"\r\n"))
}

/// RFC 9112, 6.3.
pub(super) fn framing(head: &Head, asked: &Method, what: &str) -> Result<Framing, ProbeError> {
    let Head { status, version, headers } = head;
    let wrong = |why: &str| ProbeError::target(Reason::Protocol, format!("{what} did not answer in HTTP: {why}"));
    if status.is_informational() || matches!(status.as_u16(), 204 | 304) || *asked == Method::HEAD {
        return Ok(Framing::Empty);
    }
    if let Some(last) = headers.get_all(header::TRANSFER_ENCODING).iter().next_back() {
        if *version == Version::HTTP_10 {
            return Err(wrong("HTTP/1.0 has no transfer encodings"));
        }
        let last = last.to_str().ok().and_then(|codings| codings.rsplit(',').next());
        let chunked = last.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"));
        return Ok(if chunked { Framing::Chunked } else { Framing::UntilClosed });
    }
    let mut length = None;
    for value in headers.get_all(header::CONTENT_LENGTH) {
        for text in value.to_str().unwrap_or_default().split(',').map(str::trim) {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let this = text.parse::<u64>().ok().filter(|_| digits);
            if this.is_none() || length.is_some() && length != this {
                return Err(wrong("its content length is not one number"));
            }
            length = this;
        }
    }
    Ok(length.map_or(Framing::UntilClosed, Framing::Length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<Head>, ProbeError> {
        take(&mut text.into(), &mut 0, "h:1")
    }

    fn framed(more: &str) -> Result<Framing, Reason> {
        let head = head(&format!("HTTP/1.1 200 OK\r\n{more}\r\n")).unwrap().unwrap();
        framing(&head, &Method::GET, "h:1").map_err(|error| error.reason)
    }

    #[test]
    fn a_head_is_taken_when_it_is_whole_and_the_rest_left() {
        let text = "HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\n\r\nbody";
        for piece in 1..=text.len() {
            let (mut read, mut seen, mut found) = (BytesMut::new(), 0, None);
            for piece in text.as_bytes().chunks(piece) {
                read.extend_from_slice(piece);
                if found.is_none() {
                    found = take(&mut read, &mut seen, "h:1").unwrap();
                }
            }
            let found = found.unwrap();
            assert_eq!(
                (found.status, found.version, &*read),
                (StatusCode::OK, Version::HTTP_11, &b"body"[..]),
                "{piece}"
            );
            assert_eq!(found.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
        }
        assert_eq!(head("HTTP/1.0 301 Moved\n\n").unwrap().unwrap().version, Version::HTTP_10);
    }

    #[test]
    fn what_is_no_head_or_too_much_of_one_is_an_error() {
        let many = |n: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(n));
        assert_eq!(head(&many(MAX_HEADERS)).unwrap().unwrap().headers.len(), MAX_HEADERS);
        let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(MAX_HEAD));
        for (text, reason) in [
            ("SSH-2.0-x\r\n", Reason::Protocol),
            ("HTTP/1.1 99 Low\r\n\r\n", Reason::Protocol),
            ("HTTP/1.1 200 OK\r\nno name\r\n\r\n", Reason::Protocol),
            (&many(MAX_HEADERS + 1), Reason::TooLarge),
            (&long, Reason::TooLarge),
            (&format!("{long}\r\n\r\n"), Reason::TooLarge),
        ] {
            assert_eq!(head(text).unwrap_err().reason, reason, "{text:.40}");
        }
        assert!(head("").unwrap().is_none() && head("HTTP/1.1 20").unwrap().is_none());
    }

    #[test]
    fn the_end_of_a_body_is_told_as_the_standard_says() {
        for (more, expected) in [
            ("", Ok(Framing::UntilClosed)),
            ("content-length: 5\r\n", Ok(Framing::Length(5))),
            ("content-length: 5, 5\r\ncontent-length: 5\r\n", Ok(Framing::Length(5))),
            ("content-length: 5\r\ncontent-length: 6\r\n", Err(Reason::Protocol)),
            ("content-length: +5\r\n", Err(Reason::Protocol)),
            ("content-length:\r\n", Err(Reason::Protocol)),
            ("content-length: 99999999999999999999\r\n", Err(Reason::Protocol)),
            ("transfer-encoding: gzip, Chunked\r\ncontent-length: 5\r\n", Ok(Framing::Chunked)),
            ("transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n", Ok(Framing::UntilClosed)),
        ] {
            assert_eq!(framed(more), expected, "{more}");
        }
        let no_body = head("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n").unwrap().unwrap();
        assert_eq!(framing(&no_body, &Method::GET, "h:1").unwrap(), Framing::Empty);
        let head = head("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").unwrap().unwrap();
        assert_eq!(framing(&head, &Method::HEAD, "h:1").unwrap(), Framing::Empty);
    }
}
