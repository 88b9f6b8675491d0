//! The badge of a gate follows what the gate is about.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::client;
use crate::support::daemon::{Daemon, Launch};

fn wait_for(daemon: &Daemon, path: &str, says: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let body = daemon.get(path).body;
        if body.contains(&format!("<title>{says}</title>")) {
            return;
        }
        assert!(Instant::now() < until, "{path} does not say {says}: {body}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_gate_closes_and_opens_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let target = listener.local_addr().expect("address");
    let directory = tempfile::tempdir().expect("directory");
    let config = directory.path().join("readiness.yaml");
    let text = format!(
        "
checklists:
  shop:
    title: Shop
    sections: {{ s: S }}
    gates: {{ go-live: {{ title: Go-live }} }}
    items:
      s.db: {{ title: Database, priority: high, interval: 1s, check: {{ tcp: {{ address: \"{target}\" }} }} }}
"
    );
    std::fs::write(&config, text).expect("config");
    let daemon = Launch::new(directory.path(), &config).start();
    let (gate, checklist) = ("/badge/shop/go-live.svg", "/badge/shop.svg");
    wait_for(&daemon, gate, "shop go-live: open");
    wait_for(&daemon, checklist, "shop: 1 of 1 ready");

    let answer = daemon.get(gate);
    assert_eq!(answer.headers["content-type"], "image/svg+xml; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "no-cache");
    assert_eq!(answer.headers["cross-origin-resource-policy"], "cross-origin");
    let known = [("if-none-match", answer.headers["etag"].as_str())];
    assert_eq!(client::request(&daemon.address, "GET", gate, &known).expect("answer").status, 304);

    drop(listener);
    wait_for(&daemon, gate, "shop go-live: closed, 1 blocker");
    wait_for(&daemon, checklist, "shop: 0 of 1 ready");
    assert_eq!(client::request(&daemon.address, "GET", gate, &known).expect("answer").status, 200);
    let back = TcpListener::bind(target).expect("listener");
    wait_for(&daemon, gate, "shop go-live: open");
    drop(back);

    for unknown in ["/badge/shop/nothing.svg", "/badge/nothing.svg", "/badge/shop", "/badge/%3Cb%3E.svg"] {
        let answer = daemon.get(unknown);
        assert_eq!(answer.status, 404, "{unknown}");
        assert!(answer.body.contains("<title>readiness: unknown</title>"), "{unknown}: {}", answer.body);
    }
}
