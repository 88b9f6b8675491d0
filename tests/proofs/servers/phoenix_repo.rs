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
        let who = ["-c", "user.name=proofs", "-c", "user.email=proofs@example.org", "-c", "commit.gpgsign=false"];
        run(Command::new("git").arg("-C").arg(self.repo()).args(who).args(arguments))
    }

    fn commit(&self) -> Result<(), String> {
        self.git(&["add", "-A"])?;
        self.git(&["commit", "-q", "--allow-empty", "-m", "A release"])
    }

    fn head(&self) -> String {
        let said = Command::new("git").arg("-C").arg(self.repo()).args(["rev-parse", "HEAD"]).output();
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
        vec![("head".to_owned(), self.head())]
    }

    /// `commit: { path: text }` and `leave: { path: text }`, which is not committed; null takes a file away.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        match verb {
            "commit" => self.write(argument).and_then(|()| self.commit()),
            "leave" => self.write(argument),
            _ => Err(format!("the checkout does not understand `{verb}`")),
        }
    }

    fn restore(&mut self) -> Result<(), String> {
        self.git(&["reset", "-q", "--hard", "released"])?;
        self.git(&["clean", "-qfdx"])
    }
}
