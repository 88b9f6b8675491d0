//! Processes of this host, as cases want them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Server;

/// Empty until a case spawns something.
pub(crate) struct Processes {
    directory: PathBuf,
    running: Vec<Child>,
    listening: Vec<std::net::TcpListener>,
    /// On which this host listens anyway, with those that are expected everywhere.
    ports: Vec<u16>,
}

impl Processes {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), running: Vec::new(), listening: Vec::new(), ports: own_ports() }
    }

    /// Waits until it is what it shall be: the file `until` is there, and a moment more.
    fn spawn(&mut self, step: &Value) -> Result<(), String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let argv: Vec<String> = step["argv"].as_array().into_iter().flatten().filter_map(text).collect();
        let own_session = step["session"] == true;
        let (program, arguments) = argv.split_first().ok_or("write `spawn: { argv: [sleep, \"60\"] }`")?;
        // In its own session, or at least group, so that what it starts ends with it.
        let mut command = Command::new(if own_session { "setsid" } else { program });
        if own_session {
            command.arg(program);
        } else {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        command.args(arguments).current_dir(&self.directory);
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, value.as_str().ok_or("a variable is a text")?);
        }
        if let Some(cwd) = step["cwd"].as_str() {
            std::fs::create_dir_all(cwd).map_err(|error| error.to_string())?;
            command.current_dir(cwd);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let pid = child.id();
        self.running.push(child);
        // Until then it is still the test program, or the shell.
        let until = Instant::now() + Duration::from_secs(5);
        let ready = step["until"].as_str();
        while ready.is_some_and(|file| !Path::new(file).exists()) {
            if Instant::now() > until {
                return Err(format!("{program} ({pid}) is not ready"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(100));
        Ok(())
    }
}

impl Server for Processes {
    fn values(&self) -> Vec<(String, String)> {
        vec![("dir".to_owned(), self.directory.display().to_string())]
    }

    fn parameters(&self) -> Vec<(String, Value)> {
        vec![
            ("runtime_match".to_owned(), json!("^readiness-test-runtime ")),
            ("expected_ports".to_owned(), json!(self.ports)),
        ]
    }

    /// `spawn: { argv, env, cwd, session, until: FILE }`; `link: { path, to }` makes a symbolic
    /// link, `socket: { path, mode }` a Unix socket, `listen: ADDRESS` a port.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        match verb {
            "spawn" => self.spawn(argument),
            "socket" => {
                let path = argument["path"].as_str().ok_or("write `socket: { path: …, mode: \"0660\" }`")?;
                let mode = argument["mode"].as_str().and_then(|mode| u32::from_str_radix(mode, 8).ok());
                // The file stays when the listener is gone.
                drop(std::os::unix::net::UnixListener::bind(path).map_err(|error| format!("{path}: {error}"))?);
                let mode = std::os::unix::fs::PermissionsExt::from_mode(mode.ok_or("a mode is octal")?);
                std::fs::set_permissions(path, mode).map_err(|error| error.to_string())
            }
            "listen" => {
                let address = argument.as_str().ok_or("write `listen: 127.0.0.1:2375`")?;
                self.listening
                    .push(std::net::TcpListener::bind(address).map_err(|error| format!("{address}: {error}"))?);
                Ok(())
            }
            "link" => {
                let text = |key: &str| argument[key].as_str().ok_or("write `link: { path: …, to: … }`");
                let (path, to) = (text("path")?, text("to")?);
                std::os::unix::fs::symlink(to, path).map_err(|error| format!("{path}: {error}"))
            }
            _ => Err(format!("processes do not understand `{verb}`")),
        }
    }

    fn restore(&mut self) -> Result<(), String> {
        self.listening.clear();
        for mut child in self.running.drain(..) {
            // The group, by the id of its first process.
            let _ =
                Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).stderr(Stdio::null()).status();
            let _ = child.kill();
            let _ = child.wait();
        }
        for entry in std::fs::read_dir(&self.directory).map_err(|error| error.to_string())?.flatten() {
            let path = entry.path();
            let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let _ = self.restore();
    }
}

/// Ports on which something listens for others than this host, as the kernel lists them.
fn own_ports() -> Vec<u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let of = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, port) = fields.get(1)?.split_once(':')?;
        let open = fields.get(3) == Some(&"0A") && !address.ends_with("7F");
        u16::from_str_radix(port, 16).ok().filter(|_| open)
    };
    let mut ports: Vec<u16> = tables.iter().flat_map(|table| table.lines().filter_map(of)).collect();
    ports.extend([22, 443]);
    ports
}
