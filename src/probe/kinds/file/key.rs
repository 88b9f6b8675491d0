//! What kind of private key stands in a PEM file. The key itself goes no further.

use aws_lc_rs::rsa::KeyPair;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

/// `{ algorithm, bits }`; bits are 0 where only the algorithm is known.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let key =
        PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| "there is no private key in PEM".to_owned())?;
    let rsa = match &key {
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()).ok(),
        PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        _ => None,
    };
    Ok(match rsa {
        Some(pair) => json!({ "algorithm": "RSA", "bits": pair.public_modulus_len() * 8 }),
        None if matches!(key, PrivateKeyDer::Sec1(_)) => json!({ "algorithm": "EC", "bits": 0 }),
        None => json!({ "algorithm": "unknown", "bits": 0 }),
    })
}
