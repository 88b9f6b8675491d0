//! Servers of gRPC as both products have them: the registry of a control plane, and controllers. The
//! library is the real one; the methods are ours. And a second one, that lets anybody in.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Server, act_on_link, act_on_process};
use crate::support::link::Link;
use crate::support::protocols::{Protocol, certificates};

pub(crate) struct Grpc {
    server: Protocol,
    link: Link,
    directory: PathBuf,
    /// Stands behind the targets by itself.
    main: bool,
}

impl Grpc {
    /// It asks for client certificates.
    pub(crate) fn start(directory: &Path) -> Self {
        Self::with(directory, true)
    }

    /// The same over TLS without them, behind no target by itself.
    pub(crate) fn start_open(directory: &Path) -> Self {
        Self::with(directory, false)
    }

    fn with(directory: &Path, main: bool) -> Self {
        certificates(directory);
        let services = ["ExperimentService", "GeneratorService", "ControllerService"];
        let services: serde_json::Map<String, Value> =
            services.iter().map(|name| (format!("phoenix.v1.{name}"), json!(["List"]))).collect();
        let good = json!({
            "tls": tls(directory, if main { "mutual" } else { "server" }),
            "health": { "": "SERVING" }, "reflection": true, "services": services,
            "agents": ["a1", "a2"], "patterns": ["SimpleConsensus"], "codes": {},
        });
        let server = Protocol::start("grpc_server.py", directory, good);
        let link = Link::to(server.port);
        Self { server, link, directory: directory.to_owned(), main }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.link.port)
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

fn tls(directory: &Path, which: &str) -> Value {
    let file = |name: &str| directory.join(name).display().to_string();
    match which {
        "mutual" => json!({ "cert": file("server.pem"), "key": file("server.key"), "client_ca": file("ca.pem") }),
        "server" => json!({ "cert": file("server.pem"), "key": file("server.key") }),
        _ => Value::Null,
    }
}

impl Server for Grpc {
    fn targets(&self) -> Vec<(String, Value)> {
        if !self.main {
            return Vec::new();
        }
        let target = json!({
            "address": self.address(), "ca": self.file("ca.pem"),
            "client_cert": self.file("client.pem"), "client_key": self.file("client.key"),
        });
        ["parallax.cp-grpc", "phoenix.experiment-controller", "phoenix.config-generator", "phoenix.control-service"]
            .iter()
            .chain(["phoenix.api-grpc"].iter())
            .map(|name| ((*name).to_owned(), target.clone()))
            .collect()
    }

    fn values(&self) -> Vec<(String, String)> {
        let mut values = vec![("address".to_owned(), self.address())];
        for name in ["ca", "client", "expired", "foreign"] {
            values.push((name.to_owned(), self.file(&format!("{name}.pem"))));
            values.push((format!("{name}-key"), self.file(&format!("{name}.key"))));
        }
        values
    }

    /// `serve: { health: {…}, reflection: false, services: {…}, agents: […], codes: {…} }`,
    /// With `keeps`, as it stands in the script, the registry takes agents.
    /// `tls: mutual`, `server` or `off`, and the verbs of a process and of the network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let port = self.server.port;
        let ready = || crate::support::listens(port);
        if let Some(done) = act_on_process(&mut self.server.process, &mut self.link, verb, ready) {
            return done;
        }
        let mut told = self.server.told();
        match verb {
            "serve" => {
                for (name, value) in argument.as_object().ok_or("write `serve: { name: value }`")? {
                    told[name] = value.clone();
                }
            }
            "tls" => told["tls"] = tls(&self.directory, argument.as_str().unwrap_or_default()),
            _ => return Err(format!("gRPC does not understand `{verb}`")),
        }
        self.server.tell(told, true);
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.server.process.resume();
        let good = self.server.good();
        self.server.tell(good, true);
        self.link.mend();
        Ok(())
    }
}
