//! Targets that tell of changes: real servers are broken, and the daemon, which looks at them once in
//! ten minutes by its schedule, shows it at once.

mod cluster;
mod engine;
mod stores;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::support::daemon::{Daemon, Launch};
use table::Row;

/// The schedule of every item: nothing of it is seen in a test.
const INTERVAL: &str = "10m";
/// What an event tells is on the gauge in a second; a busy machine may take longer.
const AT_ONCE: Duration = Duration::from_secs(15);

/// A daemon with one checklist, `watched`, and what is written down about it.
struct Watched {
    directory: tempfile::TempDir,
    targets: Map<String, Value>,
    credentials: Map<String, Value>,
    items: Map<String, Value>,
}

impl Watched {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        Self { directory, targets: Map::new(), credentials: Map::new(), items: Map::new() }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn credential(&mut self, name: &str, secret: &str) {
        let file = self.path().join(name);
        std::fs::write(&file, secret).expect("credential");
        self.credentials.insert(name.to_owned(), json!({ "file": file }));
    }

    fn target(&mut self, name: &str, target: Value) {
        self.targets.insert(name.to_owned(), target);
    }

    fn item(&mut self, name: &str, check: Value) {
        self.items.insert(
            format!("all.{name}"),
            json!({ "title": format!("{name} is in order"), "priority": "high", "check": check }),
        );
    }

    /// Starts the daemon and waits until every item passes and every target is listened to.
    fn start(&self) -> Daemon {
        let declared: Map<String, Value> = self.targets.keys().map(|name| (name.clone(), json!(name))).collect();
        let targets: Map<String, Value> =
            self.targets.iter().map(|(name, target)| (format!("watched.{name}"), target.clone())).collect();
        let root = json!({
            "targets": targets, "credentials": self.credentials,
            "checklists": { "watched": {
                "title": "Watched", "targets": declared, "sections": { "all": "All" }, "items": self.items,
                "defaults": { "interval": INTERVAL, "timeout": "5s" },
            } },
        });
        let config = self.path().join("readiness.yaml");
        std::fs::write(&config, root.to_string()).expect("root file");
        let daemon = Launch::new(self.path(), &config).start();
        for item in self.items.keys() {
            // First looks are spread over a minute.
            assert_eq!(daemon.post(&format!("/api/v1/items/watched/{item}/run")).status, 200, "{item}");
            daemon.wait_for(&format!("watched/{item}"), "pass", AT_ONCE);
        }
        let deaf = || -> Vec<String> {
            let body = daemon.get("/metrics").body;
            let lines = body.lines().filter(|line| line.starts_with("readiness_watch_listening{"));
            lines.filter(|line| line.ends_with(" 0")).map(str::to_owned).collect()
        };
        let until = Instant::now() + AT_ONCE;
        while !deaf().is_empty() {
            assert!(Instant::now() < until, "not listened to: {:?}\n{}", deaf(), daemon.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon
    }
}

/// Breaks something, mends it, and measures how long the gauge takes for each.
fn turn<S>(
    daemon: &Daemon,
    fault: &str,
    item: &str,
    subject: &mut S,
    hurt: impl FnOnce(&mut S),
    mend: impl FnOnce(&mut S),
) -> Row {
    let id = format!("watched/all.{item}");
    hurt(subject);
    let seen = daemon.wait_for(&id, "fail", AT_ONCE);
    mend(subject);
    let back = daemon.wait_for(&id, "pass", AT_ONCE);
    let row = Row { fault: fault.to_owned(), item: item.to_owned(), seen, back };
    println!("{row}");
    row
}

#[test]
fn a_recorded_cluster_tells_too() {
    assert!(!cluster::run().is_empty());
}

#[test]
fn items_that_look_at_one_list_share_a_stream() {
    cluster::shared();
}

#[test]
fn what_a_target_tells_is_on_the_gauge_at_once() {
    let (engine, cluster) = (std::thread::spawn(engine::run), std::thread::spawn(cluster::run));
    let mut rows = stores::run();
    rows.extend(engine.join().expect("the engine"));
    rows.extend(cluster.join().expect("the cluster"));
    table::record(&rows);
}
