//! The recording of Grafana 7.5.5 in place of Grafana.

use serde_json::{Value, json};

use super::{Server, act_on_link, answer};
use crate::support::grafana::{ADMINISTRATOR, Recording, VIEWER};
use crate::support::link::Link;

pub(crate) struct Grafana {
    recording: Recording,
    link: Link,
}

impl Grafana {
    pub(crate) fn start() -> Self {
        let recording = Recording::start();
        let link = Link::to(recording.port);
        Self { recording, link }
    }
}

impl Server for Grafana {
    fn targets(&self) -> Vec<(String, Value)> {
        let address = format!("http://127.0.0.1:{}", self.link.port);
        let as_whom = |credential: &str| json!({ "address": address, "credential": credential });
        vec![
            ("parallax.grafana".to_owned(), as_whom("grafana-viewer")),
            ("phoenix.grafana".to_owned(), as_whom("grafana-viewer")),
            ("phoenix.grafana-staging".to_owned(), as_whom("grafana-viewer")),
            ("phoenix.grafana-admin".to_owned(), as_whom("grafana-permissions")),
        ]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        vec![
            ("grafana-viewer".to_owned(), VIEWER.to_owned()),
            ("grafana-permissions".to_owned(), ADMINISTRATOR.to_owned()),
        ]
    }

    /// `world: not-ready` (or `db-down`), `query: { expr: part of an expression, record: ds-query-empty }`,
    /// `age: 3600` (of values), `answer: { route, status, headers, body }` (never recorded), and the
    /// network's verbs.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| format!("`{verb}` needs a text"));
        match verb {
            "world" => self.recording.world(&text(argument)?),
            "query" => self.recording.query(&text(&argument["expr"])?, &text(&argument["record"])?),
            "age" => self.recording.age(argument.as_i64().ok_or("write `age: 3600`")?),
            "answer" => {
                let (route, answer) = answer(argument)?;
                self.recording.write(&route, answer);
            }
            _ => return Err(format!("the recording does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.recording.restore();
        self.link.mend();
        Ok(())
    }
}
