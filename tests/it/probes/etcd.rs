//! The kind `etcd` against a real cluster of three, with client certificates and users.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use readiness::expect::{Conditions, Params};
use readiness::model::{Outcome, Reason, Target, Timestamp, TlsFiles};
use readiness::probe::net::Clients;
use readiness::probe::{CredentialSource, Credentials, Observation, ProbeCx, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::etcd::{Cluster, PASSWORD};

const WRONG: &str = "wrong-password-4711";
const AGENTS: &str = "/parallax/services/agent/";

/// One cluster for all cases.
struct Bench {
    cluster: Cluster,
    dir: tempfile::TempDir,
}

/// Who looks.
#[derive(Clone, Copy)]
enum As {
    Monitor,
    /// With this for a password.
    Wrong,
    /// Without a password, but with the client certificate.
    Nobody,
    /// Without the client certificate too.
    Stranger,
}

impl Bench {
    fn new(members: usize, tls: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("wrong"), WRONG).unwrap();
        Self { cluster: Cluster::start(dir.path(), members, tls), dir }
    }

    async fn look(&self, who: As, mut parameters: Value, expect: &[&str]) -> Observation {
        let file = |name: &str| (name.to_owned(), CredentialSource::File(self.dir.path().join(name)));
        let credentials = Credentials::new(BTreeMap::from([file("etcd-ro"), file("wrong")]));
        let credential = match who {
            As::Monitor => Some("etcd-ro"),
            As::Wrong => Some("wrong"),
            As::Nobody | As::Stranger => None,
        };
        let own =
            |name: &str| matches!(who, As::Stranger).then_some(()).map_or(Some(self.cluster.file(name)), |()| None);
        let tls = TlsFiles {
            ca: Some(self.cluster.file("ca.crt")),
            client_cert: own("client.crt"),
            client_key: own("client.key"),
            server_name: None,
        };
        let endpoints = self.cluster.endpoints();
        let target = Target {
            name: Arc::from("etcd"),
            address: endpoints[0].clone().into(),
            credential: credential.map(Into::into),
            tls: if endpoints[0].starts_with("https") { tls } else { TlsFiles::default() },
        };
        parameters["target"] = json!("etcd");
        if parameters.get("anonymous").is_none() {
            parameters["user"] = json!("readiness");
        }
        if parameters.get("endpoints").is_none() {
            parameters["endpoints"] = json!(endpoints);
        }
        let kind = kinds::find("etcd").unwrap();
        let parsed = kind.parse(parameters).unwrap();
        assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
        let cx = ProbeCx::new(
            Timestamp::from_secs(1_795_305_600),
            Instant::now() + Duration::from_secs(10),
            Some(Arc::new(target)),
            Arc::new(credentials),
            Arc::new(Clients::default()),
        );
        let expect: Vec<String> = expect.iter().map(|&text| text.to_owned()).collect();
        let conditions = Conditions::compile(&expect, &[], (kind.facts)().as_value(), &Params::default()).unwrap();
        let begun = Clock::now();
        let seen = parsed.probe.run(&cx, &conditions).await;
        assert!(begun.elapsed() < Duration::from_millis(10_250), "{:?}", begun.elapsed());
        let all = format!("{seen:?} {:?}", cx.trace().take());
        assert!(!all.contains(PASSWORD) && !all.contains(WRONG), "a password leaked: {all}");
        eprintln!("{:?} {:?} {}", seen.verdict.outcome(), seen.verdict.reason(), seen.verdict.sentence());
        seen
    }

    async fn expect(
        &self,
        who: As,
        parameters: Value,
        expect: &[&str],
        said: (Outcome, Option<Reason>, &str),
    ) -> Value {
        let seen = self.look(who, parameters, expect).await;
        let sentence = seen.verdict.sentence();
        assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (said.0, said.1), "{sentence} {:?}", seen.facts);
        assert!(sentence.contains(said.2), "`{}` is not in: {sentence}", said.2);
        seen.facts.unwrap_or_default()
    }
}

fn everything() -> Value {
    json!({ "rpc": ["status", "members", "alarms", "leases"], "prefix": AGENTS, "fields": ["id", "type"], "distinct": ["id", "endpoint"] })
}

fn read() -> Value {
    json!({ "prefix": AGENTS })
}

fn negative() -> Value {
    json!({ "prefix": "/parallax/", "limit": 1, "anonymous": true, "expect_error": ["no_user", "permission_denied", "certificate"] })
}

const PASS: (Outcome, Option<Reason>, &str) = (Outcome::Pass, None, "");

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_three() {
    let mut bench = Bench::new(3, true);
    healthy(&bench).await;
    refusals(&bench).await;
    members(&mut bench).await;
    users(&mut bench).await;
    space(&mut bench).await;
}

async fn healthy(bench: &Bench) {
    let whole = [
        "leaders_agree && terms_agree && leader != ''",
        "member_count == 3 && learner_count == 0 && alarms.size() == 0",
        "db_size_bytes > 0 && auth_enabled == true && lease_count >= 2",
        "keys.all(k, k.suffix == k.json.id && k.json.type == 'agent' && k.lease != '')",
        "not_json == [] && repeated == []",
        "leases.all(l, l.ttl_s > 0 && l.granted_s == 3600)",
        "versions.size() == 1 && endpoints.all(e, e.reachable)",
    ];
    let facts = bench.expect(As::Monitor, everything(), &whole, PASS).await;
    assert_eq!(facts["key_count"], 2, "{facts}");
    assert_eq!(facts["keys"][0]["json"], json!({"id": "a1", "type": "agent", "endpoint": "127.0.0.1:50246"}));
    // What was not asked is not taken for what is not there, nor a part for the whole.
    let unknown = (Outcome::Indeterminate, Some(Reason::ExpressionError), "`alarms` is not known");
    bench.expect(As::Monitor, read(), &["alarms.size() == 0"], unknown).await;
    let cut = json!({ "prefix": AGENTS, "limit": 1 });
    let part = (Outcome::Indeterminate, Some(Reason::ExpressionError), "1 of 2 keys were read");
    bench.expect(As::Monitor, cut.clone(), &["keys.size() == 2"], part).await;
    bench.expect(As::Monitor, cut, &["key_count == 2"], PASS).await;
    let one = json!({ "key": "/parallax/none", "keys_only": true });
    bench.expect(As::Monitor, one, &["key_count == 0"], PASS).await;
    let large = json!({ "prefix": AGENTS, "max_bytes": 100 });
    bench
        .expect(As::Monitor, large, &[], (Outcome::Indeterminate, Some(Reason::TooLarge), "larger than the limit"))
        .await;
    // Several runs at once, over connections of their own.
    let looks = (0..8).map(|_| bench.look(As::Monitor, everything(), &whole));
    for seen in futures_util::future::join_all(looks).await {
        assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    }
}

async fn refusals(bench: &Bench) {
    bench.expect(As::Monitor, negative(), &[], (Outcome::Pass, None, "3 of 3 endpoints")).await;
    // To etcd the certificate is a user without a name.
    let nobody = json!({ "prefix": AGENTS, "expect_error": ["no_user", "permission_denied"] });
    bench.expect(As::Nobody, nobody, &[], (Outcome::Pass, None, "permission denied")).await;
    let other = json!({ "prefix": "/other/", "expect_error": ["permission_denied"] });
    bench.expect(As::Monitor, other.clone(), &[], (Outcome::Pass, None, "permission denied")).await;
    // Refused, but otherwise than expected: that proves neither.
    let unclear = (Outcome::Indeterminate, Some(Reason::Query), "another refusal");
    bench.expect(As::Wrong, other, &[], unclear).await;
    let wrong = (Outcome::Indeterminate, Some(Reason::AuthRejected), "authentication failed");
    bench.expect(As::Wrong, read(), &[], wrong).await;
    let nobody = (Outcome::Indeterminate, Some(Reason::PermissionDenied), "permission denied");
    bench.expect(As::Nobody, read(), &[], nobody).await;
    let stranger = (Outcome::Fail, Some(Reason::TlsHandshake), "certificate");
    let seen = bench.look(As::Stranger, read(), &[]).await;
    assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (stranger.0, stranger.1), "{seen:?}");
    let elsewhere = json!({ "prefix": "/other/" });
    let denied = (Outcome::Indeterminate, Some(Reason::PermissionDenied), "permission denied");
    bench.expect(As::Monitor, elsewhere, &[], denied).await;
}

async fn members(bench: &mut Bench) {
    let leader = bench.cluster.leader();
    bench.cluster.move_leader();
    let facts = bench.expect(As::Monitor, everything(), &[], PASS).await;
    assert!(facts["looks"].as_u64() <= Some(2));
    assert_ne!(bench.cluster.leader(), leader);

    bench.cluster.node("n1").process.stop();
    bench.cluster.node("n1").link.cut();
    let refused = (Outcome::Fail, Some(Reason::Refused), "2 answered");
    bench.expect(As::Monitor, everything(), &[], refused).await;
    bench.expect(As::Monitor, read(), &["key_count == 2"], PASS).await;
    // Who is not there refuses nothing.
    bench
        .expect(As::Monitor, negative(), &[], (Outcome::Indeterminate, Some(Reason::Refused), "refused the connection"))
        .await;
    bench.cluster.node("n2").process.stop();
    bench.cluster.node("n2").link.cut();
    bench.expect(As::Monitor, everything(), &[], (Outcome::Fail, Some(Reason::Refused), "1 answered")).await;
    // The one that is left finds out soon.
    bench.expect(As::Monitor, everything(), &[], (Outcome::Fail, Some(Reason::Refused), "no quorum")).await;
    let lost = bench.look(As::Monitor, read(), &[]).await;
    assert_eq!(lost.verdict.outcome(), Outcome::Fail, "{}", lost.verdict.sentence());
    bench.cluster.restore();

    bench.cluster.node("n2").process.pause();
    let hangs = (Outcome::Fail, Some(Reason::Timeout), "2 answered");
    bench.expect(As::Monitor, everything(), &[], hangs).await;
    bench.cluster.restore();
    bench.cluster.node("n3").link.swallow();
    bench.expect(As::Monitor, everything(), &[], hangs).await;
    bench.expect(As::Monitor, negative(), &[], (Outcome::Indeterminate, Some(Reason::Timeout), "")).await;
    bench.cluster.restore();
    let leader = bench.cluster.leader();
    bench.cluster.node(&leader).process.kill();
    // An election is going on: the read waits for its end.
    bench.expect(As::Monitor, read(), &["key_count == 2"], PASS).await;
    bench.cluster.restore();
    bench.expect(As::Monitor, everything(), &[], PASS).await;
}

async fn users(bench: &mut Bench) {
    bench.cluster.revoke();
    bench.expect(As::Monitor, read(), &[], (Outcome::Indeterminate, Some(Reason::PermissionDenied), "")).await;
    bench.cluster.auth(false);
    bench.expect(As::Monitor, read(), &["auth_enabled == false"], PASS).await;
    let accepted = (Outcome::Fail, Some(Reason::AuthAccepted), "saw it answered");
    let nobody = json!({ "prefix": AGENTS, "expect_error": ["no_user"] });
    bench.expect(As::Nobody, nobody, &[], accepted).await;
    bench.cluster.restore();
}

async fn space(bench: &mut Bench) {
    bench.cluster.put(&format!("{AGENTS}odd"), "no json");
    bench.cluster.put(&format!("{AGENTS}twin"), r#"{"id":"a1","endpoint":"127.0.0.1:1"}"#);
    let odd = "agent/odd";
    bench.expect(As::Monitor, everything(), &["not_json == []"], (Outcome::Fail, Some(Reason::Assertion), odd)).await;
    let twice = (Outcome::Fail, Some(Reason::Assertion), "a1");
    bench.expect(As::Monitor, everything(), &["repeated == []"], twice).await;
    bench.cluster.fill();
    let alarm = (Outcome::Fail, Some(Reason::Assertion), "NOSPACE");
    bench.expect(As::Monitor, everything(), &["alarms == []"], alarm).await;
    bench.cluster.restore();
    bench.expect(As::Monitor, everything(), &["alarms.size() == 0"], PASS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_member_in_the_clear() {
    let mut bench = Bench::new(1, false);
    bench.expect(As::Monitor, everything(), &["member_count == 1", "auth_enabled == true"], PASS).await;
    bench.expect(As::Monitor, negative(), &[], (Outcome::Pass, None, "user name is empty")).await;
    bench.cluster.auth(false);
    let accepted = (Outcome::Fail, Some(Reason::AuthAccepted), "an anonymous read");
    bench.expect(As::Monitor, negative(), &[], accepted).await;
    bench.expect(As::Nobody, everything(), &["auth_enabled == false"], PASS).await;
    // The wrong sort of transport.
    let encrypted = bench.cluster.endpoints()[0].replace("http://", "https://");
    let plain = json!({ "prefix": AGENTS, "endpoints": [encrypted] });
    bench.expect(As::Nobody, plain, &[], (Outcome::Fail, Some(Reason::Reset), "during the TLS handshake")).await;
}
