//! A planted secret appears nowhere: not in logs, pages, API, metrics, errors, nor the store.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use super::echoes;
use crate::support::daemon::Launch;

const PASSWORD: &str = "c4nary-Passw0rd-in-a-dsn";
const TOKEN: &str = "c4nary+Tok3n/in=a-header";
const REDIS: &str = "c4nary-Redis-Passw0rd";
const ETCD: &str = "c4nary-Etcd=Passw0rd";
const VARIABLE: &str = "c4nary Vari4ble \"quoted\" & more";

/// Answers every request with everything it was sent, as a rude server would.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let address = listener.local_addr().expect("address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let n = stream.read(&mut request).unwrap_or(0);
            let said = String::from_utf8_lossy(&request[..n]).into_owned();
            let body = serde_json::json!({ "you_said": said, "variable": VARIABLE }).to_string();
            let head = format!("HTTP/1.1 500 Oops\r\ncontent-type: application/json\r\nx-echo: {TOKEN}\r\n");
            let _ = write!(stream, "{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        }
    });
    address
}

fn encodings(secret: &str) -> Vec<String> {
    let percent: String = secret
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    let json = serde_json::to_string(secret).expect("JSON");
    let mut all = vec![secret.to_owned(), percent, json.trim_matches('"').to_owned()];
    all.dedup();
    all
}

fn assert_clean(what: &str, text: &str) {
    for secret in [PASSWORD, TOKEN, VARIABLE, REDIS, ETCD] {
        for form in encodings(secret) {
            assert!(!text.contains(&form), "{what} holds `{form}`");
        }
    }
}

fn files_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

#[test]
fn a_planted_secret_appears_nowhere() {
    let directory = tempfile::tempdir().expect("directory");
    let (server, refused) = (echo(), crate::support::free_port());
    let (redis, etcd) = (echoes::redis(), echoes::etcd());
    let token_file = directory.path().join("token.txt");
    std::fs::write(&token_file, format!("{TOKEN}\n")).expect("token");
    let env_file = directory.path().join("workload.env");
    std::fs::write(
        &env_file,
        format!("JWT_SECRET={VARIABLE}\nDATABASE_URL=postgresql://app:{PASSWORD}@127.0.0.1/db\n"),
    )
    .expect("env");
    let config_folder = directory.path().join("config");
    std::fs::create_dir(&config_folder).expect("folder");
    let config = config_folder.join("readiness.yaml");
    let text = format!(
        "
targets:
  pg: {{ address: \"postgresql://app@127.0.0.1:{refused}/db\", credential: password }}
  pg-echo: {{ address: \"postgresql://app@{server}/db?sslmode=disable\", credential: password }}
  redis-echo: {{ address: \"redis://app@{redis}\", credential: redis }}
  etcd-echo: {{ address: \"http://{etcd}\", credential: etcd }}
  workload: {{ address: \"file:{env}\" }}
credentials:
  password: {{ env: CANARY_PASSWORD }}
  token: {{ file: {token} }}
  variable: {{ env: CANARY_VARIABLE }}
  redis: {{ env: CANARY_REDIS }}
  etcd: {{ env: CANARY_ETCD }}
checklists:
  c:
    title: Canaries
    targets: {{ pg: nobody, pg-echo: rude, redis-echo: rude, etcd-echo: rude, workload: environment }}
    sections: {{ s: S }}
    defaults: {{ interval: 1s, timeout: 1s }}
    items:
      s.dsn: {{ title: D, priority: low, mode: auto, check: {{ postgres: {{ target: pg }} }} }}
      s.rude-dsn: {{ title: R, priority: low, mode: auto, check: {{ postgres: {{ target: pg-echo }} }} }}
      s.rude-redis:
        title: C
        priority: low
        mode: auto
        check:
          all_of:
            - redis: {{ target: redis-echo, commands: [info] }}
              expect: info.server.said == 'nothing'
      s.refusing-redis: {{ title: F, priority: low, mode: auto, check: {{ redis: {{ target: redis-echo }} }} }}
      s.rude-etcd: {{ title: E, priority: low, mode: auto, check: {{ etcd: {{ target: etcd-echo, user: app, key: k }} }} }}
      s.header:
        title: H
        priority: low
        mode: auto
        check: {{ http: {{ url: \"http://{server}/\", bearer: token }} }}
      s.basic:
        title: B
        priority: low
        mode: auto
        check:
          all_of:
            - http: {{ url: \"http://{server}/\", basic: {{ user: app, password: variable }}, status: [500] }}
              expect: json.you_said == 'nothing'
      s.variable: {{ title: V, priority: low, mode: auto, check: {{ env: {{ target: workload, vars: [JWT_SECRET], pattern: '^x$' }} }} }}
      s.url:
        title: U
        priority: low
        mode: auto
        check: {{ env: {{ target: workload, vars: [DATABASE_URL] }} }}
        
",
        env = env_file.display(),
        token = token_file.display()
    );
    std::fs::write(&config, &text).expect("config");
    let mut launch = Launch::new(directory.path(), &config);
    launch.environment = [("PASSWORD", PASSWORD), ("VARIABLE", VARIABLE), ("REDIS", REDIS), ("ETCD", ETCD)]
        .map(|(name, value)| (format!("CANARY_{name}"), value.to_owned()))
        .into();
    launch.arguments.push("--log.level=debug".to_owned());
    let daemon = launch.start();
    let items = [
        "s.dsn",
        "s.rude-dsn",
        "s.rude-redis",
        "s.refusing-redis",
        "s.rude-etcd",
        "s.header",
        "s.basic",
        "s.variable",
        "s.url",
    ];
    for item in &items[..7] {
        daemon.wait_for_evaluation(&format!("c/{item}"), Duration::from_secs(15));
    }
    daemon.wait_for("c/s.variable", "fail", Duration::from_secs(15));
    daemon.wait_for("c/s.url", "pass", Duration::from_secs(15));
    std::thread::sleep(Duration::from_secs(1));

    let mut pages =
        vec!["/metrics".to_owned(), "/".to_owned(), "/api/v1/items".to_owned(), "/api/v1/status".to_owned()];
    for item in items {
        pages.push(format!("/items/c/{item}"));
        pages.push(format!("/api/v1/items/c/{item}"));
    }
    let mut evidence_seen = false;
    let mut echoed = 0;
    for page in &pages {
        let body = daemon.get(page).body;
        evidence_seen |= body.contains("you_said");
        echoed += usize::from(page.starts_with("/api/v1/items/c/s.r") && body.contains(echoes::ECHOED));
        assert_clean(page, &body);
    }
    assert_eq!(echoed, 3, "what Redis and etcd repeated was told, but for the password");
    assert!(evidence_seen, "the echoed answer is evidence, so there was something to redact");

    // A secret written into the catalogue by mistake is refused, and not repeated in the error.
    std::fs::write(&config, text.replace("postgresql://app@127", &format!("postgresql://app:{PASSWORD}@127")))
        .expect("config");
    let answer = daemon.post("/-/reload");
    assert!(answer.status >= 400, "a password in an address is refused");
    assert_clean("the answer of the reload", &answer.body);
    assert_clean("the log", &daemon.log());
    assert_clean("metrics after the reload", &daemon.get("/metrics").body);
    assert!(daemon.stop().success());

    let mut files = Vec::new();
    files_below(&directory.path().join("data"), &mut files);
    let mut read = 0;
    for file in files {
        let bytes = std::fs::read(&file).expect("store file");
        read += bytes.len();
        assert_clean(&file.display().to_string(), &String::from_utf8_lossy(&bytes));
    }
    assert!(read > 10_000, "the store holds {read} bytes; something was kept");
    let log = std::fs::read_to_string(directory.path().join("daemon.log")).expect("log");
    assert!(log.contains("leg did not pass"), "debug lines were written");
    assert_clean("the log at the end", &log);
}
