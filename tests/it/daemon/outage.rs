//! A real PostgreSQL goes away and comes back, under all shipped database rows of Parallax: exactly
//! the right items turn, and a `kill -9` of the daemon in the middle changes nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::rows::database::deployment;
use crate::support::control_plane::ControlPlane;
use crate::support::daemon::{Daemon, Launch};
use crate::support::faster::faster;
use crate::support::postgres::production::Production;

const ROOT: &str = "parallax/core.database.postgres-reachable";
/// Everything that asks the primary. TimescaleDB cannot be had here; its row does not apply.
const DEPENDANTS: [&str; 8] = [
    "parallax/core.database.migrations-applied",
    "parallax/core.database.connection-pooling",
    "parallax/core.database.production-instance",
    "parallax/core.database.replication-ha",
    "parallax/security.tls.database-tls",
    "parallax/config.db-tuning.max-connections",
    "parallax/config.db-tuning.shared-buffers",
    "parallax/config.db-tuning.effective-cache-size",
];
/// Ask PostgreSQL, or refer to the root, and look at other things beside.
const MIXED: [&str; 3] = [
    "parallax/api.endpoints.health-ready",
    "parallax/api.endpoints.executions-run",
    // Its other alternative is a row that nothing checks yet, so that it cannot be told.
    "parallax/core.database.backup-strategy",
];
/// Every planned run, retry and permit of an interval of six seconds, on a busy machine.
const SOON: Duration = Duration::from_secs(120);

/// (item, state) of everything outside the checklist about the daemon itself.
fn states(daemon: &Daemon) -> Vec<(String, String)> {
    let items = daemon.json("/api/v1/items");
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    items
        .as_array()
        .expect("items")
        .iter()
        .filter(|item| item["checklist"] != "self")
        .map(|item| (format!("{}/{}", text(item, "checklist"), text(item, "item")), text(item, "state")))
        .collect()
}

/// The states once a round of looks has changed none of them.
fn settled(daemon: &Daemon) -> Vec<(String, String)> {
    let mut before = states(daemon);
    loop {
        std::thread::sleep(Duration::from_secs(8));
        let now = states(daemon);
        if now == before {
            return now;
        }
        before = now;
    }
}

fn pass_all(daemon: &Daemon) {
    for item in [ROOT].iter().chain(&DEPENDANTS) {
        daemon.wait_for(item, "pass", SOON);
    }
}

#[test]
fn postgres_goes_away_and_comes_back() {
    let (production, cp) = (Production::start(), ControlPlane::start());
    let mut here = deployment(&production, &cp);
    here.parameter("timescaledb_required", false);
    let _application = production.session("require");
    let root = here.configuration(&faster("parallax", &here.path("config"), "6s"));
    let directory = tempfile::tempdir().expect("directory");
    let launch = Launch::new(directory.path(), Path::new(&root));
    let daemon = launch.start();
    pass_all(&daemon);
    for item in MIXED {
        daemon.wait_for_evaluation(item, Duration::from_secs(90));
    }
    let before = settled(&daemon);

    production.server.stop();
    let stopped = Instant::now();
    daemon.wait_for(ROOT, "fail", SOON);
    println!("root: fail after {:?}", stopped.elapsed());
    for item in DEPENDANTS {
        daemon.wait_for(item, "blocked", SOON);
        println!("{item}: blocked after {:?}", stopped.elapsed());
    }
    let root = daemon.json(&format!("/api/v1/items/{ROOT}"));
    assert_eq!(root["reason"], "refused");
    let sentence = root["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains("refused") && sentence.contains(&production.server.port.to_string()), "{sentence}");
    for item in DEPENDANTS {
        let blocked = daemon.json(&format!("/api/v1/items/{item}"));
        assert_eq!(blocked["reason"], "dependency");
        let sentence = blocked["sentence"].as_str().expect("a sentence");
        assert!(sentence.contains("core.database.postgres-reachable"), "{sentence}");
    }
    let touched: Vec<&str> = [ROOT].into_iter().chain(DEPENDANTS).collect();
    for ((item, was), (_, is)) in before.iter().zip(states(&daemon)) {
        // What runs every few minutes may only now have had its first look.
        let undecided = |state: &str| matches!(state, "unknown" | "blocked" | "stale");
        if *was == is
            || is == "pass"
            || undecided(was) && undecided(&is)
            || touched.contains(&item.as_str())
            || MIXED.contains(&item.as_str())
        {
            continue;
        }
        let turned = daemon.json(&format!("/api/v1/items/{item}"));
        // Also by way of a row that asks PostgreSQL, and does not depend on the root.
        let cause = turned["root_cause"].as_str().filter(|cause| cause.contains('/'));
        let by_way_of =
            cause.is_some_and(|cause| daemon.json(&format!("/api/v1/items/{cause}"))["reason"] == "refused");
        // A row that hangs on other things too says what it saw itself.
        let itself = turned["sentence"].to_string().contains(&format!("{} refused", production.server.port));
        let because_of_it = turned["root_cause"].to_string().contains(ROOT) || itself || by_way_of;
        assert!(because_of_it, "{item} turned from {was} to {is}, and not because of PostgreSQL: {turned:#}");
    }

    std::thread::sleep(Duration::from_millis(700));
    let standing = |daemon: &Daemon| -> Vec<Value> {
        let keys = ["state", "reason", "since", "regressed_since", "sentence"];
        let of = |item: &&str| {
            let item = daemon.json(&format!("/api/v1/items/{item}"));
            Value::from_iter(keys.map(|key| item[key].clone()))
        };
        touched.iter().map(of).collect()
    };
    let during = standing(&daemon);
    daemon.kill();
    let daemon = launch.start();
    assert_eq!(standing(&daemon), during, "a kill -9 forgets nothing and invents nothing");
    let regressions =
        r#"readiness_item_regressions_total{checklist="parallax",item="core.database.postgres-reachable"}"#;
    assert_eq!(daemon.sample(regressions), Some(1.0));
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(daemon.sample(regressions), Some(1.0), "still the one regression");
    for item in DEPENDANTS {
        let (_, id) = item.split_once('/').expect("id");
        let series = format!("readiness_item_regressed{{checklist=\"parallax\",item=\"{id}\"}}");
        assert_eq!(daemon.sample(&series), Some(0.0), "blocked is no regression: {item}");
    }

    production.server.start_again();
    let _application = production.session("require");
    pass_all(&daemon);
    println!("all recovered; the log of the daemon has every transition:");
    for line in daemon.log().lines().filter(|line| line.contains("state changed") && line.contains("item=parallax/c")) {
        println!("{line}");
    }
    let history = daemon.json(&format!("/api/v1/items/{ROOT}"));
    println!("transitions of the root, newest first: {:#}", history["history"]);
    let turns: Vec<&str> =
        history["history"].as_array().expect("history").iter().filter_map(|turn| turn["to"].as_str()).collect();
    assert_eq!(turns, ["pass", "fail", "pass"], "newest first");
    assert!(daemon.stop().success());
}
