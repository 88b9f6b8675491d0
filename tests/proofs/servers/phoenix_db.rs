//! The database of the Phoenix Platform: a primary with its schema, a standby, and one session of the
//! application that reads from it.

use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{Server, act_on_link};
use crate::support::link::Link;
use crate::support::postgres::production::{PASSWORD, Production};

const TEMPLATE: &str = "phoenix_pristine";
const STAGING: &str = "phoenix_staging";

pub(crate) struct PhoenixDb {
    production: Production,
    primary: Link,
    standby: Link,
    /// Reads from the standby.
    reader: Option<Child>,
    /// Of this case.
    others: Vec<Child>,
    touched: bool,
    touched_staging: bool,
}

impl PhoenixDb {
    pub(crate) fn start() -> Self {
        let production = Production::start();
        // Statements are counted from the start of a server only.
        production.set("shared_preload_libraries = 'pg_stat_statements'");
        production.restart();
        production.server.sql("postgres", &format!("CREATE ROLE phoenix LOGIN PASSWORD '{PASSWORD}'"));
        production.server.sql("postgres", "CREATE DATABASE phoenix");
        production.server.sql("phoenix", include_str!("../../support/postgres/phoenix.sql"));
        production.server.sql("phoenix", include_str!("../../../docs/grants/phoenix.sql"));
        production.server.sql("phoenix", "VACUUM ANALYZE");
        production.server.sql("postgres", &format!("CREATE DATABASE {TEMPLATE} TEMPLATE phoenix"));
        let (primary, standby) = (Link::to(production.server.port), Link::to(production.standby_port));
        let mut this = Self {
            production,
            primary,
            standby,
            reader: None,
            others: Vec::new(),
            touched: false,
            touched_staging: false,
        };
        this.make_staging();
        this.production.caught_up();
        this.work();
        this.reader = Some(this.session(this.production.standby_port, "require"));
        this
    }

    /// The application does something, and nothing else is counted.
    fn work(&self) {
        self.production.server.sql("phoenix", "SELECT pg_stat_statements_reset()");
        self.production.server.sql("phoenix", "SET ROLE phoenix; SELECT count(*) FROM phoenix.experiments");
    }

    /// The database of staging, as large as that of production.
    fn make_staging(&self) {
        let server = &self.production.server;
        server.sql("postgres", &format!("DROP DATABASE IF EXISTS {STAGING} WITH (FORCE)"));
        server.sql("postgres", &format!("CREATE DATABASE {STAGING} TEMPLATE {TEMPLATE}"));
        server.sql("postgres", &format!("GRANT CONNECT ON DATABASE {STAGING} TO readiness"));
    }

    /// A session of the application, open until it is killed.
    fn session(&self, port: u16, sslmode: &str) -> Child {
        let to = format!(
            "host=127.0.0.1 port={port} user=phoenix dbname=phoenix sslmode={sslmode} password={PASSWORD} \
             application_name=phoenix-api"
        );
        let mut child = Command::new("psql")
            .args(["-qAtX", &to])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql");
        child.stdin.as_mut().expect("input").write_all(b"SELECT 'connected';\n").expect("psql reads");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("output")).read_line(&mut line).expect("psql answers");
        assert_eq!(line.trim(), "connected", "the application is connected");
        child
    }

    fn arrange(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        let text = || argument.as_str().ok_or_else(|| format!("write `{verb}: <text>`"));
        match verb {
            "sql" => {
                self.touched = true;
                self.production.server.sql("phoenix", text()?);
            }
            "staging_sql" => {
                self.touched_staging = true;
                self.production.server.sql(STAGING, text()?);
            }
            "hba" => self.production.access(text()?),
            // Goes on while the case looks.
            "sleep" => {
                let ask = format!("SELECT pg_sleep({});\n", text()?);
                self.others.push(self.session(self.production.server.port, "require"));
                let input = self.others.last_mut().and_then(|child| child.stdin.as_mut()).expect("input");
                input.write_all(ask.as_bytes()).map_err(|error| error.to_string())?;
            }
            "session" => self.others.push(self.session(self.production.server.port, "require")),
            "plain_session" => self.others.push(self.session(self.production.server.port, "disable")),
            "no_reader" => {
                self.reader.take().into_iter().for_each(end);
                self.production.on_standby(
                    "DO $do$ BEGIN FOR n IN 1..200 LOOP PERFORM pg_stat_clear_snapshot(); IF NOT EXISTS (SELECT FROM \
                     pg_stat_activity WHERE usename = 'phoenix') THEN RETURN; END IF; PERFORM pg_sleep(0.05); \
                     END LOOP; END $do$",
                );
            }
            "stop_standby" => self.production.without_standby(),
            _ => return Err(format!("Phoenix' database does not understand `{verb}`")),
        }
        Ok(())
    }

    fn put_back(&mut self) {
        self.others.drain(..).for_each(end);
        self.production.restore();
        self.primary.mend();
        self.standby.mend();
        if std::mem::take(&mut self.touched) {
            let server = &self.production.server;
            server.sql("postgres", "DROP DATABASE IF EXISTS phoenix WITH (FORCE)");
            server.sql("postgres", &format!("CREATE DATABASE phoenix TEMPLATE {TEMPLATE}"));
            server.sql("postgres", "ALTER ROLE phoenix NOBYPASSRLS");
            server.sql("postgres", "GRANT CONNECT ON DATABASE phoenix TO readiness");
            self.production.caught_up();
            self.reader.take().into_iter().for_each(end);
        }
        if std::mem::take(&mut self.touched_staging) {
            self.make_staging();
        }
        self.work();
        let alive = self.reader.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if !alive {
            self.reader = Some(self.session(self.production.standby_port, "require"));
        }
    }
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

impl Drop for PhoenixDb {
    fn drop(&mut self) {
        self.reader.take().into_iter().chain(self.others.drain(..)).for_each(end);
    }
}

fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(_) => "it panicked".to_owned(),
    })
}

impl Server for PhoenixDb {
    fn targets(&self) -> Vec<(String, Value)> {
        let target = |port: u16, database: &str| {
            let address = format!("postgresql://readiness@localhost:{port}/{database}?sslmode=verify-full");
            json!({ "address": address, "credential": "pg-monitor", "ca": self.production.server.ca() })
        };
        vec![
            ("phoenix.pg".to_owned(), target(self.primary.port, "phoenix")),
            ("phoenix.pg-replica".to_owned(), target(self.standby.port, "phoenix")),
            ("phoenix.pg-staging".to_owned(), target(self.production.server.port, STAGING)),
        ]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        vec![("pg-monitor".to_owned(), PASSWORD.to_owned())]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![
            ("port".to_owned(), self.primary.port.to_string()),
            ("standby-port".to_owned(), self.standby.port.to_string()),
            ("ca".to_owned(), self.production.server.ca().display().to_string()),
            ("other-ca".to_owned(), self.production.server.other_ca().display().to_string()),
        ]
    }

    /// `sql` (in the application's database), `staging_sql`, `hba: <rules>`, `sleep: <seconds>` (a statement of the
    /// application), `session`, `plain_session`, `no_reader`, `stop_standby`, and the verbs of the network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.primary, verb, argument) {
            return done;
        }
        caught(|| self.arrange(verb, argument))?
    }

    fn restore(&mut self) -> Result<(), String> {
        caught(|| self.put_back())
    }
}
