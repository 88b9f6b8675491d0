//! What a token says of itself, and copies of it that nobody may accept. No error or text that leaves
//! this file has any part of a token.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};

use crate::model::Secret;

/// A token in the compact form of RFC 7515.
pub(super) struct Token {
    text: Secret,
    pub(super) header: Value,
    pub(super) claims: Value,
}

impl Token {
    /// `None` if it is no JSON Web Token.
    pub(super) fn read(text: Secret) -> Option<Self> {
        let mut parts = text.expose().split('.');
        let (header, claims, _) = (object(parts.next()?)?, object(parts.next()?)?, parts.next()?);
        parts.next().is_none().then_some(())?;
        Some(Self { text, header, claims })
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.text
    }

    /// `alg`, or another text of the header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    pub(super) fn seconds(&self, claim: &str) -> Option<i64> {
        let value = self.claims.get(claim)?;
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }

    /// A claim that is a text or a list of texts.
    pub(super) fn texts(&self, claim: &str) -> Vec<String> {
        match self.claims.get(claim) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(list)) => list.iter().filter_map(|text| Some(text.as_str()?.to_owned())).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether its signature is one of this key. `None` if the key and `alg` do not go together.
    pub(super) fn is_signed_by(&self, key: &DecodingKey) -> Option<bool> {
        let algorithm: Algorithm = self.header("alg")?.parse().ok()?;
        let (message, signature) = self.text.expose().rsplit_once('.')?;
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm).ok()
    }

    /// The same claims without a signature, `alg` written like this.
    pub(super) fn unsigned(&self, alg: &str) -> Option<Secret> {
        Some(Secret::new(format!("{}.", self.with_alg(alg)?)))
    }

    /// The same claims signed with HMAC-SHA-256 and this key.
    pub(super) fn signed_with(&self, key: &[u8]) -> Option<Secret> {
        let message = self.with_alg("HS256")?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
        Some(Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))))
    }

    /// One bit of the payload turned, so that it still says all it has to: the end is a second earlier or
    /// later. `None` if it has no end.
    pub(super) fn tampered(&self) -> Option<Secret> {
        let mut parts = self.text.expose().split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let mut payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let end = self.seconds("exp")?.to_string();
        let at = payload.windows(end.len()).position(|part| part == end.as_bytes())?;
        *payload.get_mut(at + end.len() - 1)? ^= 1;
        Some(Secret::new(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(payload))))
    }

    /// Header and claims; the key id stays, as a server looks it up.
    fn with_alg(&self, alg: &str) -> Option<String> {
        let mut header = self.header.clone();
        header.as_object_mut()?.insert("alg".to_owned(), json!(alg));
        let claims = self.text.expose().split('.').nth(1)?;
        Some(format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header.to_string())))
    }
}

fn object(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}
