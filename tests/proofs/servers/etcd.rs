//! etcd: a cluster of three that asks for client certificates, and a single member in the clear.

use std::path::Path;

use serde_json::{Value, json};

use super::{Server, act_on_link};
use crate::support::etcd::{Cluster, Node, PASSWORD, QUOTA};

pub(crate) struct Etcd {
    cluster: Cluster,
    tls: bool,
}

impl Etcd {
    /// Three members, TLS with client certificates, users.
    pub(crate) fn start(directory: &Path) -> Self {
        Self { cluster: Cluster::start(directory, 3, true), tls: true }
    }

    /// One member with users, without TLS: stands behind no target by itself.
    pub(crate) fn start_plain(directory: &Path) -> Self {
        Self { cluster: Cluster::start(directory, 1, false), tls: false }
    }

    /// The members that a step is about: the one it names, or all.
    fn nodes(&mut self, argument: &Value) -> Result<Vec<&mut Node>, String> {
        let name = argument.as_str().filter(|name| name.starts_with('n') || *name == "leader");
        let leader = (name == Some("leader")).then(|| self.cluster.leader());
        let name = leader.or_else(|| name.map(str::to_owned));
        let nodes: Vec<&mut Node> =
            self.cluster.nodes.iter_mut().filter(|node| name.as_ref().is_none_or(|name| *name == node.name)).collect();
        if nodes.is_empty() { Err(format!("there is no member {argument}")) } else { Ok(nodes) }
    }

    fn on_nodes(&mut self, verb: &str, argument: &Value) -> Option<Result<(), String>> {
        if !["stop", "kill", "pause", "resume", "start", "cut", "swallow", "mend", "slow"].contains(&verb) {
            return None;
        }
        let nodes = match self.nodes(argument) {
            Ok(nodes) => nodes,
            Err(error) => return Some(Err(error)),
        };
        for node in nodes {
            match verb {
                // Where nothing listens, connections are refused: the link must not accept for it.
                "stop" | "kill" => {
                    node.link.cut();
                    if verb == "stop" { node.process.stop() } else { node.process.kill() }
                }
                "pause" => node.process.pause(),
                "resume" => node.process.resume(),
                "start" => {
                    node.process.start();
                    node.link.mend();
                }
                verb => match act_on_link(&mut node.link, verb, argument) {
                    Some(Ok(())) => {}
                    failed => return failed,
                },
            }
        }
        if verb == "start" {
            self.cluster.settle();
        }
        Some(Ok(()))
    }
}

impl Server for Etcd {
    fn targets(&self) -> Vec<(String, Value)> {
        if !self.tls {
            return Vec::new();
        }
        let target = json!({
            "address": self.cluster.endpoints()[0], "credential": "etcd-ro", "ca": self.cluster.file("ca.crt"),
            "client_cert": self.cluster.file("client.crt"), "client_key": self.cluster.file("client.key"),
        });
        vec![("parallax.etcd".to_owned(), target)]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        vec![("etcd-ro".to_owned(), PASSWORD.to_owned())]
    }

    fn parameters(&self) -> Vec<(String, Value)> {
        if !self.tls {
            return Vec::new();
        }
        vec![
            ("etcd_endpoints".to_owned(), json!(self.cluster.endpoints())),
            ("etcd_quota_bytes".to_owned(), json!(QUOTA)),
        ]
    }

    /// `n1`, `n2`, …: the address of each member.
    fn values(&self) -> Vec<(String, String)> {
        self.cluster.nodes.iter().map(|node| node.name.clone()).zip(self.cluster.endpoints()).collect()
    }

    /// The verbs of processes and of the network, each with a member or `leader`, or without for all;
    /// `move_leader`, `elect` (the leader is lost for a while), `fill` (until there is no space), `auth: off`, `revoke` (the monitor's right),
    /// `leases: <count>` (each for a minute), `snapshot: <path>`,
    /// `register: <agent>`, `put: { key: value }`, `delete: <key>`.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = self.on_nodes(verb, argument) {
            return done;
        }
        let text = || argument.as_str().ok_or_else(|| format!("write `{verb}: <text>`"));
        match verb {
            "elect" => self.cluster.elect(),
            "move_leader" => self.cluster.move_leader(),
            "fill" => self.cluster.fill(),
            "auth" => self.cluster.auth(text()? == "on"),
            "revoke" => self.cluster.revoke(),
            "register" => self.cluster.register(text()?),
            "snapshot" => self.cluster.snapshot(text()?),
            "leases" => {
                for _ in 0..argument.as_u64().ok_or("write `leases: <count>`")? {
                    self.cluster.ctl(&["lease", "grant", "60"]);
                }
            }
            "delete" => drop(self.cluster.ctl(&["del", text()?])),
            "put" => {
                for (key, value) in argument.as_object().into_iter().flatten() {
                    self.cluster.put(key, value.as_str().ok_or("a value is a text")?);
                }
            }
            _ => return Err(format!("etcd does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.cluster.restore();
        Ok(())
    }
}
