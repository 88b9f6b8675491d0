//! Values that the target itself gives over HTTP, with which a program's output is compared.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::model::Reason;
use crate::probe::kinds::http::request::secret_header;
use crate::probe::net::http::Call;
use crate::probe::net::mask_url;
use crate::probe::net::tls::{Alpn, TlsProfile};
use crate::probe::{Blame, Findings, ProbeCx, ProbeError};

/// One answer of the target, and what is taken from it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Reference {
    /// Conditions find the values under this name; `{name}` in `argv`, and in later paths, is the first one.
    pub(super) name: String,
    /// Path at the target, asked for with GET; it must answer 200 and JSON.
    path: String,
    /// Which values, such as `agents[].id`: names joined by dots, `[]` for each entry of a list, `[0]` for one.
    pick: String,
    /// Name of a credential sent in the header `Authorization`.
    credential: Option<String>,
    /// What stands before it there, such as `ApiKey `.
    prefix: String,
}

/// By name of the reference.
pub(super) type Values = BTreeMap<String, Vec<String>>;

/// Bytes of one answer.
const ANSWER_BYTES: usize = 1 << 20;
/// Values of one reference.
const VALUES: usize = 1000;
/// A value that goes into an argument or a path is no longer than this.
const WORD: usize = 128;

/// One step of `pick`.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    Key(&'a str),
    Each,
    Nth(usize),
}

pub(super) fn check(references: &[Reference], findings: &mut Findings) {
    for (at, reference) in references.iter().enumerate() {
        let field = |name: &str| format!("references[{at}].{name}");
        let is_name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name(&reference.name) {
            findings.error(&field("name"), "expected a name of letters, digits and _");
        } else if references.iter().take(at).any(|other| other.name == reference.name) {
            findings.error(&field("name"), "the name is given twice");
        }
        if !reference.path.starts_with('/') {
            findings.error(&field("path"), "expected a path that begins with /");
        }
        if steps(&reference.pick).is_none() {
            findings.error_with_hint(&field("pick"), "this picks nothing", "write it like agents[].id");
        }
    }
}

/// Names of the credentials that are used.
pub(super) fn credentials(references: &[Reference]) -> impl Iterator<Item = &str> {
    references.iter().filter_map(|reference| reference.credential.as_deref())
}

/// Asks for all of them, in order. Whatever goes wrong is no fault of the program, so nobody is blamed.
pub(super) async fn ask(references: &[Reference], cx: &ProbeCx) -> Result<Values, ProbeError> {
    let mut values = Values::new();
    for reference in references {
        let found = one(reference, &values, cx).await.map_err(|error| ProbeError {
            blame: Blame::Observer,
            detail: format!("there is nothing to compare with: {}", error.detail),
            ..error
        })?;
        values.insert(reference.name.clone(), found);
    }
    Ok(values)
}

async fn one(reference: &Reference, known: &Values, cx: &ProbeCx) -> Result<Vec<String>, ProbeError> {
    let target = cx.target()?;
    let path = filled(&reference.path, known)?;
    let text = format!("{}{path}", target.address.trim_end_matches('/'));
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| ProbeError::unconfigured("the address of the target is no http:// or https:// URL"))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(name) = &reference.credential {
        headers.insert(header::AUTHORIZATION, secret_header(cx, name, &reference.prefix).await?);
    }
    let profile = TlsProfile::of(&target.tls, Alpn::Http);
    let call = Call {
        url: &url,
        method: Method::GET,
        headers,
        body: Bytes::new(),
        max_body: ANSWER_BYTES,
        reuse: false,
        tls: &profile,
        server_name: target.tls.server_name.as_deref(),
    };
    let answer = cx.clients().call(cx, &call).await?;
    let shown = mask_url(&url);
    if answer.status.as_u16() != 200 {
        let detail = format!("expected status 200 from {shown}, saw {}", answer.status.as_u16());
        return Err(ProbeError::target(Reason::Status, detail));
    }
    let json: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| ProbeError::target(Reason::Invalid, format!("the answer of {shown} is no JSON")))?;
    picked(&json, &reference.pick).map_err(|why| ProbeError::target(Reason::Invalid, format!("{shown}: {why}")))
}

fn steps(pick: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    for part in pick.split('.') {
        let (key, mut rest) = part.find('[').map_or((part, ""), |at| part.split_at(at));
        if key.is_empty() {
            return None;
        }
        steps.push(Step::Key(key));
        while let Some(inside) = rest.strip_prefix('[') {
            let (index, after) = inside.split_once(']')?;
            steps.push(if index.is_empty() { Step::Each } else { Step::Nth(index.parse().ok()?) });
            rest = after;
        }
        if !rest.is_empty() {
            return None;
        }
    }
    Some(steps)
}

/// The values as texts. Empty if a list is; what is not there at all is an error.
fn picked(json: &Value, pick: &str) -> Result<Vec<String>, String> {
    let mut found = vec![json];
    for step in steps(pick).unwrap_or_default() {
        let mut next = Vec::new();
        for value in found {
            match step {
                Step::Key(key) => next.push(value.get(key).ok_or_else(|| format!("there is no `{key}`"))?),
                Step::Each => next.extend(value.as_array().ok_or("it is no list")?),
                Step::Nth(at) => next.extend(value.as_array().ok_or("it is no list")?.get(at)),
            }
        }
        found = next;
    }
    if found.len() > VALUES {
        return Err(format!("there are more than {VALUES} values"));
    }
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(format!("`{pick}` is no single value")),
    };
    found.into_iter().map(text).collect()
}

/// `{name}` is replaced by the first value of that reference. It comes from outside and becomes
/// part of an argument or a path, so it must be a plain word.
pub(super) fn filled(text: &str, known: &Values) -> Result<String, ProbeError> {
    let mut filled = text.to_owned();
    for (name, values) in known {
        let place = format!("{{{name}}}");
        if !filled.contains(&place) {
            continue;
        }
        let Some(first) = values.first() else {
            return Err(ProbeError::observer(Reason::NoData, format!("the target names no `{name}` to ask about")));
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        let begins = first.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !begins || first.len() > WORD || !first.bytes().all(plain) {
            let detail = format!("the first `{name}` of the target is no plain word and is not passed on");
            return Err(ProbeError::observer(Reason::Invalid, detail));
        }
        filled = filled.replace(&place, first);
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_picked() {
        let json = json!({"agents": [{"id": "a", "n": 1}, {"id": "b", "n": 2}], "status": "ok", "none": []});
        for (pick, values) in [
            ("agents[].id", &["a", "b"][..]),
            ("agents[0].id", &["a"]),
            ("agents[].n", &["1", "2"]),
            ("status", &["ok"]),
            ("none[].id", &[]),
            ("none[0].id", &[]),
        ] {
            assert_eq!(picked(&json, pick).unwrap(), values, "{pick}");
        }
        for pick in ["agents[].name", "absent", "status[]", "agents"] {
            assert!(picked(&json, pick).is_err(), "{pick}");
        }
        for pick in ["", "a..b", "a[", "a[x]", "a[]b", "[]"] {
            assert_eq!(steps(pick), None, "{pick}");
        }
    }

    #[test]
    fn only_a_plain_word_is_passed_on() {
        let known = |value: &str| Values::from([("id".to_owned(), vec![value.to_owned()])]);
        assert_eq!(filled("/api/agents/{id}/health", &known("a-1.b:c")).unwrap(), "/api/agents/a-1.b:c/health");
        assert_eq!(filled("{other}", &known("a")).unwrap(), "{other}");
        for value in ["--help", "../x", "a b", "", "a/b", &"x".repeat(200)] {
            assert_eq!(filled("{id}", &known(value)).unwrap_err().reason, Reason::Invalid, "{value}");
        }
        let nothing = Values::from([("id".to_owned(), Vec::new())]);
        assert_eq!(filled("{id}", &nothing).unwrap_err().reason, Reason::NoData);
    }
}
