//! Those who attest, with real keys.

use std::path::Path;

use serde_json::{Value, json};

use super::Server;
use crate::support::people::People;

pub(crate) struct Signers(People);

impl Signers {
    pub(crate) fn start(directory: &Path) -> Self {
        Self(People::start(directory))
    }
}

impl Server for Signers {
    fn parameters(&self) -> Vec<(String, Value)> {
        vec![("attestation_signers".to_owned(), json!(self.0.signers()))]
    }

    /// A case says `sign: NAME` in an attestation.
    fn sign(&self, name: &str, attestation: &Value) -> Option<Result<String, String>> {
        Some(self.0.sign(name, attestation))
    }

    fn act(&mut self, verb: &str, _: &Value) -> Result<(), String> {
        Err(format!("people do not understand `{verb}`"))
    }

    fn restore(&mut self) -> Result<(), String> {
        Ok(())
    }
}
