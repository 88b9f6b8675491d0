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
    cluster_is_heard(&cluster.recording, STREAMS);
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

/// Each list is another ear.
fn cluster_is_heard(recording: &Recording, streams: usize) {
    let until = std::time::Instant::now() + super::AT_ONCE;
    while recording.listeners() != streams {
        assert!(std::time::Instant::now() < until, "{} streams instead of {streams}", recording.listeners());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Many items look at few lists: each list is one stream, whose changes make all of them look.
pub(super) fn shared() {
    let mut here = Watched::new();
    let recording = Recording::start();
    here.credential("cluster", READINESS);
    here.target(
        "cluster",
        json!({ "address": format!("http://127.0.0.1:{}", recording.port), "credential": "cluster" }),
    );
    let pods = |condition: &str| {
        let objects = json!({ "resource": "pods", "each": ["status.conditions"] });
        let asked = json!({ "target": "cluster", "namespaces": ["phoenix-prod"], "objects": objects });
        json!({ "kubernetes": asked, "expect": condition })
    };
    for n in 0..20 {
        let condition = format!("count > {n} || elements.all(e, e.item.type != 'Ready' || e.item.status == 'True')");
        here.item(&format!("any-{n}"), pods(&condition));
        here.item(&format!("ready-{n}"), pods("elements.all(e, e.item.type != 'Ready' || e.item.status == 'True')"));
    }
    let mut spread = pods("count > 0");
    spread["kubernetes"]["replicas"] = json!({ "expected": ["api-gateway"] });
    here.item("replicas", spread);
    let daemon = here.start();
    // Pods and Deployments, and what else is looked at besides.
    let streams = |sort: &str| {
        let watched = |asked: &&String| asked.contains("watch=") && asked.contains(&format!("/phoenix-prod/{sort}?"));
        recording.asked().iter().filter(watched).count()
    };
    let until = std::time::Instant::now() + super::AT_ONCE;
    while streams("pods") == 0 || streams("deployments") == 0 {
        assert!(std::time::Instant::now() < until, "{:?}", recording.asked());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    recording.change(Change {
        list: "pods".to_owned(),
        namespace: "phoenix-prod".to_owned(),
        name: String::new(),
        set: vec![("/status/conditions".to_owned(), unready())],
        gone: false,
        add: Value::Null,
    });
    for n in [0, 7, 19] {
        daemon.wait_for(&format!("watched/all.ready-{n}"), "fail", super::AT_ONCE);
    }
    assert_eq!((streams("pods"), streams("deployments")), (1, 1), "{:?}", recording.asked());
    assert!(daemon.stop().success());
}

/// Of all items: three sorts for the budgets, two for the policies, and one each.
const STREAMS: usize = 7;

/// Changes so far.
fn changes(daemon: &crate::support::daemon::Daemon) -> u64 {
    let body = daemon.get("/metrics").body;
    let lines = body.lines().filter(|line| line.starts_with("readiness_watch_changes_total{"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).map(|count| count as u64).sum()
}
