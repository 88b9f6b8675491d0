//! What an answer showed.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, Version, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exposition::{self, Family};
use super::headers::Headers;
use super::redirect::Followed;
use super::shown;
use crate::expect::Gap;
use crate::model::Timestamp;
use crate::probe::net::http::TlsSeen;

/// Phases and TLS are of the whole way and of the last connection.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct HttpFacts {
    pub(in crate::probe::kinds) status: u16,
    /// `1.0`, `1.1` or `2`.
    pub(super) version: String,
    /// Names in lower case; several values are joined by a comma. Values that may be secret are
    /// `***`: a condition can ask whether they are there, comparing them is an error.
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) headers: Headers,
    /// Without parameters, in lower case.
    pub(super) content_type: Option<String>,
    /// The text; absent when the body is JSON.
    pub(super) body: Option<String>,
    pub(super) body_bytes: u64,
    /// The body, if it is JSON.
    pub(super) json: Option<Value>,
    /// The metrics of the body, if it is in the Prometheus exposition format (by its content type).
    pub(super) families: Option<Vec<Family>>,
    /// Why the body, which should be in that format, is not.
    pub(super) malformed: Option<String>,
    /// The URL that answered.
    pub(super) url: String,
    pub(super) redirects: Vec<Redirect>,
    /// True if a kept connection was used.
    pub(super) reused: bool,
    pub(super) phases: PhaseFacts,
    /// Absent for plain HTTP.
    pub(super) tls: Option<TlsFacts>,
}

/// One redirect that was followed.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Redirect {
    pub(super) status: u16,
    pub(super) to: String,
    /// True if it leads from https to http.
    pub(super) downgrade: bool,
}

/// Seconds.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PhaseFacts {
    pub(super) dns_s: f64,
    pub(super) connect_s: f64,
    pub(super) tls_s: f64,
    /// From the request to the end of the response headers.
    pub(super) first_byte_s: f64,
    pub(super) body_s: f64,
    pub(super) total_s: f64,
}

/// The certificate that was verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TlsFacts {
    /// `1.2` or `1.3`.
    pub(super) version: String,
    pub(super) not_after_s: i64,
    pub(super) days_left: f64,
    pub(super) issuer: String,
    pub(super) names: Vec<String>,
}

impl TlsFacts {
    /// `None` if the certificate cannot be read.
    pub(in crate::probe::kinds) fn of(seen: &TlsSeen, now: Timestamp) -> Option<Self> {
        let certificate = seen.certificate.as_ref()?;
        Some(Self {
            version: seen.version.to_owned(),
            not_after_s: certificate.not_after_s,
            days_left: (certificate.not_after_s as f64 - now.as_secs_f64()) / 86_400.0,
            issuer: certificate.issuer.clone(),
            names: certificate.names.clone(),
        })
    }
}

pub(super) fn of(followed: Followed, total: Duration, now: Timestamp) -> HttpFacts {
    let Followed { answer, url, redirects } = followed;
    let content_type = content_type(&answer.headers);
    let json = parse_json(content_type.as_deref(), &answer.body);
    let body = json.is_none().then(|| text(&answer.body));
    let tls = answer.tls.as_ref().and_then(|seen| TlsFacts::of(seen, now));
    let phases = answer.phases;
    let (families, malformed) = match metrics(&answer.headers, &answer.body) {
        None => (None, None),
        Some(Ok(families)) => (Some(families), None),
        Some(Err(why)) => (None, Some(why)),
    };
    HttpFacts {
        status: answer.status.as_u16(),
        version: version(answer.version).to_owned(),
        headers: Headers::shown(&answer.headers),
        content_type,
        body,
        body_bytes: answer.body.len() as u64,
        json,
        families,
        malformed,
        url: shown(&url),
        redirects,
        reused: answer.reused,
        phases: PhaseFacts {
            dns_s: phases.dns.as_secs_f64(),
            connect_s: phases.connect.as_secs_f64(),
            tls_s: phases.tls.as_secs_f64(),
            first_byte_s: phases.first_byte.as_secs_f64(),
            body_s: phases.body.as_secs_f64(),
            total_s: total.as_secs_f64(),
        },
        tls,
    }
}

impl HttpFacts {
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let gap = |field, why| Gap { field, why, hides: false };
        let named = self.content_type.as_deref().unwrap_or("no content type");
        let mut gaps = vec![if self.json.is_none() {
            gap("json", format!("the body of {} bytes ({named}) is not JSON", self.body_bytes))
        } else {
            gap("body", "the body is JSON; read `json`".to_owned())
        }];
        if self.families.is_none() {
            let why = format!("the body of {} bytes ({named}) is not in the exposition format", self.body_bytes);
            gaps.push(gap("families", why));
        }
        gaps
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        _ => "other",
    }
}

pub(in crate::probe::kinds) fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// By content type, or by its first byte where servers name no useful type. Nesting is bounded by
/// the parser.
pub(in crate::probe::kinds) fn parse_json(content_type: Option<&str>, body: &[u8]) -> Option<Value> {
    let named = content_type.is_some_and(|name| name.ends_with("/json") || name.ends_with("+json"));
    // The App Store calls its JSON a script.
    let untyped = matches!(content_type, None | Some("text/plain" | "text/javascript" | "application/octet-stream"));
    let looks_so = || matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    if named || (untyped && looks_so()) { serde_json::from_slice(body).ok() } else { None }
}

/// Nothing if the content type does not name the format; prom-client and the others do.
fn metrics(headers: &HeaderMap, body: &[u8]) -> Option<Result<Vec<Family>, String>> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let named = value.starts_with("text/plain") && value.contains("version=") || value.contains("openmetrics-text");
    named.then(|| std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned()).and_then(exposition::read))
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}
