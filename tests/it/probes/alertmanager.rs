//! The kind `alertmanager` against a real Alertmanager, with a receiver of our own.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use readiness::model::{Outcome, Reason};
use serde_json::{Value, json};

use super::look::{At, PASS, Said};
use crate::support::alertmanager::Alertmanager;
use crate::support::client;
use crate::support::http_server::{Answer, HttpServer};

const FAIL: (Outcome, Option<Reason>) = (Outcome::Fail, Some(Reason::Assertion));

struct Bench {
    server: Alertmanager,
    at: At,
    /// Bodies that the receiver got; and the status it answers with.
    got: Arc<Mutex<Vec<String>>>,
    status: Arc<Mutex<u16>>,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (got, status) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(200)));
        let (keep, answers) = (Arc::clone(&got), Arc::clone(&status));
        let receiver = HttpServer::start(move |asked| {
            keep.lock().unwrap().push(String::from_utf8_lossy(&asked.body).into_owned());
            Answer::json(*answers.lock().unwrap(), json!({}))
        });
        let mut server = Alertmanager::new(directory.path());
        let url = receiver.address();
        server.configure(&format!(
            "route:\n  receiver: mail\n  group_wait: 1s\n  group_interval: 1s\n  group_by: [alertname]\n  routes:\n  \
             - matchers: [ severity=\"critical\" ]\n    receiver: on-call\n  \
             - matchers: [ severity=\"page\" ]\n    receiver: dead\n  \
             - matchers: [ severity=\"none\" ]\n    receiver: watchdog\n\
             receivers:\n- name: mail\n- name: watchdog\n- name: on-call\n  webhook_configs:\n  - url: {url}/secret-4711\n\
             - name: dead\n  webhook_configs:\n  - url: http://127.0.0.1:{}/\n",
            crate::support::free_port()
        ));
        server.start();
        let at = At::new(&format!("http://{}", server.address()));
        Self { server, at, got, status, _directory: directory }
    }

    fn post(&self, path: &str, body: &Value) {
        client::post_json(&self.server.address(), path, body).unwrap();
    }

    fn fire(&self, name: &str, severity: &str, ago_s: i64) {
        let began = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(ago_s);
        let labels = json!({"alertname": name, "severity": severity});
        self.post("/api/v2/alerts", &json!([{"labels": labels, "startsAt": began.to_string()}]));
        // It is not seen at once.
        let until = Instant::now() + Duration::from_secs(10);
        while !self.server.json("/api/v2/alerts").to_string().contains(&format!("\"{name}\"")) {
            assert!(Instant::now() < until, "{name} never showed up");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn silence(&self, name: &str, value: &str) {
        let now = jiff::Timestamp::now();
        let end = now + jiff::SignedDuration::from_secs(600);
        let matcher = json!({"name": name, "value": value, "isRegex": false, "isEqual": true});
        self.post(
            "/api/v2/silences",
            &json!({"matchers": [matcher], "startsAt": now.to_string(), "endsAt": end.to_string(),
                "createdBy": "test", "comment": "test"}),
        );
    }

    async fn says(&self, parameters: Value, expect: &[&str], said: Said) -> Value {
        self.at.says("alertmanager", parameters, expect, said).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_alertmanager() {
    let mut bench = Bench::new();
    routes(&bench).await;
    canary(&mut bench).await;
    alerts(&bench).await;
    bench.server.process.stop();
    bench.says(json!({}), &[], (Outcome::Fail, Some(Reason::Refused), "refused the connection")).await;
}

async fn routes(bench: &Bench) {
    let critical = json!({"severity": "critical"});
    let by = |integration: &str| json!({"routes": [{"labels": critical, "integrations": [integration]}]});
    let facts = bench.says(by("webhook"), &["version != '' && cluster == 'disabled'"], PASS).await;
    assert!(!facts.to_string().contains("secret-4711"), "{facts}");
    bench.says(by("pagerduty"), &[], (FAIL.0, FAIL.1, "saw it go to on-call (webhook)")).await;
    let warning = json!({"routes": [{"labels": {"severity": "warning"}}]});
    bench.says(warning, &[], (FAIL.0, FAIL.1, "saw it go to mail (no integration)")).await;
    let reachable = ["receivers.exists(r, r.used && 'webhook' in r.integrations)"];
    bench.says(json!({}), &reachable, PASS).await;
    let unknown = (Outcome::Indeterminate, Some(Reason::ExpressionError), "were not asked for");
    bench.says(json!({}), &["alerts.size() == 0"], unknown).await;
}

/// Before there is any other alert.
async fn canary(bench: &mut Bench) {
    let leg = json!({"canary": {"labels": {"severity": "critical"}, "integrations": ["webhook"]}});
    let facts = bench.says(leg.clone(), &[], (PASS.0, PASS.1, "1 delivered by webhook")).await;
    assert_eq!(facts["canary"]["receivers"], json!(["on-call"]), "{facts}");
    assert!(bench.got.lock().unwrap()[0].contains("ReadinessCanary"));
    gone(bench);
    // Nobody takes it: it is ended all the same.
    *bench.status.lock().unwrap() = 400;
    bench.says(leg.clone(), &[], (FAIL.0, FAIL.1, "notifications fail")).await;
    gone(bench);
    // It would be tried again, for as long as the wait.
    *bench.status.lock().unwrap() = 500;
    bench.says(leg.clone(), &["canary.delivered.size() == 0"], (FAIL.0, FAIL.1, "notifications fail")).await;
    gone(bench);
    // The other one is told of the end still.
    let dead = json!({"canary": {"labels": {"severity": "page"}, "integrations": ["webhook"]}});
    bench.says(dead, &["canary.delivered.size() == 0"], (FAIL.0, FAIL.1, "notifications fail")).await;
    gone(bench);
    *bench.status.lock().unwrap() = 200;
    let mail = json!({"canary": {"labels": {"severity": "warning"}, "integrations": ["webhook"]}});
    bench.says(mail, &[], (FAIL.0, FAIL.1, "saw it go to mail")).await;
    gone(bench);
}

fn gone(bench: &Bench) {
    assert_eq!(bench.server.json("/api/v2/alerts?active=true"), json!([]), "the synthetic alert is still there");
}

async fn alerts(bench: &Bench) {
    let watchdog = json!({"firing": [{"alertname": "Watchdog"}]});
    bench.says(watchdog.clone(), &[], (Outcome::Fail, Some(Reason::Missing), "saw none among")).await;
    bench.fire("Watchdog", "none", 60);
    bench.says(watchdog, &["alerts.size() == 1 && alerts[0].receivers == ['watchdog']"], PASS).await;
    let open = json!({"acknowledged": {"labels": {"severity": "critical"}, "within_s": 900}});
    bench.says(open.clone(), &[], PASS).await;
    bench.fire("Down", "critical", 1000);
    bench.says(open, &[], (FAIL.0, FAIL.1, "1 that are not: Down")).await;
    let unmuted = json!({"unmuted": [{"severity": "critical"}]});
    bench.says(unmuted.clone(), &[], PASS).await;
    bench.silence("alertname", "Other");
    bench.says(unmuted.clone(), &["silences.size() == 1"], PASS).await;
    bench.silence("severity", "critical");
    bench.says(unmuted, &[], (FAIL.0, FAIL.1, "on {severity=\"critical\"}")).await;
}
