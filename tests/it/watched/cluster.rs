//! Kubernetes, as it was recorded: what a real API server answered, changed by hand. That changes reach
//! whoever watches is the server's own doing and was recorded, too; here it is the recording's.

use serde_json::{Value, json};

use super::table::Row;
use super::{Watched, turn};
use crate::support::kubernetes::watch::Piece;
use crate::support::kubernetes::{Change, READINESS, Recording};
use crate::support::link::Link;

struct Cluster {
    recording: Recording,
    link: Link,
}

impl Cluster {
    fn change(&self, list: &str, namespace: &str, set: &[(&str, Value)], gone: bool) {
        let set = set.iter().map(|(at, value)| ((*at).to_owned(), value.clone())).collect();
        let (list, namespace, name) = (list.to_owned(), namespace.to_owned(), String::new());
        self.recording.change(Change { list, namespace, name, set, gone, add: Value::Null });
    }
}

/// The conditions of a pod whose containers do not answer any more.
fn unready() -> Value {
    json!([{ "type": "Ready", "status": "False", "reason": "ContainersNotReady" }])
}

pub(super) fn run() -> Vec<Row> {
    let mut here = Watched::new();
    let recording = Recording::start();
    let link = Link::to(recording.port);
    here.credential("cluster", READINESS);
    here.target("cluster", json!({ "address": format!("http://127.0.0.1:{}", link.port), "credential": "cluster" }));
    let mut cluster = Cluster { recording, link };
    let one = |asked: Value| {
        let mut asked = asked;
        asked["target"] = json!("cluster");
        json!({ "kubernetes": asked })
    };
    let mut pods = one(json!({
        "namespaces": ["phoenix-prod"],
        "objects": { "resource": "pods", "field_selector": "status.phase=Running", "each": ["status.conditions"] },
    }));
    pods["expect"] = json!("elements.all(e, e.item.type != 'Ready' || e.item.status == 'True')");
    here.item("pods", pods);
    let selector = "app.kubernetes.io/part-of in (phoenix-platform,phoenix)";
    here.item("budgets", one(json!({ "namespaces": ["phoenix-prod"], "selector": selector, "pdb_covers": {} })));
    here.item("policies", one(json!({ "namespaces": ["phoenix-prod"], "default_deny": {} })));
    here.item("secrets", one(json!({ "namespaces": ["parallax-agents"], "objects": { "resource": "secrets" } })));
    let daemon = here.start();
    let restore = |cluster: &mut Cluster| cluster.recording.restore();
    let rows = vec![
        turn(
            &daemon,
            "a pod becomes unready, and ready (recording)",
            "pods",
            &mut cluster,
            |cluster| cluster.change("pods", "phoenix-prod", &[("/status/conditions", unready())], false),
            restore,
        ),
        turn(
            &daemon,
            "disruption budgets are deleted, and made (recording)",
            "budgets",
            &mut cluster,
            |cluster| cluster.change("poddisruptionbudgets", "phoenix-prod", &[], true),
            restore,
        ),
        turn(
            &daemon,
            "network policies are deleted, and made (recording)",
            "policies",
            &mut cluster,
            |cluster| cluster.change("networkpolicies", "phoenix-prod", &[], true),
            restore,
        ),
        turn(
            &daemon,
            "the only secret is deleted, and made (recording)",
            "secrets",
            &mut cluster,
            |cluster| cluster.change("secrets", "parallax-agents", &[], true),
            restore,
        ),
        turn(
            &daemon,
            "a pod becomes unready just as the watch has expired, and ready (recording)",
            "pods",
            &mut cluster,
            |cluster| {
                cluster.recording.streams(&Piece::Text(EXPIRED.to_owned()));
                cluster.recording.streams(&Piece::End);
                cluster.change("pods", "phoenix-prod", &[("/status/conditions", unready())], false);
            },
            restore,
        ),
        turn(
            &daemon,
            "the connection to the API server is lost, and comes back (recording)",
            "pods",
            &mut cluster,
            |cluster| cluster.link.cut(),
            |cluster| cluster.link.mend(),
        ),
    ];
    stays_quiet(&daemon, &cluster);
    let asked = cluster.recording.asked();
    assert!(!asked.iter().any(|asked| asked.contains("/leases") || asked.contains("/events")), "{asked:?}");
    assert!(daemon.stop().success());
    rows
}

const EXPIRED: &str = "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\
     \"status\":\"Failure\",\"message\":\"too old resource version: 867 (878)\",\"reason\":\"Expired\",\"code\":410}}\n";

/// Bookmarks and the end of a stream after its time make nobody look.
fn stays_quiet(daemon: &crate::support::daemon::Daemon, cluster: &Cluster) {
    let settled = || {
        let until = std::time::Instant::now() + super::AT_ONCE;
        let mut before = None;
        // A change is confirmed for some seconds.
        loop {
            let now = (cluster.recording.listeners(), changes(daemon));
            if before == Some(now) && now.0 > 0 {
                return now;
            }
            assert!(std::time::Instant::now() < until, "it is never quiet");
            before = Some(now);
            std::thread::sleep(std::time::Duration::from_secs(2));
        }
    };
    let (_, heard) = settled();
    cluster.recording.bookmark();
    cluster.recording.streams(&Piece::End);
    assert_eq!(settled(), (STREAMS, heard), "opened again, and nobody has heard of anything");
}

/// Of all items: three sorts for the budgets, two for the policies, and one each.
const STREAMS: usize = 7;

/// Changes so far.
fn changes(daemon: &crate::support::daemon::Daemon) -> u64 {
    let body = daemon.get("/metrics").body;
    let lines = body.lines().filter(|line| line.starts_with("readiness_watch_changes_total{"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).map(|count| count as u64).sum()
}
