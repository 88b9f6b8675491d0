//! Scratch databases of the kind `postgres` on a real server: made, filled, asked, and dropped on every path.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use readiness::expect::Conditions;
use readiness::model::{Access, Outcome, Reason, Target, Timestamp, TlsFiles};
use readiness::probe::net::Clients;
use readiness::probe::{Afterwards, CredentialSource, Credentials, Hazards, Leftovers, Observation, ProbeCx, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::postgres::Server;

const PASSWORD: &str = "scratch-s3cret-4711";

struct Bench {
    server: Server,
    directory: tempfile::TempDir,
    left: Arc<AtomicUsize>,
    /// Instead of the server, what is declared to be one for scratch databases.
    declared: Option<String>,
    clean_ups: Arc<Mutex<tokio::task::JoinSet<()>>>,
}

impl Bench {
    fn start() -> Self {
        let (server, directory) = (Server::start(), tempfile::tempdir().unwrap());
        server.sql("postgres", &format!("CREATE ROLE scratch LOGIN CREATEDB PASSWORD '{PASSWORD}'"));
        let file = server.directory().join("data/pg_hba.conf");
        let access = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("host all scratch 127.0.0.1/32 scram-sha-256\n{access}")).unwrap();
        server.sql("postgres", "SELECT pg_reload_conf()");
        std::fs::write(directory.path().join("password"), PASSWORD).unwrap();
        Self { server, directory, left: Arc::default(), declared: None, clean_ups: Arc::default() }
    }

    fn write(&self, name: &str, sql: &str) {
        let folder = self.directory.path().join("migrations").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("migration.sql"), sql).unwrap();
    }

    async fn run(&self, takes: bool, more: Value) -> Observation {
        let files = self.directory.path().join("migrations/*/migration.sql");
        let mut parameters = json!({
            "target": "pg", "database": "postgres", "sql": "SELECT count(*)::int4 AS n FROM second",
            "scratch": { "name": "it", "prefix": "rdy_scratch_", "files": [files], "cleanup_s": 5 },
        });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let parsed = kinds::find("postgres").unwrap().parse(parameters).unwrap();
        assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
        assert_eq!(parsed.access, Access::Mutates);
        let (left, clean_ups) = (Arc::clone(&self.left), Arc::clone(&self.clean_ups));
        let hazards = Hazards {
            leftovers: Some(Leftovers::new(self.directory.path().join("leftovers"), move |count| {
                left.store(count, Ordering::SeqCst);
            })),
            afterwards: Afterwards::new(move |work| {
                if takes {
                    clean_ups.lock().unwrap().spawn(work);
                }
                takes
            }),
            sandbox_databases: vec![self.declared.clone().unwrap_or(format!("localhost:{}", self.server.port))],
            ..Hazards::default()
        };
        let target = Target {
            name: "pg".into(),
            address: self.server.address("scratch", "localhost", "").into(),
            credential: Some("password".into()),
            tls: TlsFiles::default(),
        };
        let file = self.directory.path().join("password");
        let cx = ProbeCx::new(
            Timestamp(jiff::Timestamp::now().as_millisecond()),
            Instant::now() + Duration::from_secs(30),
            Some(Arc::new(target)),
            Arc::new(Credentials::new(BTreeMap::from([("password".to_owned(), CredentialSource::File(file))]))),
            Arc::new(Clients::with(hazards)),
        );
        let seen = parsed.probe.run(&cx, &Conditions::default()).await;
        let all = format!("{seen:?} {:?}", cx.trace().take());
        assert!(!all.contains(PASSWORD), "a password leaked: {all}");
        eprintln!("{:?} {:?} {}", seen.verdict.outcome(), seen.verdict.reason(), seen.verdict.sentence());
        seen
    }

    fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }

    /// Fails while there is, or is not, a scratch database.
    fn databases(&self, count: usize) {
        let sql = format!(
            "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_database WHERE datname LIKE 'rdy_scratch_%') = {count}; END $$"
        );
        self.server.sql("postgres", &sql);
    }
}

fn says(seen: &Observation, outcome: Outcome, reason: Option<Reason>, part: &str) {
    let said = seen.verdict.sentence();
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (outcome, reason), "{said}");
    assert!(said.contains(part), "`{part}` is not in: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scratch_databases_come_and_go() {
    let mut bench = Bench::start();
    // What is not declared to be for it is not touched.
    bench.write("1_first", "SELECT 1");
    bench.declared = Some("localhost:1".to_owned());
    says(
        &bench.run(true, json!({})).await,
        Outcome::Indeterminate,
        Some(Reason::NotEnabled),
        "engine.sandbox_databases",
    );
    bench.declared = None;
    bench.write("1_first", "CREATE TABLE first (n int); INSERT INTO first VALUES (1), (2);");
    bench.write("2_second", "CREATE TABLE second AS SELECT n FROM first");
    let seen = bench.run(true, json!({})).await;
    says(&seen, Outcome::Pass, None, "saw 1 rows");
    let facts = seen.facts.unwrap();
    assert_eq!((&facts["rows"][0]["n"], &facts["scratch"]["files"][1]), (&json!(2), &json!("2_second/migration.sql")));
    bench.databases(0);
    assert_eq!(bench.left(), 0);
    // One transaction a file: what the bad one began is not there, and the database goes all the same.
    bench.write("3_third", "CREATE TABLE third (n int); INSERT INTO third VALUES ('x')");
    says(&bench.run(true, json!({})).await, Outcome::Fail, Some(Reason::Query), "3_third/migration.sql to apply");
    bench.databases(0);
    bench.write("3_third", "SELECT pg_sleep(60)");
    // Dropped in the middle: others finish it; or nobody, as after a kill.
    for takes in [true, false] {
        let cut = tokio::time::timeout(Duration::from_secs(4), bench.run(takes, json!({}))).await;
        assert!(cut.is_err());
        let mut work = std::mem::take(&mut *bench.clean_ups.lock().unwrap());
        while work.join_next().await.is_some() {}
        bench.databases(usize::from(!takes));
        assert_eq!(bench.left(), usize::from(!takes));
    }
    bench.write("3_third", "SELECT 1");
    let seen = bench.run(true, json!({})).await;
    says(&seen, Outcome::Pass, None, "");
    assert_eq!(seen.facts.unwrap()["scratch"]["leftovers_cleaned"], 1);
    bench.databases(0);
    assert_eq!(bench.left(), 0);
}
