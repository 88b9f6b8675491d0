//! Over real loopback connections.

mod routes;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::connection::Limits;
use super::fixture::{self, FixtureStore};
use crate::engine::{Clock, Command, Handle, ReloadOutcome};
use crate::model::State;
use crate::settings;
use crate::snapshot::{Current, ItemView};

struct Server {
    port: u16,
    current: Current,
    commands: Option<tokio::sync::mpsc::Receiver<Command>>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

#[expect(clippy::disallowed_methods, reason = "a test has no supervisor and connects by itself")]
mod raw {
    pub(super) async fn connect(port: u16) -> tokio::net::TcpStream {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap()
    }
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(task: F) -> tokio::task::JoinHandle<()> {
        tokio::spawn(task)
    }
}

async fn start(settings: settings::Web, hangs: bool, limits: Limits) -> Server {
    let current = Current::new(fixture::snapshot());
    let clock = Clock::anchored(fixture::NOW);
    let registry = prometheus::Registry::new();
    let (handle, commands) = Handle::detached(current.clone(), registry, Arc::new(FixtureStore { hangs }), clock);
    let settings = settings::Web { listen_address: vec!["127.0.0.1:0".to_owned()], ..settings };
    let mut bound = super::bind(&settings).await.unwrap();
    bound.limits = limits;
    let port = bound.addresses()[0].port();
    let stop = CancellationToken::new();
    let task = raw::spawn(super::serve(bound, handle, stop.clone()));
    Server { port, current, commands: Some(commands), stop, task }
}

async fn plain() -> Server {
    start(settings::Web::default(), false, Limits::default()).await
}

struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    raw_head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One request on a connection of its own; `more` are header lines, each with its line end.
async fn ask(port: u16, method: &str, path: &str, more: &str) -> Answer {
    ask_at(port, "x", method, path, more).await
}

async fn ask_at(port: u16, host: &str, method: &str, path: &str, more: &str) -> Answer {
    let mut stream = raw::connect(port).await;
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    let split = all.windows(4).position(|window| window == b"\r\n\r\n").expect("a header");
    let raw_head = String::from_utf8(all[..split].to_vec()).unwrap();
    let head = raw_head.to_lowercase();
    let status = head[9..12].parse().unwrap();
    let body = all[split + 4..].to_vec();
    let body = if head.contains("transfer-encoding: chunked") { unchunk(&body) } else { body };
    Answer { status, head, raw_head, body }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[(end + 4 + size).min(rest.len())..];
    }
    body
}

#[tokio::test]
async fn pages_show_hostile_text_as_text() {
    let server = plain().await;
    for path in ["/", "/items/parallax/api.endpoints.version", "/?q=version"] {
        let answer = ask(server.port, "GET", path, "accept: text/html\r\n").await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains("alert("), "{path}: the sentence is shown");
        assert!(!answer.text().contains("<script"), "{path}");
        assert!(!answer.text().contains("<b>bold"), "{path}");
        assert!(answer.head.contains("default-src 'none'; style-src 'sha256-"), "{path}");
        assert!(answer.head.contains("nosniff"), "{path}");
    }
    let failing = ask(server.port, "GET", "/items/parallax/api.endpoints.version", "").await.text();
    for shown in ["status == 200", "every 1m", "within 2s", "PRODUCTION_CHECKLIST.md#L42", "The document says done"] {
        assert!(failing.contains(shown), "{shown}");
    }
    assert!(failing.contains("&quot;peer&quot;") || failing.contains("&#34;peer&#34;"), "facts are shown");
    let root = ask(server.port, "GET", "/items/parallax/core.database.postgres-reachable", "").await.text();
    assert!(root.contains("Holds up 3 other items") && root.contains("replication-ha"));
    let unset = ask(server.port, "GET", "/items/parallax/observability.logs.shipped", "").await.text();
    assert!(unset.contains("not set up") && unset.contains("target logs is not configured"));
    let attested = ask(server.port, "GET", "/items/parallax/security.access.mfa", "").await.text();
    assert!(attested.contains("javascript:alert(1)") && !attested.contains("href=\"javascript:"));
}

#[tokio::test]
async fn errors_help_in_the_form_that_was_asked_for() {
    let server = plain().await;
    let missing = ask(server.port, "GET", "/nothing", "").await;
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("/metrics"));
    let page = ask(server.port, "GET", "/nothing", "accept: text/html\r\n").await;
    assert!(page.text().starts_with("<!doctype html>"));
    assert_eq!(ask(server.port, "DELETE", "/", "").await.status, 405);
    assert_eq!(ask(server.port, "POST", "/-/ready", "").await.status, 405);
    assert_eq!(ask(server.port, "GET", "/?stat=fail", "").await.status, 400);
    assert_eq!(ask(server.port, "GET", "/api/v1/items?state=bad", "").await.status, 400);
    let near = ask(server.port, "GET", "/api/v1/items/parallax/core.db.postgres-reachable", "").await;
    assert_eq!(near.status, 404);
    assert!(near.text().contains("parallax/core.database.postgres-reachable"), "{}", near.text());
    let big = ask(server.port, "POST", "/-/reload", "content-length: 99999999\r\n").await;
    assert_eq!(big.status, 413);
}

#[tokio::test]
async fn ids_may_be_percent_encoded() {
    let server = plain().await;
    let answer = ask(server.port, "GET", "/items/parallax/core%2Ecache%2Eredis-reachable", "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("Redis answers PING"));
}

#[tokio::test]
async fn head_and_etag() {
    let server = plain().await;
    let full = ask(server.port, "GET", "/", "").await;
    let head = ask(server.port, "HEAD", "/", "").await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    assert!(head.head.contains(&format!("content-length: {}", full.body.len())));
    let list = ask(server.port, "GET", "/api/v1/items", "").await;
    let etag = list.raw_head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let again = ask(server.port, "GET", "/api/v1/items", &format!("if-none-match: {etag}\r\n")).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let mut next = fixture::snapshot();
    next.generation += 1;
    server.current.store(next);
    let changed = ask(server.port, "GET", "/api/v1/items", &format!("if-none-match: {etag}\r\n")).await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn metrics_are_compressed_when_asked() {
    let server = plain().await;
    let plain = ask(server.port, "GET", "/metrics", "").await;
    assert!(plain.head.contains("text/plain; version=0.0.4"));
    assert!(plain.text().contains("readiness_item_ready"));
    let packed = ask(server.port, "GET", "/metrics", "accept-encoding: gzip\r\n").await;
    assert!(packed.head.contains("content-encoding: gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text());
    assert!(packed.body.len() < plain.body.len() / 2);
}

#[tokio::test]
async fn the_setting_decides_how_much_the_metrics_say() {
    let has = async |detail| {
        let server = start(settings::Web { detail, ..settings::Web::default() }, false, Limits::default()).await;
        let text = ask(server.port, "GET", "/metrics", "").await.text();
        let count = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        (count("readiness_item_ready{"), text.contains("# HELP readiness_item_state "))
    };
    let applies = |view: &&Arc<ItemView>| view.effective.state != State::NotApplicable;
    let all = fixture::snapshot().items.iter().filter(applies).count();
    assert_eq!(has(settings::MetricsDetail::Full).await, (all, true));
    assert_eq!(has(settings::MetricsDetail::Compact).await, (all, false));
    let (items, _) = has(settings::MetricsDetail::Summary).await;
    assert!(items > 0 && items < all, "{items} of {all}");
}

#[tokio::test]
async fn one_request_too_many_is_told_to_come_back() {
    let settings = settings::Web { max_requests: 40, ..settings::Web::default() };
    let server = start(settings, true, Limits::default()).await;
    let path = "/items/parallax/core.cache.redis-reachable";
    let answers = join_all((0..41).map(|_| ask(server.port, "GET", path, ""))).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(200), count(503)), (40, 1));
    let refused = answers.iter().find(|answer| answer.status == 503).unwrap();
    assert!(refused.head.contains("retry-after: 5"));
    let page = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert!(page.text().contains("did not answer within 1 s"), "the page says what it could not show");
    assert_eq!(ask(server.port, "GET", "/metrics", "").await.status, 200, "places are given back");
}

#[tokio::test]
async fn a_header_that_does_not_end_loses_its_connection() {
    let limits = Limits { header: Duration::from_millis(200), ..Limits::default() };
    let server = start(settings::Web::default(), false, limits).await;
    for beginning in ["", "GET / HT", "GET / HTTP/1.1\r\nx: y\r\n"] {
        let mut stream = raw::connect(server.port).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "still open after {beginning:?}");
    }
    assert_eq!(ask(server.port, "GET", "/-/healthy", "").await.status, 200);
}

#[tokio::test]
async fn a_connection_without_requests_is_cut() {
    let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
    let server = start(settings::Web::default(), false, limits).await;
    let mut stream = raw::connect(server.port).await;
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut all = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await;
    assert!(ended.is_ok());
    assert!(all.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn ready_follows_the_daemon_and_health_does_not() {
    let server = plain().await;
    assert_eq!(ask(server.port, "GET", "/-/ready", "").await.status, 200);
    let mut draining = fixture::snapshot();
    draining.health.draining = true;
    server.current.store(draining);
    assert_eq!(ask(server.port, "GET", "/-/ready", "").await.status, 503);
    assert_eq!(ask(server.port, "GET", "/-/healthy", "").await.status, 200);
    assert!(ask(server.port, "GET", "/", "").await.text().contains("shutting down"));
}

#[tokio::test]
async fn lifecycle_is_off_unless_allowed_and_refuses_other_sites() {
    let off = plain().await;
    for path in ["/-/reload", "/api/v1/items/parallax/core.cache.redis-reachable/run"] {
        let answer = ask(off.port, "POST", path, "").await;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("--web.enable-lifecycle"));
    }
    let allowed = settings::Web { enable_lifecycle: true, ..settings::Web::default() };
    let mut on = start(allowed, false, Limits::default()).await;
    let mut commands = on.commands.take().unwrap();
    let engine = raw::spawn(async move {
        while let Some(command) = commands.recv().await {
            match command {
                Command::Reload { done } => done.send(ReloadOutcome::Replaced { items: 7 }).unwrap(),
                Command::RunNow { done, .. } => done.send(Some(fixture::NOW)).unwrap(),
            }
        }
    });
    assert_eq!(ask(on.port, "POST", "/-/reload", "sec-fetch-site: cross-site\r\n").await.status, 403);
    assert_eq!(ask(on.port, "POST", "/-/reload", "origin: http://evil\r\n").await.status, 403);
    assert_eq!(ask(on.port, "PUT", "/-/reload", "").await.text(), "reloaded: 7 items\n");
    assert_eq!(ask(on.port, "GET", "/-/reload", "").await.status, 405);
    let path = "/api/v1/items/parallax/core.cache.redis-reachable/run";
    let run = ask(on.port, "POST", path, "").await;
    assert_eq!(run.status, 200);
    assert!(run.text().contains("finished"));
    // Every request of this test says `host: x`, which is what a page sees whose name points here.
    let rebound = ask(on.port, "POST", path, "sec-fetch-site: same-origin\r\n").await;
    assert_eq!(rebound.status, 403);
    assert!(rebound.text().contains("--web.external-url"), "{}", rebound.text());
    let form = "accept: text/html\r\nsec-fetch-site: same-origin\r\n";
    let browser = ask_at(on.port, &format!("127.0.0.1:{}", on.port), "POST", path, form).await;
    assert_eq!(browser.status, 303);
    assert!(browser.head.contains("location: /items/parallax/core.cache.redis-reachable"));
    engine.abort();
}

#[tokio::test]
async fn shutdown_ends_in_time_with_an_open_connection() {
    let limits = Limits { drain: Duration::from_millis(300), ..Limits::default() };
    let server = start(settings::Web::default(), false, limits).await;
    let mut stream = raw::connect(server.port).await;
    stream.write_all(b"GET / HT").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.cancel();
    tokio::time::timeout(Duration::from_secs(3), server.task).await.expect("ends").unwrap();
}

struct Secured {
    server: Server,
    folder: tempfile::TempDir,
    client: Arc<rustls::ClientConfig>,
}

fn write_rules(folder: &std::path::Path, password: &str) {
    let hash = bcrypt::hash(password, 4).unwrap();
    let text = format!(
        "tls_server_config: {{ cert_file: cert.pem, key_file: key.pem, min_version: TLS13 }}\n\
         http_server_config: {{ headers: {{ Strict-Transport-Security: max-age=60 }} }}\n\
         basic_auth_users: {{ ann: \"{hash}\" }}\n"
    );
    std::fs::write(folder.join("web.yaml"), text).unwrap();
}

async fn secured() -> Secured {
    let folder = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("cert.pem"), signed.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
    write_rules(folder.path(), "secret");
    let settings = settings::Web { config_file: Some(folder.path().join("web.yaml")), ..settings::Web::default() };
    let server = start(settings, false, Limits::default()).await;
    let mut roots = rustls::RootCertStore::empty();
    let pem = signed.cert.pem();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    Secured { server, folder, client: Arc::new(client) }
}

/// Over TLS and HTTP/2; gives the status and whether the extra header is there.
async fn ask_h2(secured: &Secured, login: Option<&str>) -> (u16, bool) {
    use base64::Engine;
    let stream: TcpStream = raw::connect(secured.server.port).await;
    let connector = tokio_rustls::TlsConnector::from(secured.client.clone());
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = raw::spawn(async move { drop(connection.await) });
    let mut request = http::Request::get("https://localhost/metrics");
    if let Some(login) = login {
        let encoded = base64::prelude::BASE64_STANDARD.encode(login);
        request = request.header("authorization", format!("Basic {encoded}"));
    }
    let response = sender.send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let strict = response.headers().contains_key("strict-transport-security");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status == 200, body.windows(20).any(|window| window == b"readiness_item_ready"));
    driver.abort();
    (status, strict)
}

#[tokio::test]
async fn tls_users_and_http2() {
    let secured = secured().await;
    assert_eq!(ask_h2(&secured, Some("ann:secret")).await, (200, true));
    assert_eq!(ask_h2(&secured, Some("ann:wrong")).await, (401, true));
    assert_eq!(ask_h2(&secured, None).await, (401, true));
    let mut plain = raw::connect(secured.server.port).await;
    plain.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "nothing is served without TLS");
}

#[tokio::test]
async fn changed_users_hold_without_a_restart_and_a_broken_file_keeps_the_old_ones() {
    let secured = secured().await;
    assert_eq!(ask_h2(&secured, Some("ann:secret")).await.0, 200);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    write_rules(secured.folder.path(), "another one");
    assert_eq!(ask_h2(&secured, Some("ann:another one")).await.0, 200);
    assert_eq!(ask_h2(&secured, Some("ann:secret")).await.0, 401);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    std::fs::write(secured.folder.path().join("web.yaml"), "basic_auth_users: {}\nbasic: x\n").unwrap();
    assert_eq!(ask_h2(&secured, None).await.0, 401);
    assert_eq!(ask_h2(&secured, Some("ann:another one")).await.0, 200);
}

#[tokio::test]
async fn runbooks_of_alerts_are_served() {
    let server = plain().await;
    let page = ask(server.port, "GET", "/runbooks/ReadinessItemRegressed", "").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<h2>What to do</h2>"), "{}", page.text());
    let list = ask(server.port, "GET", "/runbooks", "").await;
    assert!(list.text().contains("/runbooks/ReadinessExporterDown\""), "{}", list.text());
    assert_eq!(ask(server.port, "GET", "/runbooks/Nonsense", "").await.status, 404);
    assert_eq!(ask(server.port, "GET", "/runbooks/..%2f..%2fREADME", "").await.status, 404);
}
