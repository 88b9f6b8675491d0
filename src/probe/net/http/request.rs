//! A request as it is sent.

use bytes::Bytes;
use http::uri::InvalidUri;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use url::Position;

use super::exchange::{Call, authority};
use crate::probe::ProbeError;

/// For the general client.
pub(super) fn general(call: &Call<'_>, two: bool) -> Result<Request<Full<Bytes>>, ProbeError> {
    let broken = |error: http::Error| ProbeError::internal(format!("the request could not be made: {error}"));
    let path = &call.url[Position::BeforePath..Position::AfterQuery];
    let mut request = Request::new(Full::new(call.body.clone()));
    *request.method_mut() = call.method.clone();
    *request.headers_mut() = call.headers.clone();
    if two {
        let whole = format!("{}://{}{path}", call.url.scheme(), authority(call.url));
        *request.uri_mut() = whole.parse().map_err(|error: InvalidUri| broken(error.into()))?;
    } else {
        *request.uri_mut() = path.parse().map_err(|error: InvalidUri| broken(error.into()))?;
        if !call.headers.contains_key(header::HOST) {
            let host = HeaderValue::from_str(authority(call.url)).map_err(|error| broken(error.into()))?;
            request.headers_mut().insert(header::HOST, host);
        }
    }
    Ok(request)
}

/// In HTTP/1.1, as the general client would write it.
pub(super) fn text(call: &Call<'_>) -> Vec<u8> {
    let headers: usize = call.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let mut text = Vec::with_capacity(2 * call.url.as_str().len() + headers + call.body.len() + 64);
    let mut add = |parts: &[&[u8]]| parts.iter().for_each(|part| text.extend_from_slice(part));
    let path = &call.url[Position::BeforePath..Position::AfterQuery];
    add(&[call.method.as_str().as_bytes(), b" ", path.as_bytes(), b" HTTP/1.1\r\n"]);
    for (name, value) in &call.headers {
        add(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    if !call.headers.contains_key(header::HOST) {
        add(&[b"host: ", authority(call.url).as_bytes(), b"\r\n"]);
    }
    if !call.body.is_empty() {
        add(&[b"content-length: ", call.body.len().to_string().as_bytes(), b"\r\n"]);
    }
    add(&[b"\r\n", &call.body]);
    text
}
