//! Registered agents in etcd against the table of agents in PostgreSQL.

use serde_json::json;

use super::Deployment;
use crate::support::control_plane::ControlPlane;
use crate::support::etcd::{Cluster, PASSWORD, QUOTA};
use crate::support::postgres::Server;

const ROW: &str = "data.persistence.agent-registrations";

#[test]
fn registrations_and_the_table() {
    let server = Server::start();
    let cp = ControlPlane::start();
    let mut here = Deployment::new();
    here.target("cp", json!({ "address": cp.address }));
    here.credential("pg-monitor", "app-password");
    here.target("pg", json!({ "address": server.address("app", "127.0.0.1", ""), "credential": "pg-monitor" }));
    let directory = here.path("etcd");
    std::fs::create_dir_all(&directory).unwrap();
    let cluster = Cluster::start(&directory, 1, false);
    here.credential("etcd-ro", PASSWORD);
    here.target("etcd", json!({ "address": cluster.endpoints()[0], "credential": "etcd-ro" }));
    here.parameter("etcd_expected_members", 1);
    here.parameter("etcd_quota_bytes", QUOTA);
    let sql = |text: &str| server.sql("app", text);
    sql("CREATE TABLE \"Agent\" (id text, status text, \"lastSeen\" timestamp(3)); \
         GRANT SELECT ON \"Agent\" TO app; \
         INSERT INTO \"Agent\" VALUES ('a1', 'active', now() AT TIME ZONE 'UTC'), \
         ('a2', 'active', now() AT TIME ZONE 'UTC'), ('old', 'inactive', NULL)");
    here.expect("both are active", &[(ROW, "pass", "", "the same 2 values")]);
    sql("UPDATE \"Agent\" SET \"lastSeen\" = \"lastSeen\" - interval '6 minutes' WHERE id = 'a2'");
    here.expect("one was not seen for six minutes", &[(ROW, "fail", "assertion", "rows.all")]);
    sql("UPDATE \"Agent\" SET status = 'inactive' WHERE id = 'a2'");
    here.expect("one is not active", &[(ROW, "fail", "assertion", "only registry has `a2`")]);
    cluster.ctl(&["del", "/parallax/services/agent/a1"]);
    sql("UPDATE \"Agent\" SET status = 'active', \"lastSeen\" = now() AT TIME ZONE 'UTC'");
    here.expect("rows without a key", &[(ROW, "fail", "assertion", "only table has `a1`, `old`")]);
    cluster.put("/parallax/services/agent/a1", "text");
    here.expect("a value that is no JSON", &[(ROW, "blocked", "dependency", "not_json == []")]);
}
