//! TimescaleDB's real code in a WASM build of PostgreSQL, with three hypertables.

use std::path::Path;

use serde_json::Value;

use super::{Server, act_on_link, act_on_process};
use crate::support::link::Link;
use crate::support::timescaledb;

/// The build has no background jobs: what the last run of a policy came to is written by hand.
const GOOD: &str = r#"
    CREATE TABLE "Execution" (id text, "time" timestamptz NOT NULL);
    CREATE TABLE "ExecutionEvent" (id text, "time" timestamptz NOT NULL);
    CREATE TABLE "ConfidenceMetric" (id text, "time" timestamptz NOT NULL);
    SELECT create_hypertable('"Execution"', 'time'), create_hypertable('"ExecutionEvent"', 'time'),
        create_hypertable('"ConfidenceMetric"', 'time');
    INSERT INTO "Execution" SELECT n, now() - n * interval '1 day' FROM generate_series(1, 30) n;
    SELECT add_retention_policy('"Execution"', interval '90 days');
    INSERT INTO _timescaledb_internal.bgw_job_stat (job_id, last_start, last_finish, next_start,
        last_successful_finish, last_run_success, total_runs, total_duration, total_duration_failures,
        total_successes, total_failures, total_crashes, consecutive_failures, consecutive_crashes)
        SELECT job_id, now(), now(), now() + interval '1 day', now(), true, 1, '1s', '0s', 1, 0, 0, 0, 0
        FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention';
"#;

pub(crate) struct TimescaleDb {
    database: timescaledb::TimescaleDb,
    link: Link,
}

impl TimescaleDb {
    pub(crate) fn start(directory: &Path) -> Self {
        let database = timescaledb::TimescaleDb::start(&directory.join("log"));
        database.sql(GOOD).expect("hypertables");
        let link = Link::to(database.port);
        Self { database, link }
    }
}

impl Server for TimescaleDb {
    fn values(&self) -> Vec<(String, String)> {
        vec![("port".to_owned(), self.link.port.to_string())]
    }

    /// `sql`, and the verbs of a process and of the network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let port = self.database.port;
        let ready = || crate::support::listens(port);
        if let Some(done) = act_on_process(&mut self.database.process, &mut self.link, verb, ready) {
            return done;
        }
        match verb {
            "sql" => self.database.sql(argument.as_str().ok_or("write `sql: <text>`")?),
            _ => Err(format!("TimescaleDB does not understand `{verb}`")),
        }
    }

    /// It lives in memory, so it begins anew.
    fn restore(&mut self) -> Result<(), String> {
        self.database.process.stop();
        self.database.begin();
        self.database.sql(GOOD)?;
        self.link.mend();
        Ok(())
    }
}
