//! A Docker engine that runs what a deployment of Parallax does: its services, and two agents.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::Server;
use crate::support::docker::{APP, Engine, Image, Kind};

const SERVICES: [&str; 7] = [
    "parallax-postgres",
    "parallax-redis",
    "parallax-etcd",
    "parallax-prometheus",
    "parallax-grafana",
    "parallax-jaeger",
    "parallax-control-plane",
];
/// Those of them that have a health check.
const CHECKED: [&str; 3] = ["parallax-postgres", "parallax-redis", "parallax-control-plane"];
const AGENTS: [&str; 2] = ["parallax-agent-1", "parallax-agent-2"];
const TYPES: [&str; 5] = ["claude", "codex", "gemini", "aider", "base"];
const NETWORKS: [&str; 2] = ["parallax-network", "parallax-agents"];

pub(crate) struct Docker {
    engine: Engine,
    /// Containers that a case named.
    touched: BTreeSet<String>,
    /// A case changed more than containers.
    anew: bool,
    /// Images that are not there as they should be.
    images: BTreeSet<String>,
    /// By which a registry knows the image of the agents, as it should be. Kept, since an engine that hangs
    /// cannot be asked.
    agent_digest: String,
}

impl Docker {
    pub(crate) fn start(directory: &Path) -> Self {
        let engine = Engine::start(directory, Kind::Docker);
        // As the folder of workspaces has to be.
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o750);
        let workspaces = directory.join("workspaces");
        std::fs::create_dir_all(&workspaces).expect("directory");
        std::fs::set_permissions(workspaces, closed).expect("mode");
        let mut docker = Self {
            engine,
            touched: BTreeSet::new(),
            anew: true,
            images: TYPES.map(image_of).into(),
            agent_digest: String::new(),
        };
        docker.build();
        docker
    }

    /// Makes what is missing.
    fn build(&mut self) {
        for image in std::mem::take(&mut self.images).iter().filter(|image| TYPES.map(image_of).contains(image)) {
            self.engine.load(&Image { pushed: true, ..Image::new(image) });
            if *image == image_of("claude") {
                self.agent_digest = self.digest(image);
            }
        }
        if std::mem::take(&mut self.anew) {
            for network in NETWORKS {
                // It may be there, and be another.
                let _ = self.engine.try_cli(&["network", "rm", network]);
                self.engine.cli(&["network", "create", "--label", "parallax.managed=true", network]);
            }
        }
        let there = self.engine.cli(&["ps", "-a", "--format", "{{.Names}}"]);
        let is_there = |name: &str| there.lines().any(|line| line == name);
        for name in SERVICES.into_iter().filter(|name| !is_there(name)) {
            let mut flags = vec!["--restart", "unless-stopped", "--network", "parallax-network", "-m", "64m"];
            if CHECKED.contains(&name) {
                flags.extend(["--health-cmd", "check", "--health-interval", "500ms", "--health-retries", "1"]);
            }
            self.engine.run(name, &flags, APP, &[]);
        }
        for (place, name) in AGENTS.into_iter().enumerate().filter(|(_, name)| !is_there(name)) {
            self.agent(name, &format!("e{}", place + 1), &[], &[]);
        }
        for name in CHECKED {
            self.engine.wait_for(name, "{{.State.Health.Status}}", "healthy");
        }
    }

    /// As the runtime starts one, and with the limits and the workspace that it should have. `without`:
    /// flags that are left out with their values, such as `--memory`.
    fn agent(&self, name: &str, execution: &str, without: &[&str], more: &[&str]) {
        let workspace = format!("{}/{execution}:/workspace", self.workspaces());
        std::fs::create_dir_all(format!("{}/{execution}", self.workspaces())).expect("workspace");
        let auth = format!("parallax-auth-{execution}:/home/agent/.claude");
        let (id, of) = (format!("parallax.agent.id={name}"), format!("parallax.execution.id={execution}"));
        let pairs = [
            ("--label", "parallax.managed=true"),
            ("--label", id.as_str()),
            ("--label", of.as_str()),
            ("--network", "parallax-agents"),
            ("--memory", "64m"),
            ("--cpus", "0.5"),
            ("--pids-limit", "50"),
            ("--volume", workspace.as_str()),
            ("--volume", auth.as_str()),
        ];
        let is_kept = |(flag, value): &(&str, &str)| {
            !without.contains(flag) && !without.contains(value) && !without.iter().any(|part| value.ends_with(part))
        };
        let kept: Vec<&str> = pairs.into_iter().filter(is_kept).flat_map(|(flag, value)| [flag, value]).collect();
        self.engine.run(name, &[&kept[..], more].concat(), "parallax/agent-claude:latest", &[]);
    }

    fn workspaces(&self) -> String {
        self.engine.dir.join("workspaces").display().to_string()
    }

    /// By which a registry knows it; empty if none does.
    fn digest(&self, image: &str) -> String {
        let named = self.engine.try_cli(&["inspect", "--format", "{{index .RepoDigests 0}}", image]);
        let named = named.unwrap_or_default();
        named.trim().rsplit_once('@').map_or_else(String::new, |(_, digest)| digest.to_owned())
    }

    fn remove(&mut self, name: &str) {
        self.touched.insert(name.to_owned());
        let _ = self.engine.try_cli(&["rm", "-f", "-v", name]);
    }

    fn image(&mut self, argument: &Value) -> Result<(), String> {
        let mut image = Image::new(argument["name"].as_str().ok_or("an image needs a `name`")?);
        self.images.insert(image.name.clone());
        if let Some(user) = argument["user"].as_str() {
            user.clone_into(&mut image.user);
        }
        if let Some(arch) = argument["arch"].as_str() {
            arch.clone_into(&mut image.arch);
        }
        if let Some(age) = argument["age"].as_str() {
            let age = humantime::parse_duration(age).map_err(|error| error.to_string())?;
            image.age_s = i64::try_from(age.as_secs()).map_err(|error| error.to_string())?;
        }
        image.pushed = argument["pushed"].as_bool().unwrap_or(true);
        // What stays of the one before would be known to the registry.
        let remote = format!("127.0.0.1:5000/{}", image.name);
        let _ = self.engine.try_cli(&["rmi", "-f", &image.name, &remote]);
        self.engine.load(&image);
        Ok(())
    }
}

/// The image of an agent type.
fn image_of(kind: &str) -> String {
    format!("parallax/agent-{kind}:latest")
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

impl Server for Docker {
    fn targets(&self) -> Vec<(String, Value)> {
        vec![("parallax.docker".to_owned(), json!({ "address": self.engine.address() }))]
    }

    fn parameters(&self) -> Vec<(String, Value)> {
        vec![
            ("docker_socket".to_owned(), json!(self.engine.socket())),
            ("docker_root".to_owned(), json!(self.engine.dir)),
        ]
    }

    /// `dir`, `socket`, and `workspaces`: folders and files of this host; `agent_digest`: of the image of the agents.
    fn values(&self) -> Vec<(String, String)> {
        vec![
            ("dir".to_owned(), self.engine.dir.display().to_string()),
            ("socket".to_owned(), self.engine.socket().display().to_string()),
            ("workspaces".to_owned(), self.workspaces()),
            ("agent_digest".to_owned(), self.agent_digest.clone()),
        ]
    }

    /// `cli: [rm, -f, …]`, the program of the engine; `wait: { name, for: <template>, is }`;
    /// `kill`, `remove`, `oom`, `sicken: <container>`; `agent: { name, execution, without, more }` in place
    /// of one of that name, and `run: { name, flags, command }`; `image: { name, user, arch, age, pushed }`;
    /// `record: { image, file, git_sha }`, as a build writes one;
    /// `engine: pause | resume | kill`; `socket: { mode }`.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        let text = argument.as_str().unwrap_or_default().to_owned();
        match verb {
            "cli" => {
                let arguments = texts(argument);
                self.touched.extend(arguments.iter().map(|&name| name.to_owned()));
                self.anew |= arguments.contains(&"network");
                if arguments.iter().any(|word| matches!(*word, "rmi" | "tag")) {
                    self.images.extend(arguments.iter().map(|&name| name.to_owned()));
                }
                self.engine.try_cli(&arguments).map(drop)?;
            }
            "wait" => {
                let part = |key: &str| argument[key].as_str().ok_or_else(|| format!("a wait needs `{key}`"));
                self.engine.wait_for(part("name")?, part("for")?, part("is")?);
            }
            "kill" => {
                self.touched.insert(text.clone());
                // What the engine is told to kill it does not start again.
                self.engine.try_cli(&["kill", &text])?;
                self.engine.wait_for(&text, "{{.State.Status}}", "exited");
            }
            "remove" => self.remove(&text),
            "sicken" => {
                self.touched.insert(text.clone());
                self.engine.try_cli(&["exec", &text, "/app", "sicken"])?;
                self.engine.wait_for(&text, "{{.State.Health.Status}}", "unhealthy");
            }
            "oom" => {
                self.remove(&text);
                self.engine.run(&text, &["-m", "16m"], APP, &["eat", "64"]);
                self.engine.wait_for(&text, "{{.State.OOMKilled}}", "true");
            }
            "agent" => {
                let name = argument["name"].as_str().ok_or("an agent needs a `name`")?;
                self.remove(name);
                let execution = argument["execution"].as_str().unwrap_or(name);
                self.agent(name, execution, &texts(&argument["without"]), &texts(&argument["more"]));
            }
            "run" => {
                let name = argument["name"].as_str().ok_or("a container needs a `name`")?;
                self.remove(name);
                self.engine.run(name, &texts(&argument["flags"]), APP, &texts(&argument["command"]));
            }
            "image" => self.image(argument)?,
            "record" => {
                let part = |key: &str| argument[key].as_str().ok_or_else(|| format!("a record needs `{key}`"));
                let digests = self.engine.cli(&["inspect", "--format", "{{json .RepoDigests}}", part("image")?]);
                let digests: Value = serde_json::from_str(digests.trim()).map_err(|error| error.to_string())?;
                let record = json!({ "git_sha": part("git_sha")?, "digests": digests }).to_string();
                let file = Path::new(part("file")?);
                let made = file.parent().map_or(Ok(()), std::fs::create_dir_all);
                made.and_then(|()| std::fs::write(file, record)).map_err(|error| error.to_string())?;
            }
            "engine" => match text.as_str() {
                "pause" => self.engine.signal("STOP"),
                "resume" => self.engine.signal("CONT"),
                "kill" => self.engine.kill(),
                _ => return Err("write `engine: pause`, `resume` or `kill`".to_owned()),
            },
            "socket" => {
                let mode = u32::from_str_radix(argument["mode"].as_str().unwrap_or("0660"), 8);
                let mode = std::os::unix::fs::PermissionsExt::from_mode(mode.map_err(|error| error.to_string())?);
                std::fs::set_permissions(self.engine.socket(), mode).map_err(|error| error.to_string())?;
            }
            _ => return Err(format!("docker does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        if self.engine.is_up() {
            self.engine.signal("CONT");
        } else {
            self.engine.up();
            self.anew = true;
        }
        self.act("socket", &json!({ "mode": "0660" }))?;
        let all = self.engine.cli(&["ps", "-a", "--format", "{{.Names}}"]);
        let touched = std::mem::take(&mut self.touched);
        let is_good =
            |name: &&str| !self.anew && !touched.contains(*name) && (SERVICES.contains(name) || AGENTS.contains(name));
        let wrong: Vec<&str> = all.lines().filter(|name| !is_good(name)).collect();
        if !wrong.is_empty() {
            self.engine.cli(&[&["rm", "-f", "-v"], &wrong[..]].concat());
        }
        let volumes = self.engine.cli(&["volume", "ls", "-q", "-f", "dangling=true"]);
        for volume in volumes.lines() {
            self.engine.cli(&["volume", "rm", "-f", volume]);
        }
        self.build();
        Ok(())
    }
}
