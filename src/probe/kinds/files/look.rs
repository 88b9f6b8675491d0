//! Blocking looks at many files, with a bound on how many and how long. Call on a blocking thread only.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::kinds::file::look::{Seen, file_system, seen};

use super::{DESCRIBED, Entry, Facts, Kind};

/// How deep the age of a folder is looked for at most.
pub(super) const LEVELS: usize = 8;
/// Entries looked at in all.
const ENTRIES: usize = 100_000;

pub(super) struct Wanted {
    pub(super) paths: Vec<String>,
    pub(super) kind: Kind,
    pub(super) levels: usize,
    pub(super) now_s: f64,
    pub(super) until: Instant,
}

/// How much may still be looked at.
struct Budget {
    entries: usize,
    until: Instant,
}

pub(super) fn all(wanted: &Wanted, filesystem: bool) -> Result<Facts, ProbeError> {
    let mut budget = Budget { entries: ENTRIES, until: wanted.until };
    let (mut found, mut missing): (Vec<(PathBuf, Seen, f64)>, Vec<String>) = (Vec::new(), Vec::new());
    for text in &wanted.paths {
        let is_pattern = text.contains(['*', '?', '[']);
        for path in matching(text, is_pattern)? {
            budget.spend(&path)?;
            // One that a pattern found and that is gone again is none.
            let Some(one) = seen(&path)? else {
                if !is_pattern {
                    missing.push(text.clone());
                }
                continue;
            };
            let fits = match wanted.kind {
                Kind::Any => true,
                Kind::File => one.kind == "file",
                Kind::Directory => one.kind == "directory",
            };
            if fits || !is_pattern {
                let newest = newest(&path, one.modified_s, wanted.levels, &mut budget)?;
                found.push((path, one, newest));
            }
        }
    }
    // Newest first.
    found.sort_by(|one, other| other.2.total_cmp(&one.2));
    let age = |entry: Option<&(PathBuf, Seen, f64)>| entry.map(|(_, _, newest)| wanted.now_s - newest);
    let mut earlier: Vec<u64> = found.iter().skip(1).take(5).map(|(_, one, _)| one.size).collect();
    earlier.sort_unstable();
    let describe = |(path, one, newest): &(PathBuf, Seen, f64)| {
        Ok(Entry {
            path: path.display().to_string(),
            kind: one.kind.to_owned(),
            size_bytes: one.size,
            age_s: wanted.now_s - newest,
            mode: format!("{:04o}", one.mode_bits),
            uid: one.uid,
            filesystem: if filesystem { Some(file_system(path)?) } else { None },
        })
    };
    Ok(Facts {
        count: found.len(),
        missing,
        newest_age_s: age(found.first()),
        oldest_age_s: age(found.last()),
        newest_size_bytes: found.first().map(|(_, one, _)| one.size),
        median_size_bytes: earlier.get(earlier.len() / 2).copied(),
        files: found.iter().take(DESCRIBED).map(describe).collect::<Result<_, ProbeError>>()?,
    })
}

fn matching(text: &str, is_pattern: bool) -> Result<Vec<PathBuf>, ProbeError> {
    if !is_pattern {
        return Ok(vec![text.into()]);
    }
    let paths = glob::glob(text).map_err(|error| ProbeError::unconfigured(format!("{text}: {}", error.msg)))?;
    let mut found = Vec::new();
    for path in paths.take(ENTRIES + 1) {
        found.push(path.map_err(|error| closed(error.path(), error.error().kind()))?);
    }
    Ok(found)
}

/// The latest change of the path and of what is in it.
fn newest(path: &Path, own: f64, levels: usize, budget: &mut Budget) -> Result<f64, ProbeError> {
    if levels == 0 || !path.is_dir() || path.is_symlink() {
        return Ok(own);
    }
    let mut latest = own;
    let entries = fs::read_dir(path).map_err(|error| closed(path, error.kind()))?;
    for entry in entries {
        let path = entry.map_err(|error| closed(path, error.kind()))?.path();
        budget.spend(&path)?;
        // A link says nothing about what it leads to, which may be outside.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = modified.map_or(own, |since| since.as_secs_f64());
        latest = latest.max(newest(&path, modified, levels - 1, budget)?);
    }
    Ok(latest)
}

impl Budget {
    fn spend(&mut self, path: &Path) -> Result<(), ProbeError> {
        if self.entries == 0 {
            let sentence = format!("more than {ENTRIES} entries, the last at {}", path.display());
            return Err(ProbeError::observer(Reason::TooLarge, sentence));
        }
        self.entries -= 1;
        if self.entries.is_multiple_of(256) && Instant::now() > self.until {
            let sentence = format!("looking came no further than {} in time", path.display());
            return Err(ProbeError::observer(Reason::Timeout, sentence));
        }
        Ok(())
    }
}

fn closed(path: &Path, kind: ErrorKind) -> ProbeError {
    let reason = if kind == ErrorKind::PermissionDenied { Reason::PermissionDenied } else { Reason::Other };
    ProbeError::observer(reason, format!("{} cannot be looked into: {kind}", path.display()))
}
