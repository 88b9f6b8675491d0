//! Where secrets come from: a file or an environment variable, read at use.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::ProbeError;
use crate::model::{Reason, Secret};

/// Where one credential is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    File(PathBuf),
    Env(String),
}

/// All named credentials of the catalogue.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    sources: BTreeMap<String, CredentialSource>,
}

impl Credentials {
    pub fn new(sources: BTreeMap<String, CredentialSource>) -> Self {
        Self { sources }
    }

    pub fn sources(&self) -> &BTreeMap<String, CredentialSource> {
        &self.sources
    }

    /// The value now, without a trailing line break. Errors name the credential and the place,
    /// never the value.
    pub async fn resolve(&self, name: &str) -> Result<Secret, ProbeError> {
        match self.sources.get(name) {
            None => Err(ProbeError::unconfigured(format!("credential `{name}` is not configured"))),
            Some(CredentialSource::File(path)) => match tokio::fs::read_to_string(path).await {
                Ok(text) => Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())),
                Err(error) => Err(ProbeError::observer(
                    Reason::Unconfigured,
                    format!("credential `{name}` cannot be read from {}: {}", path.display(), error.kind()),
                )),
            },
            #[expect(clippy::disallowed_methods, reason = "this is where secrets enter from the environment")]
            Some(CredentialSource::Env(variable)) => std::env::var(variable).map(Secret::new).map_err(|_| {
                ProbeError::unconfigured(format!("credential `{name}`: environment variable {variable} is not set"))
            }),
        }
    }
}
