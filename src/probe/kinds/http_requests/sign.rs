//! Signatures: of a body, as webhooks carry them, and of tokens forged with known secrets.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::http::request::parse_header;
use crate::model::Timestamp;
use crate::probe::{ProbeCx, ProbeError};

/// An HMAC-SHA-256 of the body, in hexadecimal.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hmac {
    /// The header that carries it.
    header: String,
    /// What stands before it, such as `sha256=`.
    prefix: String,
    /// Name of the credential that is the key.
    pub(super) credential: Option<String>,
    /// A key that is no secret, for a signature that must be refused.
    wrong_key: Option<String>,
}

/// A token (HS256) made with each of some well-known secrets.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Jwt {
    /// The secrets to try. They are public: defaults of a product and examples of its documents.
    pub(super) secrets: Vec<String>,
    /// Claims besides `iat` and `exp`, which is a minute ahead.
    claims: BTreeMap<String, String>,
}

const LIFETIME_S: i64 = 60;

impl Hmac {
    pub(super) fn problem(&self) -> Option<String> {
        if self.credential.is_some() == self.wrong_key.is_some() {
            return Some("write either `credential` or `wrong_key`".to_owned());
        }
        parse_header(&self.header, &self.prefix).err()
    }

    /// Name and value of the header.
    pub(super) async fn header(&self, cx: &ProbeCx, body: &str) -> Result<(String, String), ProbeError> {
        let tag = match (&self.credential, &self.wrong_key) {
            (Some(name), _) => sha256(cx.credential(name).await?.expose(), body),
            (None, key) => sha256(key.as_deref().unwrap_or_default(), body),
        };
        let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((self.header.clone(), format!("{}{digits}", self.prefix)))
    }
}

impl Jwt {
    pub(super) fn problem(&self) -> Option<String> {
        let empty = self.secrets.is_empty() || self.secrets.iter().any(String::is_empty);
        empty.then(|| "name the secrets to try, none of them empty".to_owned())
    }

    pub(super) fn token(&self, secret: &str, now: Timestamp) -> String {
        let at = now.as_secs_f64() as i64;
        let mut claims: BTreeMap<&str, Value> =
            self.claims.iter().map(|(name, text)| (name.as_str(), json!(text))).collect();
        claims.extend([("iat", json!(at)), ("exp", json!(at.saturating_add(LIFETIME_S)))]);
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(json!({ "alg": "HS256", "typ": "JWT" })), part(json!(claims)));
        let tag = sha256(secret, &signed);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }
}

fn sha256(key: &str, text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::fixture;

    /// The example that GitHub's documentation gives for webhooks.
    #[tokio::test]
    async fn the_signature_is_the_documented_one() {
        let key = "It's a Secret to Everybody";
        let hmac = Hmac {
            header: "X-Hub-Signature-256".to_owned(),
            prefix: "sha256=".to_owned(),
            wrong_key: Some(key.to_owned()),
            ..Hmac::default()
        };
        let (_, value) = hmac.header(&fixture::cx(100), "Hello, World!").await.unwrap();
        assert_eq!(value, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    }

    #[test]
    fn a_token_has_three_parts_and_ends_in_a_minute() {
        let jwt = Jwt { secrets: vec!["s".into()], claims: BTreeMap::from([("role".to_owned(), "viewer".to_owned())]) };
        let token = jwt.token("s", Timestamp::from_secs(1000));
        let parts: Vec<&str> = token.split('.').collect();
        let decoded = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        assert_eq!(decoded(parts[0]), json!({"alg": "HS256", "typ": "JWT"}));
        assert_eq!(decoded(parts[1]), json!({"role": "viewer", "iat": 1000, "exp": 1060}));
        assert_eq!(parts.len(), 3);
    }
}
