//! The kind `grafana` against a recording of Grafana 7.5.5.

use readiness::model::{Outcome, Reason};
use serde_json::{Value, json};

use super::look::{At, PASS, Said};
use crate::support::grafana::{ADMINISTRATOR, Recording, VIEWER};
use crate::support::http_server::Answer;

const FAIL: (Outcome, Option<Reason>) = (Outcome::Fail, Some(Reason::Assertion));
const UNKNOWN: Outcome = Outcome::Indeterminate;

struct Bench {
    recording: Recording,
    at: At,
}

impl Bench {
    fn new() -> Self {
        let recording = Recording::start();
        let at = At { secret: Some(VIEWER), ..At::new(&recording.address()) };
        Self { recording, at }
    }

    async fn says(&self, parameters: Value, expect: &[&str], said: Said) -> Value {
        self.at.says("grafana", parameters, expect, said).await
    }
}

fn panels(uid: &str) -> Value {
    json!({"dashboards": [{ "uid": uid }], "panels": {"max_age_s": 600, "require_label": {"job": "parallax-control-plane"}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_identity() {
    let bench = Bench::new();
    let login = json!({"login_page": true, "identity": true});
    bench.says(login.clone(), &["version == '7.5.5' && organisation == 'Main Org.'"], PASS).await;
    let stranger = At::new(&bench.recording.address());
    let refused = (UNKNOWN, Some(Reason::AuthRejected), "saw 401");
    stranger.says("grafana", login.clone(), &[], refused).await;
    bench.recording.world("db-down");
    bench.says(login, &[], (FAIL.0, FAIL.1, "database ok, saw it failing")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn default_logins() {
    let bench = Bench::new();
    let pairs = json!({"pairs": ["admin:admin", "admin:parallax123"]});
    bench.says(pairs.clone(), &[], (PASS.0, PASS.1, "invalid username or password")).await;
    bench.recording.world("not-ready");
    let accepted = (Outcome::Fail, Some(Reason::AuthAccepted), "accepted for admin");
    bench.says(pairs.clone(), &[], accepted).await;
    // Everybody gets 401 while the database is broken.
    bench.recording.world("db-down");
    bench.says(pairs.clone(), &[], (UNKNOWN, Some(Reason::Assertion), "it refuses everybody")).await;
    bench.recording.world("ready");
    bench.recording.write("GET /api/org", Answer::json(200, json!("<html>")).with("content-type", "text/html"));
    bench.says(pairs.clone(), &[], (UNKNOWN, Some(Reason::Status), "proves neither")).await;
    bench.recording.write("GET /api/org", Answer::default());
    bench.says(pairs, &[], (UNKNOWN, Some(Reason::Reset), "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_and_their_panels() {
    let bench = Bench::new();
    let system = panels("parallax-system");
    let facts = bench.says(system.clone(), &[], (PASS.0, PASS.1, "4 of 4 of parallax-system")).await;
    assert_eq!(facts["dashboards"][0]["panels"][2]["title"], "Active agents", "{facts}");
    // A row with a panel in it, whose data source is null.
    bench.says(panels("phoenix-overview"), &[], (PASS.0, PASS.1, "2 of 2 of phoenix-overview")).await;
    let titled = json!({"dashboards": [{"uid": "parallax-patterns", "title": "Parallax Pattern Execution"}]});
    bench.says(titled.clone(), &[], PASS).await;
    let missing = (Outcome::Fail, Some(Reason::Missing), "the dashboard no-such");
    bench.says(panels("no-such"), &[], missing).await;

    bench.recording.age(3600);
    bench.says(system.clone(), &[], (FAIL.0, FAIL.1, "0 of 4: Executions 36")).await;
    bench.recording.age(0);
    bench.recording.query("status=", "ds-query-empty");
    bench.says(system.clone(), &[], (FAIL.0, FAIL.1, "3 of 4: Success rate empty")).await;
    let mut most = system.clone();
    most["panels"]["min_ratio"] = json!(0.7);
    bench.says(most.clone(), &[], PASS).await;
    bench.recording.query("status=", "ds-query-error");
    bench.says(most.clone(), &[], PASS).await;
    most["panels"]["max_errors"] = json!(0);
    let error = (Outcome::Fail, Some(Reason::Query), "Success rate an error (500 Metric request error)");
    bench.says(most, &[], error).await;
    // In a form that cannot be read; a version that asks otherwise.
    bench.recording.query("status=", "ds-query-testdata");
    bench.says(system.clone(), &[], (UNKNOWN, Some(Reason::NoData), "Success rate not readable")).await;
    bench.recording.query("status=", "ds-query-by-uid");
    bench.says(system.clone(), &[], (UNKNOWN, Some(Reason::NoData), "Success rate not readable")).await;
    let mut other = system;
    other["panels"]["require_label"] = json!({"job": "another"});
    bench.recording.restore();
    bench.says(other, &[], (FAIL.0, FAIL.1, "0 of 4: Executions empty")).await;

    bench.recording.world("not-ready");
    bench.says(titled, &[], (FAIL.0, FAIL.1, "saw Pattern Execution (copy)")).await;
    bench.says(panels("parallax-patterns"), &[], (FAIL.0, FAIL.1, "0 of 1: Confidence empty")).await;
    bench.says(panels("parallax-system"), &[], (FAIL.0, FAIL.1, "2 of 3")).await;
}

/// Written from the documentation of later versions: no recorded answer has this form.
#[tokio::test(flavor = "multi_thread")]
async fn frames_written_by_hand() {
    let bench = Bench::new();
    let now = jiff::Timestamp::now().as_millisecond();
    let frame = |value: Value| {
        json!({"schema": {"refId": "A", "fields": [{"name": "Time", "type": "time"},
            {"name": "Value", "type": "number", "labels": {"job": "parallax-control-plane"}}]},
            "data": {"values": [[now - 5000], [value]]}})
    };
    let answer = |value: Value| Answer::json(200, json!({"results": {"A": {"status": 200, "frames": [frame(value)]}}}));
    bench.recording.write("POST /api/ds/query", answer(json!(3)));
    bench.says(panels("parallax-system"), &[], (PASS.0, PASS.1, "4 of 4")).await;
    bench.recording.write("POST /api/ds/query", answer(Value::Null));
    bench.says(panels("parallax-system"), &[], (FAIL.0, FAIL.1, "0 of 4: Executions empty")).await;
    let failed = json!({"results": {"A": {"status": 400, "error": "bad_data: parse error", "frames": []}}});
    bench.recording.write("POST /api/ds/query", Answer::json(400, failed));
    bench.says(panels("parallax-system"), &[], (FAIL.0, FAIL.1, "an error (bad_data: parse error)")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_sources_folders_and_teams() {
    let bench = Bench::new();
    let source = |name: &str| json!({ "datasources": [name] });
    bench.says(source("Prometheus"), &[], (PASS.0, PASS.1, "Prometheus: answered a query")).await;
    bench.says(source("Loki"), &[], (Outcome::Fail, Some(Reason::Missing), "Loki, saw Prometheus")).await;
    bench.recording.world("not-ready");
    bench.says(source("Prometheus-dead"), &[], (FAIL.0, FAIL.1, "ended with 502")).await;
    bench.says(source("InfluxDB"), &[], (UNKNOWN, Some(Reason::NoData), "no health check for it")).await;
    bench.recording.world("ready");
    let healthy = |status: &str| Answer::json(200, json!({"status": status, "message": "Data source is working"}));
    bench.recording.write("GET /api/datasources/uid/prometheus/health", healthy("OK"));
    bench.says(source("Prometheus"), &[], (PASS.0, PASS.1, "Data source is working")).await;
    bench.recording.write("GET /api/datasources/uid/prometheus/health", healthy("ERROR"));
    bench.says(source("Prometheus"), &[], (FAIL.0, FAIL.1, "")).await;

    let folder = |folder: &str, team: Value| json!({"dashboards": [{"uid": "phoenix-overview"}], "folder": folder, "team": team});
    bench.says(folder("Phoenix", Value::Null), &[], PASS).await;
    bench.says(folder("Other", Value::Null), &[], (FAIL.0, FAIL.1, "saw it in Phoenix")).await;
    let denied = (UNKNOWN, Some(Reason::PermissionDenied), "403");
    bench.says(folder("Phoenix", json!("on-call")), &[], denied).await;
    let administrator = At { secret: Some(ADMINISTRATOR), ..At::new(&bench.recording.address()) };
    administrator.says("grafana", folder("Phoenix", json!("on-call")), &[], PASS).await;
    let only = json!([{"team": "others", "permission": 1}, {"role": "Editor", "permission": 2}]);
    bench.recording.write("GET /api/folders/phoenix/permissions", Answer::json(200, only));
    administrator.says("grafana", folder("Phoenix", json!("on-call")), &[], (FAIL.0, FAIL.1, "team on-call")).await;
}
