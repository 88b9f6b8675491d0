//! A webhook receiver behind Alertmanager, which keeps every message.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

use crate::support::http_server::{Answer, HttpServer};

/// One message of Alertmanager.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) at: Instant,
    /// `/page` or `/ticket`.
    pub(super) path: String,
    pub(super) body: Value,
}

/// What messages are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) alert: &'static str,
    pub(super) job: &'static str,
    /// Empty for alerts about the exporter itself.
    pub(super) checklist: String,
}

pub(super) struct Receiver {
    pub(super) port: u16,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Message {
    pub(super) fn is_firing(&self) -> bool {
        self.body["status"] == "firing"
    }

    /// Alerts that fire, or those that ended if nothing does.
    pub(super) fn alerts(&self) -> Vec<&Value> {
        let own = |alert: &&Value| alert["status"] == self.body["status"];
        self.body["alerts"].as_array().into_iter().flatten().filter(own).collect()
    }

    pub(super) fn is_of(&self, group: &Group) -> bool {
        let label = |name: &str| self.body["groupLabels"][name].as_str().unwrap_or_default();
        (label("alertname"), label("job"), label("checklist")) == (group.alert, group.job, group.checklist.as_str())
    }

    /// For people: who is told what of which items.
    pub(super) fn told(&self) -> String {
        let name = |alert: &&Value| {
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
            format!("{} {}/{}", label("alertname"), label("checklist"), label("item"))
        };
        let names: Vec<String> = self.alerts().iter().map(name).collect();
        format!("{} {} {}", self.path, self.body["status"], names.join(", "))
    }
}

impl Receiver {
    pub(super) fn start() -> Self {
        let messages: Arc<Mutex<Vec<Message>>> = Arc::default();
        let kept = Arc::clone(&messages);
        let server = HttpServer::start(move |asked| {
            let body = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
            let message = Message { at: Instant::now(), path: asked.path().to_owned(), body };
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(message);
            Answer { status: 200, ..Answer::default() }
        });
        Self { port: server.port, messages }
    }

    /// All that came, the oldest first.
    pub(super) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
