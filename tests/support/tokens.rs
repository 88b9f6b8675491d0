//! Tokens of an API: who logs in gets one, with a second factor if the account has one, and whoever shows one
//! is let in or not. Everything that a careless server gets wrong can be switched on.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http_server::{Answer, Asked};

pub(crate) const PASSWORD: &str = "correct \"horse\" battery";
/// Base32 of the key of RFC 6238.
pub(crate) const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const KEY: &[u8] = b"12345678901234567890";
const SHARED: &[u8] = b"a-shared-secret-of-the-server";
const CHALLENGE: &str = "a-challenge-of-this-login";

/// How it behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct World {
    algorithm: String,
    jwks: bool,
    /// Of the header; the set of keys has `k1`.
    kid: Option<String>,
    accepts_none: bool,
    accepts_public_key: bool,
    /// The signature is not looked at.
    accepts_any: bool,
    /// The protected route lets nobody in, or everybody.
    refuses_all: bool,
    open: bool,
    ttl_s: i64,
    issuer: String,
    audience: String,
    /// Whether the account with a second factor is asked for it.
    mfa: bool,
    amr: Vec<String>,
    /// The key that signs is not the one in the set.
    other_key: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            algorithm: "RS256".to_owned(),
            jwks: true,
            kid: Some("k1".to_owned()),
            accepts_none: false,
            accepts_public_key: false,
            accepts_any: false,
            refuses_all: false,
            open: false,
            ttl_s: 3600,
            issuer: "phoenix-platform".to_owned(),
            audience: "phoenix-api".to_owned(),
            mfa: true,
            amr: vec!["pwd".to_owned(), "otp".to_owned()],
            other_key: false,
        }
    }
}

pub(crate) struct Tokens {
    pair: KeyPair,
    other: KeyPair,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        let pair = || KeyPair::generate(KeySize::Rsa2048).expect("a key");
        Self { pair: pair(), other: pair() }
    }

    /// `None` if it is about something else.
    pub(crate) fn answer(&self, world: &World, asked: &Asked) -> Option<Answer> {
        let refused = || Answer::json(401, json!({ "error": "unauthorized" }));
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let token = |amr: &[String]| Answer::json(200, json!({ "token": self.issue(world, amr) }));
        Some(match asked.route().as_str() {
            "GET /.well-known/jwks.json" if world.jwks => Answer::json(200, json!({ "keys": [self.jwk()] })),
            "GET /.well-known/jwks.json" => Answer::json(404, json!({ "error": "not found" })),
            "POST /api/v1/auth/login" if body["password"] != PASSWORD => refused(),
            "POST /api/v1/auth/login" if body["email"] == "viewer@example.org" => token(&["pwd".to_owned()]),
            "POST /api/v1/auth/login" if body["email"] == "mfa@example.org" && !world.mfa => token(&["pwd".to_owned()]),
            "POST /api/v1/auth/login" if body["email"] == "mfa@example.org" => {
                Answer::json(401, json!({ "error": "second factor required", "mfa_token": CHALLENGE }))
            }
            "POST /api/v1/auth/mfa" if body["mfa_token"] == CHALLENGE && is_code(&body["code"]) => token(&world.amr),
            "POST /api/v1/auth/login" | "POST /api/v1/auth/mfa" => refused(),
            "GET /api/v1/auth/me" => {
                let shown = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
                let lets_in = world.open || !world.refuses_all && self.accepts(world, shown);
                if lets_in { Answer::json(200, json!({ "email": "viewer@example.org" })) } else { refused() }
            }
            _ => return None,
        })
    }

    fn jwk(&self) -> Value {
        let (n, e) = (self.pair.public_key().modulus(), self.pair.public_key().exponent());
        json!({ "kty": "RSA", "kid": "k1", "alg": "RS256", "use": "sig",
            "n": URL_SAFE_NO_PAD.encode(n.big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(e.big_endian_without_leading_zero()) })
    }

    fn issue(&self, world: &World, amr: &[String]) -> String {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({ "sub": "u1", "iat": now, "exp": now + world.ttl_s, "iss": world.issuer,
            "aud": world.audience, "amr": amr });
        let header = match &world.kid {
            Some(kid) => json!({ "alg": world.algorithm, "typ": "JWT", "kid": kid }),
            None => json!({ "alg": world.algorithm, "typ": "JWT" }),
        };
        let coded = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", coded(header), coded(claims));
        let signature = if world.algorithm == "HS256" {
            hmac_of(SHARED, &message)
        } else {
            let pair = if world.other_key { &self.other } else { &self.pair };
            let mut signature = vec![0; pair.public_modulus_len()];
            let random = SystemRandom::new();
            pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).expect("a signature");
            signature
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn accepts(&self, world: &World, token: &str) -> bool {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else { return false };
        let json = |part: &str| -> Value {
            URL_SAFE_NO_PAD.decode(part).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
        };
        let message = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let signed = match json(header)["alg"].as_str().unwrap_or_default() {
            _ if world.accepts_any => true,
            "none" => world.accepts_none,
            "HS256" if world.algorithm == "HS256" => signature == hmac_of(SHARED, &message),
            "HS256" => world.accepts_public_key && signature == hmac_of(self.pem().as_bytes(), &message),
            "RS256" => [&self.pair, &self.other].into_iter().take(1 + usize::from(world.other_key)).any(|pair| {
                let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key());
                key.verify(message.as_bytes(), &signature).is_ok()
            }),
            _ => false,
        };
        signed && json(claims)["exp"].as_i64().is_some_and(|end| end > jiff::Timestamp::now().as_second())
    }

    fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der().expect("a key");
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

fn hmac_of(key: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes()).as_ref().to_vec()
}

/// The code of this step of thirty seconds, or of one beside it.
fn is_code(code: &Value) -> bool {
    let step = jiff::Timestamp::now().as_second() / 30;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, KEY);
    (step - 1..=step + 1).any(|step| {
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let at = usize::from(tag.as_ref()[19] & 0xf);
        let four: [u8; 4] = tag.as_ref()[at..at + 4].try_into().expect("four bytes");
        *code == format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
    })
}
