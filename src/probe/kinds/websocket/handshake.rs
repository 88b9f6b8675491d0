//! The request to upgrade, and whether the answer to it keeps to the rules of RFC 6455.

use http::{HeaderMap, HeaderValue, header};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::Url;

use super::WebSocket;
use crate::probe::kinds::http::request::{append, parse_header, parse_url as parse_http, secret_header};
use crate::probe::{ProbeCx, ProbeError};

static AGENT: HeaderValue = HeaderValue::from_static(concat!("readiness-exporter/", env!("CARGO_PKG_VERSION")));
static VERSION: HeaderValue = HeaderValue::from_static("13");
static WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
static UPGRADE: HeaderValue = HeaderValue::from_static("Upgrade");

/// A URL as HTTP has it. The message never repeats it.
pub(in crate::probe::kinds) fn parse_url(text: &str) -> Result<Url, String> {
    let text = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ws") => format!("http://{rest}"),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("wss") => format!("https://{rest}"),
        _ => text.to_owned(),
    };
    parse_http(&text).map_err(|why| why.replace("http:// or https://", "ws://, wss://, http:// or https://"))
}

pub(super) fn url(leg: &WebSocket, cx: &ProbeCx) -> Result<Url, ProbeError> {
    let base = match &leg.url {
        Some(url) => url,
        None => &*cx.target()?.address,
    };
    let cannot = |why: String| ProbeError::unconfigured(format!("the URL cannot be used: {why}"));
    let url = parse_url(base).map_err(cannot)?;
    match &leg.path {
        None => Ok(url),
        Some(path) => append(&url, path).map_err(cannot),
    }
}

/// These headers with those that every upgrade has, and the answer that its key asks for.
pub(in crate::probe::kinds) fn opening(more: &HeaderMap) -> Result<(HeaderMap, String), ProbeError> {
    let mut headers = more.clone();
    headers.insert(header::USER_AGENT, AGENT.clone());
    headers.insert(header::CONNECTION, UPGRADE.clone());
    headers.insert(header::UPGRADE, WEBSOCKET.clone());
    headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION.clone());
    let key = generate_key();
    let value = HeaderValue::from_str(&key).map_err(|_| ProbeError::internal("a key that cannot be sent"))?;
    headers.insert(header::SEC_WEBSOCKET_KEY, value);
    Ok((headers, derive_accept_key(key.as_bytes())))
}

/// What is sent, and the answer that the key asks for.
pub(super) async fn headers(leg: &WebSocket, cx: &ProbeCx) -> Result<(HeaderMap, String), ProbeError> {
    let (mut headers, accept) = opening(&HeaderMap::new())?;
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| ProbeError::unconfigured("a header holds what cannot be sent"))
    };
    if !leg.subprotocols.is_empty() {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value(&leg.subprotocols.join(", "))?);
    }
    for (name, value) in &leg.headers {
        let (name, value) = parse_header(name, value).map_err(ProbeError::unconfigured)?;
        headers.insert(name, value);
    }
    for (name, secret) in leg.secret_headers.iter().filter(|(_, secret)| secret.when) {
        let (name, _) = parse_header(name, "").map_err(ProbeError::unconfigured)?;
        headers.insert(name, secret_header(cx, &secret.credential, secret.prefix()).await?);
    }
    if let Some(bearer) = &leg.bearer {
        headers.insert(header::AUTHORIZATION, secret_header(cx, bearer, "Bearer ").await?);
    }
    Ok((headers, accept))
}

/// Which rule an answer of status 101 breaks.
pub(in crate::probe::kinds) fn broken_rule(answer: &HeaderMap, accept: &str) -> Option<&'static str> {
    let has = |name: header::HeaderName, wanted: &str| {
        answer
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|word| word.trim().eq_ignore_ascii_case(wanted)))
    };
    if !has(header::UPGRADE, "websocket") {
        return Some("its Upgrade is not websocket");
    }
    if !has(header::CONNECTION, "upgrade") {
        return Some("its Connection is not Upgrade");
    }
    if answer.get(header::SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value.as_bytes() != accept.as_bytes()) {
        return Some("its Sec-WebSocket-Accept does not answer the key");
    }
    answer.contains_key(header::SEC_WEBSOCKET_EXTENSIONS).then_some("it chose an extension that nobody offered")
}
