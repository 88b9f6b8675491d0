//! Checks that change or load their target, with the log of the target as the witness: nothing without
//! all three switches, and nothing is left behind, whatever happens to the daemon.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client;
use crate::support::daemon::{Daemon, Launch};
use crate::support::http_server::{Answer, Asked, HttpServer};

const WITHIN: Duration = Duration::from_secs(30);
const LEFTOVERS: &str = "readiness_scenario_leftovers";

/// Keeps things that are posted, and a log.
#[derive(Default)]
struct Things {
    log: Vec<String>,
    things: Vec<String>,
    /// `GET` answers after this long.
    slow: Duration,
    /// `DELETE` is answered with 500 and does nothing.
    stuck: bool,
}

impl Things {
    fn answer(&mut self, asked: &Asked) -> Answer {
        self.log.push(asked.route());
        match asked.method.as_str() {
            "POST" => {
                let id = format!("t{}", self.log.len());
                self.things.push(id.clone());
                Answer::json(201, json!({ "id": id }))
            }
            "DELETE" if self.stuck => Answer::json(500, Value::Null),
            "DELETE" => {
                let id = asked.path().trim_start_matches("/things/").to_owned();
                self.things.retain(|thing| *thing != id);
                Answer::json(204, Value::Null)
            }
            _ => Answer { delay: self.slow, ..Answer::json(200, json!({ "state": "made" })) },
        }
    }
}

fn server() -> (HttpServer, Arc<Mutex<Things>>) {
    let things: Arc<Mutex<Things>> = Arc::default();
    let shared = Arc::clone(&things);
    (HttpServer::start(move |asked| shared.lock().expect("no panic").answer(asked)), things)
}

const SCENARIO: &str = "scenario:
            target: api
            name: thing
            cleanup_s: 2
            steps:
              - name: make
                do: { http: { path: /things, method: POST, body: '{\"name\":\"{run}\"}' } }
                capture: { id: json.id }
              - name: see
                do: { http: { path: '/things/{id}' } }
                expect: [json.state == \"made\"]
                timeout_s: 20
            cleanup:
              - name: unmake
                do: { http: { path: '/things/{id}', method: DELETE, status: [204, 404] } }";

const LOAD: &str = "load: { target: api, rate: 20, duration_s: 1, request_timeout_s: 2, connections: 3 }";

fn launch(directory: &Path, server: &HttpServer, check: &str, enabled: bool) -> Launch {
    let config = directory.join("readiness.yaml");
    let catalogue = format!(
        "
targets: {{ c.api: {{ address: \"{}\" }} }}
checklists:
  c:
    title: C
    targets: {{ api: an API }}
    sections: {{ s: S }}
    items:
      s.flow:
        title: Flow
        priority: high
        mode: auto
        interval: 1h
        timeout: 25s
        hysteresis: {{ fail_after: 1, recover_after: 1, unknown_after: 1 }}
        check:
          {check}
          enabled: {enabled}
",
        server.address()
    );
    fs::write(&config, catalogue).expect("config");
    let port = server.port;
    let settings = format!(
        "engine: {{ mutation_environments: [staging], load_targets: [\"127.0.0.1:{port}\"], drain_grace: 1s }}\n"
    );
    fs::write(directory.join("settings.yaml"), settings).expect("settings");
    let mut launch = Launch::new(directory, &config);
    launch.arguments.push(format!("--settings.file={}", directory.join("settings.yaml").display()));
    launch
}

fn switched(mut launch: Launch, environment: &str) -> Launch {
    launch.arguments.extend(["--engine.allow-mutation".to_owned(), format!("--engine.environment={environment}")]);
    launch
}

fn until(what: &str, daemon: &Daemon, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < WITHIN, "{what}\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks for a run and does not wait for it: it may take longer than an answer.
fn run_now(daemon: &Daemon) {
    let address = daemon.address.clone();
    std::thread::spawn(move || drop(client::request(&address, "POST", "/api/v1/items/c/s.flow/run", &[])));
}

#[test]
fn nothing_arrives_without_all_three_switches() {
    let (server, things) = server();
    for check in [SCENARIO, LOAD] {
        for (enabled, allowed, environment) in
            [(false, true, "staging"), (true, false, "staging"), (true, true, "production")]
        {
            let directory = tempfile::tempdir().expect("directory");
            let mut launch = launch(directory.path(), &server, check, enabled);
            if allowed {
                launch = switched(launch, environment);
            } else {
                launch.arguments.push(format!("--engine.environment={environment}"));
            }
            let daemon = launch.start();
            run_now(&daemon);
            daemon.wait_for_evaluation("c/s.flow", WITHIN);
            assert_eq!(daemon.state("c/s.flow"), ("unknown".to_owned(), "not_enabled".to_owned()));
            assert!(things.lock().unwrap().log.is_empty(), "{:?}", things.lock().unwrap().log);
        }
    }
}

#[test]
fn with_them_it_stays_within_its_bounds() {
    let (server, things) = server();
    let directory = tempfile::tempdir().expect("directory");
    let daemon = switched(launch(directory.path(), &server, LOAD, true), "staging").start();
    run_now(&daemon);
    daemon.wait_for("c/s.flow", "pass", WITHIN);
    let log = things.lock().unwrap().log.clone();
    assert_eq!((log.len(), log.iter().filter(|line| *line == "GET /").count()), (20, 20), "{log:?}");
    // The switches are not enough: the target must be listed too.
    let settings = directory.path().join("settings.yaml");
    drop(daemon);
    fs::write(&settings, "engine: { mutation_environments: [staging] }\n").expect("settings");
    let daemon = switched(launch_again(directory.path()), "staging").start();
    run_now(&daemon);
    // It is unknown until it was asked, too.
    let refused = ("unknown".to_owned(), "not_enabled".to_owned());
    let until = std::time::Instant::now() + WITHIN;
    while daemon.state("c/s.flow") != refused {
        assert!(std::time::Instant::now() < until, "{:?}", daemon.state("c/s.flow"));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(things.lock().unwrap().log.len(), 20);
}

fn launch_again(directory: &Path) -> Launch {
    let mut launch = Launch::new(directory, &directory.join("readiness.yaml"));
    launch.arguments.push(format!("--settings.file={}", directory.join("settings.yaml").display()));
    launch
}

#[test]
fn a_killed_daemon_cleans_up_after_its_next_start() {
    let (server, things) = server();
    let directory = tempfile::tempdir().expect("directory");
    let launch = switched(launch(directory.path(), &server, SCENARIO, true), "staging");
    let daemon = launch.start();
    run_now(&daemon);
    daemon.wait_for("c/s.flow", "pass", WITHIN);
    assert_eq!(things.lock().unwrap().log.len(), 3, "made, seen, unmade");
    assert!(things.lock().unwrap().things.is_empty());
    assert_eq!(daemon.sample(LEFTOVERS), Some(0.0));

    things.lock().unwrap().slow = Duration::from_secs(15);
    run_now(&daemon);
    until("it is looked at", &daemon, || things.lock().unwrap().log.len() == 5);
    daemon.kill();
    assert_eq!(things.lock().unwrap().things.len(), 1, "left behind");

    (things.lock().unwrap().slow, things.lock().unwrap().stuck) = (Duration::ZERO, true);
    let daemon = launch.start();
    assert_eq!(daemon.sample(LEFTOVERS), Some(1.0), "counted at the start");
    run_now(&daemon);
    daemon.wait_for("c/s.flow", "unknown", WITHIN);
    let item = daemon.get("/api/v1/items/c/s.flow").body;
    assert!(item.contains("left over by earlier runs"), "{item}");
    assert_eq!(things.lock().unwrap().things.len(), 1, "no second one is made");

    things.lock().unwrap().stuck = false;
    run_now(&daemon);
    daemon.wait_for("c/s.flow", "pass", WITHIN);
    assert_eq!(daemon.sample(LEFTOVERS), Some(0.0));
    assert!(things.lock().unwrap().things.is_empty());
}

#[test]
fn a_daemon_that_is_stopped_cleans_up_before_it_ends() {
    let (server, things) = server();
    things.lock().unwrap().slow = Duration::from_secs(15);
    let directory = tempfile::tempdir().expect("directory");
    let daemon = switched(launch(directory.path(), &server, SCENARIO, true), "staging").start();
    run_now(&daemon);
    until("it is looked at", &daemon, || things.lock().unwrap().log.len() == 2);
    let begun = Instant::now();
    daemon.stop();
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    let things = things.lock().unwrap();
    assert!(
        things.things.is_empty() && things.log.last().is_some_and(|last| last.starts_with("DELETE")),
        "{:?}",
        things.log
    );
    let left = fs::read_dir(directory.path().join("data/leftovers")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing is remembered");
}
