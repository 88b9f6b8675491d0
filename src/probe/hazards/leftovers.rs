//! A small journal: what runs may have left behind in their targets. A record is on the disk before
//! the first change is made, and goes when the clean-up has succeeded; so even a killed process knows
//! at its next start what to clean.
//!
//! One file a run, in one directory. Records hold names and captured values, no secrets.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Reason, Timestamp};
use crate::probe::ProbeError;

/// Bytes of one record that are read.
const MAX_RECORD: u64 = 64 << 10;
/// Records that are counted, and made.
const MAX_RECORDS: usize = 1000;

/// So long after the last instant at which a step can have been begun of which nothing was heard, what it
/// makes may still come. A server that has lost its client ends what it began, or gives up within its own limit
/// for one request; the usual ones of proxies, forges and databases are 60 s or less.
pub(super) const MAY_STILL_COME: Duration = Duration::from_secs(60);
/// No run lasts so long: a time that is further ahead was written by a clock that was.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Cloning shares the directory. All methods block on the disk.
#[derive(Clone)]
pub struct Leftovers {
    directory: PathBuf,
    counted: Arc<dyn Fn(usize) + Send + Sync>,
}

/// What one run may have left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leftover {
    /// Of the scenario.
    pub(crate) name: String,
    /// Of the run.
    pub(crate) run: String,
    /// By the names under which steps use them.
    pub(crate) values: BTreeMap<String, String>,
    /// Names of values that a step was about to capture when nothing more was heard.
    pub(crate) pending: Vec<String>,
    /// The target on which it was made, as the deployment calls it; empty if none is named.
    #[serde(default)]
    pub(crate) target: String,
    /// Where it was made, without user, password and query. Earlier versions did not write it down.
    #[serde(default)]
    pub(crate) address: Option<String>,
    /// Milliseconds since 1970: until then a step can have been begun whose answer nobody has heard. None: all
    /// that was begun has ended.
    #[serde(default)]
    pub(crate) unheard_until: Option<i64>,
}

impl Leftover {
    /// Whether something may be made yet, or was after `now`: then a clean-up at that time proves nothing.
    pub(crate) fn may_still_come(&self, now: Timestamp) -> bool {
        self.unheard_until
            .map(Timestamp)
            .is_some_and(|until| now < until.plus(MAY_STILL_COME.into()) && until < now.plus(LONGEST.into()))
    }
}

impl Leftovers {
    /// `counted` is told how many there are, now and after each change. The directory is made when it
    /// is needed.
    pub fn new(directory: PathBuf, counted: impl Fn(usize) + Send + Sync + 'static) -> Self {
        let made = Self { directory, counted: Arc::new(counted) };
        made.count();
        made
    }

    /// Puts the record on the disk, in the place of an earlier one of the same run.
    pub(crate) fn write(&self, leftover: &Leftover) -> Result<(), ProbeError> {
        let cannot = |why: String| {
            let text = format!("what a run may leave behind cannot be written down, so that nothing is begun: {why}");
            ProbeError::observer(Reason::Other, text)
        };
        std::fs::create_dir_all(&self.directory).map_err(|error| cannot(error.to_string()))?;
        if self.files().len() >= MAX_RECORDS {
            return Err(cannot(format!("there are {MAX_RECORDS} left-overs already")));
        }
        let path = self.path(leftover);
        let text = serde_json::to_vec(leftover).map_err(|error| cannot(error.to_string()))?;
        put(&path, &text).map_err(|error| cannot(error.to_string()))?;
        self.count();
        Ok(())
    }

    /// Forgets it: it has been cleaned.
    pub(crate) fn remove(&self, leftover: &Leftover) -> Result<(), ProbeError> {
        let removed = match std::fs::remove_file(self.path(leftover)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let text = format!("the record of a left-over that was cleaned cannot be removed: {error}");
                Err(ProbeError::observer(Reason::Other, text))
            }
            _ => Ok(()),
        };
        self.count();
        removed
    }

    /// Those of one scenario. An unreadable record counts for none, but stays and is counted.
    pub(crate) fn of(&self, name: &str) -> Vec<Leftover> {
        let read = |path: &PathBuf| {
            let small = std::fs::metadata(path).is_ok_and(|data| data.len() <= MAX_RECORD);
            let text = small.then(|| std::fs::read(path).ok())??;
            serde_json::from_slice::<Leftover>(&text)
                .ok()
                .filter(|found| found.name == name && self.path(found) == *path)
        };
        self.files().iter().filter_map(read).collect()
    }

    fn count(&self) {
        (self.counted)(self.files().len());
    }

    fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.directory) else { return Vec::new() };
        let paths = entries.flatten().map(|entry| entry.path());
        let mut found: Vec<PathBuf> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "json")).take(MAX_RECORDS).collect();
        found.sort();
        found
    }

    /// Names and runs are letters, digits and hyphens, which is checked where they are made.
    fn path(&self, leftover: &Leftover) -> PathBuf {
        self.directory.join(format!("{}.{}.json", leftover.name, leftover.run))
    }
}

fn put(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |directory| std::fs::File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn records_outlive_the_process_until_they_are_cleaned() {
        let directory = tempfile::tempdir().unwrap();
        let count = Arc::new(AtomicUsize::new(9));
        let open = || {
            let count = Arc::clone(&count);
            Leftovers::new(directory.path().join("leftovers"), move |n| count.store(n, Ordering::SeqCst))
        };
        let one = |run: &str| Leftover { name: "thing".into(), run: run.into(), ..Leftover::default() };
        let journal = open();
        assert_eq!(count.load(Ordering::SeqCst), 0);
        journal.write(&one("1")).unwrap();
        let filled = Leftover { values: BTreeMap::from([("id".to_owned(), "7".to_owned())]), ..one("1") };
        journal.write(&filled).unwrap();
        journal.write(&Leftover { name: "other".into(), ..one("2") }).unwrap();
        std::fs::write(directory.path().join("leftovers/thing.3.json"), "{").unwrap();
        drop(journal);
        let journal = open();
        assert_eq!(count.load(Ordering::SeqCst), 3, "what cannot be read is counted");
        assert_eq!(journal.of("thing"), std::slice::from_ref(&filled));
        journal.remove(&filled).unwrap();
        journal.remove(&filled).unwrap();
        assert_eq!((journal.of("thing").len(), count.load(Ordering::SeqCst)), (0, 2));
    }

    #[test]
    fn what_an_earlier_version_wrote_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let text = r#"{"name":"git.a","run":"1","values":{"branch":"b"},"pending":[]}"#;
        std::fs::write(directory.path().join("git.a.1.json"), text).unwrap();
        let journal = Leftovers::new(directory.path().to_owned(), |_| ());
        let found = journal.of("git.a");
        assert_eq!((found.len(), found[0].values["branch"].as_str(), &found[0].address), (1, "b", &None));
        assert!(!found[0].may_still_come(Timestamp(0)));
    }

    #[test]
    fn what_was_not_heard_may_come_for_a_minute() {
        let record = Leftover { unheard_until: Some(5000), ..Leftover::default() };
        // Written by a clock that was ahead by hours: it says nothing.
        for (now_ms, may) in [(0, true), (5000, true), (64_999, true), (65_000, false), (-86_400_000, false)] {
            assert_eq!(record.may_still_come(Timestamp(now_ms)), may, "{now_ms}");
        }
    }
}
