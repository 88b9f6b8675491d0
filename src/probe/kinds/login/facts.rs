//! What came of the login. Nothing here is, or has a part of, a token, a code or a password.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// With `second_factor`: what a password alone came to.
    pub(super) password_only: Option<Step>,
    /// What the whole login came to.
    pub(super) login: Step,
    /// Whether the token is a JSON Web Token; the facts below are of it.
    pub(super) jwt: bool,
    pub(super) alg: Option<String>,
    pub(super) kid: Option<String>,
    pub(super) jwks_status: Option<u16>,
    /// Keys in the set; absent if the answer is none.
    pub(super) jwks_keys: Option<usize>,
    /// Of the key with the token's `kid`.
    pub(super) key_type: Option<String>,
    pub(super) key_bits: Option<u32>,
    /// Whether the token is signed by that key.
    pub(super) verified: Option<bool>,
    /// From `iat` to `exp`.
    pub(super) lifetime_s: Option<i64>,
    pub(super) issuer: Option<String>,
    pub(super) audience: Vec<String>,
    /// How the user was authenticated.
    pub(super) amr: Vec<String>,
    /// What the protected route said to each token, the real one first.
    pub(super) tries: Vec<Try>,
    /// Proofs that could not be made, and why.
    pub(super) not_tried: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Step {
    pub(super) status: u16,
    /// Whether there was a token.
    pub(super) token: bool,
    /// Whether there was a challenge for the second factor.
    pub(super) challenge: bool,
}

/// One request of the protected route.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Try {
    /// Such as `the genuine token`.
    pub(super) with: String,
    /// Absent if there was no answer, which proves nothing.
    pub(super) status: Option<u16>,
}
