//! The data of Parallax: PostgreSQL with its standby, one etcd and the control plane under the shipped
//! rows, and Redis under a small checklist, since no shipped row about it is critical.

use std::time::Instant;

use serde_json::json;

use super::deployment::Deployment;
use super::fault::{Lane, SHOWS, settle};
use super::record::Row;
use crate::support::control_plane::ControlPlane;
use crate::support::etcd::{self, Cluster};
use crate::support::postgres::production::{PASSWORD, Production, Session};
use crate::support::redis;

const ROOT: &str = "parallax/core.database.postgres-reachable";
const TLS: &str = "parallax/security.tls.database-tls";
const MIGRATIONS: &str = "parallax/core.database.migrations-applied";
/// Critical rows that hang on PostgreSQL, directly or by way of others.
const DEPENDANTS: [&str; 5] = [
    TLS,
    MIGRATIONS,
    "parallax/api.endpoints.health-ready",
    "parallax/api.endpoints.executions-run",
    "parallax/data.persistence.execution-history",
];
const REDIS: &str = "cache/all.reachable";
const POLICY: &str = "cache/all.eviction-policy";

pub(super) struct Servers {
    production: Production,
    application: Session,
}

impl Servers {
    pub(super) fn start() -> Self {
        let production = Production::start();
        let application = production.session("require");
        Self { production, application }
    }

    fn start_again(&mut self) {
        self.production.revive();
        self.application = self.production.session("require");
    }
}

/// Where the checks find it all.
pub(super) fn deployment(servers: &Servers, cluster: &Cluster, cp: &ControlPlane, redis: &redis::Server) -> Deployment {
    let mut here = Deployment::parallax();
    let production = &servers.production;
    here.credential("pg-monitor", PASSWORD);
    here.credential("etcd-ro", etcd::PASSWORD);
    here.credential("redis-monitor", redis::PASSWORD);
    let pg = |port: u16| {
        let address = format!("postgresql://readiness@localhost:{port}/parallax?sslmode=verify-full");
        json!({ "address": address, "credential": "pg-monitor", "ca": production.server.ca() })
    };
    here.target("pg", pg(production.server.port));
    here.target("pg-standby", pg(production.standby_port));
    here.target("cp", json!({ "address": cp.address }));
    here.target("etcd", json!({ "address": cluster.endpoints()[0], "credential": "etcd-ro" }));
    here.parameter("etcd_expected_members", 1);
    here.parameter("etcd_quota_bytes", etcd::QUOTA);
    here.parameter("database_system_identifier", production.identifier());
    here.parameter("database_allow_loopback", true);
    here.parameter("replication_check_standby", true);
    here.parameter("timescaledb_required", false);
    here.parameter("hypertables_required", false);
    let address = format!("rediss://readiness@127.0.0.1:{}", redis.tls_port);
    here.checklist_with(
        "cache",
        &[("redis", json!({ "address": address, "credential": "redis-monitor", "ca": redis.ca() }))],
        &[
            ("reachable", &[], json!({ "redis": { "target": "redis", "commands": ["ping", "role"] } })),
            (
                "eviction-policy",
                &["all.reachable"],
                json!({
                    "redis": { "target": "redis", "commands": ["info"], "sections": ["memory"] },
                    "expect": "info.memory.maxmemory_policy == 'volatile-lru'",
                }),
            ),
        ],
    );
    here
}

pub(super) fn postgres(lane: &mut Lane<'_>, servers: &mut Servers) {
    settle(lane.daemon, &[ROOT]);
    settle(lane.daemon, &DEPENDANTS);
    lane.pages("PostgreSQL is stopped", ROOT, servers, |servers| servers.production.halt("fast"), Servers::start_again);
    lane.pages(
        "PostgreSQL hangs (SIGSTOP)",
        ROOT,
        servers,
        |servers| servers.production.signal("STOP"),
        |servers| servers.production.signal("CONT"),
    );
    // Nobody is woken up about what cannot be told, also while something else is paged.
    let began = Instant::now();
    servers.production.parallax("REVOKE SELECT ON _prisma_migrations FROM readiness");
    lane.daemon.wait_for(MIGRATIONS, "unknown", SHOWS);
    let seen = began.elapsed();
    lane.pages(
        "PostgreSQL takes passwords in the clear (a setting is changed)",
        TLS,
        servers,
        |servers| servers.production.accept_plain(true),
        |servers| servers.production.accept_plain(false),
    );
    assert_eq!(lane.daemon.state(MIGRATIONS).0, "unknown", "it was so all the time");
    servers.production.parallax("GRANT SELECT ON _prisma_migrations TO readiness");
    lane.daemon.wait_for(MIGRATIONS, "pass", SHOWS);
    lane.row(Row::quiet("a grant is revoked", MIGRATIONS, seen));
    lane.is_quiet("PostgreSQL is restarted", ROOT, servers, |servers| {
        servers.production.restart();
        servers.application = servers.production.session("require");
    });
}

pub(super) fn cache(lane: &mut Lane<'_>, redis: &mut redis::Server) {
    settle(lane.daemon, &[REDIS, POLICY]);
    lane.pages("Redis is stopped", REDIS, redis, |redis| redis.process().stop(), redis::Server::start_again);
    lane.pages(
        "Redis may evict any key (a setting is changed)",
        POLICY,
        redis,
        |redis| drop(redis.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])),
        |redis| drop(redis.cli(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"])),
    );
}
