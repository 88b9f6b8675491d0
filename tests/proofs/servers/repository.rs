//! A repository of the product, read where it lies, and over the network from git's own daemon.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::Server;

pub(crate) struct Repository {
    directory: PathBuf,
    port: u16,
    daemon: Option<Child>,
}

/// A product whose documents are younger than its structure.
const GOOD: [(&str, &str, &str); 3] = [
    ("packages/api/package.json", "{}\n", "400 days ago"),
    ("proto/agent.proto", "syntax = \"proto3\";\n", "60 days ago"),
    ("docs/ARCHITECTURE.md", "# Architecture\n", "40 days ago"),
];

impl Repository {
    pub(crate) fn start(directory: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut made = Self { directory: directory.to_owned(), port, daemon: None };
        made.restore().expect("a repository");
        made
    }

    fn path(&self) -> PathBuf {
        self.directory.join("parallax")
    }

    fn git(&self, arguments: &[&str], when: &str) -> Result<(), String> {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.path());
        command.args(["-c", "user.name=proofs", "-c", "user.email=proofs@example.org", "-c", "commit.gpgsign=false"]);
        if !when.is_empty() {
            let said = Command::new("date").args(["-u", "-d", when, "+%Y-%m-%dT%H:%M:%SZ"]).output();
            let at = String::from_utf8_lossy(&said.map_err(|error| error.to_string())?.stdout).trim().to_owned();
            command.env("GIT_COMMITTER_DATE", &at).env("GIT_AUTHOR_DATE", &at);
        }
        let done = command.args(arguments).output().map_err(|error| error.to_string())?;
        if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    }

    fn commit(&self, path: &str, text: &str, when: &str) -> Result<(), String> {
        let file = self.path().join(path);
        let folder = file.parent().ok_or("no folder")?;
        fs::create_dir_all(folder).and_then(|()| fs::write(&file, text)).map_err(|error| error.to_string())?;
        self.git(&["add", "-A"], "")?;
        self.git(&["commit", "-q", "-m", "A change"], when)
    }

    fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// Not `git daemon`, whose child would outlive it.
    fn serve(&mut self) -> Result<(), String> {
        let said = Command::new("git").arg("--exec-path").output().map_err(|error| error.to_string())?;
        let program = Path::new(String::from_utf8_lossy(&said.stdout).trim()).join("git-daemon");
        let base = self.directory.display();
        let daemon = Command::new(program)
            .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
            .args([format!("--port={}", self.port), format!("--base-path={base}"), format!("{base}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        self.daemon = Some(daemon);
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("git-daemon does not listen".to_owned())
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Server for Repository {
    fn targets(&self) -> Vec<(String, Value)> {
        let address = format!("git://127.0.0.1:{}/parallax", self.port);
        let names = ["parallax.workspace-repo", "parallax.infra-repo"];
        names.map(|name| (name.to_owned(), json!({ "address": address }))).into()
    }

    fn parameters(&self) -> Vec<(String, Value)> {
        vec![("repo".to_owned(), json!(self.path()))]
    }

    fn values(&self) -> Vec<(String, String)> {
        let document = self.path().join("docs/PRODUCTION_READINESS_CHECKLIST.md");
        let said = Command::new("git").arg("hash-object").arg(document).output();
        let id = said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default();
        vec![("document".to_owned(), id)]
    }

    /// `stop`, `commit: { path, text, when }`, `rename: branch`.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        let text = |key: &str| argument[key].as_str().unwrap_or_default();
        match verb {
            "stop" => self.stop(),
            "commit" => self.commit(text("path"), text("text"), text("when"))?,
            "rename" => self.git(&["branch", "-m", argument.as_str().ok_or("name a branch")?], "")?,
            _ => return Err(format!("a repository does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        let _ = fs::remove_dir_all(self.path());
        fs::create_dir_all(self.path()).map_err(|error| error.to_string())?;
        self.git(&["init", "-q", "-b", "main"], "")?;
        for (path, text, when) in GOOD {
            self.commit(path, text, when)?;
        }
        if self.daemon.is_none() { self.serve() } else { Ok(()) }
    }
}
