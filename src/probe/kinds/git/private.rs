//! A private folder for one run: the home of git, and the place of what it fetches.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::probe::ProbeError;

/// Removed when dropped, on whatever path a run ends.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

/// Tries to remove it: a killed program may still be writing its last file.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);
/// Entries that are counted; a repository that was just fetched has a few dozen.
const ENTRIES: usize = 100_000;

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Folder {
    /// Nobody else may look into it, and the name was not there before.
    pub(super) fn make() -> Result<Self, ProbeError> {
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        for again in 0..TRIES {
            let path = std::env::temp_dir().join(format!("readiness-git-{process}-{number}-{again}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(cannot(&error)),
            }
        }
        Err(ProbeError::internal("no name is free for a temporary folder"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Bytes of what is in it. Blocking.
    pub(super) fn bytes(path: &Path) -> u64 {
        let (mut bytes, mut folders, mut seen) = (0_u64, vec![path.to_owned()], 0);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                seen += 1;
                if seen > ENTRIES {
                    return u64::MAX;
                }
                // Not through symbolic links.
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_dir() {
                    folders.push(entry.path());
                } else {
                    bytes = bytes.saturating_add(metadata.len());
                }
            }
        }
        bytes
    }
}

fn cannot(error: &std::io::Error) -> ProbeError {
    ProbeError::internal(format!("no temporary folder can be made: {}", error.kind()))
}

impl Drop for Folder {
    fn drop(&mut self) {
        for _ in 0..TRIES {
            match fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => std::thread::sleep(PAUSE),
                _ => return,
            }
        }
    }
}
