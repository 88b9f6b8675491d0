//! What the benches share: the daemon, its peers, a client, and how figures are taken and shown.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod api_server;
pub(crate) mod blackbox;
pub(crate) mod catalogue;
pub(crate) mod client;
pub(crate) mod daemon;
pub(crate) mod figures;
pub(crate) mod nginx;
pub(crate) mod process;
pub(crate) mod report;
pub(crate) mod samples;

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Asks until `there` says yes; an error names `what` after `within`.
pub(crate) fn wait_until(what: &str, within: Duration, mut there: impl FnMut() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !there() {
        if begun.elapsed() > within {
            bail!("{what}: not within {within:?}");
        }
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// A directory that servers may read after they have dropped their privileges.
pub(crate) fn directory() -> Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::Builder::new().prefix("readiness-bench-").tempdir()?;
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755))?;
    Ok(directory)
}

/// What a file holds, with the path in the error.
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}
