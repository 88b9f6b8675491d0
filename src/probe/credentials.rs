//! Where secrets come from: a file or an environment variable, read at use.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use rustix::fs::OFlags;
use tokio::time::Instant;

use super::ProbeError;
use super::guard::Redactor;
use super::guard::lane::Lane;
use crate::model::{Reason, Secret};

/// Where one credential is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    File(PathBuf),
    Env(String),
}

/// All named credentials of the catalogue, and a redactor that knows every value ever read from
/// them: a rotated secret must not leak either.
#[derive(Default)]
pub struct Credentials {
    sources: BTreeMap<String, CredentialSource>,
    /// By name: a file on a dead file system costs one thread, however many use it.
    lanes: BTreeMap<String, Lane>,
    /// For files that are named elsewhere.
    other_files: Lane,
    known: Mutex<Vec<Secret>>,
    redactor: ArcSwap<Redactor>,
}

/// Values remembered for redaction; rotation once a minute fills this in most of a day.
const KNOWN_LIMIT: usize = 1000;

impl Credentials {
    pub fn new(sources: BTreeMap<String, CredentialSource>) -> Self {
        let lanes = sources.keys().map(|name| (name.clone(), Lane::default())).collect();
        Self { sources, lanes, ..Self::default() }
    }

    /// Knows every value that was read so far, so take it after what may hold one was made.
    pub fn redactor(&self) -> Arc<Redactor> {
        self.redactor.load_full()
    }

    pub(in crate::probe) fn learn(&self, secret: &Secret) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|other| other.expose() == secret.expose()) {
            return;
        }
        if known.len() == KNOWN_LIMIT {
            known.remove(0);
        }
        known.push(secret.clone());
        self.redactor.store(Arc::new(Redactor::new(known.iter())));
    }

    pub fn sources(&self) -> &BTreeMap<String, CredentialSource> {
        &self.sources
    }

    /// The value now, without a trailing line break. Errors name the credential and the place,
    /// never the value.
    pub async fn resolve(&self, name: &str, deadline: Instant) -> Result<Secret, ProbeError> {
        let secret = self.read(name, deadline).await?;
        self.learn(&secret);
        Ok(secret)
    }

    async fn read(&self, name: &str, deadline: Instant) -> Result<Secret, ProbeError> {
        match (self.sources.get(name), self.lanes.get(name)) {
            (Some(CredentialSource::File(path)), Some(lane)) => {
                let (path, credential) = (path.clone(), name.to_owned());
                let look = move || {
                    read(&path).map_err(|error| {
                        let path = path.display();
                        ProbeError::observer(
                            Reason::Unconfigured,
                            format!("credential `{credential}` cannot be read from {path}: {}", error.kind()),
                        )
                    })
                };
                lane.queue(deadline, &format!("credential `{name}`"), look).await
            }
            #[expect(clippy::disallowed_methods, reason = "this is where secrets enter from the environment")]
            (Some(CredentialSource::Env(variable)), _) => std::env::var(variable).map(Secret::new).map_err(|_| {
                ProbeError::unconfigured(format!("credential `{name}`: environment variable {variable} is not set"))
            }),
            _ => Err(ProbeError::unconfigured(format!("credential `{name}` is not configured"))),
        }
    }

    /// A secret in a file that is no credential of the catalogue.
    pub(in crate::probe) async fn read_file(&self, path: &Path, deadline: Instant) -> Result<Secret, ProbeError> {
        let (from, shown) = (path.to_owned(), path.display().to_string());
        let what = format!("the file {shown}");
        let look = move || {
            read(&from)
                .map_err(|error| ProbeError::unconfigured(format!("the file {shown} cannot be read: {}", error.kind())))
        };
        let secret = self.other_files.queue(deadline, &what, look).await?;
        self.learn(&secret);
        Ok(secret)
    }

    /// The lane of such files: however many are on a dead file system, they cost one thread.
    pub(in crate::probe) fn other_files(&self) -> &Lane {
        &self.other_files
    }

    /// Reads every value that can be read by then, so that the redactor knows it before any probe
    /// uses it. What cannot be read is left out: then no probe can leak it either.
    pub async fn learn_all(&self, deadline: Instant) {
        join_all(self.sources.keys().map(|name| self.resolve(name, deadline))).await;
    }
}

/// Larger than any key or token; a larger file is a mistake in the configuration.
const FILE_LIMIT: u64 = 64 * 1024;

fn read(path: &Path) -> io::Result<Secret> {
    // Without NONBLOCK the opening of a FIFO would wait for a writer.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut text = String::new();
    file.take(FILE_LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + std::time::Duration::from_secs(5)
    }

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
        assert_eq!(credentials.resolve("good", soon()).await.unwrap().expose(), "hunter22");
        for name in ["large", "gone", "unset", "other"] {
            let error = credentials.resolve(name, soon()).await.unwrap_err();
            assert_eq!(error.reason, Reason::Unconfigured);
            assert!(error.detail.contains(name) && !error.detail.contains("xxx"), "{error}");
        }
        assert_eq!(credentials.redactor().redact("it is hunter22"), "it is ***");
    }
}
