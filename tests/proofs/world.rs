//! The servers that run, and the private directory they live in.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use crate::cases::Step;
use crate::servers::{self, Server};

pub(crate) struct World {
    directory: tempfile::TempDir,
    servers: BTreeMap<String, Box<dyn Server>>,
    /// Those that the cases at hand know of: others run, but are not there for them.
    needed: BTreeSet<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("proofs-").tempdir().expect("a directory");
        // Servers that run as another user must come through.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).expect("mode");
        Self { directory, servers: BTreeMap::new(), needed: BTreeSet::new() }
    }

    /// Starts what does not run yet. From now on only these are there.
    pub(crate) fn need(&mut self, names: &[String]) -> Result<(), String> {
        self.needed = names.iter().cloned().collect();
        for name in names {
            if !self.servers.contains_key(name) {
                let started = Instant::now();
                let place = self.directory.path().join("servers").join(name);
                let server = caught(|| servers::start(name, &place))??;
                println!("started {name} in {:.1} s", started.elapsed().as_secs_f64());
                self.servers.insert(name.clone(), server);
            }
        }
        Ok(())
    }

    /// A private path for what cases make.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn servers(&self) -> impl Iterator<Item = &dyn Server> {
        let needed = self.servers.iter().filter(|(name, _)| self.needed.contains(*name));
        needed.map(|(_, server)| &**server)
    }

    /// `${dir}` and `${server.key}` in every text below `value` are replaced. A name of a server
    /// that does not run is an error that names it.
    pub(crate) fn fill(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill_text(text)?),
            Value::Array(values) => Value::Array(values.iter().map(|v| self.fill(v)).collect::<Result<_, _>>()?),
            Value::Object(map) => {
                let filled = map.iter().map(|(key, v)| Ok((key.clone(), self.fill(v)?)));
                Value::Object(filled.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    pub(crate) fn fill_text(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("`{text}` has no end of `${{`"))?;
            filled += before;
            filled += &self.value(name).ok_or_else(|| format!("`${{{name}}}` is not known"))?;
            rest = after;
        }
        Ok(filled + rest)
    }

    fn value(&self, name: &str) -> Option<String> {
        if name == "dir" {
            return Some(self.directory.path().display().to_string());
        }
        if name == "uid" {
            return Some(rustix::process::geteuid().as_raw().to_string());
        }
        // Times as of now: `${ago:2d}`, `${in:30d}`, and in nanoseconds since 1970 `${ago_ns:2s}`.
        if let Some(span) = name.strip_prefix("ago_ns:") {
            let span = i128::try_from(humantime::parse_duration(span).ok()?.as_nanos()).ok()?;
            return Some((jiff::Timestamp::now().as_nanosecond() - span).to_string());
        }
        if let Some((direction @ ("ago" | "in"), span)) = name.split_once(':') {
            let seconds = i64::try_from(humantime::parse_duration(span).ok()?.as_secs()).ok()?;
            let now = jiff::Timestamp::now().as_second();
            let at = if direction == "ago" { now - seconds } else { now + seconds };
            return Some(jiff::Timestamp::from_second(at).ok()?.to_string());
        }
        let (server, key) = name.split_once('.')?;
        self.servers
            .get(server)
            .filter(|_| self.needed.contains(server))?
            .values()
            .into_iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    /// Does one step.
    pub(crate) fn act(&mut self, step: &Step) -> Result<(), String> {
        let (name, verb, argument) = step.parts()?;
        let argument = self.fill(argument)?;
        let server = self.servers.get_mut(name).ok_or_else(|| format!("`{name}` does not run"))?;
        server.act(verb, &argument).map_err(|error| format!("{name}: {verb}: {error}"))
    }

    /// Puts back the servers that these steps touched.
    pub(crate) fn restore<'a>(&mut self, steps: impl Iterator<Item = &'a Step>) -> Result<(), String> {
        let mut names: Vec<&str> = steps.map(|step| step.parts().map(|parts| parts.0)).collect::<Result<_, _>>()?;
        names.sort_unstable();
        names.dedup();
        for name in names {
            if let Some(server) = self.servers.get_mut(name) {
                server.restore().map_err(|error| format!("{name}: cannot be put back: {error}"))?;
            }
        }
        Ok(())
    }
}

/// A panic fails its cases, not the run.
pub(crate) fn caught<T>(start: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(start)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        format!("it panicked: {}", text.unwrap_or("without a word"))
    })
}
