//! The root file that points the shipped catalogue at what runs, with what a case says otherwise.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::cases::{Content, Detailed, With};
use crate::world::World;

/// One deployment. Its processes and files are gone when it is dropped.
pub(crate) struct Deployment {
    /// The root file.
    pub(crate) root: PathBuf,
    workloads: Vec<Child>,
    files: Vec<PathBuf>,
}

/// The good world of a checklist, and what was laid over it.
#[derive(Default)]
struct Layers {
    parameters: Map<String, Value>,
    targets: Map<String, Value>,
    credentials: BTreeMap<String, String>,
    env: BTreeMap<String, BTreeMap<String, String>>,
    files: BTreeMap<String, Content>,
    attestations: Vec<Value>,
    waivers: Vec<Value>,
}

impl Deployment {
    /// Lays `layers`, the good world first, over what the servers say of themselves. `shipped` is
    /// the file of the checklist.
    pub(crate) fn make(world: &World, checklist: &str, shipped: &Path, layers: &[&With]) -> Result<Self, String> {
        let mut all = Layers::default();
        for server in world.servers() {
            let prefix = format!("{checklist}.");
            let own = |(name, target): (String, Value)| Some((name.strip_prefix(&prefix)?.to_owned(), target));
            all.targets.extend(server.targets().into_iter().filter_map(own));
            all.credentials.extend(server.credentials());
            all.parameters.extend(server.parameters());
        }
        for (depth, layer) in layers.iter().enumerate() {
            all.lay(world, layer, depth == 0)?;
        }
        all.write(world, checklist, shipped)
    }
}

impl Layers {
    /// In the good world, what refers to a server that does not run is left out.
    fn lay(&mut self, world: &World, with: &With, good_world: bool) -> Result<(), String> {
        let filled = |value: &Value| match world.fill(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) if good_world => Ok(None),
            Err(error) => Err(error),
        };
        let text = |text: &str| match world.fill_text(text) {
            Ok(text) => Ok(Some(text)),
            Err(_) if good_world => Ok(None),
            Err(error) => Err(error),
        };
        for (name, value) in &with.parameters {
            self.parameters.extend(filled(value)?.map(|value| (name.clone(), value)));
        }
        for (name, value) in &with.targets {
            match filled(value)? {
                Some(Value::Null) => drop(self.targets.remove(name)),
                value => self.targets.extend(value.map(|value| (name.clone(), value))),
            }
        }
        for (name, value) in &with.credentials {
            self.credentials.extend(text(value)?.map(|value| (name.clone(), value)));
        }
        for (workload, variables) in &with.env {
            let Some(variables) = variables else {
                self.env.remove(workload);
                continue;
            };
            let environment = self.env.entry(workload.clone()).or_default();
            for (name, value) in variables {
                match value {
                    Some(value) => environment.extend(text(value)?.map(|value| (name.clone(), value))),
                    None => drop(environment.remove(name)),
                }
            }
        }
        for (path, content) in &with.files {
            match content {
                Some(content) => drop(self.files.insert(path.clone(), content.clone())),
                None => drop(self.files.remove(path)),
            }
        }
        for (list, more) in [(&mut self.attestations, &with.attestations), (&mut self.waivers, &with.waivers)] {
            for value in more {
                list.extend(filled(value)?);
            }
        }
        Ok(())
    }

    fn write(mut self, world: &World, checklist: &str, shipped: &Path) -> Result<Deployment, String> {
        let mut deployment =
            Deployment { root: world.path("deployment/readiness.yaml"), workloads: Vec::new(), files: Vec::new() };
        for (path, content) in &self.files {
            let path = world.path(path);
            place(world, &path, content)?;
            deployment.files.push(path);
        }
        for (workload, variables) in &self.env {
            let pid_file = world.path(&format!("deployment/{workload}.pid"));
            let child = process_with(variables)?;
            put(&pid_file, &child.id().to_string())?;
            deployment.workloads.push(child);
            self.targets.insert(workload.clone(), json!({ "address": format!("pidfile:{}", pid_file.display()) }));
        }
        for attestation in &mut self.attestations {
            sign(world, attestation)?;
        }
        let mut credentials = Map::new();
        for (name, value) in &self.credentials {
            let file = world.path(&format!("deployment/credentials/{name}"));
            put(&file, value)?;
            credentials.insert(name.clone(), json!({ "file": file }));
        }
        let targets: Map<String, Value> =
            self.targets.into_iter().map(|(name, target)| (format!("{checklist}.{name}"), target)).collect();
        let root = json!({
            "include": [shipped], "targets": targets, "credentials": credentials,
            "parameters": { checklist: self.parameters },
            "attestations": self.attestations, "waivers": self.waivers,
        });
        put(&deployment.root, &root.to_string())?;
        Ok(deployment)
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        for child in &mut self.workloads {
            let _ = child.kill();
            let _ = child.wait();
        }
        for file in &self.files {
            // A folder may be gone with the one above it.
            let _ = if file.is_dir() { fs::remove_dir_all(file) } else { fs::remove_file(file) };
        }
    }
}

/// `sign: NAME` becomes that person's signature over the rest.
fn sign(world: &World, attestation: &mut Value) -> Result<(), String> {
    let person = attestation.as_object_mut().and_then(|fields| fields.remove("sign"));
    let Some(person) = person.as_ref().and_then(Value::as_str) else { return Ok(()) };
    let signature = world.servers().find_map(|server| server.sign(person, attestation));
    let signature = signature.ok_or("nobody signs: `servers: [people]` is missing")??;
    attestation["signature"] = Value::String(signature);
    Ok(())
}

/// A process that does nothing and has exactly this environment.
fn process_with(variables: &BTreeMap<String, String>) -> Result<Child, String> {
    let mut command = Command::new("/bin/sleep");
    command.arg("1000000").env_clear().envs(variables);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|error| format!("sleep: {error}"))
}

fn place(world: &World, path: &Path, content: &Content) -> Result<(), String> {
    let detailed = match content {
        Content::Text(text) => &Detailed { text: text.clone(), ..Detailed::default() },
        Content::Detailed(detailed) => detailed,
    };
    if detailed.directory {
        fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
    } else {
        put(path, &world.fill_text(&detailed.text)?)?;
    }
    if let Some(mode) = &detailed.mode {
        let mode = u32::from_str_radix(mode, 8).map_err(|_| format!("`{mode}` is no octal mode"))?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|error| error.to_string())?;
    }
    if let Some(age) = &detailed.age {
        let age: Duration = humantime::parse_duration(age).map_err(|error| error.to_string())?;
        let opened = fs::File::open(path).map_err(|error| error.to_string())?;
        opened.set_modified(SystemTime::now() - age).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    let done = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    done.map_err(|error| format!("{}: {error}", path.display()))
}
