//! `http`: an HTTP or HTTPS request is answered as expected.
//!
//! A pass proves that this request, made over a fresh connection (unless `connection: reuse`),
//! was answered in full with an expected status. It does not prove that other paths answer, nor,
//! for redirects that were followed, that each hop did so over TLS: see `redirects[].downgrade`.

pub(super) mod api;
pub(super) mod exposition;
pub(super) mod facts;
pub(super) mod headers;
pub(super) mod redirect;
pub(super) mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use facts::HttpFacts;

use crate::expect::Gap;
use crate::model::{Proof, Reason, Timestamp, Verdict};
use crate::probe::net::{mask_url, parse_address, spoken};
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    /// Name of a target; its address is an `http://` or `https://` URL.
    pub(super) target: Option<String>,
    /// URL instead of a target.
    pub(super) url: Option<String>,
    /// Appended to the path of the address; may hold a query.
    pub(super) path: Option<String>,
    /// `GET` if absent.
    pub(super) method: Option<String>,
    /// Request headers. Secrets belong into `secret_headers`, `bearer` or `basic`.
    pub(super) headers: BTreeMap<String, String>,
    /// Request headers that hold a secret: `{ X-Api-Key: { credential: name, prefix: "" } }`.
    pub(super) secret_headers: BTreeMap<String, SecretHeader>,
    /// Name of a credential sent as a bearer token.
    pub(super) bearer: Option<String>,
    /// User and password for basic authentication.
    pub(super) basic: Option<Basic>,
    /// Request body.
    pub(super) body: Option<String>,
    /// Statuses that pass; any 2xx if empty. A redirect that is listed here is not followed.
    pub(super) status: Vec<u16>,
    /// How many redirects are followed; 0: none, the redirect itself is judged.
    pub(super) follow_redirects: u8,
    /// Bytes of response body beyond which the check fails.
    pub(super) max_body: u32,
    /// Whether a kept connection may be used.
    pub(super) connection: Connection,
    /// TLS files instead of those of the target.
    pub(super) tls: Tls,
    #[serde(skip)]
    #[schemars(skip)]
    pub(super) parsed: Parsed,
}

/// The address of the first run and the URL made of it: reading one costs more than sending it.
type Parsed = OnceLock<(Box<str>, Url)>;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Basic {
    pub(super) user: String,
    /// Name of a credential.
    pub(super) password: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SecretHeader {
    /// Name of the credential that is the value, or the rest of it.
    pub(super) credential: String,
    /// What stands before it, such as a scheme and a space.
    prefix: String,
    /// False: the header is not sent. For a parameter that says whether it is needed.
    pub(super) when: bool,
}

impl Default for SecretHeader {
    fn default() -> Self {
        Self { credential: String::new(), prefix: String::new(), when: true }
    }
}

impl SecretHeader {
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Connection {
    /// A new one each time: the connection is part of what is checked.
    #[default]
    Fresh,
    /// The one of the last run if it still lives.
    Reuse,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tls {
    /// Trusted roots, PEM.
    ca: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    /// Name to send and verify instead of the host.
    server_name: Option<String>,
}

const MAX_BODY_LIMIT: u32 = 64 << 20;

impl Default for Http {
    fn default() -> Self {
        Self {
            target: None,
            url: None,
            path: None,
            method: None,
            headers: BTreeMap::new(),
            secret_headers: BTreeMap::new(),
            bearer: None,
            basic: None,
            body: None,
            status: Vec::new(),
            follow_redirects: 5,
            max_body: 1 << 20,
            connection: Connection::Fresh,
            tls: Tls::default(),
            parsed: Parsed::new(),
        }
    }
}

impl Probe for Http {
    const NAME: &'static str = "http";
    const SUMMARY: &'static str = "An HTTP or HTTPS request is answered as expected.";
    type Facts = HttpFacts;

    fn check(&self, findings: &mut Findings) {
        super::one_place(&self.target, "url", &self.url, findings);
        if let Some(Err(why)) = self.url.as_deref().map(request::parse_url) {
            findings.error_with_hint("url", why, "write http://host:port/path or https://…");
        }
        if let Err(why) = self.method() {
            findings.error("method", why);
        }
        for (name, value) in &self.headers {
            if let Err(why) = request::parse_header(name, value) {
                findings.error(&format!("headers.{name}"), why);
            }
        }
        self.check_secret_headers(findings);
        if self.bearer.is_some() && self.basic.is_some() {
            findings.error("basic", "write either `bearer` or `basic`, not both");
        }
        if let Some(basic) = &self.basic
            && (basic.user.is_empty() || basic.user.contains(':') || basic.password.is_empty())
        {
            findings.error("basic", "expected a `user` without `:` and the name of a credential as `password`");
        }
        if self.status.iter().any(|status| !(100..=599).contains(status)) {
            findings.error("status", "expected statuses from 100 to 599");
        }
        if self.max_body == 0 || self.max_body > MAX_BODY_LIMIT {
            findings.error("max_body", format!("expected 1 to {MAX_BODY_LIMIT} bytes"));
        }
        if self.tls.client_cert.is_some() != self.tls.client_key.is_some() {
            findings.error("tls", "`client_cert` and `client_key` belong together");
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.url.as_deref().and_then(|url| parse_address(url).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    fn credentials(&self) -> Vec<&str> {
        let basic = self.basic.as_ref().map(|basic| basic.password.as_str());
        let sent = self.secret_headers.values().filter(|header| header.when);
        let headers = sent.map(|header| header.credential.as_str());
        self.bearer.as_deref().into_iter().chain(basic).chain(headers).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an HTTP answer")
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<HttpFacts, ProbeError> {
        let begun = Instant::now();
        let followed = self.ask(cx, self.full_url(cx)?).await?;
        Ok(facts::of(followed, begun.elapsed(), cx.now()))
    }

    fn judge(&self, facts: &HttpFacts, _now: Timestamp) -> Verdict {
        let expected = match self.status.as_slice() {
            [] => "2xx".to_owned(),
            list => list.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
        };
        let as_expected = match self.status.as_slice() {
            [] => (200..300).contains(&facts.status),
            list => list.contains(&facts.status),
        };
        let took = spoken(Duration::from_secs_f64(facts.phases.total_s.clamp(0.0, 1e6)));
        let way = match facts.redirects.len() {
            0 => String::new(),
            1 => " after a redirect".to_owned(),
            many => format!(" after {many} redirects"),
        };
        let seen = facts.status.to_string();
        // Not by `format!`, which asks for more memory at each of its parts.
        let sentence =
            ["expected status ", &expected, " from ", &facts.url, ", saw ", &seen, &way, " in ", &took].concat();
        let verdict = if as_expected {
            Verdict::pass(Proof::of("status", expected, seen), sentence)
        } else {
            Verdict::fail(Reason::Status, sentence)
        };
        verdict.measured("duration_seconds", facts.phases.total_s, None)
    }

    fn gaps(&self, facts: &HttpFacts) -> Vec<Gap> {
        facts.gaps()
    }
}

impl Http {
    /// The answer of this URL, or of where it redirects to.
    pub(super) async fn ask(&self, cx: &ProbeCx, url: Url) -> Result<redirect::Followed, ProbeError> {
        let sending = self.sending(cx).await?;
        redirect::follow(self, cx, url, sending, &self.profile(cx), self.server_name(cx)).await
    }

    fn method(&self) -> Result<http::Method, String> {
        request::parse_method(self.method.as_deref())
    }

    fn check_secret_headers(&self, findings: &mut Findings) {
        for (name, header) in &self.secret_headers {
            let place = format!("secret_headers.{name}");
            if let Err(why) = request::parse_header(name, &header.prefix) {
                findings.error(&place, why);
            } else if header.credential.is_empty() {
                findings.error(&place, "expected the name of a `credential`");
            } else if self.headers.keys().any(|other| other.eq_ignore_ascii_case(name)) {
                findings.error(&place, "the header is also among `headers`");
            } else if self.secret_headers.keys().any(|other| other != name && other.eq_ignore_ascii_case(name)) {
                findings.error(&place, "the header is named twice");
            } else if name.eq_ignore_ascii_case("authorization") && (self.bearer.is_some() || self.basic.is_some()) {
                findings.error(&place, "`bearer` and `basic` set this header");
            }
        }
    }

    fn full_url(&self, cx: &ProbeCx) -> Result<Url, ProbeError> {
        let base = match &self.url {
            Some(url) => url,
            None => &*cx.target()?.address,
        };
        if let Some((_, url)) = self.parsed.get().filter(|(address, _)| **address == *base) {
            return Ok(url.clone());
        }
        let cannot = |why: String| ProbeError::unconfigured(format!("the URL cannot be used: {why}"));
        let url = request::parse_url(base).map_err(cannot)?;
        let url = match &self.path {
            None => url,
            Some(path) => request::append(&url, path).map_err(cannot)?,
        };
        let _ = self.parsed.set((base.into(), url.clone()));
        Ok(url)
    }
}

/// The URL as sentences and facts show it.
pub(super) fn shown(url: &Url) -> String {
    mask_url(url)
}
