//! The kinds `promql` and `prometheus_api` against a real Prometheus with a past and rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use readiness::expect::{Conditions, Params};
use readiness::model::{Outcome, Reason, Target, Timestamp, TlsFiles};
use readiness::probe::net::Clients;
use readiness::probe::{CredentialSource, Credentials, Observation, ProbeCx, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::history;
use crate::support::prometheus::Prometheus;

/// The user `admin` with the password `test`, as in the documentation of Prometheus.
const WEB: &str = "basic_auth_users: { admin: '$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay' }\n";
const RULES: &str = "groups:
  - name: g
    rules:
      - { record: 'job:up:sum', expr: sum by (job) (up) }
      - { alert: Down, expr: up == 0, for: 1m, labels: { severity: critical }, annotations: { runbook_url: 'https://h/down' } }
      - { alert: Never, expr: 'up{job=\"gone\"} == 0' }
      - { alert: Recorded, expr: 'job:up:sum < 1' }
";

struct Bench {
    prometheus: Prometheus,
    dir: tempfile::TempDir,
}

impl Bench {
    /// One server with two hours of history, that scrapes itself.
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut prometheus = Prometheus::new(dir.path());
        let port = prometheus.port;
        prometheus.write("rules.yml", RULES);
        prometheus.configure(&format!(
            "global: {{ scrape_interval: 2s, evaluation_interval: 1s }}\nrule_files: [rules.yml]\nscrape_configs: [ {{ job_name: self, static_configs: [ {{ targets: ['127.0.0.1:{port}'] }} ] }} ]\n"
        ));
        let now = jiff::Timestamp::now().as_second() as f64;
        let past = [
            ("work_total{kind=\"a\"}", json!({ "last": "2h", "values": [0, 7200] })),
            ("level{kind=\"a\"}", json!({ "last": "2h", "values": [1, 5, 1] })),
            ("ended", json!({ "last": "2h", "until": "1h", "values": 1 })),
        ];
        let past: String = past.iter().map(|(series, past)| history::samples(series, past, now).unwrap()).collect();
        prometheus.backfill(&format!("{past}# EOF\n"));
        prometheus.start();
        prometheus.wait_for_targets(1, Duration::from_secs(30));
        let evaluated = || prometheus.query("ALERTS or job:up:sum").len() == 1;
        let until = std::time::Instant::now() + Duration::from_secs(20);
        while !evaluated() {
            assert!(std::time::Instant::now() < until, "no rule was evaluated");
            std::thread::sleep(Duration::from_millis(100));
        }
        for (name, value) in [("right", "test"), ("wrong", "not-it-4711")] {
            std::fs::write(dir.path().join(name), value).unwrap();
        }
        Self { prometheus, dir }
    }

    async fn look(&self, kind: &str, credential: Option<&str>, mut parameters: Value, expect: &[&str]) -> Observation {
        let file = |name: &str| (name.to_owned(), CredentialSource::File(self.dir.path().join(name)));
        let credentials = Credentials::new(BTreeMap::from([file("right"), file("wrong")]));
        let target = Target {
            name: Arc::from("prom"),
            address: format!("http://{}", self.prometheus.address()).into(),
            credential: credential.map(Into::into),
            tls: TlsFiles::default(),
        };
        parameters["target"] = json!("prom");
        let kind = kinds::find(kind).unwrap();
        let parsed = kind.parse(parameters).unwrap();
        assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
        let cx = ProbeCx::new(
            Timestamp(jiff::Timestamp::now().as_millisecond()),
            Instant::now() + Duration::from_secs(10),
            Some(Arc::new(target)),
            Arc::new(credentials),
            Arc::new(Clients::new()),
        );
        let expect: Vec<String> = expect.iter().map(|&text| text.to_owned()).collect();
        let conditions = Conditions::compile(&expect, &[], (kind.facts)().as_value(), &Params::default()).unwrap();
        parsed.probe.run(&cx, &conditions).await
    }
}

type Expected = (Outcome, Option<Reason>);
const PASS: Expected = (Outcome::Pass, None);

fn fail(reason: Reason) -> Expected {
    (Outcome::Fail, Some(reason))
}

fn unknown(reason: Reason) -> Expected {
    (Outcome::Indeterminate, Some(reason))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_is_asked() {
    let mut bench = Bench::start();
    let guarded = json!({ "guards": ["up"], "absent_value": 0, "query": "nothing_at_all" });
    let range = json!({ "query": "level", "range": { "last_s": 3600, "step_s": 60 }, "min_points": 50 });
    let missing = json!({ "query": "count({__name__=\"{value}\"})", "each": ["level", "no\"such"], "no_data": "fail" });
    let queries: [(Value, &[&str], Expected); 14] = [
        (json!({ "query": "up" }), &["value == 1", "series[0].labels.job == 'self'"], PASS),
        (json!({ "query": "up" }), &["value == 0"], fail(Reason::Assertion)),
        (json!({ "query": "sum(increase(work_total[1h]))" }), &["value > 3500 && value < 3700"], PASS),
        (json!({ "query": "nothing_at_all" }), &[], unknown(Reason::NoData)),
        (json!({ "query": "ended", "no_data": "fail" }), &[], fail(Reason::Missing)),
        (guarded.clone(), &["value == 0 && absent"], PASS),
        (json!({ "query": "up", "guards": ["nothing_at_all"] }), &[], unknown(Reason::NoData)),
        (json!({ "query": "up / 0" }), &[], unknown(Reason::NoData)),
        (json!({ "query": "scalar(nothing_at_all)" }), &[], unknown(Reason::NoData)),
        (json!({ "query": "'text'" }), &[], unknown(Reason::Query)),
        (json!({ "query": "sum(" }), &[], unknown(Reason::Query)),
        (json!({ "query": "up * on () group_left () {__name__=~'up|level'}" }), &[], unknown(Reason::Query)),
        (range, &["series[0].largest_rise < 0.1 && series[0].first > 4.5 && value < 1.5"], PASS),
        (missing, &[], fail(Reason::Missing)),
    ];
    for (parameters, expect, expected) in queries {
        let seen = bench.look("promql", None, parameters.clone(), expect).await.verdict;
        assert_eq!((seen.outcome(), seen.reason()), expected, "{parameters}: {}", seen.sentence());
    }

    let alive =
        |names: Value| json!({ "rules": { "names": names, "alive": true, "every": true, "max_intervals": 10 } });
    let parts: [(Value, &[&str], Expected); 15] = [
        (
            json!({ "ready": true, "status": true }),
            &["status.version != '' && status.retention.startsWith('60d')"],
            PASS,
        ),
        (json!({ "targets": { "jobs": ["self"], "max_intervals": 10 } }), &["up_count == 1"], PASS),
        (json!({ "targets": { "jobs": ["other"] } }), &[], fail(Reason::Missing)),
        (json!({ "rules": { "kind": "alert" } }), &["size(rules) == 3", "rules[0].for_s == 60.0"], PASS),
        (
            json!({ "rules": { "kind": "alert" } }),
            &["rules.all(r, 'runbook_url' in r.annotations)"],
            fail(Reason::Assertion),
        ),
        (alive(json!(["Down", "Recorded"])), &[], PASS),
        (alive(json!(["Never"])), &[], fail(Reason::Assertion)),
        (json!({ "rules": { "mentions": ["nothing_at_all"] } }), &[], fail(Reason::Missing)),
        (json!({ "alertmanagers": true }), &[], fail(Reason::Missing)),
        (json!({ "flags": ["web.enable-lifecycle"] }), &["flags['web.enable-lifecycle'] == 'true'"], PASS),
        (
            json!({ "metadata": ["prometheus_build_info"] }),
            &["metadata['prometheus_build_info'].kind == 'gauge'"],
            PASS,
        ),
        (json!({ "metadata": ["nothing_at_all"] }), &[], fail(Reason::Missing)),
        (
            json!({ "label_names": ["work_total"], "label_values": { "label": "kind" } }),
            &["'kind' in label_names && label_values == ['a']"],
            PASS,
        ),
        (json!({ "federate": ["up"], "tsdb": true }), &["federated_samples == 1 && tsdb.series > 100"], PASS),
        (json!({ "federate": ["nothing_at_all"] }), &[], fail(Reason::Missing)),
    ];
    for (parameters, expect, expected) in parts {
        let seen = bench.look("prometheus_api", None, parameters.clone(), expect).await.verdict;
        assert_eq!((seen.outcome(), seen.reason()), expected, "{parameters}: {}", seen.sentence());
    }

    // From here on it wants to know who asks.
    let targets = json!({ "targets": { "max_intervals": 10 } });
    bench.prometheus.process.stop();
    for (kind, parameters, expected) in [
        ("promql", json!({ "query": "up" }), unknown(Reason::Refused)),
        ("promql", guarded, unknown(Reason::Refused)),
        ("prometheus_api", targets, fail(Reason::Refused)),
    ] {
        let seen = bench.look(kind, None, parameters, &[]).await.verdict;
        assert_eq!((seen.outcome(), seen.reason()), expected, "{kind}: {}", seen.sentence());
    }
    bench.prometheus.write("web.yml", WEB);
    bench.prometheus.flags(&format!("--web.config.file={}", bench.dir.path().join("web.yml").display()));
    bench.prometheus.process.start();
    let port = bench.prometheus.port;
    while !crate::support::listens(port) {
        std::thread::sleep(Duration::from_millis(50));
    }
    for (credential, expected) in
        [(None, unknown(Reason::AuthRejected)), (Some("wrong"), unknown(Reason::AuthRejected)), (Some("right"), PASS)]
    {
        let user = if credential.is_some() { "admin" } else { "" };
        let observation = bench.look("promql", credential, json!({ "query": "vector(1)", "user": user }), &[]).await;
        let seen = &observation.verdict;
        assert_eq!((seen.outcome(), seen.reason()), expected, "{credential:?}: {}", seen.sentence());
        assert!(!format!("{observation:?}").contains("not-it-4711"));
    }
}
