//! Reloads: all or nothing, and what did not change goes on as if nothing had happened.

use std::time::{Duration, Instant};

use crate::support::daemon::{Daemon, Launch};

fn catalogue(title: &str, extra: &str) -> String {
    format!(
        "
checklists:
  c:
    title: C
    sections: {{ s: S }}
    items:
      s.kept:
        title: {title}
        priority: high
        mode: auto
        interval: 1s
        check: {{ file: {{ path: /proc/self/status }} }}
{extra}"
    )
}

const ADDED: &str = "
      s.added:
        title: Added
        priority: low
        mode: auto
        interval: 1s
        check: { file: { path: /proc/self/stat } }
";

fn reload_failed(daemon: &Daemon) -> bool {
    daemon.sample("readiness_config_last_reload_successful") == Some(0.0)
}

#[test]
fn a_broken_catalogue_is_refused_with_all_its_errors_and_the_old_one_goes_on() {
    let directory = tempfile::tempdir().expect("directory");
    let config = directory.path().join("readiness.yaml");
    std::fs::write(&config, catalogue("Kept", "")).expect("config");
    let daemon = Launch::new(directory.path(), &config).start();
    daemon.wait_for("c/s.kept", "pass", Duration::from_secs(15));
    let since = daemon.json("/api/v1/items/c/s.kept")["since"].clone();

    let broken = catalogue(
        "Kept",
        "      s.a: { title: A, priority: hihg, mode: auto }\n      s.b: { titel: B, priority: low, mode: auto }\n",
    );
    std::fs::write(&config, &broken).expect("config");
    let answer = daemon.post("/-/reload");
    assert!(answer.status >= 400, "{}: {}", answer.status, answer.body);
    let line = |needle: &str| 1 + broken.lines().position(|line| line.contains(needle)).expect("line");
    for (needle, hint) in [("hihg", "high"), ("titel", "title")] {
        let position = format!("readiness.yaml:{}:", line(needle));
        assert!(answer.body.contains(&position), "{position} in\n{}", answer.body);
        assert!(answer.body.contains(hint), "hint `{hint}` in\n{}", answer.body);
    }
    assert!(reload_failed(&daemon));
    let evaluations = r#"readiness_item_evaluations_total{checklist="c",item="s.kept"}"#;
    let before = daemon.sample(evaluations).expect("a counter");
    std::thread::sleep(Duration::from_millis(2500));
    assert!(daemon.sample(evaluations).expect("a counter") > before, "the old catalogue keeps running");
    assert_eq!(daemon.json("/api/v1/items/c/s.kept")["since"], since);

    std::fs::write(&config, catalogue("Renamed", ADDED)).expect("config");
    daemon.hangup();
    daemon.wait_for_item("c/s.added", Duration::from_secs(10));
    daemon.wait_for("c/s.added", "pass", Duration::from_secs(15));
    let kept = daemon.json("/api/v1/items/c/s.kept");
    assert_eq!((kept["since"].clone(), kept["title"].clone()), (since, "Renamed".into()), "state survives a new title");
    assert!(!reload_failed(&daemon));
    assert!(daemon.sample(evaluations).expect("a counter") > before, "counters survive a reload");

    std::fs::write(&config, catalogue("Renamed", "")).expect("config");
    assert_eq!(daemon.post("/-/reload").status, 200);
    let until = Instant::now() + Duration::from_secs(5);
    while daemon.get("/metrics").body.contains("s.added") {
        assert!(Instant::now() < until, "a removed item vanishes");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_watched_file_is_reloaded_by_itself() {
    let directory = tempfile::tempdir().expect("directory");
    let config = directory.path().join("readiness.yaml");
    std::fs::write(&config, catalogue("Kept", "")).expect("config");
    let mut launch = Launch::new(directory.path(), &config);
    launch.arguments.push("--catalogue.watch".to_owned());
    let daemon = launch.start();
    std::fs::write(&config, "checklists: [").expect("config");
    let until = Instant::now() + Duration::from_secs(10);
    while !reload_failed(&daemon) {
        assert!(Instant::now() < until, "a broken file is noticed");
        std::thread::sleep(Duration::from_millis(50));
    }
    // As an editor does it: a new file under the old name.
    let written = directory.path().join("readiness.yaml.new");
    std::fs::write(&written, catalogue("Kept", ADDED)).expect("config");
    std::fs::rename(&written, &config).expect("rename");
    daemon.wait_for_item("c/s.added", Duration::from_secs(10));
    assert!(!reload_failed(&daemon));
}
