//! What the API of Prometheus says, or why it says nothing.

use http::{StatusCode, header};
use serde_json::Value;

use crate::model::Reason;
use crate::probe::kinds::http::facts::content_type;
use crate::probe::line::line;
use crate::probe::net::http::Answer;
use crate::probe::{Blame, ProbeError};

/// An answer of the API that is a success.
#[derive(Debug, Default)]
pub(in crate::probe::kinds) struct Said {
    pub(in crate::probe::kinds) data: Value,
    /// Why it may be a part only: of several servers one did not answer, or a limit was met.
    pub(in crate::probe::kinds) warnings: Vec<String>,
    /// The server's clock, in seconds since the epoch.
    pub(in crate::probe::kinds) at: Option<f64>,
}

/// Warnings that are kept, and bytes of each.
const WARNINGS: usize = 5;
const WARNING_BYTES: usize = 200;

/// Reads one answer of `server` to `path`.
pub(in crate::probe::kinds) fn read(answer: &Answer, server: &str, path: &str) -> Result<Said, ProbeError> {
    let json: Value = match serde_json::from_slice(&answer.body) {
        Ok(json @ Value::Object(_)) => json,
        _ => return Err(not_the_api(answer, server, path)),
    };
    match json.get("status").and_then(Value::as_str) {
        Some("success") if answer.status == StatusCode::OK && json.get("data").is_some() => {}
        Some("error") => return Err(refused(answer.status, &json, server)),
        _ => return Err(not_the_api(answer, server, path)),
    }
    let warnings = json.get("warnings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let warnings = warnings.iter().take(WARNINGS).map(|warning| match warning.as_str() {
        Some(text) => line(text, WARNING_BYTES),
        None => line(&warning.to_string(), WARNING_BYTES),
    });
    // A cluster of VictoriaMetrics says it so.
    let partial = json.get("isPartial") == Some(&Value::Bool(true));
    let warnings = partial.then(|| "it is partial".to_owned()).into_iter().chain(warnings);
    let at = answer.headers.get(header::DATE).and_then(|date| date.to_str().ok());
    let at = at.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp().as_second() as f64);
    Ok(Said { warnings: warnings.collect(), at, data: json.get("data").cloned().unwrap_or_default() })
}

/// An error in the words of the API.
fn refused(status: StatusCode, json: &Value, server: &str) -> ProbeError {
    let kind = json.get("errorType").and_then(Value::as_str).unwrap_or_default();
    let message = line(json.get("error").and_then(Value::as_str).unwrap_or_default(), WARNING_BYTES);
    let (reason, blame, what) = match (kind, status.as_u16()) {
        ("bad_data", _) | (_, 400) => (Reason::Query, Blame::Observer, "does not understand the query"),
        ("execution", _) | (_, 422) => (Reason::Query, Blame::Observer, "could not evaluate the query"),
        // It was we who said how long it may take.
        ("timeout" | "canceled", _) => (Reason::Timeout, Blame::Observer, "gave up the query"),
        (_, 401 | 403) => (Reason::PermissionDenied, Blame::Observer, "does not let the exporter ask"),
        ("not_found", _) | (_, 404) => (Reason::Protocol, Blame::Observer, "does not know what is asked"),
        _ => (Reason::Query, Blame::Target, "answered with an error"),
    };
    ProbeError { reason, blame, detail: format!("{server} {what}: {message} (status {})", status.as_u16()) }
}

/// Whatever else stands there: a login page, a proxy, another program.
fn not_the_api(answer: &Answer, server: &str, path: &str) -> ProbeError {
    let status = answer.status.as_u16();
    let kind = content_type(&answer.headers).map_or_else(|| "no content type".to_owned(), |kind| line(&kind, 60));
    let seen = format!("{server} answered {path} with status {status} and {kind}");
    match status {
        401 => ProbeError::observer(Reason::AuthRejected, format!("{seen}: it wants another credential")),
        403 => ProbeError::observer(Reason::PermissionDenied, seen),
        429 => ProbeError::observer(Reason::Status, seen),
        500.. => ProbeError::target(Reason::Status, seen),
        _ => ProbeError::observer(Reason::Protocol, format!("{seen}, which is not the API of Prometheus")),
    }
}
