//! `login`: an HTTP API gives a token to who logs in, the token is what it has to be, and copies of it that
//! nobody may accept are not accepted.
//!
//! A pass proves that this account could log in, that the token is signed by a key that the API shows, and
//! that the protected route took the real token and refused each of the copies that were tried. It does not
//! prove who else holds the signing key, nor that other routes look as closely. A route that refuses
//! everything proves nothing, so that the real token must be accepted first.

mod facts;
mod judge;
mod keys;
mod look;
#[cfg(test)]
mod tests;
mod token;
mod totp;

use std::collections::BTreeMap;
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::Deserialize;

use facts::Facts;

use super::http::request::parse_method;
use crate::model::{Access, Secret, Timestamp, Verdict};
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Logs in, and looks at the token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Login {
    /// Name of a target; its address is an `http://` or `https://` URL. Its own credential is not sent.
    target: Option<String>,
    /// What is sent to log in.
    request: Request,
    /// Fields down to the token in the answer, such as `token` or `data.access_token`.
    token: String,
    /// The account has a second factor. Then a password alone must yield no token, and the login goes on.
    second_factor: Option<SecondFactor>,
    /// What signs the token, such as RS256; any if absent. It has a `kid` then.
    algorithm: Option<String>,
    /// Path of the set of public keys, at the target. The key with the token's `kid` must have signed it.
    jwks: Option<String>,
    /// Bits that an RSA key must have.
    min_key_bits: u32,
    /// What `iss` must be.
    issuer: Option<String>,
    /// What must be in `aud`.
    audience: Option<String>,
    /// Seconds from `iat` to `exp` at most.
    max_ttl_s: Option<u32>,
    /// One of these must be in `amr`.
    amr: Vec<String>,
    /// Path of a route that needs a token. It must take the real one, and refuse with `refused_with`: none;
    /// copies without signature; copies signed with the public key as if it were a secret; a copy with one
    /// bit of its payload turned; and an expired one, once one that an earlier run got has expired.
    protected: Option<String>,
    /// Statuses that are a refusal. Any 2xx is none; others prove nothing.
    refused_with: Vec<u16>,
    /// A token of an earlier run, until it has expired.
    #[serde(skip)]
    #[schemars(skip)]
    earlier: Mutex<Option<Earlier>>,
}

/// One request of the login.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Request {
    /// POST if absent.
    method: Option<String>,
    /// Appended to the path of the target's address.
    path: String,
    /// JSON. In it `{name}` stands for a credential of `credentials`, written as inside of a JSON text; in
    /// the request of a second factor also `{code}` and `{challenge}`.
    body: String,
    /// Names of credentials by what stands for them in `body`, such as `{ password: api-probe-password }`.
    credentials: BTreeMap<String, String>,
}

/// How the login goes on after the password.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SecondFactor {
    /// Name of the credential that is the secret of the codes (TOTP, RFC 6238: SHA-1, six digits, thirty
    /// seconds), in base32.
    secret: String,
    /// Fields down to what the answer to the password alone must have, such as `mfa_token`.
    challenge: Option<String>,
    /// What is sent then.
    request: Request,
}

/// A token, and when it ends.
struct Earlier {
    token: Secret,
    end: i64,
}

impl std::fmt::Debug for Earlier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a token until {}", self.end)
    }
}

impl Default for Login {
    fn default() -> Self {
        Self {
            target: None,
            request: Request::default(),
            token: "token".to_owned(),
            second_factor: None,
            algorithm: None,
            jwks: None,
            min_key_bits: 2048,
            issuer: None,
            audience: None,
            max_ttl_s: None,
            amr: Vec::new(),
            protected: None,
            refused_with: vec![401],
            earlier: Mutex::new(None),
        }
    }
}

impl Probe for Login {
    const NAME: &'static str = "login";
    const SUMMARY: &'static str = "An HTTP API gives a sound token to who logs in, and refuses forged ones.";
    type Facts = Facts;

    /// It logs in as users do, and shows tokens that must be refused.
    fn access(&self) -> Access {
        Access::Authenticates
    }

    fn check(&self, findings: &mut Findings) {
        if self.target.is_none() {
            findings.error("target", "write `target`");
        }
        self.request.check("request", &[], findings);
        let fields = [("token", Some(&self.token)), ("second_factor.challenge", self.challenge())];
        for (field, path) in fields {
            if path.is_some_and(|path| path.split('.').any(str::is_empty)) {
                findings.error(field, "expected fields joined by `.`, such as `data.access_token`");
            }
        }
        if let Some(second) = &self.second_factor {
            let known: &[&str] = if second.challenge.is_some() { &["code", "challenge"] } else { &["code"] };
            second.request.check("second_factor.request", known, findings);
            if second.secret.is_empty() {
                findings.error("second_factor.secret", "expected the name of a credential");
            }
            if !second.request.body.contains("{code}") {
                findings.error("second_factor.request.body", "expected `{code}` in it");
            }
        }
        if self.refused_with.is_empty() || self.refused_with.iter().any(|status| !(400..=499).contains(status)) {
            findings.error("refused_with", "expected statuses from 400 to 499");
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn credentials(&self) -> Vec<&str> {
        let second = self.second_factor.as_ref();
        let requests = std::iter::once(&self.request).chain(second.map(|second| &second.request));
        let named = requests.flat_map(|request| request.credentials.values().map(String::as_str));
        named.chain(second.map(|second| second.secret.as_str())).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an answer to the login")
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }
}

impl Login {
    fn challenge(&self) -> Option<&String> {
        self.second_factor.as_ref()?.challenge.as_ref()
    }
}

impl Request {
    fn check(&self, at: &str, known: &[&str], findings: &mut Findings) {
        if let Err(why) = parse_method(self.method.as_deref()) {
            findings.error(&format!("{at}.method"), why);
        }
        if self.path.is_empty() {
            findings.error(&format!("{at}.path"), "expected the path of the login");
        }
        for name in self.credentials.keys() {
            if known.contains(&name.as_str()) || !self.body.contains(&format!("{{{name}}}")) {
                findings.error(&format!("{at}.credentials.{name}"), format!("nothing in `body` is `{{{name}}}`"));
            }
        }
        let filled = self.credentials.keys().map(String::as_str).chain(known.iter().copied());
        let filled = filled.fold(self.body.clone(), |body, name| body.replace(&format!("{{{name}}}"), "x"));
        if serde_json::from_str::<serde_json::Value>(&filled).is_err() {
            findings.error(&format!("{at}.body"), "expected JSON with what stands for credentials inside of its texts");
        }
    }
}
