//! One question to the API server, and what an answer that is none means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::place::Place;
use crate::model::Reason;
use crate::probe::kinds::http::api::{Inside, unbounded};
use crate::probe::kinds::http::request::append;
use crate::probe::line::line;
use crate::probe::net::http::{Call, Flow};
use crate::probe::{ProbeCx, ProbeError};

/// Bytes of one answer beyond which nothing is judged. A page of 500 large pods has about half of it.
const MAX_ANSWER: usize = 32 << 20;
/// Of an answer that is no stream.
const MAX_REFUSAL: usize = 64 << 10;
const MESSAGE_LIMIT: usize = 200;
/// How often a server that asks for patience is asked again.
const PATIENCE: u32 = 5;
/// What is left for the answer after a wait.
const RESERVE: Duration = Duration::from_millis(500);

static AGENT: HeaderValue = HeaderValue::from_static(concat!("readiness-exporter/", env!("CARGO_PKG_VERSION")));
pub(super) const JSON: &str = "application/json";

pub(super) struct Client<'a> {
    pub(super) cx: &'a ProbeCx,
    pub(super) place: Arc<Place>,
}

#[derive(Debug)]
pub(super) struct Reply {
    /// Such as `GET /readyz`.
    asked: String,
    pub(super) status: u16,
    is_json: bool,
    /// How long it wants to be left alone.
    wait: Option<Duration>,
    pub(super) body: Bytes,
    pub(super) warnings: Vec<String>,
}

impl<'a> Client<'a> {
    pub(super) async fn of_target(cx: &'a ProbeCx) -> Result<Self, ProbeError> {
        Ok(Self { cx, place: Place::of_target(cx).await? })
    }

    /// Path and query are encoded already.
    pub(super) async fn get(&self, path: &str, accept: &str) -> Result<Reply, ProbeError> {
        self.ask(Method::GET, path, accept, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Reply, ProbeError> {
        self.ask(Method::POST, path, JSON, Some(body)).await
    }

    /// Asks, and asks again after as long as the server wants who asks too much to wait.
    async fn ask(&self, method: Method, path: &str, accept: &str, body: Option<&Value>) -> Result<Reply, ProbeError> {
        let mut asked = 0;
        loop {
            let reply = match self.once(&method, path, accept, body, true).await {
                // A kept connection was dead, and no POST of ours changes anything.
                Err(error) if method == Method::POST && error.reason == Reason::Reset => {
                    self.once(&method, path, accept, body, false).await?
                }
                other => other?,
            };
            asked += 1;
            if !self.has_waited(&reply, asked).await {
                return Ok(reply);
            }
        }
    }

    /// Asks for a stream, such as a watch; all but a stream is an error.
    pub(super) async fn flow(&self, path: &str, accept: &str) -> Result<Flow, ProbeError> {
        let (mut asked, url) = (0, self.url(path)?);
        loop {
            let call = self.call(&url, Method::GET, accept, None, false)?;
            let flow = self.cx.clients().flow(self.cx, &call).await.map_err(unbounded)?;
            if flow.status.is_success() {
                return Ok(flow);
            }
            let (status, headers) = (flow.status, flow.headers.clone());
            let body = flow.said(MAX_REFUSAL, self.cx.deadline()).await;
            let reply = Reply::of(&Method::GET, path, status, &headers, body);
            asked += 1;
            if !self.has_waited(&reply, asked).await {
                return Err(reply.refusal());
            }
        }
    }

    /// Whether it was told to wait, and has.
    async fn has_waited(&self, reply: &Reply, asked: u32) -> bool {
        let wait = reply.wait.unwrap_or(Duration::from_secs(1));
        if reply.status != 429 || asked > PATIENCE || self.cx.remaining() < wait + RESERVE {
            return false;
        }
        self.cx.note("wait", format_args!("{} s, as the server asks", wait.as_secs()));
        tokio::time::sleep(wait).await;
        true
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        accept: &str,
        body: Option<&Value>,
        reuse: bool,
    ) -> Result<Reply, ProbeError> {
        let url = self.url(path)?;
        let call = self.call(&url, method.clone(), accept, body, reuse)?;
        let answer = self.cx.clients().call(self.cx, &call).await.map_err(unbounded)?;
        Ok(Reply::of(method, path, answer.status, &answer.headers, answer.body))
    }

    fn url(&self, path: &str) -> Result<Url, ProbeError> {
        append(&self.place.base, path).map_err(ProbeError::unconfigured)
    }

    fn call<'c>(
        &'c self,
        url: &'c Url,
        method: Method,
        accept: &str,
        body: Option<&Value>,
        reuse: bool,
    ) -> Result<Call<'c>, ProbeError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, AGENT.clone());
        let accept = HeaderValue::from_str(accept).map_err(|_| ProbeError::internal("no such media type"))?;
        headers.insert(header::ACCEPT, accept);
        for (name, value) in &self.place.headers {
            headers.append(*name, value.clone());
        }
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        }
        Ok(Call {
            url,
            method,
            headers,
            body: body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
            max_body: MAX_ANSWER,
            reuse,
            tls: &self.place.profile,
            server_name: self.place.server_name.as_deref(),
        })
    }
}

impl Reply {
    fn of(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let warnings = headers.get_all("warning").iter().filter_map(|value| value.to_str().ok());
        Self {
            asked: format!("{method} {}", path.split('?').next().unwrap_or_default()),
            status: status.as_u16(),
            is_json: text("content-type").is_some_and(|named| named.contains("json")),
            wait: text("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
            warnings: warnings.take(8).map(|text| line(text, MESSAGE_LIMIT)).collect(),
            body,
        }
    }

    pub(super) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn json(&self) -> Option<Value> {
        if self.is_json { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// The JSON of an answer with a status from 200 to 299.
    pub(super) fn into_json(self) -> Result<Value, ProbeError> {
        self.read(|body| serde_json::from_slice(body))
    }

    /// What `read` makes of the JSON of an answer with a status from 200 to 299.
    pub(super) fn read<T>(&self, read: impl FnOnce(&[u8]) -> serde_json::Result<T>) -> Result<T, ProbeError> {
        if !self.is_ok() {
            return Err(self.refusal());
        }
        let found = if self.is_json { read(&self.body).ok() } else { None };
        found.ok_or_else(|| {
            let text = format!("expected JSON from {}, saw {} bytes that are none", self.asked, self.body.len());
            ProbeError::observer(Reason::Protocol, text)
        })
    }

    /// What a status that is no success means. Who is refused has seen nothing.
    pub(super) fn refusal(&self) -> ProbeError {
        let message = self.message();
        let said = if message.is_empty() { String::new() } else { format!(" ({message})") };
        let text = format!("expected status 2xx from {}, saw {}{said}", self.asked, self.status);
        match self.status {
            401 | 300..400 => ProbeError::observer(Reason::AuthRejected, text),
            403 => ProbeError::observer(Reason::PermissionDenied, text),
            429 => ProbeError::observer(Reason::Status, text),
            400..500 => ProbeError::observer(Reason::Protocol, text),
            _ => ProbeError::target(Reason::Status, text),
        }
    }

    /// What a `Status` says, or a short text.
    pub(super) fn message(&self) -> String {
        match self.json() {
            Some(json) => line(json.at("message").as_str().unwrap_or_default(), MESSAGE_LIMIT),
            None => line(String::from_utf8_lossy(&self.body).trim(), MESSAGE_LIMIT),
        }
    }

    /// Whether an object is not there, and not its kind.
    pub(super) fn lacks_object(&self) -> bool {
        let named = |json: Value| json.at("details").at("name").as_str().is_some_and(|name| !name.is_empty());
        self.status == 404 && self.json().is_some_and(named)
    }
}
