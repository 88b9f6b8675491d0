//! PostgreSQL, Redis and etcd.

use serde_json::json;

use super::table::Row;
use super::{Watched, turn};
use crate::support::etcd::{self, Cluster};
use crate::support::{postgres, redis};

pub(super) fn run() -> Vec<Row> {
    let mut here = Watched::new();
    let (cache, cluster) = (here.path().join("cache"), here.path().join("cluster"));
    for folder in [&cache, &cluster] {
        std::fs::create_dir(folder).expect("folder");
    }
    let mut database = postgres::Server::start();
    let mut cache = redis::Server::start(&cache);
    let mut cluster = Cluster::start(&cluster, 1, false);

    here.credential("pg", "app-password");
    here.credential("redis", redis::PASSWORD);
    here.credential("etcd", etcd::PASSWORD);
    let at = database.address("app", "127.0.0.1", "sslmode=require");
    here.target("pg", json!({ "address": at, "credential": "pg", "ca": database.ca() }));
    let at = format!("rediss://readiness@127.0.0.1:{}", cache.tls_port);
    here.target("redis", json!({ "address": at, "credential": "redis", "ca": cache.ca() }));
    here.target("etcd", json!({ "address": cluster.endpoints()[0], "credential": "etcd" }));
    here.item(
        "postgresql",
        json!({ "postgres": { "target": "pg", "sql": "SELECT 1 AS one" }, "expect": "rows[0].one == 1" }),
    );
    here.item("redis", json!({ "redis": { "target": "redis" } }));
    here.item("etcd", json!({ "etcd": { "target": "etcd", "user": "readiness", "rpc": ["status"] } }));
    here.item(
        "registration",
        json!({
            "etcd": { "target": "etcd", "user": "readiness", "prefix": "/parallax/services/agent/", "keys_only": true },
            "expect": "key_count == 2",
        }),
    );
    let daemon = here.start();
    let rows = vec![
        turn(
            &daemon,
            "PostgreSQL is stopped, and started",
            "postgresql",
            &mut database,
            |database| database.stop(),
            |database| database.start_again(),
        ),
        turn(
            &daemon,
            "Redis is killed, and started",
            "redis",
            &mut cache,
            |cache| cache.process().kill(),
            redis::Server::start_again,
        ),
        turn(
            &daemon,
            "one worker too many is registered in etcd, and removed",
            "registration",
            &mut cluster,
            |cluster| cluster.register("worker-2"),
            |cluster| drop(cluster.ctl(&["del", "/parallax/services/agent/worker-2"])),
        ),
        turn(
            &daemon,
            "the etcd member is killed, and started",
            "etcd",
            &mut cluster,
            |cluster| cluster.node("n1").process.kill(),
            |cluster| {
                cluster.node("n1").process.start();
                cluster.settle();
            },
        ),
    ];
    assert!(daemon.stop().success());
    rows
}
