//! redis-cli as the default user, over the Unix socket of one server.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Those that were not waited for.
#[derive(Default)]
struct Running(Mutex<Vec<Child>>);

#[derive(Clone)]
pub(super) struct Tool {
    socket: PathBuf,
    password: &'static str,
    running: Arc<Running>,
}

impl Tool {
    pub(super) fn new(socket: PathBuf, password: &'static str) -> Self {
        Self { socket, password, running: Arc::default() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(&self.socket).arg("-e").env("REDISCLI_AUTH", self.password);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What is answered, or the error.
    pub(super) fn run(&self, words: &[&str]) -> Result<String, String> {
        let done = self.command().args(words).output().map_err(|error| format!("redis-cli: {error}"))?;
        let said = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        if done.status.success() && !said.starts_with("ERR") {
            return Ok(said);
        }
        Err(format!("{said}{}", String::from_utf8_lossy(&done.stderr).trim()))
    }

    /// Many commands, one a line; the answers are not looked at.
    pub(super) fn pipe(&self, lines: &str) -> Result<(), String> {
        let mut child =
            self.command().stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        let mut input = child.stdin.take().ok_or("no input")?;
        input.write_all(lines.as_bytes()).map_err(|error| error.to_string())?;
        drop(input);
        child.wait().map(drop).map_err(|error| error.to_string())
    }

    /// Does not wait for the end.
    pub(super) fn start(&self, words: &[&str]) {
        let child = self.command().args(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.running.0.lock().expect("tools").extend(child);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for mut child in self.0.get_mut().map(std::mem::take).unwrap_or_default() {
            // Ended already: nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
