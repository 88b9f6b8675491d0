//! The way to a server that speaks the API of Prometheus, for the kinds that ask one.

use form_urlencoded::Serializer;
use url::Url;

use super::BYTES_CEILING;
use super::answer::{Said, read};
use crate::probe::kinds::http::api::unbounded;
use crate::probe::kinds::http::request::{append, parse_url};
use crate::probe::kinds::http::{Basic, Connection, Http, Tls, shown};
use crate::probe::net::http::Answer;
use crate::probe::{Findings, ProbeCx, ProbeError};

/// What a check says of where the server is and who asks.
pub(in crate::probe::kinds) struct Place<'a> {
    pub(in crate::probe::kinds) target: &'a Option<String>,
    pub(in crate::probe::kinds) url: &'a Option<String>,
    pub(in crate::probe::kinds) user: &'a str,
    pub(in crate::probe::kinds) credential: Option<&'a str>,
    pub(in crate::probe::kinds) tls: &'a Tls,
    pub(in crate::probe::kinds) max_bytes: u32,
}

/// A server, ready to be asked.
pub(in crate::probe::kinds) struct Api<'a> {
    cx: &'a ProbeCx,
    http: Http,
    base: Url,
}

impl<'a> Place<'a> {
    pub(in crate::probe::kinds) fn check(&self, findings: &mut Findings) {
        crate::probe::kinds::one_place(self.target, "url", self.url, findings);
        if let Some(Err(why)) = self.url.as_deref().map(parse_url) {
            findings.error_with_hint("url", why, "write http://host:port or https://…, without /api/v1");
        }
        if self.user.contains(':') {
            findings.error("user", "expected a name without `:`");
        }
        if self.max_bytes == 0 || self.max_bytes > BYTES_CEILING {
            findings.error("max_bytes", format!("expected 1 to {BYTES_CEILING} bytes"));
        }
    }

    pub(in crate::probe::kinds) fn open(&self, cx: &'a ProbeCx) -> Result<Api<'a>, ProbeError> {
        let address = match self.url {
            Some(url) => url,
            None => &*cx.target()?.address,
        };
        let cannot = |why: String| ProbeError::unconfigured(format!("the URL cannot be used: {why}"));
        let base = parse_url(address).map_err(cannot)?;
        let own = cx.target().ok().and_then(|target| target.credential.as_deref());
        let credential = self.credential.or(own).map(str::to_owned);
        let (bearer, basic) = match (self.user, credential) {
            ("", bearer) => (bearer, None),
            (user, Some(password)) => (None, Some(Basic { user: user.to_owned(), password })),
            (user, None) => {
                return Err(ProbeError::unconfigured(format!("there is no credential for the user {user}")));
            }
        };
        let http = Http {
            bearer,
            basic,
            max_body: self.max_bytes,
            tls: self.tls.clone(),
            // One look asks several times.
            connection: Connection::Reuse,
            ..Http::default()
        };
        Ok(Api { cx, http, base })
    }
}

impl Api<'_> {
    /// Asks the JSON API; `path` is below `/api/v1/`.
    pub(in crate::probe::kinds) async fn get(&self, path: &str, pairs: &[(&str, &str)]) -> Result<Said, ProbeError> {
        let path = format!("/api/v1/{path}");
        let answer = self.raw(&path, pairs).await?;
        read(&answer, &self.name(), &path)
    }

    /// The answer to any other path, whatever it is.
    pub(in crate::probe::kinds) async fn raw(&self, path: &str, pairs: &[(&str, &str)]) -> Result<Answer, ProbeError> {
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let url = append(&self.base, &path)
            .map_err(|why| ProbeError::unconfigured(format!("the URL cannot be used: {why}")))?;
        Ok(self.http.ask(self.cx, url).await.map_err(unbounded)?.answer)
    }

    /// What an instant query yields now, in the words of the API.
    pub(in crate::probe::kinds) async fn query(&self, promql: &str) -> Result<Said, ProbeError> {
        self.get("query", &[("query", promql), ("timeout", &self.patience())]).await
    }

    /// So that the server gives up when nobody waits any longer.
    pub(in crate::probe::kinds) fn patience(&self) -> String {
        format!("{}ms", self.cx.remaining().as_millis().max(1))
    }

    /// The server as a sentence names it.
    pub(in crate::probe::kinds) fn name(&self) -> String {
        shown(&self.base)
    }
}
