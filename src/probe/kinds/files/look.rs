//! Blocking looks at many files, with a bound on how many and how long. Call on a blocking thread only.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use glob::Pattern;
use tokio::time::Instant;

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
    let mut found: Vec<(PathBuf, Seen, f64)> = Vec::new();
    let (mut missing, mut other_kind) = (Vec::new(), Vec::new());
    for text in &wanted.paths {
        let is_pattern = is_pattern(text);
        for path in matching(text, &mut budget)? {
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
            if fits {
                let newest = newest(&path, one.modified_s, wanted.levels, &mut budget)?;
                found.push((path, one, newest));
            } else if !is_pattern {
                other_kind.push(text.clone());
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
        other_kind,
        newest_age_s: age(found.first()),
        oldest_age_s: age(found.last()),
        newest_size_bytes: found.first().map(|(_, one, _)| one.size),
        median_size_bytes: earlier.get(earlier.len() / 2).copied(),
        files: found.iter().take(DESCRIBED).map(describe).collect::<Result<_, ProbeError>>()?,
    })
}

/// Paths that the text stands for, in the order of their names; whether there is something at them is
/// not looked at. Goes through the folders itself: the walk of `glob` takes what is closed for what is
/// not there, and knows no bound.
fn matching(text: &str, budget: &mut Budget) -> Result<Vec<PathBuf>, ProbeError> {
    let mut found = vec![PathBuf::from("/")];
    for part in text.split('/').filter(|part| !part.is_empty()) {
        if !is_pattern(part) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let pattern = Pattern::new(part)
            .map_err(|error| ProbeError::unconfigured(format!("the pattern cannot be used: {}", error.msg)))?;
        let mut below = Vec::new();
        for folder in &found {
            let entries = match fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(error) => return Err(closed(folder, error.kind())),
            };
            for entry in entries {
                let path = entry.map_err(|error| closed(folder, error.kind()))?.path();
                budget.spend(&path)?;
                if path.file_name().is_some_and(|name| pattern.matches(&name.to_string_lossy())) {
                    below.push(path);
                }
            }
        }
        below.sort_unstable();
        found = below;
    }
    Ok(found)
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
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
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            // Gone in the meantime.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(closed(&path, error.kind())),
        };
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
