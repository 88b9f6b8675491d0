//! The end of log files, without waiting for anything: no FIFO, no device, and no more than is needed.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::Logs;
use super::sample::{Line, Lines};
use crate::model::Reason;
use crate::probe::{ProbeCx, ProbeError};

/// Bytes read from the end of one file.
const TAIL: u64 = 8 << 20;

pub(super) async fn read(leg: &Logs, cx: &ProbeCx) -> Result<Vec<Lines>, ProbeError> {
    let (paths, wanted) = (leg.paths.clone(), leg.lines);
    leg.lane
        .run(cx, "log files", move || paths.iter().map(|path| newest(path, wanted)).collect::<Result<Vec<_>, _>>())
        .await
}

/// The newest lines of a file, and of the one it was rotated to if they do not suffice.
fn newest(path: &Path, wanted: usize) -> Result<Lines, ProbeError> {
    let (mut lines, mut whole) = tail(path)?;
    if whole && lines.len() < wanted {
        let mut rotated = path.as_os_str().to_owned();
        rotated.push(".1");
        let rotated = PathBuf::from(rotated);
        if fs::metadata(&rotated).is_ok_and(|metadata| metadata.is_file()) {
            let (before, all) = tail(&rotated)?;
            lines.splice(0..0, before);
            whole = all;
        }
    }
    let over = lines.len().saturating_sub(wanted);
    lines.drain(..over);
    let lines = lines.into_iter().map(|text| Line { at_s: None, text }).collect();
    Ok(Lines { name: path.display().to_string(), lines, more: over > 0 || !whole })
}

/// Whole lines at the end, oldest first, and whether that is all of the file.
fn tail(path: &Path) -> Result<(Vec<String>, bool), ProbeError> {
    // Without NONBLOCK the opening of a FIFO would wait for a writer.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let mut file = opened.map_err(|error| cannot(path, &error))?;
    let metadata = file.metadata().map_err(|error| cannot(path, &error))?;
    if !metadata.is_file() {
        return Err(ProbeError::observer(Reason::Invalid, format!("{} is no regular file", path.display())));
    }
    let start = metadata.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start)).map_err(|error| cannot(path, &error))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).map_err(|error| cannot(path, &error))?;
    // What comes after the last line break is still being written.
    let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    bytes.truncate(end);
    let text = String::from_utf8_lossy(&bytes);
    // The first line may have begun before.
    let skipped = usize::from(start > 0);
    let lines = text.lines().skip(skipped).filter(|line| !line.trim().is_empty()).map(str::to_owned);
    Ok((lines.collect(), start == 0))
}

fn cannot(path: &Path, error: &std::io::Error) -> ProbeError {
    let (path, kind) = (path.display(), error.kind());
    match kind {
        // Where a log is written is ours to know.
        ErrorKind::NotFound => ProbeError::observer(Reason::Missing, format!("there is no log file {path}")),
        ErrorKind::PermissionDenied => {
            ProbeError::observer(Reason::PermissionDenied, format!("{path} may not be read by the exporter"))
        }
        _ => ProbeError::observer(Reason::Other, format!("{path} cannot be read: {kind}")),
    }
}
