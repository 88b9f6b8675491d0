//! Default credentials are tried once an hour, however often the daemon is asked to look: the log of
//! the server they are tried on is the witness.

use std::fs;
use std::time::Duration;

use crate::support::daemon::Launch;
use crate::support::postgres::Server;

const ITEM: &str = "c/s.defaults";

fn catalogue(server: &Server, title: &str, pairs: &str) -> String {
    let address = server.address("app", "localhost", "sslmode=require");
    format!(
        "
targets: {{ c.pg: {{ address: \"{address}\" }} }}
checklists:
  c:
    title: C
    targets: {{ pg: a database }}
    sections: {{ s: S }}
    items:
      s.defaults:
        title: {title}
        priority: high
        mode: auto
        interval: 20s
        timeout: 15s
        check: {{ postgres: {{ target: pg, pairs: {pairs} }} }}
"
    )
}

/// Failed logins of a role, as the server counted them.
fn attempts(server: &Server, role: &str) -> usize {
    server.log().matches(&format!("password authentication failed for user \"{role}\"")).count()
}

#[test]
fn default_credentials_are_tried_once_an_hour() {
    let server = Server::start();
    let directory = tempfile::tempdir().expect("directory");
    let config = directory.path().join("readiness.yaml");
    let pairs = "[\"app:changeme\", \"bold:postgres\"]";
    fs::write(&config, catalogue(&server, "Defaults", pairs)).expect("config");
    let launch = Launch::new(directory.path(), &config);
    let daemon = launch.start();
    daemon.wait_for_evaluation(ITEM, Duration::from_secs(30));
    for round in 0..5 {
        fs::write(&config, catalogue(&server, &format!("Defaults {round}"), pairs)).expect("config");
        daemon.post("/-/reload");
        daemon.hangup();
        for _ in 0..3 {
            // It may wait for a run that is not due, and say so.
            std::thread::scope(|scope| {
                scope.spawn(|| daemon.post(&format!("/api/v1/items/{ITEM}/run")));
            });
        }
        std::thread::sleep(Duration::from_millis(700));
    }
    assert_eq!((attempts(&server, "app"), attempts(&server, "bold")), (1, 1), "{}", server.log());

    // Neither a clean stop nor a crash is a new hour.
    assert!(daemon.stop().success());
    let daemon = launch.start();
    std::thread::sleep(Duration::from_secs(3));
    daemon.kill();
    let daemon = launch.start();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((attempts(&server, "app"), attempts(&server, "bold")), (1, 1), "{}", server.log());
    assert_eq!(daemon.state(ITEM).0, "pass");
    assert!(!daemon.log().contains("changeme"), "a default is not repeated either");
}
