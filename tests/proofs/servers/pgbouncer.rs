//! PgBouncer's console, as a member of `stats_users`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Server, act_on_link, act_on_process};
use crate::support::link::Link;
use crate::support::pgbouncer::{self, PASSWORD};

pub(crate) struct PgBouncer {
    pooler: pgbouncer::PgBouncer,
    link: Link,
    clients: Vec<Child>,
}

impl PgBouncer {
    pub(crate) fn start() -> Self {
        let pooler = pgbouncer::PgBouncer::start();
        let link = Link::to(pooler.port);
        let mut this = Self { pooler, link, clients: Vec::new() };
        this.client(false);
        this
    }

    /// A client that has asked and was answered, and keeps its server connection if `holds`.
    fn client(&mut self, holds: bool) {
        let mut child = self.ask(holds);
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("answer");
        assert_eq!(line.trim(), "asked");
        self.clients.push(child);
    }

    /// A client that gets no server connection, and waits for it.
    fn waiting(&mut self) {
        let child = self.ask(false);
        self.clients.push(child);
    }

    fn ask(&self, holds: bool) -> Child {
        let to = format!(
            "host=127.0.0.1 port={} user=app dbname=app sslmode=require password=app-password",
            self.pooler.port
        );
        let mut command = Command::new("psql");
        let mut child =
            command.args(["-qAtX", &to]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql");
        let ask: &[u8] = if holds { b"BEGIN; SELECT 'asked';\n" } else { b"SELECT 'asked';\n" };
        child.stdin.as_mut().expect("stdin").write_all(ask).expect("ask");
        child
    }

    fn leave(&mut self) {
        for mut client in self.clients.drain(..) {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Server for PgBouncer {
    fn targets(&self) -> Vec<(String, Value)> {
        let address = format!("postgresql://readiness@localhost:{}/pgbouncer?sslmode=verify-full", self.link.port);
        let target = json!({ "address": address, "credential": "pooler", "ca": self.pooler.server.ca() });
        vec![("parallax.pgbouncer".to_owned(), target)]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        vec![("pooler".to_owned(), PASSWORD.to_owned())]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![("port".to_owned(), self.link.port.to_string())]
    }

    /// `configure: <lines of pgbouncer.ini>`, `hold` (all server connections are taken and a client
    /// waits), and the verbs of a process and of the network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let port = self.pooler.port;
        let ready = || crate::support::listens(port);
        if let Some(done) = act_on_process(&mut self.pooler.process, &mut self.link, verb, ready) {
            return done;
        }
        match verb {
            "configure" => {
                self.leave();
                let lines = argument.as_str().ok_or("write `configure: <lines>`")?;
                self.pooler.configured(lines);
                // Whether a pool without a size has a moment's connection for its first client is luck.
                if lines.contains("default_pool_size = 0") { self.waiting() } else { self.client(false) }
            }
            "hold" => {
                // Two have the two connections of the pool, the next one waits.
                self.client(true);
                self.client(true);
                self.waiting();
                std::thread::sleep(Duration::from_secs(2));
            }
            _ => return Err(format!("PgBouncer does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.leave();
        self.pooler.process.resume();
        self.pooler.configured("");
        self.link.mend();
        self.client(false);
        Ok(())
    }
}
