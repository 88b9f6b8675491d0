//! nginx as the public side of a deployment.

use std::path::Path;

use serde_json::{Value, json};

use super::{Server, act_on_link, act_on_process};
use crate::support::link::Link;
use crate::support::nginx::{self, NAME, Shown, host};

pub(crate) struct Nginx {
    nginx: nginx::Nginx,
    link: Link,
}

impl Nginx {
    pub(crate) fn start(directory: &Path) -> Self {
        let nginx = nginx::Nginx::start(directory);
        let link = Link::from(host(), nginx.port);
        Self { nginx, link }
    }
}

impl Server for Nginx {
    fn targets(&self) -> Vec<(String, Value)> {
        let address = format!("https://{}:{}", host(), self.link.port);
        vec![
            ("parallax.public".to_owned(), json!({ "address": address, "ca": self.nginx.ca(), "server_name": NAME })),
            ("parallax.outside".to_owned(), json!({ "address": address })),
        ]
    }

    fn parameters(&self) -> Vec<(String, Value)> {
        vec![
            ("public_host".to_owned(), json!(host().to_string())),
            ("firewall_allow".to_owned(), json!([self.link.port])),
            ("public_issuer".to_owned(), json!(nginx::ISSUER)),
        ]
    }

    fn values(&self) -> Vec<(String, String)> {
        let path = |path: std::path::PathBuf| path.display().to_string();
        vec![
            ("host".to_owned(), host().to_string()),
            ("port".to_owned(), self.link.port.to_string()),
            ("name".to_owned(), NAME.to_owned()),
            ("ca".to_owned(), path(self.nginx.ca())),
            ("ends".to_owned(), self.nginx.ends()),
            ("other-ca".to_owned(), path(self.nginx.other_ca())),
        ]
    }

    /// `certificate: expired`, `old_tls`, `limit: 10r/s 429`, `waits: 1s 1s`, `header: { name: value or null }`,
    /// `plain: { 80: "301 https://x/" }`, and the verbs of a process and of the network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let port = self.nginx.port;
        let ready = || nginx::Nginx::listens(port);
        if let Some(done) = act_on_process(&mut self.nginx.process, &mut self.link, verb, ready) {
            return done;
        }
        let shown = &mut self.nginx.shown;
        match verb {
            "certificate" => shown.certificate = argument.as_str().ok_or("write `certificate: expired`")?.to_owned(),
            "old_tls" => shown.old_tls = true,
            "limit" => {
                let (rate, status) =
                    argument.as_str().and_then(|text| text.split_once(' ')).ok_or("write `limit: 10r/s 429`")?;
                shown.limit = Some((rate.to_owned(), status.to_owned()));
            }
            "waits" => {
                let (header, idle) =
                    argument.as_str().and_then(|text| text.split_once(' ')).ok_or("write `waits: 1s 1s`")?;
                shown.waits = Some((header.to_owned(), idle.to_owned()));
            }
            "header" => {
                for (name, value) in argument.as_object().ok_or("write `header: { name: value }`")? {
                    match value.as_str() {
                        Some(value) => shown.headers.insert(name.clone(), value.to_owned()),
                        None => shown.headers.remove(name),
                    };
                }
            }
            "plain" => {
                for (port, answer) in argument.as_object().ok_or("write `plain: { 80: \"200\" }`")? {
                    let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
                    shown.plain.insert(port, answer.as_str().ok_or("an answer is a text")?.to_owned());
                }
            }
            _ => return Err(format!("nginx does not understand `{verb}`")),
        }
        self.nginx.apply();
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.nginx.process.resume();
        self.nginx.shown = Shown::default();
        self.nginx.apply();
        self.link.mend();
        Ok(())
    }
}

/// The same as the edge of the Phoenix Platform.
pub(crate) struct Edge(Nginx);

impl Edge {
    pub(crate) fn start(directory: &Path) -> Self {
        Self(Nginx::start(directory))
    }
}

impl Server for Edge {
    fn targets(&self) -> Vec<(String, Value)> {
        let address = format!("{}:{}", host(), self.0.link.port);
        let target = json!({ "address": address, "ca": self.0.nginx.ca(), "server_name": NAME });
        ["api-tls", "dash-tls", "prometheus-tls", "grafana-tls", "otlp"]
            .map(|name| (format!("phoenix.{name}"), target.clone()))
            .to_vec()
    }

    fn values(&self) -> Vec<(String, String)> {
        let mut values = self.0.values();
        // Any certificate of this authority.
        let ca = self.0.nginx.ca();
        for (key, file) in [("client-cert", "good.pem"), ("client-key", "good.key")] {
            values.push((key.to_owned(), ca.with_file_name(file).display().to_string()));
        }
        values
    }

    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        self.0.act(verb, argument)
    }

    fn restore(&mut self) -> Result<(), String> {
        self.0.restore()
    }
}
