//! A real Alertmanager whose critical alerts go to a receiver of ours in place of a pager.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Server, act_on_link, act_on_process};
use crate::support::alertmanager;
use crate::support::client;
use crate::support::http_server::{Answer, HttpServer};
use crate::support::link::Link;

pub(crate) struct Alertmanager {
    server: alertmanager::Alertmanager,
    link: Link,
    receiver: HttpServer,
    /// What the receiver answers.
    status: Arc<Mutex<u16>>,
    directory: PathBuf,
}

impl Alertmanager {
    pub(crate) fn start(directory: &Path) -> Self {
        let status = Arc::new(Mutex::new(200));
        let answers = Arc::clone(&status);
        let receiver = HttpServer::start(move |_| Answer::json(*answers.lock().expect("no panic"), json!({})));
        let server = alertmanager::Alertmanager::new(directory);
        let link = Link::to(server.port);
        let mut own = Self { server, link, receiver, status, directory: directory.to_owned() };
        own.begin("on-call", "chat").expect("alertmanager");
        own
    }

    /// Without any memory, and with critical alerts and warnings going to these receivers.
    fn begin(&mut self, critical: &str, warning: &str) -> Result<(), String> {
        self.server.process.stop();
        let _ = std::fs::remove_dir_all(self.directory.join("alertmanager"));
        let url = self.receiver.address();
        self.server.configure(&format!(
            "route:\n  receiver: nobody\n  group_by: [alertname, readiness_run]\n  group_wait: 1s\n  group_interval: 1s\n  \
             routes:\n  - matchers: [ environment=\"staging\" ]\n    receiver: phoenix-staging\n  \
             - matchers: [ severity=\"critical\" ]\n    receiver: {critical}\n  \
             - matchers: [ severity=\"warning\" ]\n    receiver: {warning}\n\
             receivers:\n- name: nobody\n- name: on-call\n  webhook_configs:\n  - url: {url}\n\
             - name: phoenix-staging\n  webhook_configs:\n  - url: {url}\n\
             - name: chat\n  slack_configs:\n  - api_url: {url}\n    channel: alerts\n"
        ));
        self.server.start();
        self.fire("Watchdog", "none", 60)
    }

    fn fire(&self, name: &str, severity: &str, ago_s: i64) -> Result<(), String> {
        let now = jiff::Timestamp::now();
        let began = now - jiff::SignedDuration::from_secs(ago_s);
        // Without an end it would be over five minutes after it was last said.
        let end = now + jiff::SignedDuration::from_hours(24);
        let labels = json!({ "alertname": name, "severity": severity });
        self.post(
            "/api/v2/alerts",
            &json!([{ "labels": labels, "startsAt": began.to_string(), "endsAt": end.to_string() }]),
        )?;
        let until = Instant::now() + Duration::from_secs(10);
        while !self.server.json("/api/v2/alerts").to_string().contains(&format!("\"{name}\"")) {
            if Instant::now() > until {
                return Err(format!("{name} never showed up"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn silence(&self, matcher: &Value) -> Result<(), String> {
        let now = jiff::Timestamp::now();
        let end = now + jiff::SignedDuration::from_secs(600);
        let matcher = json!({ "name": matcher["name"], "value": matcher["value"], "isRegex": false, "isEqual": true });
        let silence = json!({ "matchers": [matcher], "startsAt": now.to_string(), "endsAt": end.to_string(),
            "createdBy": "proofs", "comment": "a proof" });
        self.post("/api/v2/silences", &silence)
    }

    fn post(&self, path: &str, body: &Value) -> Result<(), String> {
        client::post_json(&self.server.address(), path, body).map(drop)
    }
}

impl Server for Alertmanager {
    fn targets(&self) -> Vec<(String, Value)> {
        let target = json!({ "address": format!("http://127.0.0.1:{}", self.link.port) });
        vec![
            ("parallax.am".to_owned(), target.clone()),
            ("phoenix.am".to_owned(), target.clone()),
            ("phoenix.am-staging".to_owned(), target),
        ]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![("address".to_owned(), format!("127.0.0.1:{}", self.link.port))]
    }

    /// `fire: { name, severity, ago }` (seconds), `silence: { name, value }`, `route_to` and `warn: receiver`,
    /// `receiver: status`, `forget` (the Watchdog, and all else), and the verbs of a process and of the network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let address = self.server.address();
        let ready = move || client::get(&address, "/-/ready").is_ok_and(|answer| answer.status == 200);
        if let Some(done) = act_on_process(&mut self.server.process, &mut self.link, verb, ready) {
            return done;
        }
        let text = |name: &str| argument[name].as_str().ok_or_else(|| format!("`{verb}` needs `{name}`"));
        match verb {
            "fire" => self.fire(text("name")?, text("severity")?, argument["ago"].as_i64().unwrap_or(0)),
            "silence" => self.silence(argument),
            "route_to" => self.begin(argument.as_str().ok_or("write `route_to: receiver`")?, "chat"),
            "warn" => self.begin("on-call", argument.as_str().ok_or("write `warn: receiver`")?),
            "receiver" => {
                let status = argument.as_u64().and_then(|status| u16::try_from(status).ok());
                *self.status.lock().expect("no panic") = status.ok_or("write `receiver: 500`")?;
                Ok(())
            }
            "forget" => {
                self.server.process.stop();
                std::fs::remove_dir_all(self.directory.join("alertmanager")).map_err(|error| error.to_string())?;
                self.server.start();
                Ok(())
            }
            _ => Err(format!("alertmanager does not understand `{verb}`")),
        }
    }

    fn restore(&mut self) -> Result<(), String> {
        *self.status.lock().expect("no panic") = 200;
        self.begin("on-call", "chat")?;
        self.link.mend();
        Ok(())
    }
}
