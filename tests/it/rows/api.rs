//! `api.endpoints`, against the double of the control plane.

use serde_json::json;

use super::Deployment;
use crate::support::control_plane::{ControlPlane, healthy};

#[test]
fn endpoints() {
    let cp = ControlPlane::start();
    let mut here = Deployment::new();
    here.target("cp", json!({ "address": cp.address }));
    here.environment("control-plane", &[("LOG_LEVEL", "info")]);
    here.expect(
        "all is well",
        &[
            ("api.endpoints.health", "pass", "", "200"),
            ("api.endpoints.health-live", "pass", "", "200"),
            ("api.endpoints.patterns-list", "pass", "", "200"),
            ("config.env.enable-metrics", "pass", "", "200"),
            // They rest on parts that are not built; what is built holds.
            ("api.endpoints.health-ready", "unknown", "unconfigured", "target `pg`"),
            ("api.endpoints.websocket", "unknown", "unmapped", ""),
        ],
    );
    health(&cp, &here);
    others(&cp, &mut here);
    with_a_key(&cp, &mut here);
}

fn health(cp: &ControlPlane, here: &Deployment) {
    const ITEM: &str = "api.endpoints.health";
    let mut down = healthy();
    down["services"]["registry"]["status"] = json!("down");
    cp.answer("GET /health", 200, down);
    here.expect("a service is down", &[(ITEM, "fail", "assertion", "saw s.status = \"down\"")]);
    let mut degraded = healthy();
    degraded["status"] = json!("degraded");
    cp.answer("GET /health", 200, degraded);
    here.expect("degraded", &[(ITEM, "fail", "assertion", "degraded")]);
    cp.aged("GET /health", 200, healthy(), 300);
    here.expect("answer 5 minutes old", &[(ITEM, "fail", "assertion", "now - epoch(json.timestamp)")]);
    cp.aged("GET /health", 200, healthy(), -300);
    here.expect("answer from the future", &[(ITEM, "fail", "assertion", "epoch(json.timestamp) - now")]);
    let mut nothing = healthy();
    nothing["services"] = json!({});
    cp.answer("GET /health", 200, nothing);
    here.expect("no service is named", &[(ITEM, "fail", "assertion", "size(json.services)")]);
    let mut no_time = healthy();
    no_time["timestamp"] = json!("yesterday");
    cp.answer("GET /health", 200, no_time);
    here.expect("timestamp unreadable", &[(ITEM, "unknown", "expression_error", "a time with a zone")]);
    cp.answer("GET /health", 503, healthy());
    here.expect("both checks fail", &[(ITEM, "fail", "status", "saw 503")]);
    cp.heal();
}

fn others(cp: &ControlPlane, here: &mut Deployment) {
    cp.answer("GET /health/ready", 200, json!({"ready": false, "status": "healthy"}));
    cp.answer("GET /health/live", 200, json!({"status": "dying"}));
    cp.answer("GET /metrics", 404, json!({}));
    here.expect(
        "not ready, not alive, no metrics",
        &[
            ("api.endpoints.health-ready", "fail", "assertion", "json.ready"),
            ("api.endpoints.health-live", "fail", "assertion", "dying"),
            ("config.env.enable-metrics", "fail", "status", "404"),
        ],
    );
    cp.heal();
    cp.answer("GET /health/ready", 200, json!({"ready": true, "status": "degraded"}));
    cp.answer("GET /api/patterns", 200, json!({"patterns": [{"name": "SimpleConsensus"}], "count": 1}));
    here.environment("control-plane", &[("ENABLE_METRICS", "false")]);
    here.expect(
        "degraded counts as ready; a pattern is gone; metrics are switched off",
        &[
            ("api.endpoints.health-ready", "fail", "assertion", "degraded"),
            ("api.endpoints.patterns-list", "fail", "assertion", "params.expected_patterns[1]"),
            ("config.env.enable-metrics", "fail", "assertion", "expected none to hold"),
        ],
    );
    cp.heal();
    cp.answer("GET /api/patterns", 200, json!({"patterns": [], "count": 2}));
    here.expect(
        "the count does not match the list",
        &[("api.endpoints.patterns-list", "fail", "assertion", "json.count = 2")],
    );
    cp.heal();
    here.parameter("patterns_require_v1", true);
    here.expect("the document's path is asked for", &[("api.endpoints.patterns-list", "fail", "status", "404")]);
    here.parameter("patterns_require_v1", false);
    let there = here.targets["parallax.cp"].clone();
    here.target("cp", json!({ "address": "http://127.0.0.1:1" }));
    here.expect(
        "nothing listens",
        &[
            ("api.endpoints.health", "fail", "refused", ""),
            ("api.endpoints.health-live", "fail", "refused", ""),
            ("api.endpoints.patterns-list", "blocked", "dependency", "api.endpoints.health-live"),
        ],
    );
    here.target("cp", there);
}

fn with_a_key(cp: &ControlPlane, here: &mut Deployment) {
    const ITEM: &str = "api.endpoints.patterns-list";
    let key = format!("plx_{}", "0123456789abcdef".repeat(4));
    cp.ask_for_key(&key);
    here.expect("authentication is on, no key is sent", &[(ITEM, "fail", "status", "401")]);
    here.parameter("auth_enabled", true);
    here.expect("no key is configured", &[(ITEM, "unknown", "unconfigured", "cp-viewer")]);
    here.credential("cp-viewer", &key);
    here.expect("the key of a viewer", &[(ITEM, "pass", "", "200")]);
    here.credential("cp-viewer", "plx_revoked");
    here.expect("a revoked key", &[(ITEM, "fail", "status", "401")]);
}
