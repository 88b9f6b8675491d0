//! A set of public keys (RFC 7517), and one of them in the forms in which servers keep it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde_json::Value;

/// The key with this id.
#[derive(Default)]
pub(super) struct Key {
    /// Such as RSA.
    pub(super) kind: String,
    /// Of an RSA key: bits of its modulus.
    pub(super) bits: Option<u32>,
    /// Absent if it cannot be used to verify.
    pub(super) decoding: Option<DecodingKey>,
    /// What a careless server could take for a shared secret.
    pub(super) pems: Vec<String>,
}

/// `1.2.840.113549.1.1.1`, with its parameter.
const RSA: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
const LINE: usize = 64;

/// The keys of the set, and that with this id. `None` if it is no set.
pub(super) fn find(set: &Value, id: Option<&str>) -> Option<(usize, Option<Key>)> {
    let keys = set.get("keys")?.as_array()?;
    let found = id.and_then(|id| keys.iter().find(|key| key.get("kid").and_then(Value::as_str) == Some(id)));
    Some((keys.len(), found.map(Key::read)))
}

impl Key {
    fn read(json: &Value) -> Self {
        let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default();
        let parts = [text("n"), text("e")].map(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
        let kind = text("kty").to_owned();
        let decoding =
            serde_json::from_value::<Jwk>(json.clone()).ok().and_then(|key| DecodingKey::from_jwk(&key).ok());
        match parts {
            [Some(modulus), Some(exponent)] if kind == "RSA" && !modulus.is_empty() => {
                Self { kind, bits: Some(bits(&modulus)), decoding, pems: pems(&modulus, &exponent) }
            }
            _ => Self { kind, bits: None, decoding, pems: Vec::new() },
        }
    }
}

fn bits(number: &[u8]) -> u32 {
    let mut significant = number.iter().skip_while(|byte| **byte == 0);
    let first = significant.next().map_or(0, |byte| 8 - byte.leading_zeros());
    first + u32::try_from(significant.count()).unwrap_or(u32::MAX / 8) * 8
}

/// As `openssl rsa -pubout` writes it, the same without its last line break, and in the older form.
fn pems(modulus: &[u8], exponent: &[u8]) -> Vec<String> {
    let pair = tagged(SEQUENCE, &[integer(modulus), integer(exponent)].concat());
    let bits = tagged(BITS, &[&[0], pair.as_slice()].concat());
    let info = tagged(SEQUENCE, &[RSA, bits.as_slice()].concat());
    let usual = pem("PUBLIC KEY", &info);
    vec![usual.clone(), usual.trim_end().to_owned(), pem("RSA PUBLIC KEY", &pair)]
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let significant: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign: &[u8] = if significant.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    tagged(INTEGER, &[sign, significant.as_slice()].concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let head = match (length.as_slice(), content.len()) {
        (_, short @ 0..0x80) => vec![tag, u8::try_from(short).unwrap_or_default()],
        (long, _) => [&[tag, 0x80 | u8::try_from(long.len()).unwrap_or_default()], long].concat(),
    };
    [head.as_slice(), content].concat()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(LINE).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use serde_json::json;

    use super::*;

    /// The public half as a set of keys has it.
    pub(in super::super) fn jwk(pair: &KeyPair, id: &str) -> Value {
        let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
        let coded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "RSA", "kid": id, "alg": "RS256", "use": "sig",
            "n": coded(n.big_endian_without_leading_zero()), "e": coded(e.big_endian_without_leading_zero()) })
    }

    #[test]
    fn a_key_is_written_as_the_library_writes_it() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let (count, key) =
            find(&json!({ "keys": [{ "kty": "EC", "kid": "x" }, jwk(&pair, "k1")] }), Some("k1")).unwrap();
        let key = key.unwrap();
        assert_eq!((count, key.kind.as_str(), key.bits), (2, "RSA", Some(2048)));
        let der = pair.public_key().as_der().unwrap();
        assert_eq!(key.pems[0], pem("PUBLIC KEY", der.as_ref()));
        assert!(key.decoding.is_some() && key.pems[2].starts_with("-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEA"));
    }

    #[test]
    fn what_is_no_set_or_has_no_such_key_is_told_apart() {
        assert!(find(&json!({ "error": "not found" }), Some("k1")).is_none());
        let (count, key) = find(&json!({ "keys": [{ "kty": "RSA" }] }), None).unwrap();
        assert!(count == 1 && key.is_none());
        assert_eq!([bits(&[0, 1, 255]), bits(&[0x80, 0])], [9, 16]);
    }
}
