//! One entry of the list: what is sent, how often, and what is expected of the answer.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::http::request::{parse_header, parse_method};
use super::sign::{Hmac, Jwt};
use crate::model::Timestamp;
use crate::probe::Findings;

/// `{value}` in path, headers and body is replaced by what `each` says.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Request {
    /// How sentences and conditions call it; method and path if absent.
    pub(super) name: Option<String>,
    /// `GET` if absent.
    pub(super) method: Option<String>,
    /// Appended to the path of the address; may hold a query. In it `{value}` is percent-encoded,
    /// `{+value}` is not, and an URL of the target itself may stand there as a whole. `{now}` is the
    /// time of the run, `{now+14d}` that in fourteen days, `{now-14d}` that before as many, all as
    /// `2026-11-22T00:00:00Z`.
    pub(super) path: String,
    /// Besides those of all requests.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
    /// Instead of a body: a JSON object of so many bytes.
    pub(super) body_bytes: Option<usize>,
    /// Statuses that are expected; any 2xx if empty. Redirects are not followed.
    pub(super) status: Vec<u16>,
    /// Turns the request around: it must be refused with one of these statuses. Any 2xx is a
    /// failure; every other status proves nothing.
    pub(super) refused_with: Vec<u16>,
    /// Conditions on this answer, over `responses[…]` of the facts; they see no `params`.
    pub(super) expect: Vec<String>,
    /// Texts: the request is sent once for each.
    pub(super) each: Vec<String>,
    /// An expression over the first answer of all that yields such texts, as in
    /// `json.agents.map(a, a.id)`.
    pub(super) each_of: Option<String>,
    /// An innocuous text in the place of those of `each`, sent three times before them: conditions
    /// see its answer as `baseline`. It must be answered with an expected status itself.
    pub(super) baseline: Option<String>,
    /// An expression over each answer that must yield the same for all instances; the order of a
    /// list does not matter.
    pub(super) same: Option<String>,
    /// Signs the body.
    pub(super) hmac: Option<Hmac>,
    /// The request is sent once with a forged token for each secret.
    pub(super) jwt: Option<Jwt>,
}

/// How often a baseline is asked for, so that its time is a median.
pub(super) const BASELINE_RUNS: usize = 3;
const BODY_CEILING: usize = 8 << 20;

/// What stands for itself in a path or query. `%` does if it begins an escape: payloads may be
/// written encoded.
const LITERAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Request {
    pub(super) fn label(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => format!("{} {}", self.method.as_deref().unwrap_or("GET"), self.path),
        }
    }

    /// How many requests this is, as far as the catalogue alone says. `each_of` counts as none.
    pub(super) fn known(&self) -> usize {
        let baseline = if self.baseline.is_some() { BASELINE_RUNS } else { 0 };
        let values = match (&self.jwt, &self.each_of) {
            (Some(jwt), _) => jwt.secrets.len(),
            (None, Some(_)) => 0,
            (None, None) if self.repeats() => self.each.len(),
            (None, None) => 1,
        };
        values.saturating_add(baseline)
    }

    /// Whether it is sent once for each of some texts, of which there may be none.
    pub(super) fn repeats(&self) -> bool {
        let texts = [Some(&self.path), self.body.as_ref()].into_iter().flatten().chain(self.headers.values());
        !self.each.is_empty()
            || self.baseline.is_some()
            || texts.into_iter().any(|text| text.contains("{value}") || text.contains("{+value}"))
    }

    pub(super) fn check(&self, place: usize, instances: bool, findings: &mut Findings) {
        let at = |field: &str| format!("requests[{place}].{field}");
        if let Err(why) = parse_method(self.method.as_deref()) {
            findings.error(&at("method"), why);
        }
        for (name, value) in &self.headers {
            if let Err(why) = parse_header(name, value) {
                findings.error(&at(&format!("headers.{name}")), why);
            }
        }
        for (field, statuses) in [("status", &self.status), ("refused_with", &self.refused_with)] {
            if statuses.iter().any(|status| !(100..=599).contains(status)) {
                findings.error(&at(field), "expected statuses from 100 to 599");
            }
        }
        if self.refused_with.iter().any(|status| (200..300).contains(status)) {
            findings.error(&at("refused_with"), "a status from 200 to 299 is no refusal");
        }
        if !self.refused_with.is_empty() && !self.status.is_empty() {
            findings.error(&at("status"), "write either `status` or `refused_with`, not both");
        }
        if self.body.is_some() && self.body_bytes.is_some() {
            findings.error(&at("body_bytes"), "write either `body` or `body_bytes`, not both");
        }
        if self.body_bytes.is_some_and(|bytes| bytes > BODY_CEILING) {
            findings.error(&at("body_bytes"), format!("at most {BODY_CEILING} bytes can be sent"));
        }
        if self.each_of.is_some() && (place == 0 || instances || !self.each.is_empty() || self.jwt.is_some()) {
            let why = "`each_of` goes through the answer of an earlier request, without `instances`, `each` or `jwt`";
            findings.error(&at("each_of"), why);
        }
        if self.same.is_some() && !instances {
            findings.error(&at("same"), "there are no `instances` to compare");
        }
        if let Some(why) = self.jwt.as_ref().and_then(Jwt::problem) {
            findings.error(&at("jwt"), why);
        }
        if let Some(why) = self.hmac.as_ref().and_then(Hmac::problem) {
            findings.error(&at("hmac"), why);
        }
    }

    pub(super) fn is_expected(&self, status: u16) -> bool {
        let listed = if self.refused_with.is_empty() { &self.status } else { &self.refused_with };
        if listed.is_empty() { (200..300).contains(&status) } else { listed.contains(&status) }
    }

    /// The expected statuses in words.
    pub(super) fn expected(&self) -> String {
        let listed = if self.refused_with.is_empty() { &self.status } else { &self.refused_with };
        let listed: Vec<String> = listed.iter().map(u16::to_string).collect();
        if listed.is_empty() { "2xx".to_owned() } else { listed.join(" or ") }
    }

    pub(super) fn path_for(&self, value: Option<&str>, now: Timestamp) -> String {
        let path = timed(&self.path, now);
        match value {
            Some(value) => path.replace("{+value}", value).replace("{value}", &encoded(value)),
            None => path,
        }
    }

    pub(super) fn body_for(&self, value: Option<&str>) -> Option<String> {
        const AROUND: usize = r#"{"filler":""}"#.len();
        if let Some(bytes) = self.body_bytes {
            return Some(format!(r#"{{"filler":"{}"}}"#, "x".repeat(bytes.saturating_sub(AROUND))));
        }
        self.body.as_ref().map(|body| filled(body, value))
    }

    pub(super) fn headers_for(&self, value: Option<&str>) -> BTreeMap<String, String> {
        self.headers.iter().map(|(name, text)| (name.clone(), filled(text, value))).collect()
    }
}

fn filled(text: &str, value: Option<&str>) -> String {
    value.map_or_else(|| text.to_owned(), |value| text.replace("{value}", value))
}

/// With times in the place of `{now}`, of `{now+<days>d}` and of `{now-<days>d}`.
fn timed(path: &str, now: Timestamp) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once("{now") {
        out.push_str(before);
        let found = after.split_once('}').and_then(|(shift, after)| {
            let days: i64 = match shift {
                "" => 0,
                shift if shift.starts_with(['+', '-']) => shift.strip_suffix('d')?.parse().ok()?,
                _ => return None,
            };
            let at = now.0.checked_add(days.checked_mul(86_400_000)?)?;
            let at = jiff::Timestamp::from_second(at.div_euclid(1000)).ok()?;
            Some((at.to_string(), after))
        });
        match found {
            Some((at, after)) => {
                out.push_str(&at);
                rest = after;
            }
            None => {
                out.push_str("{now");
                rest = after;
            }
        }
    }
    out + rest
}

fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut parts = value.split('%');
    out.extend(parts.next().map(|first| utf8_percent_encode(first, LITERAL)).into_iter().flatten());
    for part in parts {
        let escape = part.get(..2).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        out.push_str(if escape { "%" } else { "%25" });
        out.extend(utf8_percent_encode(part, LITERAL));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_once() {
        assert_eq!(encoded("' OR '1'='1"), "%27%20OR%20%271%27%3D%271");
        assert_eq!(encoded("%27%20--"), "%27%20--");
        assert_eq!(encoded("100%/a"), "100%25%2Fa");
        let request = Request { path: "/a/{value}?b={value}&c={+value}".to_owned(), ..Request::default() };
        let now = Timestamp::from_secs(1_795_305_600);
        assert_eq!(request.path_for(Some("x y"), now), "/a/x%20y?b=x%20y&c=x y");
        let request =
            Request { path: "/s?since={now}&until={now+14d}&c={now+x}&d={now-1d}".to_owned(), ..Request::default() };
        let timed = "/s?since=2026-11-22T00:00:00Z&until=2026-12-06T00:00:00Z&c={now+x}&d=2026-11-21T00:00:00Z";
        assert_eq!(request.path_for(None, now), timed);
        let request = Request { body_bytes: Some(100), ..Request::default() };
        assert_eq!(request.body_for(None).unwrap().len(), 100);
    }
}
