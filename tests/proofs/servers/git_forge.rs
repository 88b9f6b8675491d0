//! A forge: git's own program behind nginx with TLS and logins; and a server of ssh. Each serves a bare
//! repository of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Server;
use crate::support::forge::{Forge, READER, Sandbox, Sshd, WRITER};

pub(crate) struct GitForge {
    forge: Forge,
    sandbox: Sandbox,
    directory: PathBuf,
}

pub(crate) struct Ssh {
    sshd: Sshd,
    sandbox: Sandbox,
}

impl GitForge {
    pub(crate) fn start(directory: &Path) -> Self {
        let served = directory.join("served");
        std::fs::create_dir_all(&served).expect("directory");
        let sandbox = Sandbox::make(&served);
        let forge = Forge::start(&directory.join("forge"), &served);
        let this = Self { forge, sandbox, directory: directory.to_owned() };
        this.check_out().expect("a checkout");
        this
    }

    fn checkout(&self) -> PathBuf {
        self.directory.join("checkout")
    }

    fn check_out(&self) -> Result<(), String> {
        let _ = std::fs::remove_dir_all(self.checkout());
        let from = self.sandbox.path.display().to_string();
        run(Command::new("git").args(["clone", "-q", &from]).arg(self.checkout()))
    }

    fn git(&self, arguments: &[&str], author: &str, when: &str) -> Result<(), String> {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.checkout()).args(["-c", "commit.gpgsign=false"]).args(arguments);
        let at = Command::new("date")
            .args(["-u", "-d", if when.is_empty() { "now" } else { when }, "+%Y-%m-%dT%H:%M:%SZ"])
            .output()
            .map_err(|error| error.to_string())?;
        let at = String::from_utf8_lossy(&at.stdout).trim().to_owned();
        for (name, value) in [("NAME", if author.is_empty() { "somebody" } else { author }), ("EMAIL", "t@example.org")]
        {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        run(command.env("GIT_AUTHOR_DATE", &at).env("GIT_COMMITTER_DATE", &at))
    }

    /// On `main`, or on a branch of that name which begins there.
    fn commit(&self, argument: &Value) -> Result<(), String> {
        let text = |key: &str| argument[key].as_str().unwrap_or_default();
        let branch = if text("branch").is_empty() { "main" } else { text("branch") };
        if branch != "main" {
            self.git(&["checkout", "-q", "-b", branch, "main"], "", "")?;
        }
        let path = self.checkout().join(if text("path").is_empty() { "change" } else { text("path") });
        let folder = path.parent().ok_or("no folder")?;
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text("text")));
        written.map_err(|error| error.to_string())?;
        self.git(&["add", "-A"], "", "")?;
        self.git(&["commit", "-q", "--allow-empty", "-m", "A change"], text("author"), text("when"))?;
        self.git(&["push", "-q", "origin", branch], "", "")?;
        self.git(&["checkout", "-q", "main"], "", "")
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let done = command.output().map_err(|error| error.to_string())?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

fn hook(sandbox: &Sandbox, argument: &Value) -> Result<(), String> {
    let (name, script) = (argument["name"].as_str(), argument["script"].as_str());
    sandbox.hook(name.ok_or("write `hook: { name, script }`")?, script);
    Ok(())
}

impl Server for GitForge {
    fn targets(&self) -> Vec<(String, Value)> {
        let target = |credential: &str| json!({ "address": self.forge.address(), "credential": credential, "ca": self.forge.ca() });
        vec![
            ("parallax.workspace-repo".to_owned(), target("sandbox-reader")),
            ("parallax.workspace-repo-push".to_owned(), target("sandbox-writer")),
            ("phoenix.config-repo".to_owned(), target("sandbox-writer")),
        ]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        // The forge knows one login by this name, whose token may read and write.
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![pair("sandbox-reader", WRITER.1), pair("sandbox-writer", WRITER.1)]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![
            ("checkout".to_owned(), self.checkout().display().to_string()),
            ("address".to_owned(), self.forge.address()),
            ("reader-token".to_owned(), READER.1.to_owned()),
        ]
    }

    /// `stop`, `pause`, `hook: { name: pre-receive, script }`, `rename: branch`, `check_out` (again), and
    /// `commit: { branch, path, text, author, when }`.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        match verb {
            "stop" => self.forge.nginx.stop(),
            "pause" => self.forge.nginx.pause(),
            "hook" => hook(&self.sandbox, argument)?,
            "commit" => self.commit(argument)?,
            // What a case committed is then not in the checkout.
            "behind" => self.git(&["reset", "-q", "--hard", "HEAD~1"], "", "")?,
            _ => return Err(format!("the forge does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.sandbox.restore();
        self.forge.start_again();
        self.check_out()
    }
}

impl Ssh {
    pub(crate) fn start(directory: &Path) -> Self {
        let sandbox = Sandbox::make(directory);
        Self { sshd: Sshd::start(&directory.join("ssh")), sandbox }
    }
}

impl Server for Ssh {
    fn targets(&self) -> Vec<(String, Value)> {
        vec![("parallax.workspace-repo-ssh".to_owned(), json!({ "address": self.sshd.address(&self.sandbox.path) }))]
    }

    fn parameters(&self) -> Vec<(String, Value)> {
        vec![
            ("workspace_ssh".to_owned(), json!(true)),
            ("workspace_ssh_key".to_owned(), json!(self.sshd.file("user"))),
            ("workspace_ssh_known_hosts".to_owned(), json!(self.sshd.file("known_hosts"))),
        ]
    }

    fn values(&self) -> Vec<(String, String)> {
        let files = ["user", "stranger", "known_none", "loose"];
        files.iter().map(|name| ((*name).to_owned(), self.sshd.file(name).display().to_string())).collect()
    }

    /// `stop`, `pause`, `host_key: other-host`, `no_repository`.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        match verb {
            "stop" => self.sshd.process.stop(),
            "pause" => self.sshd.process.pause(),
            "host_key" => self.sshd.serve(argument.as_str().ok_or("write `host_key: other-host`")?),
            "no_repository" => std::fs::remove_dir_all(&self.sandbox.path).map_err(|error| error.to_string())?,
            _ => return Err(format!("ssh does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.sandbox.restore();
        self.sshd.serve("host");
        Ok(())
    }
}
