//! `/proc`, read with bounds. Processes come and go while it is read; one that vanishes is left
//! out. Call it on a blocking thread only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use regex::Regex;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::model::Reason;
use crate::probe::ProbeError;

use super::Seen;

/// Entries of `/proc` looked at.
const PROCESSES: usize = 65_536;
/// Open files of one process counted, and searched for sockets.
const OPEN_FILES: usize = 65_536;
/// Parents of one process looked at.
const GENERATIONS: usize = 256;
/// Bytes read of one file of `/proc`.
const FILE_BYTES: u64 = 1 << 20;
/// The tables of sockets may be long.
pub(super) const SOCKET_BYTES: u64 = 16 << 20;

/// Which processes.
#[derive(Clone, Debug)]
pub(in crate::probe::kinds) enum Which {
    Matching(Regex),
    /// The process whose id stands in this file.
    PidFile(std::path::PathBuf),
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::probe::kinds) struct Found {
    /// Ascending. The exporter itself counts like any other: a pattern comes from the catalogue, so it
    /// does not stand on the command line that it is matched with.
    pub(in crate::probe::kinds) pids: Vec<u32>,
    /// There are processes that the exporter may not see, so there may be more.
    pub(in crate::probe::kinds) hidden: bool,
}

pub(in crate::probe::kinds) fn find(which: &Which) -> Result<Found, ProbeError> {
    match which {
        Which::Matching(pattern) => matching(Path::new("/proc"), pattern),
        Which::PidFile(path) => Ok(Found { pids: from_pid_file(path)?.into_iter().collect(), hidden: false }),
    }
}

/// All processes, and whether some are hidden.
pub(super) fn all(proc: &Path) -> Result<(Vec<u32>, bool), ProbeError> {
    let entries = fs::read_dir(proc).map_err(|error| {
        let sentence = format!("{} cannot be read: {}", proc.display(), error.kind());
        ProbeError::observer(Reason::PermissionDenied, sentence)
    })?;
    let all: Vec<u32> =
        entries.take(PROCESSES + 1).filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    // Mounted with `hidepid`, /proc lacks the first process, which is always there, or its details.
    let hidden = !all.contains(&1) || all.len() > PROCESSES;
    Ok((all, hidden))
}

pub(super) fn matching(proc: &Path, pattern: &Regex) -> Result<Found, ProbeError> {
    let (all, hidden) = all(proc)?;
    let mut found = Found { pids: Vec::new(), hidden };
    for pid in all {
        match command_line(&proc.join(pid.to_string())) {
            Ok(line) if !line.is_empty() && pattern.is_match(&line) => found.pids.push(pid),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => found.hidden = true,
            Ok(_) | Err(_) => {}
        }
    }
    found.pids.sort_unstable();
    Ok(found)
}

/// None if the file is not there, or names a process that is not there.
fn from_pid_file(path: &Path) -> Result<Option<u32>, ProbeError> {
    let shown = path.display();
    let text = match read(path, 64) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let reason = match error.kind() {
                ErrorKind::PermissionDenied => Reason::PermissionDenied,
                _ => Reason::Other,
            };
            return Err(ProbeError::observer(reason, format!("{shown} cannot be read: {}", error.kind())));
        }
    };
    let first = text.lines().next().unwrap_or("").trim();
    let pid: u32 =
        first.parse().map_err(|_| ProbeError::observer(Reason::Invalid, format!("{shown} holds no process id")))?;
    match command_line(&proc(pid, "")) {
        Ok(line) => Ok((!line.is_empty()).then_some(pid)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(unseen(pid, &shown)),
        // Hidden, or not there at all: the kernel tells without /proc.
        Err(_) => {
            let there = i32::try_from(pid).ok().and_then(Pid::from_raw).map(test_kill_process);
            if there == Some(Err(Errno::PERM)) { Err(unseen(pid, &shown)) } else { Ok(None) }
        }
    }
}

fn unseen(pid: u32, file: &dyn std::fmt::Display) -> ProbeError {
    let sentence = format!("{file} names process {pid}, which the exporter is not permitted to see");
    ProbeError::observer(Reason::PermissionDenied, sentence)
}

/// Arguments joined by spaces; empty for kernel threads and zombies.
fn command_line(process: &Path) -> io::Result<String> {
    let raw = read(&process.join("cmdline"), 64 * 1024)?;
    let line = raw.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    Ok(line.trim_end().to_owned())
}

/// The environment a process was started with.
pub(in crate::probe::kinds) fn environment(pid: u32) -> Result<BTreeMap<String, String>, ProbeError> {
    let raw = read(&proc(pid, "environ"), FILE_BYTES).map_err(|error| {
        let reason = match error.kind() {
            ErrorKind::PermissionDenied => Reason::PermissionDenied,
            _ => Reason::Missing,
        };
        ProbeError::observer(reason, format!("the environment of process {pid} cannot be read: {}", error.kind()))
    })?;
    // A program may have put its title there, and the kernel shows nothing of a thread of its own.
    if !raw.contains(&b'=') {
        return Err(ProbeError::observer(Reason::NoData, format!("process {pid} shows no environment")));
    }
    if raw.len() as u64 == FILE_BYTES {
        return Err(ProbeError::observer(
            Reason::TooLarge,
            format!("the environment of process {pid} has more than {FILE_BYTES} bytes"),
        ));
    }
    let entries = raw.split(|byte| *byte == 0).filter_map(|entry| {
        let text = String::from_utf8_lossy(entry).into_owned();
        text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
    });
    Ok(entries.collect())
}

/// Everything about one process that may be read; `None` if it has vanished.
pub(super) fn describe(pid: u32) -> Option<Seen> {
    let stat = String::from_utf8_lossy(&read(&proc(pid, "stat"), 4096).ok()?).into_owned();
    let status = String::from_utf8_lossy(&read(&proc(pid, "status"), 16 * 1024).ok()?).into_owned();
    // The name is in parentheses and may hold anything, parentheses too.
    let (before, after) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = after.split(' ').collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<i64>().ok());
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next());
    let uptime = String::from_utf8_lossy(&read(Path::new("/proc/uptime"), 128).ok()?).into_owned();
    let uptime: f64 = uptime.split(' ').next()?.parse().ok()?;
    let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
    let started = field(22)? as f64 / ticks;
    let (open_fds, sockets) = open_files(pid);
    Some(Seen {
        pid,
        ppid: u32::try_from(field(4)?).unwrap_or(0),
        name: before.split_once(" (").map_or("", |(_, name)| name).to_owned(),
        uid: line("Uid:")?.parse().ok()?,
        age_s: (uptime - started).max(0.0),
        started_s: started,
        threads: u64::try_from(field(20)?).unwrap_or(0),
        rss_bytes: line("VmRSS:").and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024),
        open_fds,
        max_fds: max_files(pid),
        state: fields.first().map_or("", |state| *state).to_owned(),
        listening: sockets.as_ref().map(|sockets| listening(pid, sockets)),
        session: u32::try_from(field(6)?).unwrap_or(0),
        tty: field(7)? != 0,
        tty_number: u32::try_from(field(7)?).unwrap_or(0),
        unreadable: if open_fds.is_none() { vec!["open files".to_owned()] } else { Vec::new() },
    })
}

/// The user a process runs as.
pub(super) fn user(pid: u32) -> Option<u32> {
    Some(fs::metadata(proc(pid, "")).ok()?.uid())
}

/// Its parent, the parent of that, and so on.
pub(super) fn ancestors(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut at = pid;
    while let Some(parent) = parent(at).filter(|parent| *parent != 0 && found.len() < GENERATIONS) {
        found.push(parent);
        at = parent;
    }
    found
}

fn parent(pid: u32) -> Option<u32> {
    let stat = String::from_utf8_lossy(&read(&proc(pid, "stat"), 4096).ok()?).into_owned();
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Their count and the inodes of sockets among them; none without permission.
fn open_files(pid: u32) -> (Option<u64>, Option<BTreeSet<u64>>) {
    let Ok(entries) = fs::read_dir(proc(pid, "fd")) else { return (None, None) };
    let mut count = 0;
    let mut sockets = BTreeSet::new();
    for entry in entries.take(OPEN_FILES).flatten() {
        count += 1;
        let inode = fs::read_link(entry.path())
            .ok()
            .and_then(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok());
        sockets.extend(inode);
    }
    (Some(count), Some(sockets))
}

fn max_files(pid: u32) -> Option<u64> {
    let limits = String::from_utf8_lossy(&read(&proc(pid, "limits"), 8192).ok()?).into_owned();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// TCP ports on which one of the sockets listens, in the process's own network.
fn listening(pid: u32, sockets: &BTreeSet<u64>) -> Vec<u16> {
    let mut ports = BTreeSet::new();
    for table in ["net/tcp", "net/tcp6"] {
        let Ok(raw) = read(&proc(pid, table), SOCKET_BYTES) else { continue };
        ports.extend(String::from_utf8_lossy(&raw).lines().skip(1).filter_map(|line| listener(line, sockets)));
    }
    ports.into_iter().collect()
}

fn listener(line: &str, sockets: &BTreeSet<u64>) -> Option<u16> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let inode: u64 = fields.nth(5)?.parse().ok()?;
    let (_, port) = local.rsplit_once(':')?;
    (state == LISTEN && sockets.contains(&inode)).then(|| u16::from_str_radix(port, 16).ok()).flatten()
}

fn proc(pid: u32, file: &str) -> std::path::PathBuf {
    format!("/proc/{pid}/{file}").into()
}

pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_socket_table_is_read() {
        let line =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100";
        assert_eq!(listener(line, &BTreeSet::from([4242])), Some(8080));
        assert_eq!(listener(line, &BTreeSet::from([1])), None);
        assert_eq!(listener(&line.replace(" 0A ", " 01 "), &BTreeSet::from([4242])), None);
        assert_eq!(listener("garbage", &BTreeSet::new()), None);
    }

    #[test]
    fn the_exporter_itself_is_described_in_full() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let own = describe(std::process::id()).unwrap();
        assert!(own.listening.as_ref().is_some_and(|ports| ports.contains(&port)), "{own:?}");
        assert!(own.threads > 0 && own.rss_bytes > 0 && own.open_fds > Some(2) && own.max_fds > Some(2));
        assert!(own.unreadable.is_empty());
    }

    #[test]
    fn what_is_not_there_is_none() {
        assert!(describe(u32::MAX).is_none());
        assert_eq!(find(&Which::PidFile("/nonexistent".into())).unwrap(), Found::default());
        assert_eq!(environment(u32::MAX).unwrap_err().reason, Reason::Missing);
    }

    #[test]
    fn a_proc_without_the_first_process_is_not_all_there_is() {
        let proc = tempfile::tempdir().unwrap();
        let process = |pid: &str, line: &str| {
            fs::create_dir(proc.path().join(pid)).unwrap();
            fs::write(proc.path().join(pid).join("cmdline"), line).unwrap();
        };
        process("4000001", "worker\0--fast\0");
        let look = || matching(proc.path(), &Regex::new("^worker --fast$").unwrap()).unwrap();
        assert_eq!(look(), Found { pids: vec![4_000_001], hidden: true });
        process("1", "init\0");
        assert_eq!(look(), Found { pids: vec![4_000_001], hidden: false });
    }
}
