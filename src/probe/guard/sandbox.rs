//! Runs a program without a shell: own process group, nearly empty environment, bounded output,
//! and an end at the deadline whatever the program does.
//!
//! It is no security boundary: the program has the rights of the daemon. A descendant that makes
//! a session of its own escapes the group, but cannot hold up the run.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

use crate::model::Reason;
use crate::probe::ProbeError;

/// How long output is awaited after the program itself has ended.
const LINGER: Duration = Duration::from_millis(250);
/// The search path if the daemon has none.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// One program run.
#[derive(Debug, Default)]
pub(in crate::probe) struct Job {
    pub(in crate::probe) argv: Vec<String>,
    /// Added to `PATH` and `LANG`, which are all that is passed on.
    pub(in crate::probe) env: BTreeMap<String, String>,
    pub(in crate::probe) cwd: Option<PathBuf>,
    pub(in crate::probe) stdin: Option<Vec<u8>>,
    /// Bytes kept of each of the two streams; more is read and thrown away.
    pub(in crate::probe) max_output: usize,
}

/// How it ended.
#[derive(Debug)]
pub(in crate::probe) struct Ended {
    /// Absent if a signal ended it.
    pub(in crate::probe) exit_code: Option<i32>,
    pub(in crate::probe) signal: Option<i32>,
    pub(in crate::probe) stdout: Stream,
    pub(in crate::probe) stderr: Stream,
    pub(in crate::probe) duration: Duration,
}

#[derive(Debug, Default)]
pub(in crate::probe) struct Stream {
    pub(in crate::probe) bytes: Vec<u8>,
    /// More was written than kept, or a descendant still held the pipe.
    pub(in crate::probe) truncated: bool,
}

/// Kills the group when the run is over, cut off or cancelled. The group is named after the
/// program's own id, which stays taken while any member lives.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // An empty group is the normal case.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Runs the job to its end. Fails only if it could not be started or did not end in time; both
/// are the observer's fault.
pub(in crate::probe) async fn run(job: Job, deadline: Instant) -> Result<Ended, ProbeError> {
    let program = job.argv.first().cloned().unwrap_or_default();
    let started = Instant::now();
    let mut child = command(&job)?.spawn().map_err(|error| cannot_start(&program, error.kind()))?;
    let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
    let ended = timeout_at(deadline, to_the_end(&mut child, job, started)).await;
    drop(group);
    match ended {
        Ok(Ok(ended)) => Ok(ended),
        Ok(Err(error)) => Err(ProbeError::internal(format!("{program} could not be awaited: {}", error.kind()))),
        Err(_) => {
            let after = started.elapsed().as_secs_f64();
            Err(ProbeError::observer(Reason::Timeout, format!("{program} was killed after {after:.1} s")))
        }
    }
}

fn command(job: &Job) -> Result<Command, ProbeError> {
    let Some((program, arguments)) = job.argv.split_first() else {
        return Err(ProbeError::unconfigured("no program is configured"));
    };
    let inherited = |name: &str| std::env::var_os(name);
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", inherited("PATH").unwrap_or_else(|| DEFAULT_PATH.into()))
        .env("LANG", inherited("LANG").unwrap_or_else(|| "C.UTF-8".into()))
        .envs(&job.env)
        .stdin(if job.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(cwd) = &job.cwd {
        command.current_dir(cwd);
    }
    Ok(command)
}

fn cannot_start(program: &str, kind: ErrorKind) -> ProbeError {
    let reason = match kind {
        ErrorKind::NotFound => Reason::Missing,
        ErrorKind::PermissionDenied => Reason::PermissionDenied,
        _ => Reason::Internal,
    };
    ProbeError::observer(reason, format!("{program} could not be started: {kind}"))
}

async fn to_the_end(child: &mut Child, job: Job, started: Instant) -> std::io::Result<Ended> {
    let (mut stdout, mut stderr) = (Stream::default(), Stream::default());
    let input = child.stdin.take().zip(job.stdin);
    let feed = async {
        if let Some((mut pipe, bytes)) = input {
            // A program that does not read its input is no error.
            let _ = pipe.write_all(&bytes).await;
        }
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut status: Option<ExitStatus> = None;
    {
        let streams = async {
            tokio::join!(feed, drain(out, &mut stdout, job.max_output), drain(err, &mut stderr, job.max_output))
        };
        tokio::pin!(streams);
        let mut drained = false;
        while status.is_none() {
            tokio::select! {
                done = child.wait() => status = Some(done?),
                _ = &mut streams, if !drained => drained = true,
            }
        }
        if !drained && timeout(LINGER, &mut streams).await.is_err() {
            // A descendant holds a pipe. What was read so far counts.
        }
    }
    let status = status.unwrap_or_default();
    Ok(Ended { exit_code: status.code(), signal: status.signal(), stdout, stderr, duration: started.elapsed() })
}

/// Reads to the end and keeps the first `limit` bytes. `truncated` is set until the end is seen.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, into: &mut Stream, limit: usize) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 8192];
    let mut over = false;
    into.truncated = true;
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        let keep = read.min(limit.saturating_sub(into.bytes.len()));
        into.bytes.extend_from_slice(buffer.get(..keep).unwrap_or(&[]));
        over |= keep < read;
    }
    into.truncated = over;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Job {
        Job { argv: ["/bin/sh", "-c", script].map(str::to_owned).into(), max_output: 1024, ..Job::default() }
    }

    async fn within(job: Job, ms: u64) -> Result<Ended, ProbeError> {
        run(job, Instant::now() + Duration::from_millis(ms)).await
    }

    fn alive(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    async fn dies(pid: &str) -> bool {
        for _ in 0..200 {
            if !alive(pid) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    #[tokio::test]
    async fn reports_exit_code_and_both_streams() {
        let ended = within(sh("echo out; echo err >&2; exit 3"), 5000).await.unwrap();
        assert_eq!((ended.exit_code, ended.signal), (Some(3), None));
        assert_eq!((ended.stdout.bytes.as_slice(), ended.stderr.bytes.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
        assert!(!ended.stdout.truncated && !ended.stderr.truncated);
    }

    #[tokio::test]
    async fn passes_on_nothing_but_path_lang_and_what_is_given() {
        let mut job = Job { argv: vec!["/usr/bin/env".to_owned()], max_output: 4096, ..Job::default() };
        job.env.insert("GIVEN".to_owned(), "yes".to_owned());
        let ended = within(job, 5000).await.unwrap();
        let text = String::from_utf8(ended.stdout.bytes).unwrap();
        let mut names: Vec<&str> = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(names, ["GIVEN", "LANG", "PATH"]);
    }

    #[tokio::test]
    async fn input_reaches_the_program_and_a_deaf_one_does_no_harm() {
        let job = Job { stdin: Some(b"hello".to_vec()), ..sh("cat") };
        assert_eq!(within(job, 5000).await.unwrap().stdout.bytes, b"hello");
        let job = Job { stdin: Some(vec![b'x'; 1 << 20]), ..sh("exit 0") };
        assert_eq!(within(job, 5000).await.unwrap().exit_code, Some(0));
    }

    #[tokio::test]
    async fn a_flood_is_cut_but_does_not_block_the_program() {
        let ended = within(sh("head -c 3000000 /dev/zero; echo done >&2"), 10_000).await.unwrap();
        assert_eq!((ended.exit_code, ended.stdout.bytes.len(), ended.stdout.truncated), (Some(0), 1024, true));
        assert_eq!(ended.stderr.bytes, b"done\n");
    }

    #[tokio::test]
    async fn the_whole_group_dies_at_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 100 & echo $! > {}; wait", file.display());
        let error = within(sh(&script), 500).await.unwrap_err();
        assert_eq!(error.reason, Reason::Timeout);
        let pid = std::fs::read_to_string(&file).unwrap();
        assert!(dies(pid.trim()).await);
    }

    #[tokio::test]
    async fn the_whole_group_dies_when_the_run_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 100 & echo $! > {}; wait", file.display());
        let cut = timeout(Duration::from_millis(500), within(sh(&script), 60_000)).await;
        assert!(cut.is_err());
        let pid = std::fs::read_to_string(&file).unwrap();
        assert!(dies(pid.trim()).await);
    }

    #[tokio::test]
    async fn a_daemonized_descendant_that_holds_the_pipe_does_not_hang_the_run() {
        let started = Instant::now();
        let ended = within(sh("echo early; sleep 60 & exit 0"), 20_000).await.unwrap();
        assert_eq!((ended.exit_code, ended.stdout.bytes.as_slice()), (Some(0), &b"early\n"[..]));
        assert!(ended.stdout.truncated && started.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn one_that_left_the_group_and_holds_the_pipe_does_not_hang_the_run_either() {
        let started = Instant::now();
        let ended = within(sh("setsid sleep 5 & echo early; exit 0"), 20_000).await.unwrap();
        assert_eq!((ended.exit_code, ended.stdout.truncated), (Some(0), true));
        assert!(started.elapsed() < Duration::from_secs(4));
        // The program itself waits for it: then the deadline ends the run.
        let started = Instant::now();
        let error = within(sh("setsid sleep 5 & wait"), 300).await.unwrap_err();
        assert!(error.reason == Reason::Timeout && started.elapsed() < Duration::from_secs(3));
    }

    #[tokio::test]
    async fn a_signal_is_told_apart_from_an_exit() {
        let ended = within(sh("kill -9 $$"), 5000).await.unwrap();
        assert_eq!((ended.exit_code, ended.signal), (None, Some(9)));
    }

    #[tokio::test]
    async fn what_cannot_start_is_the_observers_fault() {
        let job = |program: &str| Job { argv: vec![program.to_owned()], ..Job::default() };
        assert_eq!(within(job("/nonexistent/program"), 1000).await.unwrap_err().reason, Reason::Missing);
        assert_eq!(within(job("/etc/passwd"), 1000).await.unwrap_err().reason, Reason::PermissionDenied);
        assert_eq!(within(Job::default(), 1000).await.unwrap_err().reason, Reason::Unconfigured);
    }
}
