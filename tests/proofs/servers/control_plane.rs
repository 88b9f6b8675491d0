//! The double of Parallax's control plane.

use serde_json::{Value, json};

use super::{Server, act_on_link};
use crate::support::control_plane::ControlPlane;
use crate::support::link::Link;

pub(crate) struct Double {
    control_plane: ControlPlane,
    link: Link,
}

impl Double {
    pub(crate) fn start() -> Self {
        let control_plane = ControlPlane::start();
        let port = control_plane.address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("port");
        Self { control_plane, link: Link::to(port) }
    }
}

impl Server for Double {
    fn targets(&self) -> Vec<(String, Value)> {
        vec![("parallax.cp".to_owned(), json!({ "address": format!("http://127.0.0.1:{}", self.link.port) }))]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![("port".to_owned(), self.link.port.to_string())]
    }

    /// `answer: { route: GET /health, status: 503, body: {…}, age: 60 }`, and the network's verbs.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        match verb {
            "answer" => {
                let route = argument["route"].as_str().ok_or("an answer needs a `route`")?;
                let status = argument["status"].as_u64().unwrap_or(200);
                let status = u16::try_from(status).map_err(|_| "no such status")?;
                let age = argument["age"].as_i64().unwrap_or(0);
                self.control_plane.aged(route, status, argument["body"].clone(), age);
                Ok(())
            }
            "ask_for_key" => {
                self.control_plane.ask_for_key(argument.as_str().ok_or("write `ask_for_key: <key>`")?);
                Ok(())
            }
            _ => Err(format!("the control plane's double does not understand `{verb}`")),
        }
    }

    fn restore(&mut self) -> Result<(), String> {
        self.link.mend();
        self.control_plane.heal();
        Ok(())
    }
}
