//! A checkout of the Phoenix Platform as its checklist wants it, with one commit, and the tools that look at it:
//! buf is the real one, the others are a script of ours.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Server;

const SCRIPT: &str = include_str!("../../support/phoenix-tools.py");
/// What the script stands for, by the parameter that names it.
const DOUBLES: [(&str, &str); 5] = [
    ("helm_bin", "helm"),
    ("kubeconform_bin", "kubeconform"),
    ("kustomize_build", "kustomize"),
    ("otelcol_bin", "otelcol"),
    ("config_service", "phoenix-api"),
];

pub(crate) struct Checkout {
    directory: PathBuf,
}

impl Checkout {
    pub(crate) fn start(directory: &Path) -> Self {
        let made = Self { directory: directory.to_owned() };
        let tools = directory.join("tools");
        fs::create_dir_all(&tools).expect("a folder for the tools");
        let script = tools.join("phoenix-tools.py");
        fs::write(&script, SCRIPT).expect("the script is written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it can be run");
        for (_, name) in DOUBLES {
            symlink(&script, tools.join(name)).expect("a name of the script");
        }
        // Cases look at it without rights of their own.
        let scratch = directory.join("scratch");
        fs::create_dir_all(&scratch).expect("a folder for scratch work");
        fs::set_permissions(&scratch, fs::Permissions::from_mode(0o777)).expect("it is open");
        made.lay().expect("a checkout");
        made
    }

    fn repo(&self) -> PathBuf {
        self.directory.join("repo")
    }

    fn lay(&self) -> Result<(), String> {
        let (repo, good) = (self.repo(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/phoenix-repo"));
        let _ = fs::remove_dir_all(&repo);
        run(Command::new("cp").arg("-r").arg(&good).arg(&repo))?;
        // Code as this machine's compiler makes it.
        run(Command::new(buf()).arg("generate").current_dir(&repo).env("HOME", self.directory.join("scratch")))?;
        self.git(&["init", "-q", "-b", "main"])?;
        self.commit()?;
        // Against which changes are held.
        self.git(&["tag", "released"])
    }

    fn git(&self, arguments: &[&str]) -> Result<(), String> {
        self.git_at(arguments, "")
    }

    /// At a time such as `2026-11-22T00:00:00Z`; empty: now.
    fn git_at(&self, arguments: &[&str], at: &str) -> Result<(), String> {
        let who = ["-c", "user.name=proofs", "-c", "user.email=proofs@example.org", "-c", "commit.gpgsign=false"];
        let mut command = Command::new("git");
        command.arg("-C").arg(self.repo()).args(who).args(arguments);
        if !at.is_empty() {
            command.env("GIT_COMMITTER_DATE", at).env("GIT_AUTHOR_DATE", at);
        }
        run(&mut command)
    }

    fn commit(&self) -> Result<(), String> {
        self.commit_at("")
    }

    fn commit_at(&self, at: &str) -> Result<(), String> {
        self.git(&["add", "-A"])?;
        self.git_at(&["commit", "-q", "--allow-empty", "-m", "A release"], at)
    }

    /// All tags but that of what is good.
    fn untag(&self) -> Result<(), String> {
        let said =
            Command::new("git").arg("-C").arg(self.repo()).arg("tag").output().map_err(|error| error.to_string())?;
        let tags = String::from_utf8_lossy(&said.stdout).into_owned();
        tags.lines().filter(|tag| *tag != "released").try_for_each(|tag| self.git(&["tag", "-d", tag]))
    }

    fn commit_of(&self, name: &str) -> String {
        let said = Command::new("git").arg("-C").arg(self.repo()).args(["rev-parse", name]).output();
        said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default()
    }

    fn write(&self, files: &Value) -> Result<(), String> {
        for (path, text) in files.as_object().ok_or("write `{ path: text }`")? {
            let path = self.repo().join(path);
            let done = match text.as_str() {
                Some(text) => {
                    fs::create_dir_all(path.parent().ok_or("no folder")?).and_then(|()| fs::write(&path, text))
                }
                None if path.is_dir() => fs::remove_dir_all(&path),
                None => fs::remove_file(&path),
            };
            done.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// Laid there by `scripts/setup test`.
fn buf() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/phoenix-tools/node_modules/@bufbuild/buf-linux-x64/bin/buf")
}

fn run(command: &mut Command) -> Result<(), String> {
    let done = command.output().map_err(|error| error.to_string())?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

impl Server for Checkout {
    fn parameters(&self) -> Vec<(String, Value)> {
        let mut parameters = vec![
            ("repo".to_owned(), json!(self.repo())),
            ("repo_scratch".to_owned(), json!(self.directory.join("scratch"))),
            ("buf_bin".to_owned(), json!(buf())),
            ("proto_against".to_owned(), json!(".git#tag=released")),
        ];
        let tools = self.directory.join("tools");
        parameters.extend(DOUBLES.map(|(parameter, name)| (parameter.to_owned(), json!(tools.join(name)))));
        parameters
    }

    fn values(&self) -> Vec<(String, String)> {
        // `released` is what is good.
        ["head", "released"]
            .map(|name| (name.to_owned(), self.commit_of(if name == "head" { "HEAD" } else { name })))
            .into()
    }

    /// `commit: { path: text }` and `leave: { path: text }`, which is not committed; null takes a file away.
    /// `replace: { path, from, with }` changes every such text of a file and commits it. `commit_at: { at, files }`
    /// commits in the past, `tag: { name, at }` gives the commit a tag with a date of its own, `age: time` makes all
    /// files as old as that.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        match verb {
            "commit" => self.write(argument).and_then(|()| self.commit()),
            "leave" => self.write(argument),
            "replace" => {
                let text = |key: &str| argument[key].as_str().unwrap_or_default();
                let path = self.repo().join(text("path"));
                let old = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                if !old.contains(text("from")) {
                    return Err(format!("{} has no `{}`", path.display(), text("from")));
                }
                fs::write(&path, old.replace(text("from"), text("with"))).map_err(|error| error.to_string())?;
                self.commit()
            }
            "commit_at" => {
                self.write(&argument["files"])?;
                self.commit_at(argument["at"].as_str().ok_or("say `at`")?)
            }
            "tag" => {
                let text = |key: &str| argument[key].as_str().unwrap_or_default();
                self.git_at(&["tag", "-a", "-m", "A release", text("name")], text("at"))
            }
            "age" => {
                self.git(&["checkout", "-q", "--orphan", "old"])?;
                self.commit_at(argument.as_str().ok_or("say when")?)
            }
            _ => Err(format!("the checkout does not understand `{verb}`")),
        }
    }

    fn restore(&mut self) -> Result<(), String> {
        self.git(&["checkout", "-q", "-f", "main"])?;
        self.git(&["reset", "-q", "--hard", "released"])?;
        let _ = self.git(&["branch", "-q", "-D", "old"]);
        self.untag()?;
        self.git(&["clean", "-qfdx"])
    }
}
