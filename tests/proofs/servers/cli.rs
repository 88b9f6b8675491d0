//! The double of Parallax's command line tool: a script that talks to whatever control plane runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Server;

const SCRIPT: &str = include_str!("../../support/parallax-cli.py");
/// It has every command the checklist names, and works.
const GOOD: &str = "complete";

pub(crate) struct Cli {
    directory: PathBuf,
}

impl Cli {
    pub(crate) fn start(directory: &Path) -> Self {
        let mut this = Self { directory: directory.to_owned() };
        this.restore().expect("the script is written");
        this
    }

    fn program(&self) -> PathBuf {
        self.directory.join("parallax")
    }
}

impl Server for Cli {
    fn parameters(&self) -> Vec<(String, Value)> {
        vec![("cli_bin".to_owned(), json!(self.program()))]
    }

    /// `behave: MODE`, see the script, and `uninstall`.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        let done = match verb {
            "behave" => fs::write(self.directory.join("mode"), argument.as_str().ok_or("write `behave: MODE`")?),
            "uninstall" => fs::remove_file(self.program()),
            _ => return Err(format!("the tool's double does not understand `{verb}`")),
        };
        done.map_err(|error| error.to_string())
    }

    fn restore(&mut self) -> Result<(), String> {
        let program = self.program();
        fs::write(&program, SCRIPT)
            .and_then(|()| fs::set_permissions(&program, fs::Permissions::from_mode(0o755)))
            .and_then(|()| fs::write(self.directory.join("mode"), GOOD))
            .map_err(|error| error.to_string())
    }
}
