//! Where a workload's environment is read. Blocking.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::model::{Reason, Secret};
use crate::probe::ProbeError;
use crate::probe::guard::seal::seal;
use crate::probe::kinds::file::lines_of_key_value;
use crate::probe::kinds::file::look;
use crate::probe::kinds::process::{pattern, proc};

use proc::Which;

/// The longest file of `KEY=VALUE` lines that is read.
const FILE_BYTES: usize = 1 << 20;

/// The address of a workload.
#[derive(Debug)]
pub(in crate::probe::kinds) enum Source {
    Own,
    Process(Which),
    File(PathBuf),
}

/// What was found.
#[derive(Debug, Default)]
pub(in crate::probe::kinds) struct Found {
    /// The variable and its value, which must not leave this module's callers.
    pub(in crate::probe::kinds) value: Option<(String, Secret)>,
    /// The user the workload runs as, where that is known.
    pub(in crate::probe::kinds) owner: Option<u32>,
    /// Processes that were read; 0 for a file.
    pub(in crate::probe::kinds) processes: usize,
}

/// One process of several, and what it holds.
pub(super) struct Holder {
    pub(super) id: Option<String>,
    /// Sealed.
    pub(super) value: Option<String>,
}

impl Found {
    /// The value of a variable whose value the author of the check declares to be public, such as an
    /// address.
    pub(in crate::probe::kinds) fn public(self) -> Option<String> {
        self.value.map(|(_, value)| value.expose().to_owned())
    }
}

impl Source {
    pub(in crate::probe::kinds) fn parse(address: &str) -> Result<Self, ProbeError> {
        match address.split_once(':') {
            Some(("self", "")) => Ok(Self::Own),
            Some(("process", text)) if !text.is_empty() => {
                Ok(Self::Process(Which::Matching(pattern(text).map_err(ProbeError::unconfigured)?)))
            }
            Some(("pidfile", path)) if path.starts_with('/') => Ok(Self::Process(Which::PidFile(path.into()))),
            Some(("file", path)) if path.starts_with('/') => Ok(Self::File(path.into())),
            _ => Err(ProbeError::unconfigured(
                "the workload's address must be `self:`, `process:<pattern>`, `pidfile:<path>` or `file:<path>`",
            )),
        }
    }

    /// Of each process: who it is by the first of `per` that is set, and the value of the first of `vars`.
    pub(super) fn holders(&self, vars: &[String], per: &[String]) -> Result<Vec<Holder>, ProbeError> {
        let Self::Process(which) = self else {
            let text = "several processes are compared: the workload's address must be `process:<pattern>`";
            return Err(ProbeError::unconfigured(text));
        };
        let found = proc::find(which)?;
        let mut holders = Vec::with_capacity(found.pids.len());
        for pid in &found.pids {
            match proc::environment(*pid) {
                Ok(environment) => {
                    let id = first_set(per, environment.clone()).map(|(_, id)| id.expose().to_owned());
                    holders.push(Holder {
                        id,
                        value: first_set(vars, environment).map(|(_, value)| seal(value.expose())),
                    });
                }
                // One that has just ended says nothing about those that remain.
                Err(error) if error.reason == Reason::Missing => {}
                Err(error) => return Err(error),
            }
        }
        if holders.is_empty() {
            return Err(ProbeError::observer(Reason::Missing, "no process of the workload runs"));
        }
        Ok(holders)
    }

    /// The first of `vars` that is set and not empty. Several processes must agree on it.
    pub(in crate::probe::kinds) fn look_up(&self, vars: &[String]) -> Result<Found, ProbeError> {
        match self {
            Self::Own => {
                let own = |name: &String| std::env::var_os(name)?.into_string().ok().map(|value| (name.clone(), value));
                let environment = vars.iter().filter_map(own).collect();
                Ok(Found { value: first_set(vars, environment), owner: owner_of(std::process::id()), processes: 1 })
            }
            Self::File(path) => {
                let environment = from_file(path)?;
                Ok(Found { value: first_set(vars, environment), ..Found::default() })
            }
            Self::Process(which) => from_processes(which, vars),
        }
    }
}

fn from_processes(which: &Which, vars: &[String]) -> Result<Found, ProbeError> {
    let pids = proc::find(which)?.pids;
    let Some(first) = pids.first() else {
        let what = match which {
            Which::Matching(pattern) => format!("no process matches `{pattern}`"),
            Which::PidFile(path) => format!("no process runs under the id in {}", path.display()),
        };
        return Err(ProbeError::observer(Reason::Missing, what));
    };
    let mut values = Vec::with_capacity(pids.len());
    for pid in &pids {
        match proc::environment(*pid) {
            Ok(environment) => values.push(first_set(vars, environment)),
            // One that has just ended says nothing about those that remain.
            Err(error) if error.reason == Reason::Missing && pids.len() > 1 => {}
            Err(error) => return Err(error),
        }
    }
    if values.is_empty() {
        return Err(ProbeError::observer(Reason::Missing, "all processes of the workload have just ended"));
    }
    let processes = values.len();
    let plain = |value: &Option<(String, Secret)>| {
        value.as_ref().map(|(name, value)| (name.clone(), value.expose().to_owned()))
    };
    let one = values.first().and_then(plain);
    if values.iter().any(|value| plain(value) != one) {
        let sentence = format!("{processes} processes disagree on {}", vars.join(" or "));
        return Err(ProbeError::observer(Reason::Invalid, sentence));
    }
    Ok(Found { value: values.into_iter().next().flatten(), owner: owner_of(*first), processes })
}

fn from_file(path: &Path) -> Result<BTreeMap<String, String>, ProbeError> {
    // That the file is missing or odd says nothing about the workload.
    let bytes = look::read(path, FILE_BYTES).map_err(|error| ProbeError::observer(error.reason, error.detail))?;
    let text = String::from_utf8_lossy(&bytes);
    let pairs = lines_of_key_value(&text).flatten();
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

fn first_set(vars: &[String], mut environment: BTreeMap<String, String>) -> Option<(String, Secret)> {
    vars.iter().find_map(|name| {
        let value = environment.remove(name).filter(|value| !value.is_empty())?;
        Some((name.clone(), Secret::new(value)))
    })
}

fn owner_of(pid: u32) -> Option<u32> {
    std::fs::metadata(format!("/proc/{pid}")).ok().map(|metadata| metadata.uid())
}
