//! WebSockets behind the doubles of HTTP servers, which hand upgrades over to it: a real library, with
//! messages of ours.

use std::path::Path;

use serde_json::{Value, json};

use super::Server;
use crate::support::protocols::Protocol;

pub(crate) struct Events(Protocol);

impl Events {
    pub(crate) fn start(directory: &Path) -> Self {
        let connected = json!({ "first": { "type": "connected", "executionId": "{path}" } });
        Self(Protocol::start("websocket_server.py", directory, json!({ "paths": { "*": connected } })))
    }
}

impl Server for Events {
    fn values(&self) -> Vec<(String, String)> {
        vec![("port".to_owned(), self.0.port.to_string())]
    }

    /// `all: { status: 401, first: {…}, close: 1011, silent: true, echo: false }`: on every path;
    /// `server: { limit: 5, drop: 1, gauge: name, stuck: 7 }`: of all together; and `pause`, `kill`.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        match verb {
            "all" => {
                let mut told = self.0.told();
                told["paths"]["*"] = argument.clone();
                self.0.tell(told, false);
            }
            // Of all paths together.
            "server" => {
                let mut told = self.0.told();
                for (key, value) in argument.as_object().into_iter().flatten() {
                    told[key] = value.clone();
                }
                self.0.tell(told, false);
            }
            "pause" => self.0.process.pause(),
            "kill" => self.0.process.kill(),
            _ => return Err(format!("the events do not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.0.process.resume();
        let good = self.0.good();
        self.0.tell(good, false);
        Ok(())
    }
}
