//! A child process that is stopped by its pid, started again with the same arguments, or paused.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a polite end may take before it is made to.
const POLITE: Duration = Duration::from_secs(10);

/// A server in the foreground. `command` makes the same command each time.
pub(crate) struct Process {
    command: Box<dyn Fn() -> Command + Send + Sync>,
    log: PathBuf,
    child: Option<Child>,
    paused: bool,
}

impl Process {
    /// Not started yet. What it prints goes to the end of `log`.
    pub(crate) fn new(log: &Path, command: impl Fn() -> Command + Send + Sync + 'static) -> Self {
        Self { command: Box::new(command), log: log.to_owned(), child: None, paused: false }
    }

    /// Does nothing if it runs.
    pub(crate) fn start(&mut self) {
        if self.is_running() {
            return;
        }
        let output = File::options().create(true).append(true).open(&self.log).expect("log file");
        let mut command = (self.command)();
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("log file")).stderr(output);
        self.child = Some(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
        self.paused = false;
    }

    /// Starts it and waits until `ready` says so.
    pub(crate) fn start_until(&mut self, within: Duration, ready: impl Fn() -> bool) {
        self.start();
        let until = Instant::now() + within;
        while !ready() {
            assert!(self.is_running(), "it ended: {}", self.log());
            assert!(Instant::now() < until, "not ready within {within:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// SIGTERM, and SIGKILL if that is not enough.
    pub(crate) fn stop(&mut self) {
        self.resume();
        self.signal("TERM");
        let until = Instant::now() + POLITE;
        while self.is_running() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Ended already: nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.paused = false;
    }

    /// SIGSTOP: the kernel goes on accepting for it, and nothing answers.
    pub(crate) fn pause(&mut self) {
        self.signal("STOP");
        self.paused = true;
    }

    pub(crate) fn resume(&mut self) {
        if std::mem::take(&mut self.paused) {
            self.signal("CONT");
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn signal(&self, name: &str) {
        if let Some(pid) = self.pid() {
            // It may have ended in the meantime.
            let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
