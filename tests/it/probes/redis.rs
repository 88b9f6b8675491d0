//! The kind `redis` against a real server, a replica and a sentinel.

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

use crate::support::redis::{PASSWORD, Server};

const WRONG: &str = "wrong-password-4711";

/// One server for all cases: what is tested is the probe, and a server costs time.
struct Bench {
    server: Server,
    dir: tempfile::TempDir,
}

/// One way to look.
struct Look<'a> {
    address: String,
    credential: Option<&'a str>,
    ca: Option<PathBuf>,
    parameters: Value,
    timeout_ms: u64,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("good"), format!("{PASSWORD}\n")).unwrap();
        std::fs::write(dir.path().join("wrong"), WRONG).unwrap();
        let place = dir.path().join("server");
        std::fs::create_dir(&place).unwrap();
        Self { server: Server::start(&place), dir }
    }

    /// Over TLS, as the user of the grant.
    fn look(&self, parameters: Value) -> Look<'_> {
        self.look_at(&self.server, parameters)
    }

    fn look_at(&self, server: &Server, parameters: Value) -> Look<'_> {
        let address = format!("rediss://readiness@localhost:{}", server.tls_port);
        Look { address, credential: Some("good"), ca: Some(self.server.ca()), parameters, timeout_ms: 10_000 }
    }

    fn plain(&self, parameters: Value) -> Look<'_> {
        let address = format!("redis://readiness@127.0.0.1:{}", self.server.plain_port);
        Look { address, ca: None, ..self.look(parameters) }
    }

    async fn run(&self, look: Look<'_>) -> Observation {
        let file = |name: &str| (name.to_owned(), CredentialSource::File(self.dir.path().join(name)));
        let credentials = Credentials::new(BTreeMap::from([file("good"), file("wrong")]));
        let target = Target {
            name: Arc::from("redis"),
            address: look.address.into(),
            credential: look.credential.map(Into::into),
            tls: TlsFiles { ca: look.ca, ..TlsFiles::default() },
        };
        let mut parameters = look.parameters;
        parameters["target"] = json!("redis");
        let parsed = kinds::find("redis").unwrap().parse(parameters).unwrap();
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

    async fn expect(&self, look: Look<'_>, outcome: Outcome, reason: Option<Reason>, part: &str) -> Value {
        let seen = self.run(look).await;
        let said = seen.verdict.sentence();
        assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (outcome, reason), "{said}");
        assert!(said.contains(part), "`{part}` is not in: {said}");
        seen.facts.unwrap_or_default()
    }
}

const FAIL: Outcome = Outcome::Fail;
const PASS: Outcome = Outcome::Pass;
const UNKNOWN: Outcome = Outcome::Indeterminate;

#[tokio::test]
async fn everything_a_real_server_can_say() {
    let mut bench = Bench::new();
    answers(&bench).await;
    logins(&bench).await;
    encryption(&bench).await;
    rights(&bench).await;
    comparisons(&bench).await;
    replicas_and_sentinels(&bench).await;
    troubles(&mut bench).await;
    a_server_that_stops(&mut bench).await;
}

async fn answers(bench: &Bench) {
    let facts = bench.expect(bench.look(json!({})), PASS, None, "PING, saw it over encrypted transport").await;
    assert_eq!((&facts["login"], &facts["tls"]), (&json!("accepted"), &json!(true)));
    let all = json!({"commands": ["ping", "role", "info"]});
    let facts = bench.expect(bench.look(all), PASS, None, "PING, ROLE, INFO").await;
    assert_eq!((&facts["role"], &facts["replicas"]), (&json!("master"), &json!(0)));
    let info = &facts["info"];
    assert_eq!(info["memory"]["maxmemory"], 256 << 20);
    assert_eq!(info["memory"]["maxmemory_policy"], "volatile-lru");
    assert_eq!((&info["persistence"]["aof_enabled"], &info["persistence"]["loading"]), (&json!(1), &json!(0)));
    for section in ["server", "clients", "memory", "persistence", "stats", "replication", "cpu"] {
        assert!(info[section].is_object(), "{section}");
    }
    assert!(facts["server_version_num"].as_u64().unwrap() >= 70_000);
    let one = json!({"commands": ["info"], "sections": ["memory"]});
    let facts = bench.expect(bench.look(one), PASS, None, "").await;
    assert_eq!(facts["info"].as_object().unwrap().len(), 1);
}

async fn logins(bench: &Bench) {
    let wrong = || Look { credential: Some("wrong"), ..bench.look(json!({})) };
    bench.expect(wrong(), UNKNOWN, Some(Reason::AuthRejected), "WRONGPASS").await;
    let anonymous = json!({"anonymous": true});
    bench.expect(bench.look(anonymous), UNKNOWN, Some(Reason::AuthRejected), "NOAUTH").await;
    let refused = json!({"anonymous": true, "refused_with": ["NOAUTH"]});
    let facts = bench.expect(bench.look(refused.clone()), PASS, None, "saw NOAUTH").await;
    assert_eq!((&facts["login"], &facts["error_code"]), (&json!("none"), &json!("NOAUTH")));
    let attempt = |credential: &str| bench.look(json!({"credential": credential, "refused_with": ["WRONGPASS"]}));
    bench.expect(attempt("wrong"), PASS, None, "saw WRONGPASS").await;
    bench.expect(attempt("good"), FAIL, Some(Reason::AuthAccepted), "the login to be refused").await;
    // Nobody there: nothing was refused.
    let closed = bench.plain(refused.clone());
    bench.expect(closed, UNKNOWN, Some(Reason::Refused), "refused the connection").await;
    bench.server.cli(&["ACL", "SETUSER", "default", "nopass"]);
    bench.expect(bench.look(refused), FAIL, Some(Reason::AuthAccepted), "without a password to be refused").await;
    bench.server.cli(&["ACL", "SETUSER", "default", "resetpass", ">redis-admin-4711"]);
    let user_only = Look { credential: None, ..bench.look(json!({})) };
    bench.expect(user_only, UNKNOWN, Some(Reason::Unconfigured), "credential").await;
}

async fn encryption(bench: &Bench) {
    let other = Look { ca: Some(bench.server.other_ca()), ..bench.look(json!({})) };
    bench.expect(other, FAIL, Some(Reason::TlsUntrusted), "certificate").await;
    let plain_to_tls = Look {
        address: format!("redis://readiness@127.0.0.1:{}", bench.server.tls_port),
        timeout_ms: 2000,
        ..bench.plain(json!({}))
    };
    let seen = bench.run(plain_to_tls).await.verdict;
    assert!(seen.outcome() == FAIL, "{}", seen.sentence());
    bench.server.open_plain();
    let facts = bench.expect(bench.plain(json!({})), PASS, None, "plain transport").await;
    assert_eq!(facts["tls"], false);
    let tls_to_plain = Look {
        address: format!("rediss://readiness@localhost:{}", bench.server.plain_port),
        timeout_ms: 2000,
        ..bench.look(json!({}))
    };
    let seen = bench.run(tls_to_plain).await.verdict;
    assert!(seen.outcome() == FAIL, "{}", seen.sentence());
}

/// The grant is enough for all that is asked, and for nothing else.
async fn rights(bench: &Bench) {
    let quorum = json!({"commands": ["sentinel_ckquorum"], "master": "main"});
    let seen = bench.run(bench.look(quorum.clone())).await.verdict;
    assert_eq!(seen.outcome(), UNKNOWN, "no sentinel: {}", seen.sentence());
    for command in ["ping", "info", "role"] {
        bench.server.cli(&["ACL", "SETUSER", "readiness", &format!("-{command}")]);
        let look = json!({ "commands": [command] });
        bench.expect(bench.look(look.clone()), UNKNOWN, Some(Reason::PermissionDenied), "NOPERM").await;
        let refused = json!({ "commands": [command], "refused_with": ["NOPERM"] });
        bench.expect(bench.look(refused.clone()), PASS, None, "NOPERM").await;
        bench.server.cli(&["ACL", "SETUSER", "readiness", &format!("+{command}")]);
        bench.expect(bench.look(look), PASS, None, "").await;
        bench.expect(bench.look(refused), FAIL, Some(Reason::AuthAccepted), "accepted").await;
    }
    let listed = bench.server.cli(&["ACL", "GETUSER", "readiness"]);
    assert!(listed.contains("-@all") && !listed.contains("+get"), "{listed}");
}

async fn comparisons(bench: &Bench) {
    let look = json!({"commands": ["info"], "sections": ["stats"], "window_s": 2, "min_lookups": 100});
    let during = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        bench.server.look_up(150, 50).unwrap();
    };
    let (facts, ()) = tokio::join!(bench.expect(bench.look(look.clone()), PASS, None, ""), during);
    assert_eq!((&facts["lookups"], &facts["hit_ratio"]), (&json!(200.0), &json!(0.75)));
    bench.expect(bench.look(look), UNKNOWN, Some(Reason::NoData), "at least 100 lookups, saw 0").await;
}

async fn replicas_and_sentinels(bench: &Bench) {
    let place = |name: &str| {
        let place = bench.dir.path().join(name);
        std::fs::create_dir(&place).unwrap();
        place
    };
    let replica = Server::replica_of(&bench.server, &place("replica"));
    replica.wait_for("replication", "master_link_status", "up").unwrap();
    let role = || json!({"commands": ["role"]});
    let facts = bench.expect(bench.look_at(&replica, role()), PASS, None, "").await;
    assert_eq!((&facts["role"], &facts["link"]), (&json!("slave"), &json!("connected")));
    // The primary counts a replica from its first acknowledgement on, a little after the link is up.
    assert_eq!(bench.server.cli(&["WAIT", "1", "10000"]).trim(), "1");
    assert_eq!(bench.expect(bench.look(role()), PASS, None, "").await["replicas"], 1);
    replica.cli(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    replica.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    bench.expect(bench.look_at(&replica, json!({})), FAIL, Some(Reason::Query), "MASTERDOWN").await;

    let sentinel = Server::sentinel_of(&bench.server, &place("sentinel"));
    sentinel.wait_for("sentinel", "sentinel_masters", "1").unwrap();
    let look = json!({"commands": ["role", "sentinel_masters", "sentinel_ckquorum"], "master": "main"});
    let facts = bench.expect(bench.look_at(&sentinel, look.clone()), PASS, None, "SENTINEL CKQUORUM").await;
    assert_eq!((&facts["role"], &facts["quorum"]), (&json!("sentinel"), &json!(true)));
    assert_eq!((&facts["masters"][0]["name"], &facts["masters"][0]["quorum"]), (&json!("main"), &json!(1)));
    sentinel.cli(&["SENTINEL", "SET", "main", "quorum", "2"]);
    bench.expect(bench.look_at(&sentinel, look), FAIL, Some(Reason::Assertion), "NOQUORUM").await;
    let unknown = json!({"commands": ["sentinel_replicas"], "master": "other"});
    bench.expect(bench.look_at(&sentinel, unknown), FAIL, Some(Reason::Missing), "No such master").await;
}

async fn troubles(bench: &mut Bench) {
    bench.server.load_slowly().unwrap();
    bench.expect(bench.look(json!({})), FAIL, Some(Reason::Query), "LOADING").await;
    let info = json!({"commands": ["info"], "sections": ["persistence"]});
    let facts = bench.expect(bench.look(info), PASS, None, "").await;
    assert_eq!(facts["info"]["persistence"]["loading"], 1);
    bench.server.restore().unwrap();

    bench.server.save_slowly().unwrap();
    bench.expect(bench.look(json!({})), PASS, None, "").await;
    bench.server.restore().unwrap();

    bench.server.fill_disk();
    let _ = bench.server.try_cli(&["SET", "a", "b"]);
    bench.server.wait_for("persistence", "aof_last_write_status", "err").unwrap();
    bench.expect(bench.look(json!({})), FAIL, Some(Reason::Query), "MISCONF").await;
    bench.server.restore().unwrap();

    bench.server.open_plain();
    bench.server.fill_connections();
    bench.expect(bench.plain(json!({})), FAIL, Some(Reason::Refused), "max number of clients").await;
    bench.expect(bench.look(json!({})), FAIL, Some(Reason::Reset), "TLS handshake").await;
    bench.server.restore().unwrap();

    bench.server.process().pause();
    let paused = Look { timeout_ms: 500, ..bench.look(json!({})) };
    bench.expect(paused, FAIL, Some(Reason::Timeout), "").await;
    bench.server.process().resume();
    bench.expect(bench.look(json!({})), PASS, None, "").await;
}

async fn a_server_that_stops(bench: &mut Bench) {
    bench.server.process().kill();
    bench.expect(bench.look(json!({})), FAIL, Some(Reason::Refused), "refused the connection").await;
    bench.server.start_again();
    bench.expect(bench.look(json!({})), PASS, None, "").await;
    bench.server.process().stop();
    bench.expect(bench.look(json!({})), FAIL, Some(Reason::Refused), "refused the connection").await;
}
