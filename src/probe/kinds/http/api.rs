//! An API over HTTP that answers in JSON, as kinds for servers with such an API ask it: one question,
//! one answer, and one meaning of what is no answer.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::facts::{content_type, parse_json};
use super::request::{append, basic_login, parse_url, secret_header, sensitive};
use super::{Http, redirect};
use crate::model::{Reason, Secret};
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

/// Bytes of one answer beyond which nothing is judged.
const MAX_ANSWER: u32 = 8 << 20;
/// Text from the server is cut here before it goes into a sentence.
const MESSAGE_LIMIT: usize = 200;

/// The target of a leg as an API.
pub(in crate::probe::kinds) struct Api<'a> {
    cx: &'a ProbeCx,
    base: Url,
    /// Logs in with the target's credential as the password; a bearer token if absent.
    user: Option<&'a str>,
}

/// Who asks.
#[derive(Clone, Copy)]
pub(in crate::probe::kinds) enum Who<'a> {
    /// With the target's credential, if it has one.
    Target,
    Nobody,
    /// With a user and a password of its own.
    Login(&'a str, &'a Secret),
    /// With a token that somebody else gave.
    Bearer(&'a Secret),
}

/// What came back. A redirect is an answer like any other.
#[derive(Debug)]
pub(in crate::probe::kinds) struct Reply {
    /// Such as `GET /api/health`.
    asked: String,
    pub(in crate::probe::kinds) status: u16,
    pub(in crate::probe::kinds) content_type: String,
    pub(in crate::probe::kinds) json: Option<Value>,
    pub(in crate::probe::kinds) body: Bytes,
}

impl<'a> Api<'a> {
    pub(in crate::probe::kinds) fn of_target(cx: &'a ProbeCx, user: Option<&'a str>) -> Result<Self, ProbeError> {
        let base = parse_url(&cx.target()?.address)
            .map_err(|why| ProbeError::unconfigured(format!("the address of the target cannot be used: {why}")))?;
        Ok(Self { cx, base, user })
    }

    /// Path and query are encoded already.
    pub(in crate::probe::kinds) async fn get(&self, path: &str, who: Who<'_>) -> Result<Reply, ProbeError> {
        self.send(Method::GET, path, None, who).await
    }

    pub(in crate::probe::kinds) async fn post(
        &self,
        path: &str,
        body: &Value,
        who: Who<'_>,
    ) -> Result<Reply, ProbeError> {
        self.send(Method::POST, path, Some(Bytes::from(body.to_string())), who).await
    }

    /// With a body in JSON, if there is one.
    pub(in crate::probe::kinds) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        who: Who<'_>,
    ) -> Result<Reply, ProbeError> {
        let url = append(&self.base, path).map_err(ProbeError::unconfigured)?;
        // What the kind `http` sends, but for the login.
        let http = Http { follow_redirects: 0, max_body: MAX_ANSWER, ..Http::default() };
        let mut sending = http.sending(self.cx).await?;
        let asked = format!("{method} {}", path.split('?').next().unwrap_or_default());
        sending.method = method;
        sending.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(body) = body {
            sending.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            sending.body = body;
        }
        if let Some(login) = self.login(who).await? {
            sending.headers.insert(header::AUTHORIZATION, login);
        }
        let (profile, name) = (http.profile(self.cx), http.server_name(self.cx));
        let answer = redirect::follow(&http, self.cx, url, sending, &profile, name).await.map_err(unbounded)?.answer;
        let content_type = content_type(&answer.headers).unwrap_or_default();
        let json = parse_json(Some(&content_type).filter(|name| !name.is_empty()).map(String::as_str), &answer.body);
        Ok(Reply { asked, status: answer.status.as_u16(), content_type, json, body: answer.body })
    }

    async fn login(&self, who: Who<'_>) -> Result<Option<HeaderValue>, ProbeError> {
        let target = self.cx.target()?;
        match (who, target.credential.as_deref(), self.user) {
            (Who::Login(user, password), _, _) => basic_login(user, password, "of the check").map(Some),
            (Who::Bearer(token), _, _) => {
                let text = Zeroizing::new(format!("Bearer {}", token.expose()));
                sensitive(&text, "that was given").map(Some)
            }
            (Who::Nobody, _, _) | (Who::Target, None, None) => Ok(None),
            (Who::Target, Some(name), Some(user)) => {
                basic_login(user, &self.cx.credential(name).await?, name).map(Some)
            }
            (Who::Target, Some(name), None) => secret_header(self.cx, name, "Bearer ").await.map(Some),
            (Who::Target, None, Some(_)) => Err(ProbeError::unconfigured("the target has a user but no credential")),
        }
    }
}

/// An answer that is too long to be read proves nothing about what is in it.
pub(in crate::probe::kinds) fn unbounded(error: ProbeError) -> ProbeError {
    if error.reason == Reason::TooLarge { ProbeError::observer(error.reason, error.detail) } else { error }
}

impl Reply {
    /// The JSON of an answer with a status from 200 to 299.
    pub(in crate::probe::kinds) fn into_json(self) -> Result<Value, ProbeError> {
        if !self.is_ok() {
            return Err(self.refusal());
        }
        let (length, named) = (self.body.len(), self.content_type);
        self.json.ok_or_else(|| {
            let named = if named.is_empty() { "without a content type" } else { &named };
            let text = format!("expected JSON from {}, saw {length} bytes {named} that are none", self.asked);
            // Such as the login page of a proxy. What calls itself JSON is of the target.
            if named.contains("json") {
                ProbeError::target(Reason::Protocol, text)
            } else {
                ProbeError::observer(Reason::Protocol, text)
            }
        })
    }

    pub(in crate::probe::kinds) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What a status that is none of these means. A redirect leads to a login; and what is not
    /// understood may have been asked in the wrong place, or in the wrong way.
    pub(in crate::probe::kinds) fn refusal(&self) -> ProbeError {
        let message = self.message();
        let said = if message.is_empty() { String::new() } else { format!(" ({message})") };
        let text = format!("expected status 2xx from {}, saw {}{said}", self.asked, self.status);
        match self.status {
            401 => ProbeError::observer(Reason::AuthRejected, text),
            403 => ProbeError::observer(Reason::PermissionDenied, text),
            429 => ProbeError::observer(Reason::Status, text),
            300..400 => ProbeError::observer(Reason::AuthRejected, text),
            400..500 => ProbeError::observer(Reason::Protocol, text),
            _ => ProbeError::target(Reason::Status, text),
        }
    }

    /// What the server says about an error: its `message`, `error` or `msg`, or the bare text.
    pub(in crate::probe::kinds) fn message(&self) -> String {
        let of = |json: &Value| match json {
            Value::String(text) => Some(text.clone()),
            json => ["message", "error", "msg"].iter().find_map(|key| json.at(key).as_str().map(str::to_owned)),
        };
        let json = self.json.as_ref();
        let found = json.and_then(|json| of(json).or_else(|| of(json.at("errors").nth(0))));
        line(&found.unwrap_or_default(), MESSAGE_LIMIT)
    }
}

/// What is inside of JSON, wherever it may be: null where it is not.
pub(in crate::probe::kinds) trait Inside {
    fn at(&self, name: &str) -> &Value;
    fn nth(&self, place: usize) -> &Value;
}

const NOTHING: &Value = &Value::Null;

impl Inside for Value {
    fn at(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(NOTHING)
    }

    fn nth(&self, place: usize) -> &Value {
        self.get(place).unwrap_or(NOTHING)
    }
}

/// The list under `key`, or the answer itself where `key` is empty. Anything else is not this API.
pub(in crate::probe::kinds) fn list(json: Value, key: &str, what: &str) -> Result<Vec<Value>, ProbeError> {
    let found = match json {
        Value::Object(mut fields) if !key.is_empty() => fields.remove(key),
        json => Some(json).filter(|_| key.is_empty()),
    };
    match found {
        Some(Value::Array(list)) => Ok(list),
        _ => {
            let place = if key.is_empty() { "a list".to_owned() } else { format!("a list `{key}`") };
            Err(ProbeError::target(Reason::Protocol, format!("expected {place} of {what}, saw JSON without one")))
        }
    }
}
