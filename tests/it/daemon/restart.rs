//! Restarts: nothing is forgotten, nothing is invented.

use std::time::Duration;

use crate::support::daemon::Launch;

const CATALOGUE: &str = "
checklists:
  files:
    title: Files
    sections: { base: Base }
    items:
      base.present:
        title: The file is there
        priority: high
        mode: auto
        interval: 1s
        timeout: 1s
        hysteresis: { fail_after: 2, recover_after: 1 }
        check: { file: { path: \"@PATH@\" } }
      base.follower:
        title: Needs the file
        priority: low
        mode: auto
        interval: 1s
        timeout: 1s
        depends_on: [base.present]
        hysteresis: { fail_after: 1 }
        check: { file: { path: \"@PATH@\", must: exist } }
";

fn launch(directory: &std::path::Path) -> (Launch, std::path::PathBuf) {
    let path = directory.join("subject");
    std::fs::write(&path, "here").expect("subject");
    let config = directory.join("readiness.yaml");
    std::fs::write(&config, CATALOGUE.replace("@PATH@", &path.display().to_string())).expect("config");
    (Launch::new(directory, &config), path)
}

#[test]
fn a_kill_in_the_middle_of_an_outage_changes_nothing() {
    let directory = tempfile::tempdir().expect("directory");
    let (launch, path) = launch(directory.path());
    let daemon = launch.start();
    daemon.wait_for("files/base.present", "pass", Duration::from_secs(15));
    daemon.wait_for("files/base.follower", "pass", Duration::from_secs(15));
    std::fs::remove_file(&path).expect("break it");
    daemon.wait_for("files/base.present", "fail", Duration::from_secs(15));
    daemon.wait_for("files/base.follower", "blocked", Duration::from_secs(15));
    // The batch is flushed every 250 ms; what is older than that must survive.
    std::thread::sleep(Duration::from_millis(600));
    let before = daemon.json("/api/v1/items/files/base.present");
    let follower = daemon.json("/api/v1/items/files/base.follower");
    daemon.kill();

    let daemon = launch.start();
    let after = daemon.json("/api/v1/items/files/base.present");
    for key in ["state", "reason", "since", "regressed_since"] {
        assert_eq!(after[key], before[key], "{key} survives");
        assert_eq!(daemon.json("/api/v1/items/files/base.follower")[key], follower[key], "{key} of the follower");
    }
    let regressions = r#"readiness_item_regressions_total{checklist="files",item="base.present"}"#;
    assert_eq!(daemon.sample(regressions), Some(1.0), "counted once");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(daemon.sample(regressions), Some(1.0), "and not again by further failing runs");
    std::fs::write(&path, "back").expect("mend it");
    daemon.wait_for("files/base.present", "pass", Duration::from_secs(15));
    daemon.wait_for("files/base.follower", "pass", Duration::from_secs(15));
    assert!(daemon.stop().success(), "SIGTERM ends in order");
}

#[test]
fn a_stopped_daemon_leaves_state_that_the_next_one_shows_at_its_first_scrape() {
    let directory = tempfile::tempdir().expect("directory");
    let (launch, _) = launch(directory.path());
    let daemon = launch.start();
    daemon.wait_for("files/base.present", "pass", Duration::from_secs(15));
    let since = daemon.json("/api/v1/items/files/base.present")["since"].clone();
    assert!(daemon.stop().success());
    let daemon = launch.start();
    let ready = r#"readiness_item_ready{checklist="files",item="base.present"}"#;
    assert_eq!(daemon.sample(ready), Some(1.0), "at once, before any new evaluation is due");
    assert_eq!(daemon.json("/api/v1/items/files/base.present")["since"], since);
}
