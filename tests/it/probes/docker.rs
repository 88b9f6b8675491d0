//! The kind `docker` against a real engine of Docker, with and without TLS, and against Podman.

use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use readiness::expect::{Conditions, Params};
use readiness::model::{Outcome, Reason, Target, Timestamp, TlsFiles};
use readiness::probe::net::Clients;
use readiness::probe::{Credentials, Observation, ProbeCx, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::docker::proxy::GetOnly;
use crate::support::docker::{APP, Engine, Image, Kind};

const SECRET: &str = "hunter2-4711";

struct Bench {
    engine: Engine,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { engine: Engine::start(&dir.path().join("engine"), kind), _dir: dir }
    }

    async fn look(&self, parameters: Value, expect: &[&str]) -> Observation {
        look(&self.engine.address(), TlsFiles::default(), 10_000, parameters, expect).await
    }

    async fn says(&self, parameters: Value, outcome: Outcome, reason: Option<Reason>, part: &str) {
        let shown = parameters.to_string();
        check(&self.look(parameters, &[]).await, outcome, reason, part, &shown);
    }
}

fn check(seen: &Observation, outcome: Outcome, reason: Option<Reason>, part: &str, what: &str) {
    let verdict = &seen.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{what}: {}", verdict.sentence());
    assert!(verdict.sentence().contains(part), "{what}: {}", verdict.sentence());
}

async fn look(address: &str, tls: TlsFiles, patience_ms: u64, parameters: Value, expect: &[&str]) -> Observation {
    ask("docker", address, tls, patience_ms, parameters, expect).await
}

/// The same of another kind that asks engines.
pub(super) async fn look_with(kind: &str, address: &str, parameters: Value) -> Observation {
    ask(kind, address, TlsFiles::default(), 10_000, parameters, &[]).await
}

async fn ask(
    kind: &str,
    address: &str,
    tls: TlsFiles,
    patience_ms: u64,
    mut parameters: Value,
    expect: &[&str],
) -> Observation {
    parameters["target"] = json!("engine");
    let kind = kinds::find(kind).unwrap();
    let parsed = kind.parse(parameters).unwrap();
    assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
    let target = Target { name: Arc::from("engine"), address: address.into(), credential: None, tls };
    let cx = ProbeCx::new(
        Timestamp(jiff::Timestamp::now().as_millisecond()),
        Instant::now() + Duration::from_millis(patience_ms),
        Some(Arc::new(target)),
        Arc::new(Credentials::default()),
        Arc::new(Clients::new()),
    );
    let expect: Vec<String> = expect.iter().map(|&text| text.to_owned()).collect();
    let conditions = Conditions::compile(&expect, &[], (kind.facts)().as_value(), &Params::default()).unwrap();
    let begun = Clock::now();
    let seen = parsed.probe.run(&cx, &conditions).await;
    assert!(begun.elapsed() < Duration::from_millis(patience_ms + 500), "{:?}", begun.elapsed());
    seen
}

fn facts(seen: &Observation) -> Value {
    seen.facts.clone().expect("facts")
}

const PASS: (Outcome, Option<Reason>) = (Outcome::Pass, None);
const FALSE: (Outcome, Option<Reason>) = (Outcome::Fail, Some(Reason::Assertion));
const MISSING: (Outcome, Option<Reason>) = (Outcome::Fail, Some(Reason::Missing));
const NO_DATA: (Outcome, Option<Reason>) = (Outcome::Indeterminate, Some(Reason::NoData));

#[tokio::test(flavor = "multi_thread")]
async fn containers_are_told_by_their_states() {
    let bench = Bench::new(Kind::Docker);
    let engine = &bench.engine;
    let checked = ["--health-cmd", "check", "--health-interval", "300ms", "--health-retries", "1"];
    engine.run("good", &checked, APP, &[]);
    engine.run(
        "plain",
        &["-e", &format!("TOKEN={SECRET}"), "-l", &format!("auth={SECRET}"), "-l", "app=web"],
        APP,
        &[],
    );
    engine.run("sick", &checked, APP, &[]);
    engine.cli(&["exec", "sick", "/app", "sicken"]);
    engine.run("slow", &["--health-cmd", "wait", "--health-start-period", "1h"], APP, &[]);
    engine.run("fed-up", &["-m", "16m"], APP, &["eat", "64"]);
    engine.run("done", &[], APP, &["exit", "3"]);
    engine.run("again", &["--restart", "always"], APP, &["exit", "3"]);
    engine.run("held", &[], APP, &[]);
    engine.cli(&["pause", "held"]);
    for (name, template, wanted) in [
        ("good", "{{.State.Health.Status}}", "healthy"),
        ("sick", "{{.State.Health.Status}}", "unhealthy"),
        ("fed-up", "{{.State.OOMKilled}}", "true"),
        ("done", "{{.State.ExitCode}}", "3"),
        ("again", "{{gt .RestartCount 2}}", "true"),
    ] {
        engine.wait_for(name, template, wanted);
    }
    let named = |name: &str| json!({ "containers": { "name": name } });
    for (name, (outcome, reason), part) in [
        ("good", PASS, "good healthy"),
        ("plain", PASS, "plain running without a health check"),
        ("sick", FALSE, "saw it unhealthy"),
        ("slow", NO_DATA, "says starting"),
        ("fed-up", FALSE, "status 137 for want of memory"),
        ("done", FALSE, "exited with status 3"),
        ("held", FALSE, "paused"),
        ("none", MISSING, "saw none"),
        // One that is wrong is enough, and it is told before one of which nobody knows.
        ("s*", FALSE, "sick"),
    ] {
        bench.says(named(name), outcome, reason, part).await;
    }
    // It runs for a moment now and then, which is no proof of anything.
    for _ in 0..20 {
        let seen = bench.look(named("again"), &[]).await.verdict;
        assert_ne!(seen.outcome(), Outcome::Pass, "{}", seen.sentence());
    }
    let required = json!({ "containers": { "names": ["plain"], "health": "required" } });
    bench.says(required, Outcome::Fail, Some(Reason::Missing), "a health check, saw none").await;
    let both = json!({ "containers": { "names": ["good", "gone"] } });
    bench.says(both, Outcome::Fail, Some(Reason::Missing), "container gone").await;
    let seen = bench
        .look(json!({ "containers": { "labels": ["app=web"], "usage": true } }), &["memory_used_max_bytes > 0.0"])
        .await;
    check(&seen, Outcome::Pass, None, "", "label");
    let all = facts(&seen).to_string();
    assert!(all.contains("TOKEN") && !all.contains(SECRET), "{all}");
    bench
        .says(
            json!({ "containers": { "labels": ["app=api"], "none": "unknown" } }),
            Outcome::Indeterminate,
            Some(Reason::NoData),
            "saw none",
        )
        .await;
    bench.says(json!({ "containers": { "states": ["exited"], "min": 2 } }), Outcome::Pass, None, "done exited").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_containers_must_be() {
    let bench = Bench::new(Kind::Docker);
    let engine = &bench.engine;
    let limits = ["-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "--read-only", "--cap-drop", "ALL"];
    let more = ["--restart", "always", "-p", "127.0.0.1:8080:80", "--log-opt", "max-size=1m", "--log-opt", "labels=x"];
    engine.run("strict", &[&limits[..], &more[..]].concat(), APP, &[]);
    engine.run("other", &[], APP, &[]);
    let loose = ["--privileged", "--cap-add", "NET_ADMIN", "--pid", "host", "--network", "host", "-u", "0:0"];
    // It is not started: not every machine for tests may do what it asks for.
    engine.cli(&[&["create", "--name", "loose"], &loose[..], &["-v", "/:/host:ro", APP]].concat());
    engine.run("shares", &["--pid", "container:other", "-p", "8081:80"], APP, &[]);
    let must = |name: &str, must: &str| json!({ "containers": { "name": name, "running": false, "must": [must] } });
    for (rule, broken, clause) in [
        ("memory_limit", "loose", "no limit of its memory"),
        ("cpu_limit", "loose", "processor time"),
        ("pids_limit", "loose", "no limit of its processes"),
        ("read_only_root", "loose", "can write"),
        ("unprivileged", "loose", "is privileged"),
        ("no_added_capabilities", "loose", "NET_ADMIN"),
        ("drops_all_capabilities", "loose", "keeps capabilities"),
        ("own_namespaces", "loose", "the processes of the host"),
        ("own_namespaces", "shares", "the processes of another container"),
        ("own_network", "loose", "the network of the host"),
        ("non_root", "loose", "runs as root"),
        ("no_host_mounts", "loose", "mounts / of the host"),
        ("no_engine_socket", "loose", "controls the engine"),
        ("restarts", "loose", "restart policy no"),
        ("loopback_ports", "shares", "0.0.0.0:8081"),
        ("log_limit", "loose", "without max-size"),
    ] {
        bench.says(must("strict", rule), Outcome::Pass, None, "").await;
        bench.says(must(broken, rule), Outcome::Fail, Some(Reason::Assertion), clause).await;
    }
    let seen = bench.look(
        json!({ "containers": { "name": "strict" } }),
        &[
            "containers[0].cpu_limit == 0.5",
            "containers[0].memory_limit_bytes == 67108864",
            "containers[0].user == '1000'",
            "containers[0].log_options['labels'] == '(not shown)'",
            "containers[0].ports[0].address == '127.0.0.1'",
            "containers[0].networks == ['bridge']",
        ],
    );
    check(&seen.await, Outcome::Pass, None, "", "facts");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_networks_volumes_and_the_disk() {
    let bench = Bench::new(Kind::Docker);
    let engine = &bench.engine;
    engine.load(&Image { pushed: true, ..Image::new("shop/web:1") });
    engine.load(&Image { user: "0:0".to_owned(), ..Image::new("shop/root:1") });
    engine.load(&Image { arch: "s390x".to_owned(), ..Image::new("shop/other:1") });
    let image = |name: &str, rule: &str| json!({ "images": { "references": [name], rule: true } });
    for rule in ["non_root", "digest", "platform"] {
        bench.says(image("shop/web:1", rule), Outcome::Pass, None, "shop/web:1").await;
    }
    bench.says(image("shop/root:1", "non_root"), Outcome::Fail, Some(Reason::Assertion), "saw 0:0").await;
    bench.says(image("shop/root:1", "digest"), Outcome::Fail, Some(Reason::Missing), "no registry").await;
    bench.says(image("shop/other:1", "platform"), Outcome::Fail, Some(Reason::Assertion), "s390x").await;
    bench.says(image("shop/web:2", "digest"), Outcome::Fail, Some(Reason::Missing), "none of that name").await;
    let prefixed = json!({ "images": { "references": ["web:1"], "prefix": "shop/" } });
    bench.says(prefixed, Outcome::Pass, None, "shop/web:1").await;

    engine.cli(&["network", "create", "--label", "app=web", "--internal", "inside"]);
    engine.run("one", &["--network", "inside", "-v", "data:/data"], APP, &[]);
    let network = |name: &str| json!({ "networks": { "names": [name], "labels": ["app=web"], "driver": "bridge", "internal": true } });
    bench.says(network("inside"), Outcome::Pass, None, "inside (bridge, 1 containers)").await;
    bench.says(network("bridge"), Outcome::Fail, Some(Reason::Assertion), "the label app=web").await;
    bench.says(network("outside"), Outcome::Fail, Some(Reason::Missing), "outside").await;

    let seen = bench
        .look(json!({ "volumes": { "name": "da*" } }), &["volumes[0].used_by == ['one']", "volumes[0].age_s < 60.0"]);
    check(&seen.await, Outcome::Pass, None, "", "volume");
    bench.says(json!({ "volumes": { "names": ["lost"] } }), Outcome::Fail, Some(Reason::Missing), "lost").await;
    let seen = bench.look(
        json!({ "disk": true, "daemon": true, "min_api": "1.41" }),
        &[
            "disk.images.reclaimable_bytes >= 0.0 && disk.images.total_bytes > 100000.0 && disk.images.count == 4",
            "daemon.storage_driver != '' && daemon.swarm == 'inactive'",
            "engine.arch != ''",
        ],
    );
    check(&seen.await, Outcome::Pass, None, "can be reclaimed", "disk");
    bench.says(json!({ "min_api": "9.1" }), Outcome::Fail, Some(Reason::Assertion), "at least 9.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compose_project() {
    let bench = Bench::new(Kind::Docker);
    let file = bench.engine.dir.join("docker-compose.yml");
    let text = format!(
        "version: '2.4'\nservices:\n  web: {{ image: '{APP}', scale: 2, healthcheck: {{ test: [CMD, /app, check], interval: 1s, retries: 1 }} }}\n  db: {{ image: '{APP}' }}\n  migrate: {{ image: '{APP}', command: exit 0 }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut compose = std::process::Command::new("docker-compose");
    compose.args(["-p", "shop", "-f"]).arg(&file).args(["up", "-d"]).env("DOCKER_HOST", bench.engine.address());
    let done = compose.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for name in ["shop_web_1", "shop_web_2"] {
        bench.engine.wait_for(name, "{{.State.Health.Status}}", "healthy");
    }
    let shop = |more: &[&str], completed: &[&str]| json!({ "projects": { "names": ["shop"], "services": more, "completed": completed } });
    bench
        .says(shop(&["web", "db"], &["migrate"]), Outcome::Pass, None, "3 containers of 3 services run, 2 healthy")
        .await;
    bench.says(shop(&["mail"], &["migrate"]), Outcome::Fail, Some(Reason::Missing), "service mail").await;
    bench.says(shop(&[], &[]), Outcome::Fail, Some(Reason::Assertion), "migrate").await;
    bench.engine.cli(&["exec", "shop_web_1", "/app", "sicken"]);
    bench.engine.wait_for("shop_web_1", "{{.State.Health.Status}}", "unhealthy");
    bench.says(shop(&[], &["migrate"]), Outcome::Fail, Some(Reason::Assertion), "shop_web_1 unhealthy").await;
    bench.engine.cli(&["kill", "shop_web_2"]);
    bench.says(shop(&[], &["migrate"]), Outcome::Fail, Some(Reason::Assertion), "saw 1: shop_web").await;
    let service = json!({ "containers": { "project": "shop", "service": "db" } });
    bench.says(service, Outcome::Pass, None, "shop_db_1 running").await;
    let gone = json!({ "projects": { "names": ["store"] } });
    bench.says(gone, Outcome::Fail, Some(Reason::Missing), "store").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_lets_only_reading_through_is_enough() {
    let bench = Bench::new(Kind::Docker);
    bench.engine.run("one", &["-v", "data:/data"], APP, &[]);
    let proxy = GetOnly::start(&bench.engine.socket(), &[]);
    let all = json!({
        "daemon": true, "disk": true, "containers": { "names": ["one"], "usage": true, "digests": true },
        "images": { "references": [APP] }, "networks": { "names": ["bridge"] }, "volumes": { "names": ["data"] },
    });
    let seen = look(&proxy.address(), TlsFiles::default(), 10_000, all.clone(), &[]).await;
    check(&seen, Outcome::Pass, None, "one running", "proxy");
    let asked = proxy.asked();
    assert!(asked.iter().all(|request| request.starts_with("GET ")), "{asked:?}");
    // All but the first two name the version of the API that was agreed on.
    for request in ["GET /version", "GET /_ping", "GET /v1.41/info", "GET /v1.41/containers/json?all=true&size=false"] {
        assert!(asked.iter().any(|seen| seen == request), "{request}: {asked:?}");
    }
    // It is such a proxy.
    let done = bench.engine.try_cli(&["-H", &proxy.address().replace("http", "tcp"), "kill", "one"]);
    assert!(done.is_err_and(|said| said.contains("Forbidden")));
    // What it does not let through is not the engine's fault.
    let narrow = GetOnly::start(&bench.engine.socket(), &["/version", "/_ping", "/containers"]);
    let seen = look(&narrow.address(), TlsFiles::default(), 10_000, all, &[]).await;
    check(&seen, Outcome::Indeterminate, Some(Reason::PermissionDenied), "GET /info", "narrow");
}

/// `docs/grants/docker-proxy.conf` with places of this test, and as the user of this test. Ends when dropped.
struct Shipped {
    socket: std::path::PathBuf,
    child: std::process::Child,
}

impl Shipped {
    fn start(engine: &Engine) -> Self {
        let text = include_str!("../../../docs/grants/docker-proxy.conf");
        let (dir, config) = (engine.dir.join("proxy"), engine.dir.join("proxy.conf"));
        std::fs::create_dir_all(&dir).unwrap();
        let mut changed = text.to_owned();
        for (from, to) in [
            ("user nginx docker;", "user root;".to_owned()),
            ("/var/run/docker.sock", engine.socket().display().to_string()),
            ("/run/readiness-docker", dir.display().to_string()),
        ] {
            assert!(changed.contains(from), "{from}");
            changed = changed.replace(from, &to);
        }
        std::fs::write(&config, changed).unwrap();
        let mut command = std::process::Command::new("nginx");
        let child = command
            .arg("-c")
            .arg(config)
            .args(["-g", "daemon off;"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("nginx");
        let this = Self { socket: dir.join("engine.sock"), child };
        let until = Clock::now() + Duration::from_secs(10);
        while std::os::unix::net::UnixStream::connect(&this.socket).is_err() {
            assert!(Clock::now() < until, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        this
    }

    fn status(&self, method: &str, path: &str) -> String {
        let mut command = std::process::Command::new("curl");
        command.args([
            "--silent",
            "--max-time",
            "5",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            "-X",
            method,
        ]);
        command.arg("--unix-socket").arg(&self.socket).arg(format!("http://engine{path}"));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }
}

impl Drop for Shipped {
    fn drop(&mut self) {
        // Its worker ends with it, if it is asked.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_proxy_lets_through_what_checks_need_and_nothing_else() {
    let bench = Bench::new(Kind::Docker);
    bench.engine.run("one", &["-v", "data:/data", "-l", "app=one"], APP, &["print", "hello"]);
    let proxy = Shipped::start(&bench.engine);
    let address = format!("unix://{}", proxy.socket.display());
    let all = json!({
        "daemon": true, "disk": true, "containers": { "names": ["one"], "usage": true, "digests": true },
        "images": { "references": [APP] }, "networks": { "names": ["bridge"] }, "volumes": { "names": ["data"] },
    });
    check(&look(&address, TlsFiles::default(), 10_000, all, &[]).await, Outcome::Pass, None, "one running", "shipped");
    let logs = json!({ "source": "docker", "containers": { "name": "one" } });
    check(&look_with("logs", &address, logs).await, Outcome::Pass, None, "1 lines of 1 sources", "logs");
    assert_eq!(proxy.status("GET", "/v1.41/images/rdy/app:latest/json"), "200");
    for (method, path) in [
        ("POST", "/v1.41/containers/one/kill"),
        ("POST", "/v1.41/containers/one/json"),
        ("DELETE", "/v1.41/containers/one"),
        ("PUT", "/v1.41/containers/one/archive?path=/"),
        ("GET", "/v1.41/containers/one/archive?path=/etc"),
        ("GET", "/v1.41/containers/one/export"),
        ("GET", "/v1.41/containers/one/attach/ws?stdin=1&stream=1"),
        ("GET", "/v1.41/containers/one/logs?stdout=1&follow=1"),
        ("GET", "/v1.41/images/get?names=rdy/app"),
        ("GET", "/v1.41/images/../containers/one/export/json"),
        ("GET", "/v1.41/swarm/unlockkey"),
        ("GET", "/v1.41/secrets"),
        ("GET", "/"),
    ] {
        let status = proxy.status(method, path);
        assert!(status == "403" || status == "404", "{method} {path}: {status}");
    }
    let seen = proxy.status("GET", "/v1.41/containers/one/json");
    assert_eq!(seen, "200", "and it still runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_certificates_of_both_sides() {
    let bench = Bench::new(Kind::DockerWithTls);
    let address = format!("https://127.0.0.1:{}", bench.engine.port());
    let file = |name: &str| Some(bench.engine.dir.join(name));
    let tls = || TlsFiles {
        ca: file("ca.crt"),
        client_cert: file("client.crt"),
        client_key: file("client.key"),
        server_name: None,
    };
    let seen = look(&address, tls(), 10_000, json!({ "daemon": true }), &[]).await;
    check(&seen, Outcome::Pass, None, "storage", "with a certificate");
    let nobody = TlsFiles { client_cert: None, client_key: None, ..tls() };
    let seen = look(&address, nobody, 10_000, json!({}), &[]).await;
    check(&seen, Outcome::Indeterminate, Some(Reason::AuthRejected), "certificate", "without one");
    // Of another authority.
    let other = tempfile::tempdir().unwrap();
    crate::support::etcd::certificates(other.path());
    let own = |name: &str| Some(other.path().join(name));
    let stranger = TlsFiles { client_cert: own("client.crt"), client_key: own("client.key"), ..tls() };
    let seen = look(&address, stranger, 10_000, json!({}), &[]).await;
    check(&seen, Outcome::Indeterminate, Some(Reason::AuthRejected), "", "of another authority");
    let seen = look(&address, TlsFiles { ca: own("ca.crt"), ..tls() }, 10_000, json!({}), &[]).await;
    check(&seen, Outcome::Fail, Some(Reason::TlsUntrusted), "", "an engine that nobody knows");
    let seen = look(&address.replace("https", "http"), TlsFiles::default(), 10_000, json!({}), &[]).await;
    check(&seen, Outcome::Indeterminate, Some(Reason::Protocol), "", "in the clear");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_gone_hangs_or_is_somewhere_else() {
    let mut bench = Bench::new(Kind::Docker);
    bench.engine.signal("STOP");
    let address = bench.engine.address();
    let seen = look(&address, TlsFiles::default(), 700, json!({}), &[]).await;
    check(&seen, Outcome::Fail, Some(Reason::Timeout), "GET /version", "paused");
    bench.engine.signal("CONT");
    bench.says(json!({}), Outcome::Pass, None, "").await;
    bench.engine.kill();
    bench.says(json!({}), Outcome::Fail, Some(Reason::Refused), "engine.sock").await;
    std::fs::remove_file(bench.engine.socket()).unwrap();
    bench.says(json!({}), Outcome::Fail, Some(Reason::Unreachable), "nothing listens").await;
    let elsewhere = format!("unix://{}", bench.engine.dir.join("no/engine.sock").display());
    let seen = look(&elsewhere, TlsFiles::default(), 700, json!({}), &[]).await;
    check(&seen, Outcome::Indeterminate, Some(Reason::Unconfigured), "nor a folder", "no folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_answers_as_well() {
    let bench = Bench::new(Kind::Podman);
    bench.engine.run("good", &["--no-healthcheck", "-m", "64m", "-e", &format!("TOKEN={SECRET}")], APP, &[]);
    bench.engine.run("done", &["--no-healthcheck"], APP, &["exit", "3"]);
    bench.engine.wait_for("done", "{{.State.Status}}", "exited");
    let seen =
        bench.look(json!({ "daemon": true, "disk": true, "min_api": "1.40" }), &["disk.images.count == 1"]).await;
    check(&seen, Outcome::Pass, None, "storage", "podman");
    let seen = bench
        .look(json!({ "containers": { "name": "good", "must": ["memory_limit", "own_network", "non_root"] } }), &[])
        .await;
    check(&seen, Outcome::Pass, None, "good running without a health check", "podman");
    assert!(!facts(&seen).to_string().contains(SECRET));
    bench
        .says(
            json!({ "containers": { "name": "good", "must": ["cpu_limit"] } }),
            Outcome::Fail,
            Some(Reason::Assertion),
            "processor",
        )
        .await;
    bench.says(json!({ "containers": { "name": "done" } }), Outcome::Fail, Some(Reason::Assertion), "status 3").await;
    bench.says(json!({ "containers": { "name": "lost" } }), Outcome::Fail, Some(Reason::Missing), "lost").await;
    bench
        .says(json!({ "images": { "references": [APP], "non_root": true, "platform": true } }), Outcome::Pass, None, "")
        .await;
    bench
        .says(json!({ "images": { "references": ["rdy/lost:1"] } }), Outcome::Fail, Some(Reason::Missing), "lost")
        .await;
    bench.says(json!({ "networks": { "names": ["podman"] } }), Outcome::Pass, None, "").await;
    bench.says(json!({ "networks": { "names": ["lost"] } }), Outcome::Fail, Some(Reason::Missing), "lost").await;
    bench.says(json!({ "volumes": { "names": ["lost"] } }), Outcome::Fail, Some(Reason::Missing), "lost").await;
}
