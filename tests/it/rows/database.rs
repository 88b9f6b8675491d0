//! The database of the control plane, for the tests of the daemon. The rows themselves are proved in
//! `tests/proofs`.

use serde_json::json;

use super::Deployment;
use crate::support::control_plane::ControlPlane;
use crate::support::postgres::production::{PASSWORD, Production};

const DATABASE_URL: &str = "postgresql://parallax@db:5432/parallax?connection_limit=10";
const STRATEGY: &str =
    "---\nschedule: hourly\nretention: 30d\ntool: pgbackrest\nrpo_seconds: 86400\nstorage: s3\n---\n";

/// Points the shipped checklist to what was started.
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
