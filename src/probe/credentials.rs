//! Where secrets come from: a file or an environment variable, read at use.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt;

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
            Some(CredentialSource::File(path)) => match read(path).await {
                Ok(secret) => Ok(secret),
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
    /// Every value that can be read now, for the redactor. What cannot be read is left out: then
    /// no probe can leak it either.
    pub async fn all_values(&self) -> Vec<Secret> {
        let mut values = Vec::with_capacity(self.sources.len());
        for name in self.sources.keys() {
            values.extend(self.resolve(name).await);
        }
        values
    }
}

/// Larger than any key or token; a larger file is a mistake in the configuration.
const FILE_LIMIT: u64 = 64 * 1024;

async fn read(path: &Path) -> io::Result<Secret> {
    let mut text = String::new();
    tokio::fs::File::open(path).await?.take(FILE_LIMIT + 1).read_to_string(&mut text).await?;
    if text.len() as u64 > FILE_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn values_are_read_and_what_cannot_be_read_is_named_without_its_value() {
        let dir = tempfile::tempdir().unwrap();
        let (good, large) = (dir.path().join("good"), dir.path().join("large"));
        std::fs::write(&good, "hunter22\r\n").unwrap();
        std::fs::write(&large, vec![b'x'; 70_000]).unwrap();
        let file = |path: &Path| CredentialSource::File(path.to_owned());
        let credentials = Credentials::new(BTreeMap::from([
            ("good".to_owned(), file(&good)),
            ("large".to_owned(), file(&large)),
            ("gone".to_owned(), file(&dir.path().join("gone"))),
            ("unset".to_owned(), CredentialSource::Env("READINESS_TEST_NOT_SET".to_owned())),
        ]));
        assert_eq!(credentials.resolve("good").await.unwrap().expose(), "hunter22");
        for name in ["large", "gone", "unset", "other"] {
            let error = credentials.resolve(name).await.unwrap_err();
            assert_eq!(error.reason, Reason::Unconfigured);
            assert!(error.detail.contains(name) && !error.detail.contains("xxx"), "{error}");
        }
        assert_eq!(credentials.all_values().await.len(), 1);
    }
}
