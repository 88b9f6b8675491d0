//! Blocking looks at the file system. Call them on a blocking thread only.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{OFlags, StatVfsMountFlags, statvfs};

use crate::model::Reason;
use crate::probe::ProbeError;

use super::{FileSystem, storage};

/// No leg reads more of a file than this.
pub(in crate::probe::kinds) const READ_CEILING: usize = 16 << 20;
/// `/etc/passwd` and `/etc/group` beyond this are not searched.
const NAMES_CEILING: u64 = 1 << 20;

/// What `stat` says, in our words.
pub(in crate::probe::kinds) struct Seen {
    pub(in crate::probe::kinds) kind: &'static str,
    pub(in crate::probe::kinds) size: u64,
    pub(in crate::probe::kinds) mode_bits: u32,
    pub(in crate::probe::kinds) uid: u32,
    pub(in crate::probe::kinds) gid: u32,
    pub(in crate::probe::kinds) modified_s: f64,
}

/// `None` if there is nothing at the path. That it cannot be looked at is an error.
pub(in crate::probe::kinds) fn seen(path: &Path) -> Result<Option<Seen>, ProbeError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(cannot(path, "looked at", &error)),
    };
    let kind = match metadata.file_type() {
        t if t.is_file() => "file",
        t if t.is_dir() => "directory",
        t if t.is_fifo() => "fifo",
        t if t.is_socket() => "socket",
        t if t.is_block_device() || t.is_char_device() => "device",
        _ => "other",
    };
    Ok(Some(Seen {
        kind,
        size: metadata.len(),
        mode_bits: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        modified_s: metadata.mtime() as f64 + metadata.mtime_nsec() as f64 / 1e9,
    }))
}

/// The whole of a regular file of at most `limit` bytes.
pub(in crate::probe::kinds) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, ProbeError> {
    // Without NONBLOCK the opening of a FIFO would wait for a writer.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| cannot(path, "opened", &error))?;
    let metadata = file.metadata().map_err(|error| cannot(path, "looked at", &error))?;
    if !metadata.is_file() {
        let sentence = format!("{} is no regular file and is not read", path.display());
        return Err(ProbeError::target(Reason::Invalid, sentence));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|error| cannot(path, "read", &error))?;
    if bytes.len() > limit {
        let sentence = format!("{} is larger than {limit} bytes", path.display());
        return Err(ProbeError::observer(Reason::TooLarge, sentence));
    }
    Ok(bytes)
}

fn cannot(path: &Path, what: &str, error: &io::Error) -> ProbeError {
    let path = path.display();
    let kind = error.kind();
    match kind {
        ErrorKind::NotFound => ProbeError::target(Reason::Missing, format!("{path} does not exist")),
        ErrorKind::PermissionDenied => ProbeError::observer(
            Reason::PermissionDenied,
            format!("{path} cannot be {what}: the exporter is not permitted"),
        ),
        _ => ProbeError::observer(Reason::Other, format!("{path} cannot be {what}: {kind}")),
    }
}

/// Whether every real parent directory belongs to root or `owner`, and is writable by nobody
/// else unless it is sticky. False if a parent cannot be looked at.
pub(in crate::probe::kinds) fn parents_private(path: &Path, owner: u32) -> bool {
    let Ok(real) = fs::canonicalize(path) else { return false };
    real.ancestors().skip(1).all(|parent| {
        fs::metadata(parent).is_ok_and(|metadata| {
            let (mode, uid) = (metadata.mode(), metadata.uid());
            let sticky = mode & 0o1000 != 0;
            (uid == 0 || uid == owner) && (sticky || mode & 0o022 == 0)
        })
    })
}

/// The name of a user or group by the local file; its number as text if it has none.
pub(in crate::probe::kinds) fn name_of(file: &str, id: u32) -> String {
    let id = id.to_string();
    let mut text = String::new();
    let read = fs::File::open(file).and_then(|file| file.take(NAMES_CEILING).read_to_string(&mut text));
    let by_line = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    };
    read.ok().and_then(|_| text.lines().find_map(by_line)).unwrap_or(id)
}

/// Figures of the file system that holds the path.
pub(in crate::probe::kinds) fn file_system(path: &Path) -> Result<FileSystem, ProbeError> {
    let stat = statvfs(path).map_err(|error| cannot(path, "asked for its file system", &error.into()))?;
    let ratio = |part: u64, whole: u64, empty: f64| if whole == 0 { empty } else { part as f64 / whole as f64 };
    Ok(FileSystem {
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        free_ratio: ratio(stat.f_bavail, stat.f_blocks, 0.0),
        inodes_free_ratio: ratio(stat.f_favail, stat.f_files, 1.0),
        read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
        kind: storage::kind(path).map_err(|error| cannot(path, "asked for its file system", &error))?,
        encrypted: storage::encrypted(path),
    })
}
