//! What a real Prometheus, its linter and the reference parser make of `/metrics`.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::daemon::{Daemon, Launch};
use crate::support::{client, free_port};

fn shipped(directory: &std::path::Path) -> Daemon {
    let config = crate::source::root().join("config/readiness.yaml");
    Launch::new(directory, &config).start()
}

#[test]
fn every_row_of_the_shipped_catalogue_is_a_gauge() {
    let directory = tempfile::tempdir().expect("directory");
    let daemon = shipped(directory.path());
    let body = daemon.get("/metrics").body;
    let rows = include_str!("../../../config/rows.tsv");
    let mut seen = 0;
    for row in rows.lines().skip(1) {
        let mut columns = row.split('\t');
        let (checklist, item) = (columns.next().expect("checklist"), columns.next().expect("id"));
        let labels = format!("{{checklist=\"{checklist}\",item=\"{item}\"");
        let present = body.contains(&format!("readiness_item_ready{labels}}}"))
            || body.contains(&format!("readiness_item_state{labels},state=\"not_applicable\"}} 1"));
        assert!(present, "{checklist}/{item} has no gauge");
        seen += 1;
    }
    assert_eq!(seen, 434);
}

#[test]
fn promtool_has_nothing_to_say() {
    let directory = tempfile::tempdir().expect("directory");
    let daemon = shipped(directory.path());
    std::thread::sleep(Duration::from_secs(3));
    let body = daemon.get("/metrics").body;
    let (status, said) = piped(Command::new("promtool").args(["check", "metrics"]), &body);
    assert!(status.success() && said.trim().is_empty(), "{said}");
}

#[test]
fn openmetrics_is_served_to_those_who_ask() {
    let directory = tempfile::tempdir().expect("directory");
    let daemon = shipped(directory.path());
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let answer = client::request(&daemon.address, "GET", "/metrics", &[("accept", accept)]).expect("answer");
    let content_type = answer.headers.get("content-type").cloned().unwrap_or_default();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"), "{content_type}");
    assert!(answer.body.ends_with("# EOF\n"));
    let plain = daemon.get("/metrics");
    assert!(plain.headers["content-type"].starts_with("text/plain; version=0.0.4"));
    assert!(!plain.body.contains("# EOF"));
}

/// The reference parser of OpenMetrics, in the Python client.
#[test]
fn the_reference_parser_of_openmetrics_accepts_it() {
    let directory = tempfile::tempdir().expect("directory");
    let daemon = shipped(directory.path());
    let accept = [("accept", "application/openmetrics-text;version=1.0.0")];
    let body = client::request(&daemon.address, "GET", "/metrics", &accept).expect("answer").body;
    let program = "import sys\nfrom prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
                   print(sum(len(family.samples) for family in parse(sys.stdin.read())))";
    let (status, said) = piped(Command::new("/usr/bin/python3").args(["-c", program]), &body);
    assert!(status.success(), "{said}");
    let samples = body.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(said.trim().parse(), Ok(samples), "every line is a sample");
}

/// Runs a command with `input`; gives its status and everything it said.
fn piped(command: &mut Command, input: &str) -> (std::process::ExitStatus, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("command");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("write");
    let output = child.wait_with_output().expect("command");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status, said)
}

#[test]
fn a_real_prometheus_scrapes_it() {
    let directory = tempfile::tempdir().expect("directory");
    let daemon = shipped(directory.path());
    let port = free_port();
    let config = directory.path().join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: readiness\n    static_configs: [{{ targets: ['{}'] }}]\n",
        daemon.address
    );
    std::fs::write(&config, text).expect("config");
    let mut prometheus = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", directory.path().join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus");
    let address = format!("127.0.0.1:{port}");
    let until = Instant::now() + Duration::from_secs(40);
    let found = loop {
        let query = "/api/v1/query?query=count(readiness_item_info)";
        let answer = client::get(&address, query).ok().and_then(|answer| {
            let json: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
            json["data"]["result"][0]["value"][1].as_str()?.parse::<u32>().ok()
        });
        if answer.is_some() || Instant::now() > until {
            break answer;
        }
        std::thread::sleep(Duration::from_millis(300));
    };
    prometheus.kill().expect("stop prometheus");
    prometheus.wait().expect("prometheus");
    assert!(found.is_some_and(|items| items >= 434 + 20), "{found:?} items in Prometheus");
}
