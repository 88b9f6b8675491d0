//! The database of the control plane: a primary, its standby, and an application that is connected.
//! The exporter reaches both over links, the application does not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use super::{Server, act_on_link};
use crate::support::link::Link;
use crate::support::postgres::production::{PASSWORD, Production, Session};

pub(crate) struct Postgres {
    production: Production,
    primary: Link,
    standby: Link,
    application: Vec<Session>,
    /// Asked once: the server may be away when it is needed.
    identifier: String,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let production = Production::start();
        let (primary, standby) = (Link::to(production.server.port), Link::to(production.standby_port));
        let application = vec![production.session("require")];
        let identifier = production.identifier();
        Self { production, primary, standby, application, identifier }
    }
}

impl Server for Postgres {
    fn targets(&self) -> Vec<(String, Value)> {
        let target = |port: u16| {
            let address = format!("postgresql://readiness@localhost:{port}/parallax?sslmode=verify-full");
            json!({ "address": address, "credential": "pg-monitor", "ca": self.production.server.ca() })
        };
        // The role is made by the cases that use it.
        let address =
            format!("postgresql://readiness_scratch@localhost:{}/postgres?sslmode=verify-full", self.primary.port);
        let scratch = json!({ "address": address, "credential": "pg-scratch", "ca": self.production.server.ca() });
        vec![
            ("parallax.pg".to_owned(), target(self.primary.port)),
            ("parallax.pg-standby".to_owned(), target(self.standby.port)),
            ("parallax.pg-scratch".to_owned(), scratch),
        ]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        vec![("pg-monitor".to_owned(), PASSWORD.to_owned()), ("pg-scratch".to_owned(), PASSWORD.to_owned())]
    }

    fn parameters(&self) -> Vec<(String, Value)> {
        vec![
            ("database_system_identifier".to_owned(), json!(self.identifier)),
            // The test has no other network.
            ("database_allow_loopback".to_owned(), json!(true)),
            ("replication_check_standby".to_owned(), json!(true)),
            ("timescaledb_required".to_owned(), json!(false)),
            ("hypertables_required".to_owned(), json!(false)),
        ]
    }

    fn values(&self) -> Vec<(String, String)> {
        let path = |path: std::path::PathBuf| path.display().to_string();
        vec![
            ("port".to_owned(), self.primary.port.to_string()),
            ("standby-port".to_owned(), self.standby.port.to_string()),
            ("password".to_owned(), PASSWORD.to_owned()),
            ("identifier".to_owned(), self.identifier.clone()),
            ("ca".to_owned(), path(self.production.server.ca())),
            ("other-ca".to_owned(), path(self.production.server.other_ca())),
        ]
    }

    /// `sql`, `admin` (SQL outside the application's database), `standby_sql`, `set: "name = value"`, `hba: <rules>`, `certificate: expired`, `restart`,
    /// `sessions: plain | <count>`, `no_application`, `fill_connections: <count>`, `stop_standby`,
    /// `promote`, `fail_over`, `stop`, `start`, `kill`, `pause`, `resume`, and the verbs of the network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        caught(|| self.arrange(verb, argument))?
    }

    fn restore(&mut self) -> Result<(), String> {
        caught(|| self.put_back())
    }
}

/// What is arranged wrongly ends the case, not the run.
fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(_) => "it panicked".to_owned(),
    })
}

impl Postgres {
    fn arrange(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.primary, verb, argument) {
            return done;
        }
        let text = || argument.as_str().ok_or_else(|| format!("write `{verb}: <text>`"));
        let count =
            || argument.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or(format!("write `{verb}: <count>`"));
        let production = &self.production;
        match verb {
            "sql" => production.arrange(text()?),
            "admin" => production.administer(text()?),
            "standby_sql" => production.arrange_standby(text()?),
            "set" => production.arrange_setting(text()?),
            "hba" => production.access(text()?),
            "certificate" => production.certificate(text()?),
            "restart" => {
                self.application.clear();
                production.restarted();
            }
            "reconnect" => self.application = vec![production.session("require")],
            "plain_session" => self.application.push(production.session("disable")),
            "sessions" => {
                for _ in 0..count()? {
                    self.application.push(production.session("require"));
                }
            }
            "no_application" => {
                self.application.clear();
                production.wait_for_sessions(0);
            }
            "fill_connections" => self.application.extend(production.fill(count()?)),
            "stop_standby" => production.without_standby(),
            "promote" => production.promote(),
            // The primary is lost, the standby takes over, and the name leads to it.
            "fail_over" => {
                self.primary.cut();
                production.signal("KILL");
                production.promote();
                self.primary.lead_to(production.standby_port);
                self.primary.mend();
            }
            // Where nothing listens, connections are refused: the link must not accept for it.
            "stop" => {
                self.primary.cut();
                production.halt("fast");
            }
            // The application finds it again by itself.
            "start" => {
                production.revive();
                self.primary.mend();
                self.application = vec![production.session("require")];
            }
            "kill" => {
                self.primary.cut();
                production.signal("KILL");
            }
            "pause" => production.signal("STOP"),
            "resume" => production.signal("CONT"),
            _ => return Err(format!("PostgreSQL does not understand `{verb}`")),
        }
        Ok(())
    }

    fn put_back(&mut self) {
        self.application.clear();
        self.production.restore();
        self.primary.lead_to(self.production.server.port);
        self.primary.mend();
        self.standby.mend();
        self.production.wait_for_sessions(0);
        self.application = vec![self.production.session("require")];
    }
}
