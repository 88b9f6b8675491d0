//! The command line, against the built binary.

mod check;
mod explain;
mod settings;
mod terminal;
mod validate;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Two items that pass, one that fails, three that nothing can be said about.
const ITEMS: &str = r#"
checklists:
  c:
    title: C
    targets: { db: "the database" }
    sections: { a: A, b: B }
    gates:
      good: { title: Good, items: [a.there, b.gone] }
      all: { title: All }
    items:
      a.there: { title: There, priority: high, check: { file: { path: /etc/passwd } } }
      a.missing: { title: "Missing <&>", priority: low, check: { file: { path: /nonexistent/x } } }
      a.lag: { title: Lag, priority: high, check: { postgres: { target: db } } }
      a.size: { title: Size, priority: high, check: { postgres: { target: db } } }
      b.gone: { title: Gone, priority: high, check: { file: { path: /nonexistent/y, must: be_absent } } }
      b.later: { title: Later, priority: low }
"#;

/// A folder with a catalogue, in which commands run.
struct Place {
    folder: tempfile::TempDir,
    config: PathBuf,
}

/// What a command said and how it ended.
struct Said {
    out: String,
    err: String,
    code: i32,
}

impl Place {
    fn new(catalogue: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let config = folder.path().join("root.yaml");
        std::fs::write(&config, catalogue).expect("catalogue");
        Self { folder, config }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("file");
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command.current_dir(self.folder.path()).args(arguments).arg("--config.file").arg(&self.config);
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output())
    }
}

/// The binary with nothing of the environment that is a setting or about colour.
fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_readiness-exporter"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("READINESS__") || name == "NO_COLOR" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Said {
    said(binary().args(arguments).output())
}

fn said(output: std::io::Result<Output>) -> Said {
    let output = output.expect("the binary runs");
    Said {
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
        code: output.status.code().expect("an exit code"),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
