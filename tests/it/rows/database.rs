//! `core.database`, `config.db-tuning`, `security.tls.database-tls` and the last row of
//! `api.endpoints`, against a PostgreSQL primary with a standby and a connected application.

use serde_json::json;

use super::Deployment;
use crate::support::control_plane::ControlPlane;
use crate::support::postgres::production::{MIGRATIONS, PASSWORD, Production};

const REACHABLE: &str = "core.database.postgres-reachable";
const TIMESCALE: &str = "core.database.timescaledb-extension";
const APPLIED: &str = "core.database.migrations-applied";
const POOLING: &str = "core.database.connection-pooling";
const BACKUP: &str = "core.database.backup-strategy";
const INSTANCE: &str = "core.database.production-instance";
const STANDBY: &str = "core.database.replication-ha";
const TLS: &str = "security.tls.database-tls";
const EXECUTIONS: &str = "api.endpoints.executions-run";
const MAX: &str = "config.db-tuning.max-connections";
const BUFFERS: &str = "config.db-tuning.shared-buffers";
const CACHE: &str = "config.db-tuning.effective-cache-size";

const DATABASE_URL: &str = "postgresql://parallax@db:5432/parallax?connection_limit=10";
const STRATEGY: &str =
    "---\nschedule: hourly\nretention: 30d\ntool: pgbackrest\nrpo_seconds: 86400\nstorage: s3\n---\n";

#[test]
fn database() {
    let production = Production::start();
    let cp = ControlPlane::start();
    let mut here = deployment(&production, &cp);
    let app = production.session("require");
    let good = [REACHABLE, APPLIED, POOLING, BACKUP, INSTANCE, STANDBY, TLS, EXECUTIONS, MAX, BUFFERS, CACHE];
    here.expect("all is well", &good.map(|item| (item, "pass", "", "")));
    here.expect("plain PostgreSQL", &[(TIMESCALE, "fail", "assertion", "installed")]);
    other_places(&production, &mut here);
    first_breaks(&production, &mut here, &cp);
    schema(&production, &mut here);
    connections(&production, &mut here);
    drop(app);
    production.wait_for_sessions(0);
    here.expect("the application is gone", &[(POOLING, "fail", "assertion", "rows[0].connections")]);
    lag(&production, &here);
    tuning(&production, &mut here);
    production.server.stop();
    here.expect(
        "the primary is down",
        &[
            (REACHABLE, "fail", "refused", ""),
            (APPLIED, "blocked", "dependency", REACHABLE),
            (TLS, "blocked", "dependency", REACHABLE),
            (STANDBY, "blocked", "dependency", REACHABLE),
            ("api.endpoints.health-ready", "fail", "refused", ""),
        ],
    );
}

pub(crate) fn deployment(production: &Production, cp: &ControlPlane) -> Deployment {
    let mut here = Deployment::new();
    here.credential("pg-monitor", PASSWORD);
    let pg = |port: u16| {
        let address = format!("postgresql://readiness@localhost:{port}/parallax?sslmode=verify-full");
        json!({ "address": address, "credential": "pg-monitor", "ca": production.server.ca() })
    };
    here.target("pg", pg(production.server.port));
    here.target("pg-standby", pg(production.standby_port));
    here.target("cp", json!({ "address": cp.address }));
    here.environment("control-plane", &[("DATABASE_URL", DATABASE_URL)]);
    here.write("repo/docs/ops/backup.md", STRATEGY);
    here.parameter("repo", here.path("repo").display().to_string());
    here.parameter("database_system_identifier", production.identifier());
    here.parameter("database_allow_loopback", true);
    here.parameter("replication_check_standby", true);
    here
}

/// Nothing is broken; the checklist is pointed to the wrong place.
fn other_places(production: &Production, here: &mut Deployment) {
    here.parameter("database_name", "billing");
    here.expect("another database is declared", &[(REACHABLE, "fail", "assertion", "rows[0].database = \"parallax\"")]);
    here.parameter("database_name", "parallax");
    let pg = here.targets["parallax.pg"].clone();
    here.target("pg", here.targets["parallax.pg-standby"].clone());
    here.expect("a standby is taken for the primary", &[(REACHABLE, "fail", "assertion", "in_recovery = true")]);
    let mut untrusted = pg.clone();
    untrusted["ca"] = json!(production.server.other_ca());
    here.target("pg", untrusted);
    here.expect("another authority", &[(REACHABLE, "fail", "tls_untrusted", "")]);
    here.target("pg", pg.clone());
    here.credential("pg-monitor", "wrong");
    here.expect("the monitor's password is wrong", &[(REACHABLE, "unknown", "auth_rejected", "28P01")]);
    here.credential("pg-monitor", PASSWORD);
    let own = here.parameters["database_system_identifier"].clone();
    here.parameter("staging_system_identifier", own.clone());
    here.expect("this is staging", &[(INSTANCE, "fail", "assertion", "!=")]);
    here.parameter("staging_system_identifier", "1");
    here.parameter("database_system_identifier", "7412345678901234567");
    here.expect("another server than declared", &[(INSTANCE, "fail", "assertion", "7412345678901234567")]);
    here.parameter("database_system_identifier", own);
    here.parameter("database_allow_loopback", false);
    here.expect("on loopback", &[(INSTANCE, "fail", "assertion", "loopback = true")]);
    here.parameter("database_allow_loopback", true);
}

fn first_breaks(production: &Production, here: &mut Deployment, cp: &ControlPlane) {
    production.set("fsync = off");
    production.set("effective_cache_size = '512MB'");
    production.set("max_connections = 250");
    production.parallax("DELETE FROM \"Execution\"");
    production.accept_plain(true);
    here.write("repo/docs/ops/backup.md", &STRATEGY.replace("tool: pgbackrest\n", ""));
    here.expect(
        "fsync off, small cache, restart pending, no execution, plain logins, no tool named",
        &[
            (REACHABLE, "pass", "", ""),
            (INSTANCE, "fail", "assertion", "fsync = \"off\""),
            (CACHE, "fail", "assertion", "536870912"),
            (MAX, "fail", "assertion", "pending_restart = true"),
            (EXECUTIONS, "fail", "assertion", "any_completed"),
            (TLS, "fail", "plaintext_accepted", ""),
            (BACKUP, "fail", "assertion", "tool"),
        ],
    );
    production.set("fsync = on");
    production
        .parallax("INSERT INTO \"Execution\" VALUES ('2', 'completed', now() AT TIME ZONE 'UTC' - interval '2h')");
    let plain = production.session("disable");
    production.accept_plain(false);
    here.write("repo/docs/ops/backup.md", &STRATEGY.replace("86400", "60"));
    here.expect(
        "last execution 2 h ago, a session in the clear is left, the document promises more than is checked",
        &[
            (INSTANCE, "pass", "", ""),
            (EXECUTIONS, "fail", "assertion", "age_s"),
            (TLS, "fail", "assertion", "unencrypted = 1"),
            (BACKUP, "fail", "assertion", "rpo_seconds"),
        ],
    );
    drop(plain);
    production.wait_for_sessions(1);
    production.parallax("INSERT INTO \"Execution\" VALUES ('3', 'completed', now() AT TIME ZONE 'UTC')");
    cp.answer("POST /api/executions", 202, json!({"id": "1", "status": "accepted"}));
    here.write("repo/docs/ops/backup.md", &STRATEGY.replace("86400", "1"));
    here.parameter("backup_rpo_s", 1);
    here.expect(
        "an empty request is accepted; nothing was archived lately, and the other signal is not built",
        &[(EXECUTIONS, "fail", "status", "202"), (TLS, "pass", "", ""), (BACKUP, "unknown", "unmapped", "")],
    );
    cp.heal();
    here.write("repo/docs/ops/backup.md", STRATEGY);
    here.parameter("backup_rpo_s", 86400);
    std::fs::remove_file(here.path("repo/docs/ops/backup.md")).unwrap();
    here.expect("no document", &[(EXECUTIONS, "pass", "", ""), (BACKUP, "fail", "missing", "backup.md")]);
}

fn schema(production: &Production, here: &mut Deployment) {
    let last = MIGRATIONS[5];
    let set = |change: &str| {
        production.parallax(&format!("UPDATE _prisma_migrations SET {change} WHERE migration_name = '{last}'"))
    };
    set("rolled_back_at = now()");
    here.expect("a migration was rolled back", &[(APPLIED, "fail", "assertion", last)]);
    set("rolled_back_at = NULL");
    production.parallax("INSERT INTO _prisma_migrations VALUES ('2027_next', '', NULL, NULL)");
    here.expect("a migration hangs", &[(APPLIED, "fail", "assertion", "hanging = 1")]);
    production.parallax("DELETE FROM _prisma_migrations WHERE migration_name = '2027_next'");
    let checksums = |of: &str| MIGRATIONS.map(|name| format!("{name}={}", of.repeat(64))).to_vec();
    here.parameter("migration_checksums", checksums("a"));
    here.expect("checksums as in the repository", &[(APPLIED, "pass", "", "")]);
    here.parameter("migration_checksums", checksums("b"));
    here.expect("a migration was changed", &[(APPLIED, "fail", "assertion", "different")]);
    here.parameter("migration_checksums", checksums("a"));
    production.parallax("ALTER TABLE \"Workspace\" RENAME TO workspace");
    here.expect("a table is missing", &[(APPLIED, "fail", "assertion", "missing = \"Workspace\"")]);
    production.parallax("ALTER TABLE workspace RENAME TO \"Workspace\"");
    production.parallax("REVOKE SELECT ON _prisma_migrations FROM readiness");
    here.expect("a right was taken away", &[(APPLIED, "unknown", "permission_denied", "42501")]);
    production.parallax("GRANT SELECT ON _prisma_migrations TO readiness");
}

/// One session is open already.
fn connections(production: &Production, here: &mut Deployment) {
    here.environment("control-plane", &[("DATABASE_URL", "postgresql://parallax@db:5432/parallax")]);
    here.expect("nothing limits the client", &[(POOLING, "fail", "assertion", "connection_limit")]);
    here.environment("control-plane", &[("DATABASE_URL", DATABASE_URL)]);
    here.parameter("connections_per_client_max", 2);
    let more = [production.session("require"), production.session("require")];
    here.expect("one client has three connections", &[(POOLING, "fail", "assertion", "busiest_client = 3")]);
    drop(more);
    production.wait_for_sessions(1);
    here.parameter("connections_max_ratio", 0.001);
    here.expect("near the limit of the server", &[(POOLING, "fail", "assertion", "used_ratio")]);
    here.parameter("connections_max_ratio", 0.8);
}

fn lag(production: &Production, here: &Deployment) {
    production.on_standby("SELECT pg_wal_replay_pause()");
    production.parallax("CREATE TABLE bulk AS SELECT repeat(md5(n::text), 8) AS t FROM generate_series(1, 100000) n");
    here.expect("the standby stands still", &[(STANDBY, "fail", "assertion", "replication_max_lag_bytes")]);
    production.on_standby("SELECT pg_wal_replay_resume()");
    production.wait_until("EXISTS (SELECT FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn())");
    here.expect("it has caught up", &[(STANDBY, "pass", "", "")]);
    production.stop_standby();
    here.expect("the standby is gone", &[(STANDBY, "fail", "assertion", "replication_min_standbys")]);
}

fn tuning(production: &Production, here: &mut Deployment) {
    production.set("max_connections = 100");
    production.set("shared_buffers = '64MB'");
    production.pretend_timescaledb("2.17.2");
    here.expect("installed, not loaded", &[(TIMESCALE, "fail", "assertion", "preloaded")]);
    production.restart();
    here.expect(
        "restarted with 100 connections and 64 MB; a stand-in of the extension",
        &[
            (MAX, "fail", "assertion", "setting = 100"),
            (BUFFERS, "fail", "assertion", "67108864"),
            (TIMESCALE, "pass", "", ""),
        ],
    );
    here.parameter("timescaledb_min_version", "2.18");
    here.expect("an older extension than asked for", &[(TIMESCALE, "fail", "assertion", "new_enough")]);
    here.parameter("timescaledb_required", false);
    here.expect("no extension is asked for", &[(TIMESCALE, "not_applicable", "inapplicable", "timescaledb_required")]);
}
