//! A target that accepts connections and never answers holds up nobody but itself.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::client;
use crate::support::daemon::Launch;

const HALF: usize = 1_000;
const INTERVAL_SECS: u64 = 5;
const WATCH: Duration = Duration::from_secs(30);

#[test]
fn the_other_half_of_two_thousand_items_keeps_its_schedule() {
    let black_hole = TcpListener::bind("127.0.0.1:0").expect("listener");
    let alive = TcpListener::bind("127.0.0.1:0").expect("listener");
    let (hole, good) = (black_hole.local_addr().expect("address"), alive.local_addr().expect("address"));
    for (listener, keep) in [(black_hole, true), (alive, false)] {
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().flatten() {
                if keep {
                    kept.push(stream);
                }
            }
        });
    }
    let mut items = String::new();
    for n in 0..HALF {
        let head = format!("priority: low, mode: auto, interval: {INTERVAL_SECS}s, timeout: 2s");
        writeln!(items, "      s.hang-{n}: {{ title: H, {head}, check: {{ http: {{ url: \"http://{hole}/\" }} }} }}")
            .unwrap();
        writeln!(items, "      s.good-{n}: {{ title: G, {head}, check: {{ tcp: {{ address: \"{good}\" }} }} }}")
            .unwrap();
    }
    let directory = tempfile::tempdir().expect("directory");
    let config = directory.path().join("readiness.yaml");
    let text = format!("checklists:\n  c:\n    title: C\n    sections: {{ s: S }}\n    items:\n{items}");
    std::fs::write(&config, text).expect("config");
    let daemon = Launch::new(directory.path(), &config).start();

    // First runs are spread over one interval.
    std::thread::sleep(Duration::from_secs(INTERVAL_SECS + 2));
    let counts = |body: &str| -> Vec<u64> {
        body.lines()
            .filter(|line| line.starts_with("readiness_item_evaluations_total{") && line.contains("s.good-"))
            .map(|line| line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a count"))
            .collect()
    };
    let before = counts(&daemon.get("/metrics").body);
    assert_eq!(before.len(), HALF);
    let (started, mut slowest) = (Instant::now(), Duration::ZERO);
    while started.elapsed() < WATCH {
        let asked = Instant::now();
        let answer = client::get(&daemon.address, "/metrics").expect("/metrics answers all the time");
        assert_eq!(answer.status, 200);
        slowest = slowest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(500));
    }
    let body = daemon.get("/metrics").body;
    let runs = WATCH.as_secs() / INTERVAL_SECS;
    for (before, after) in before.iter().zip(counts(&body)) {
        let done = after - before;
        assert!((runs - 1..=runs + 2).contains(&done), "{done} runs in {WATCH:?}, planned {runs}");
    }
    let lag: Vec<&str> =
        body.lines().filter(|line| line.starts_with("readiness_scheduler_lag_seconds_bucket{kind=\"tcp\"")).collect();
    assert!(!lag.is_empty(), "the histogram has the good half");
    println!("slowest /metrics {slowest:?}; lag of the good half:\n{}", lag.join("\n"));
    let hanging = daemon.json("/api/v1/items?q=s.hang-&state=pass");
    assert_eq!(hanging.as_array().map(Vec::len), Some(0), "nothing that never answered passes");
}
