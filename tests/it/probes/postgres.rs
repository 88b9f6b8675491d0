//! The kind `postgres` against a real server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use readiness::expect::Conditions;
use readiness::model::{Outcome, Reason, Target, Timestamp, TlsFiles};
use readiness::probe::net::Clients;
use readiness::probe::{CredentialSource, Credentials, Observation, ProbeCx, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::pgbouncer::{self, PgBouncer};
use crate::support::postgres::Server;

const PASSWORD: &str = "app-password";
const WRONG: &str = "wrong-password-4711";

/// One server for all cases: what is tested is the probe, and a server costs seconds.
struct Bench {
    server: Option<Server>,
    dir: tempfile::TempDir,
}

/// One way to look.
struct Look<'a> {
    address: String,
    credential: Option<&'a str>,
    ca: Option<PathBuf>,
    parameters: Value,
    timeout_ms: u64,
    client: Option<(PathBuf, PathBuf)>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("good"), format!("{PASSWORD}\n")).unwrap();
        std::fs::write(dir.path().join("wrong"), WRONG).unwrap();
        Self { server: Some(Server::start()), dir }
    }

    fn look(&self, options: &str, parameters: Value) -> Look<'_> {
        let address =
            self.server.as_ref().map(|server| server.address("app", "localhost", options)).unwrap_or_default();
        Look { address, credential: Some("good"), ca: None, parameters, timeout_ms: 10_000, client: None }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    async fn run(&self, look: Look<'_>) -> Observation {
        let file = |name: &str| (name.to_owned(), CredentialSource::File(self.dir.path().join(name)));
        let credentials = Credentials::new(BTreeMap::from([file("good"), file("wrong")]));
        let target = Target {
            name: Arc::from("pg"),
            address: look.address.into(),
            credential: look.credential.map(Into::into),
            tls: TlsFiles {
                ca: look.ca,
                client_cert: look.client.as_ref().map(|(certificate, _)| certificate.clone()),
                client_key: look.client.map(|(_, key)| key),
                ..TlsFiles::default()
            },
        };
        let mut parameters = look.parameters;
        parameters["target"] = json!("pg");
        let parsed = kinds::find("postgres").unwrap().parse(parameters).unwrap();
        assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
        let cx = ProbeCx::new(
            Timestamp::from_secs(1_795_305_600),
            Instant::now() + Duration::from_millis(look.timeout_ms),
            Some(Arc::new(target)),
            Arc::new(credentials),
            Arc::new(Clients::default()),
        );
        let seen = parsed.probe.run(&cx, &Conditions::default()).await;
        let all = format!("{seen:?} {:?}", cx.trace().take());
        assert!(!all.contains(PASSWORD) && !all.contains(WRONG), "a password leaked: {all}");
        seen
    }

    async fn expect(&self, look: Look<'_>, outcome: Outcome, reason: Option<Reason>, part: &str) -> Option<Value> {
        let seen = self.run(look).await;
        let said = seen.verdict.sentence();
        assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (outcome, reason), "{said}");
        assert!(said.contains(part), "`{part}` is not in: {said}");
        seen.facts
    }
}

#[tokio::test]
async fn everything_a_real_server_can_say() {
    let bench = Bench::new();
    logins(&bench).await;
    encryption(&bench).await;
    refusals(&bench).await;
    queries(&bench).await;
    limits(&bench).await;
    bold_roles(&bench).await;
    defaults(&bench).await;
    client_certificates(&bench).await;
    sockets(&bench).await;
    values(&bench).await;
    a_server_that_stops(bench).await;
}

async fn logins(bench: &Bench) {
    let facts = bench.expect(bench.look("", json!({})), Outcome::Pass, None, "accepted over encrypted").await.unwrap();
    assert_eq!((&facts["login"], &facts["tls"]), (&json!("accepted"), &json!(true)));
    assert!(facts["server_version_num"].as_u64().unwrap() >= 90_000);
    let wrong = Look { credential: Some("wrong"), ..bench.look("", json!({})) };
    bench.expect(wrong, Outcome::Indeterminate, Some(Reason::AuthRejected), "28P01").await;
    let none = Look { credential: None, ..bench.look("", json!({})) };
    bench.expect(none, Outcome::Indeterminate, Some(Reason::AuthRejected), "28P01").await;
    let unknown = Look { credential: Some("nowhere"), ..bench.look("", json!({})) };
    bench.expect(unknown, Outcome::Indeterminate, Some(Reason::Unconfigured), "nowhere").await;
    let missing = bench.look("", json!({"database": "nodb"}));
    bench.expect(missing, Outcome::Fail, Some(Reason::Missing), "3D000").await;
}

async fn encryption(bench: &Bench) {
    let full = |ca: PathBuf, host: &str| Look {
        address: bench.server().address("app", host, "sslmode=verify-full"),
        ca: Some(ca),
        ..bench.look("", json!({}))
    };
    bench.expect(full(bench.server().ca(), "localhost"), Outcome::Pass, None, "encrypted").await;
    let other = full(bench.server().other_ca(), "localhost");
    bench.expect(other, Outcome::Fail, Some(Reason::TlsUntrusted), "certificate of localhost").await;
    let name = full(bench.server().ca(), "127.0.0.1");
    bench.expect(name, Outcome::Fail, Some(Reason::TlsName), "127.0.0.1").await;
    let ca_only = Look { parameters: json!({"sslmode": "verify-ca"}), ..full(bench.server().ca(), "127.0.0.1") };
    bench.expect(ca_only, Outcome::Pass, None, "encrypted").await;
    let system = Look { ca: None, ..full(bench.server().ca(), "localhost") };
    bench.expect(system, Outcome::Fail, Some(Reason::TlsUntrusted), "").await;
    let facts = bench.expect(bench.look("sslmode=disable", json!({})), Outcome::Pass, None, "plain").await;
    assert_eq!(facts.unwrap()["tls"], false);
    let gone = full(PathBuf::from("/nonexistent/ca.crt"), "localhost");
    bench.expect(gone, Outcome::Indeterminate, Some(Reason::Unconfigured), "/nonexistent/ca.crt").await;
}

async fn refusals(bench: &Bench) {
    let plain =
        |user: &str| bench.look("", json!({"user": user, "sslmode": "disable", "refused_with": ["28000", "protocol"]}));
    let facts = bench.expect(plain("tlsonly"), Outcome::Pass, None, "28000").await.unwrap();
    assert_eq!((&facts["login"], &facts["sqlstate"]), (&json!("refused"), &json!("28000")));
    bench.expect(plain("app"), Outcome::Fail, Some(Reason::PlaintextAccepted), "ask for a password").await;
    let login = |credential: &str| bench.look("", json!({"credential": credential, "refused_with": ["28P01"]}));
    bench.expect(login("wrong"), Outcome::Pass, None, "28P01").await;
    bench.expect(login("good"), Outcome::Fail, Some(Reason::AuthAccepted), "saw it accepted").await;
    let closed = Look { address: "postgresql://app@127.0.0.1:1/app".to_owned(), ..login("wrong") };
    bench.expect(closed, Outcome::Indeterminate, Some(Reason::Refused), "refused the connection").await;
}

async fn queries(bench: &Bench) {
    let sql = |sql: &str| bench.look("", json!({ "sql": sql }));
    bench.expect(sql("SELECT 1 AS one"), Outcome::Pass, None, "1 rows").await;
    bench.expect(sql("SELECT * FROM secrets"), Outcome::Indeterminate, Some(Reason::PermissionDenied), "42501").await;
    bench.expect(sql("SELECT * FROM nothing"), Outcome::Indeterminate, Some(Reason::Query), "42P01").await;
    for write in ["INSERT INTO open VALUES (1)", "CREATE TABLE new (x int)", "SELECT setval('x', 1)"] {
        let seen = bench.run(sql(write)).await;
        assert_eq!(seen.verdict.outcome(), Outcome::Indeterminate, "{write}: {}", seen.verdict.sentence());
    }
    bench.expect(sql("INSERT INTO open VALUES (1)"), Outcome::Indeterminate, Some(Reason::Query), "25006").await;
    let two = "SELECT 1; COMMIT; INSERT INTO open VALUES (1)";
    bench.expect(sql(two), Outcome::Indeterminate, Some(Reason::Query), "42601").await;
    let facts = bench.expect(sql("SELECT count(*) AS n FROM open"), Outcome::Pass, None, "").await.unwrap();
    assert_eq!(facts["rows"][0]["n"], 0);
    let options = "SELECT current_setting('transaction_read_only') AS r, \
                   current_setting('application_name') AS a, current_setting('statement_timeout') AS t";
    let facts = bench.expect(sql(options), Outcome::Pass, None, "").await.unwrap();
    assert_eq!((&facts["rows"][0]["r"], &facts["rows"][0]["a"]), (&json!("on"), &json!("readiness-exporter")));
    assert_ne!(facts["rows"][0]["t"], "0");
    let same = sql("SELECT 1 AS a, 2 AS a");
    bench.expect(same, Outcome::Indeterminate, Some(Reason::Query), "two columns are named `a`").await;
}

async fn limits(bench: &Bench) {
    let slow = Look { timeout_ms: 700, ..bench.look("", json!({"sql": "SELECT pg_sleep(30)"})) };
    let started = Instant::now();
    bench.expect(slow, Outcome::Fail, Some(Reason::Timeout), "").await;
    assert!(started.elapsed() < Duration::from_secs(5));
    let rows = json!({"sql": "SELECT generate_series(1, 1000000) AS n", "max_rows": 10});
    bench.expect(bench.look("", rows), Outcome::Indeterminate, Some(Reason::TooLarge), "more than 10 rows").await;
    let huge = json!({"sql": "SELECT repeat('x', 5000000) AS huge"});
    bench.expect(bench.look("", huge), Outcome::Indeterminate, Some(Reason::TooLarge), "1048576 bytes").await;
    let gross = json!({"sql": "SELECT repeat('x', 100000000) AS gross", "max_bytes": 1000});
    bench.expect(bench.look("", gross), Outcome::Indeterminate, Some(Reason::TooLarge), "has more than").await;
    let exact = json!({"sql": "SELECT generate_series(1, 10) AS n", "max_rows": 10});
    bench.expect(bench.look("", exact), Outcome::Pass, None, "10 rows").await;
}

/// A superuser whose settings lift every limit cannot write, and cannot hold the server.
async fn bold_roles(bench: &Bench) {
    let bold = |sql: &str, timeout_ms: u64| Look { timeout_ms, ..bench.look("", json!({"user": "bold", "sql": sql})) };
    for write in [
        "INSERT INTO open VALUES (1)",
        "CREATE TABLE new (x int)",
        "DO $$ BEGIN SET TRANSACTION READ WRITE; INSERT INTO open VALUES (1); END $$",
    ] {
        let seen = bench.run(bold(write, 10_000)).await;
        assert_eq!(seen.verdict.outcome(), Outcome::Indeterminate, "{write}: {}", seen.verdict.sentence());
    }
    for way_out in ["COMMIT", "SET TRANSACTION READ WRITE", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"] {
        bench.run(bold(way_out, 10_000)).await;
    }
    let count = bench.look("", json!({"sql": "SELECT count(*) AS n FROM open"}));
    assert_eq!(bench.expect(count, Outcome::Pass, None, "").await.unwrap()["rows"][0]["n"], 0);
    bench.expect(bold("SELECT pg_sleep(30)", 700), Outcome::Fail, Some(Reason::Timeout), "").await;
    let asleep = "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND state = 'active' \
                  AND pid <> pg_backend_pid()";
    for attempt in 0.. {
        let facts = bench.expect(bold(asleep, 10_000), Outcome::Pass, None, "").await.unwrap();
        if facts["rows"][0]["n"] == 0 {
            break;
        }
        assert!(attempt < 20, "the server goes on sleeping for nobody");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn defaults(bench: &Bench) {
    let pairs = |pairs: Value| bench.look("", json!({ "pairs": pairs }));
    let two = ["app:changeme", "postgres:postgres"];
    bench.expect(pairs(json!(two)), Outcome::Pass, None, "app 28P01, postgres 28P01").await;
    let one = json!(["postgres:postgres", format!("app:{PASSWORD}")]);
    bench.expect(pairs(one), Outcome::Fail, Some(Reason::AuthAccepted), "accepted for app").await;
    let trusted = json!(["trusted:anything"]);
    bench.expect(pairs(trusted), Outcome::Fail, Some(Reason::AuthAccepted), "accepted for trusted").await;
    let full = json!([format!("limited:{PASSWORD}")]);
    bench.expect(pairs(full), Outcome::Fail, Some(Reason::AuthAccepted), "limited (then 53300").await;
    let nologin = json!([format!("nologin:{PASSWORD}")]);
    bench.expect(pairs(nologin), Outcome::Pass, None, "nologin 28000").await;
    let nowhere = bench.look("", json!({"database": "nodb", "pairs": [format!("app:{PASSWORD}")]}));
    bench.expect(nowhere, Outcome::Fail, Some(Reason::AuthAccepted), "app (then 3D000").await;
    let away = Look { address: "postgresql://app@127.0.0.1:1/app".to_owned(), ..pairs(json!(two)) };
    bench.expect(away, Outcome::Indeterminate, Some(Reason::Refused), "refused the connection").await;
    let stranger =
        Look { ca: Some(bench.server().other_ca()), ..bench.look("sslmode=verify-ca", json!({"pairs": two})) };
    bench.expect(stranger, Outcome::Indeterminate, Some(Reason::TlsUntrusted), "").await;
}

async fn client_certificates(bench: &Bench) {
    let certified = || Look {
        address: bench.server().address("app", "localhost", "sslmode=verify-full").replace("/app?", "/certified?"),
        ca: Some(bench.server().ca()),
        credential: None,
        ..bench.look("", json!({}))
    };
    bench.expect(certified(), Outcome::Indeterminate, Some(Reason::AuthRejected), "28000").await;
    let with = Look { client: Some(bench.server().client_certificate()), ..certified() };
    bench.expect(with, Outcome::Pass, None, "accepted over encrypted").await;
}

async fn sockets(bench: &Bench) {
    let directory = bench.server().directory().display().to_string().replace('/', "%2F");
    let local = |parameters: Value| Look {
        address: format!("postgresql://app@{directory}:{}/app", bench.server().port),
        ..bench.look("", parameters)
    };
    bench.expect(local(json!({"sql": "SELECT 1 AS one"})), Outcome::Pass, None, "1 rows").await;
    let gross = json!({"sql": "SELECT repeat('x', 100000000) AS gross", "max_bytes": 1000});
    bench.expect(local(gross), Outcome::Indeterminate, Some(Reason::TooLarge), "has more than").await;
    let secure = json!({"sslmode": "require"});
    bench.expect(local(secure), Outcome::Indeterminate, Some(Reason::Unconfigured), "has no TLS").await;
    let missing = Look { address: "postgresql://app@%2Fnonexistent/app".to_owned(), ..local(json!({})) };
    bench.expect(missing, Outcome::Indeterminate, Some(Reason::Unconfigured), "no socket").await;
}

/// Through a pooler in transaction mode, and its console.
#[tokio::test]
async fn pgbouncer_is_asked_like_a_server() {
    let mut pooler = PgBouncer::start();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good"), PASSWORD).unwrap();
    std::fs::write(dir.path().join("wrong"), pgbouncer::PASSWORD).unwrap();
    let (port, ca) = (pooler.port, pooler.server.ca());
    let bench = Bench { server: None, dir };
    let look = |user: &str, database: &str, credential: &'static str, parameters: Value| Look {
        address: format!("postgresql://{user}@localhost:{port}/{database}?sslmode=verify-full"),
        credential: Some(credential),
        ca: Some(ca.clone()),
        ..bench.look("", parameters)
    };
    let app = |sql: &str| look("app", "app", "good", json!({ "sql": sql }));
    for _ in 0..4 {
        let facts =
            bench.expect(app("SELECT pg_backend_pid() AS pid, 1.5::float8 AS f"), Outcome::Pass, None, "1 rows").await;
        assert_eq!(facts.unwrap()["rows"][0]["f"], 1.5);
        bench.expect(app("INSERT INTO open VALUES (1)"), Outcome::Indeterminate, Some(Reason::Query), "25006").await;
    }
    let bold = |sql: &str| look("bold", "app", "good", json!({ "sql": sql }));
    bench.expect(bold("INSERT INTO open VALUES (1)"), Outcome::Indeterminate, Some(Reason::Query), "25006").await;
    let slow = Look { timeout_ms: 900, ..app("SELECT pg_sleep(30)") };
    bench.expect(slow, Outcome::Fail, Some(Reason::Timeout), "").await;
    // What one look set does not stay behind for the application.
    let left = "SELECT setting FROM pg_settings WHERE name = 'statement_timeout' AND source <> 'session'";
    bench.expect(app(left), Outcome::Pass, None, "").await;

    let console = |sql: &str| look("readiness", "pgbouncer", "wrong", json!({ "console": true, "sql": sql }));
    let facts = bench.expect(console("SHOW POOLS"), Outcome::Pass, None, "rows").await.unwrap();
    let rows = facts["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["cl_waiting"].is_i64() && row["database"].is_string()), "{rows:?}");
    let facts = bench.expect(console("SHOW CONFIG"), Outcome::Pass, None, "rows").await.unwrap();
    let size = facts["rows"].as_array().unwrap().iter().find(|row| row["key"] == "default_pool_size").unwrap();
    assert_eq!(size["value"], "2");
    bench.expect(console("SHOW NONSENSE"), Outcome::Indeterminate, Some(Reason::Query), "").await;
    let stranger = look("bold", "pgbouncer", "good", json!({ "console": true, "sql": "SHOW POOLS" }));
    bench.expect(stranger, Outcome::Indeterminate, Some(Reason::Query), "").await;
    let wrong = look("readiness", "pgbouncer", "good", json!({ "console": true, "sql": "SHOW POOLS" }));
    bench.expect(wrong, Outcome::Indeterminate, Some(Reason::AuthRejected), "").await;
    let pairs = look("app", "app", "good", json!({"pairs": ["app:changeme", "readiness:readiness"]}));
    // The pooler has one code for everything, so that its refusal is none.
    bench.expect(pairs, Outcome::Indeterminate, Some(Reason::Query), "08P01").await;
    let open = look("app", "app", "good", json!({ "pairs": [format!("app:{PASSWORD}")] }));
    bench.expect(open, Outcome::Fail, Some(Reason::AuthAccepted), "app").await;

    pooler.server.stop();
    bench.expect(console("SHOW POOLS"), Outcome::Pass, None, "rows").await;
    let seen = bench.run(Look { timeout_ms: 3000, ..app("SELECT 1 AS one") }).await;
    assert_ne!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    println!("behind the pooler nobody is left: {:?} {}", seen.verdict.reason(), seen.verdict.sentence());
    pooler.process.stop();
    bench.expect(console("SHOW POOLS"), Outcome::Fail, Some(Reason::Refused), "").await;
}

async fn values(bench: &Bench) {
    let sql = "SELECT true AS b, 1::int2 AS i2, -2::int4 AS i4, 9007199254740993::int8 AS i8, 1.5::float4 AS f4, \
        2.25::float8 AS f8, 'NaN'::float8 AS nan, 12345.678::numeric AS num, (-0.00001)::numeric AS small, \
        10000::numeric AS round, 'text' AS t, 'vc'::varchar AS vc, 'n'::name AS n, '{\"a\":[1]}'::json AS j, \
        '{\"b\":null}'::jsonb AS jb, '2026-11-22 00:00:00+00'::timestamptz AS tz, '1970-01-02'::date AS d, \
        '1 day 00:00:01.5'::interval AS iv, 'infinity'::timestamptz AS inf, NULL::int AS nothing, \
        '01234567-89ab-cdef-0123-456789abcdef'::uuid AS u, '10.0.0.0/8'::cidr AS net, '127.0.0.1'::inet AS ip, \
        '16/B374D848'::pg_lsn AS lsn, ARRAY['a', NULL] AS ta, ARRAY[1, 2] AS ia, ARRAY[]::int[] AS ea, \
        26::oid AS o, 'x'::\"char\" AS c, current_database()::text AS db";
    let facts = bench.expect(bench.look("", json!({ "sql": sql })), Outcome::Pass, None, "").await.unwrap();
    let expected = json!({
        "b": true, "i2": 1, "i4": -2, "i8": 9_007_199_254_740_993_i64, "f4": 1.5, "f8": 2.25, "nan": "NaN",
        "num": 12345.678, "small": -0.00001, "round": 10000.0, "t": "text", "vc": "vc", "n": "n", "j": {"a": [1]},
        "jb": {"b": null}, "tz": 1_795_305_600.0, "d": 86_400.0, "iv": 86_401.5, "inf": "infinity", "nothing": null,
        "u": "01234567-89ab-cdef-0123-456789abcdef", "net": "10.0.0.0/8", "ip": "127.0.0.1", "lsn": "16/B374D848",
        "ta": ["a", null], "ia": [1, 2], "ea": [], "o": 26, "c": "x", "db": "app",
    });
    assert_eq!(facts["rows"][0], expected);
    assert_eq!(facts["columns"][0], "b");
    let bytes = bench.look("", json!({"sql": "SELECT '\\x00'::bytea AS raw"}));
    bench.expect(bytes, Outcome::Indeterminate, Some(Reason::Query), "column `raw`: type BYTEA is not supported").await;
    let bound = json!({
        "sql": "SELECT $1 AS t, $2 AS i, $3 AS f, $4 AS b, $5 AS n, 'b' = ANY($6) AS found",
        "bind": ["text", 7, 1.5, true, null, ["a", "b"]],
    });
    let facts = bench.expect(bench.look("", bound), Outcome::Pass, None, "").await.unwrap();
    assert_eq!(facts["rows"][0], json!({"t": "text", "i": 7, "f": 1.5, "b": true, "n": null, "found": true}));
}

async fn a_server_that_stops(bench: Bench) {
    let look = bench.look("", json!({}));
    let again = bench.look("", json!({}));
    bench.expect(look, Outcome::Pass, None, "").await;
    bench.server().stop();
    bench.expect(again, Outcome::Fail, Some(Reason::Refused), "refused the connection").await;
}
