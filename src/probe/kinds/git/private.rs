//! A private folder for one run: the home of git, and the place of what it fetches.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::probe::ProbeError;

/// Removed when dropped, on whatever path a run ends. If the process is killed, the next one removes it:
/// nobody holds its lock then.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held as long as the folder is in use.
    _lock: File,
}

/// Tries to remove it: a killed program may still be writing its last file.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);
/// Entries that are counted; a repository that was just fetched has a few dozen.
const ENTRIES: usize = 100_000;

/// A folder that was made a moment ago may not be locked yet.
const SETTLED: Duration = Duration::from_secs(60);
const PREFIX: &str = "readiness-git-";

static NEXT: AtomicU64 = AtomicU64::new(0);
static SWEPT: Once = Once::new();

impl Folder {
    /// Nobody else may look into it, and the name was not there before.
    pub(super) fn make() -> Result<Self, ProbeError> {
        SWEPT.call_once(|| sweep(&std::env::temp_dir()));
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        for again in 0..TRIES {
            let path = std::env::temp_dir().join(format!("{PREFIX}{process}-{number}-{again}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let locked = File::open(&path).and_then(|file| file.lock_shared().map(|()| file));
                    let lock = locked.map_err(|error| cannot(&error))?;
                    return Ok(Self { path, _lock: lock });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(cannot(&error)),
            }
        }
        Err(ProbeError::internal("no name is free for a temporary folder"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
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

/// Removes what a process that was killed has left in this directory.
fn sweep(directory: &Path) {
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        // Of the entry itself, not of what a link leads to.
        let Ok(data) = entry.metadata() else { continue };
        let settled = data.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= SETTLED));
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX) && data.is_dir() && data.uid() == own;
        if ours && settled && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn cannot(error: &std::io::Error) -> ProbeError {
    ProbeError::internal(format!("no temporary folder can be made: {}", error.kind()))
}

impl Drop for Folder {
    fn drop(&mut self) {
        for _ in 0..TRIES {
            match fs::remove_dir_all(&self.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => std::thread::sleep(PAUSE),
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the age of a folder is that of the disk")]
    fn folders_of_the_dead_are_removed_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str, age_s: u64| {
            let path = directory.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("pack"), "x").unwrap();
            let file = File::open(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age_s)).unwrap();
            (path, file)
        };
        let (dead, _) = make("readiness-git-1-0-0", 100);
        let (young, _) = make("readiness-git-1-1-0", 1);
        let (used, lock) = make("readiness-git-1-2-0", 100);
        let (other, _) = make("readiness-1", 100);
        lock.lock_shared().unwrap();
        sweep(directory.path());
        assert!(!dead.exists() && young.exists() && used.exists() && other.exists());
    }
}
