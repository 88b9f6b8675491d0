//! The double of Parallax's control plane, and a second instance of it.

use serde_json::{Value, json};

use super::{Server, act_on_link, answer};
use crate::support::control_plane::{ALLOWED_ORIGIN, ControlPlane, WEBHOOK_SECRET};
use crate::support::link::Link;

pub(crate) struct Double {
    control_plane: ControlPlane,
    second: ControlPlane,
    link: Link,
}

impl Double {
    pub(crate) fn start() -> Self {
        let (control_plane, second) = (ControlPlane::start(), ControlPlane::start());
        let port = control_plane.address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("port");
        Self { control_plane, second, link: Link::to(port) }
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.link.port)
    }
}

impl Server for Double {
    fn targets(&self) -> Vec<(String, Value)> {
        vec![("parallax.cp".to_owned(), json!({ "address": self.address() }))]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        vec![("github-webhook-secret".to_owned(), WEBHOOK_SECRET.to_owned())]
    }

    fn parameters(&self) -> Vec<(String, Value)> {
        vec![
            ("cp_port".to_owned(), json!(self.link.port)),
            ("cp_instances".to_owned(), json!([self.address(), self.second.address])),
            ("cors_allowed_origins".to_owned(), json!([ALLOWED_ORIGIN])),
        ]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![("port".to_owned(), self.link.port.to_string()), ("address".to_owned(), self.address())]
    }

    /// `answer: { route: GET /health, status: 503, headers: {…}, body: {…}, age: 60 }`, the same of
    /// the `second` instance, `ask_for_key`, `sign_with`, `canary_is`, `break` with a fault of the double, and
    /// the network's verbs.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let text = || argument.as_str().ok_or_else(|| format!("`{verb}` needs a text"));
        match verb {
            "answer" | "second" => {
                let (route, answer) = answer(argument)?;
                let instance = if verb == "second" { &self.second } else { &self.control_plane };
                instance.answer_with(&route, answer);
            }
            "ask_for_key" => self.control_plane.ask_for_key(text()?),
            "canary_is" => self.control_plane.canary_is(text()?),
            "sign_with" => self.control_plane.sign_with(text()?),
            "break" => self.control_plane.break_it(text()?),
            _ => return Err(format!("the control plane's double does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.link.mend();
        self.control_plane.heal();
        self.second.heal();
        Ok(())
    }
}
