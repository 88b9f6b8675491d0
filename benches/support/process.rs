//! A child process: what it uses, and its end.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// Stopped by its pid when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts `command`; what it says goes to the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let output = File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let name = command.get_program().to_owned();
        let child = command.spawn().with_context(|| format!("start {name:?}; `scripts/setup bench` installs it"))?;
        Ok(Self(child))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// User and system time of all its threads so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = super::read(Path::new(&format!("/proc/{}/stat", self.0.id())))?;
        // The name stands in parentheses and may hold spaces; `utime` and `stime` are the 14th and 15th field.
        let after_name = stat.rsplit_once(')').context("stat without a name")?.1;
        let ticks: u64 =
            after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
    }

    /// Bytes in memory now, and at most so far.
    pub(crate) fn memory(&self) -> Result<(u64, u64)> {
        let status = super::read(Path::new(&format!("/proc/{}/status", self.0.id())))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
            let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
            anyhow::Ok(kib * 1024)
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let begun = Instant::now();
        while !self.has_ended() && begun.elapsed() < Duration::from_secs(20) {
            sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
