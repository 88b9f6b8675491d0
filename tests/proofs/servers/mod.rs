//! The servers of a run, by name. Each is started when the first case names it, once a run.

mod alertmanager;
mod cli;
mod control_plane;
mod docker;
mod etcd;
mod events;
mod git_forge;
mod grafana;
mod grpc;
mod jaeger;
mod kubernetes;
mod names;
mod nginx;
mod pages;
mod people;
mod pgbouncer;
mod phoenix_api;
mod phoenix_db;
mod phoenix_repo;
mod postgres;
mod processes;
mod prometheus;
mod redis;
mod repository;
mod stand_in;
mod timescaledb;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::cases::Proof;
use crate::support::http_server::Answer;
use crate::support::link::Link;
use crate::support::process::Process;

pub(crate) trait Server: Send {
    /// Names of the catalogue's targets this server stands behind, such as `parallax.redis`, with
    /// what a root file says of them: address, credential, ca, client_cert, client_key.
    fn targets(&self) -> Vec<(String, Value)> {
        Vec::new()
    }

    /// Credentials by name, with their values.
    fn credentials(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Parameters of the checklist that a deployment with this server sets.
    fn parameters(&self) -> Vec<(String, Value)> {
        Vec::new()
    }

    /// What `${server.key}` stands for.
    fn values(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The signature of a person over an attestation, from whoever holds the key.
    fn sign(&self, person: &str, attestation: &Value) -> Option<Result<String, String>> {
        let _ = (person, attestation);
        None
    }

    /// One step of a case. An unknown verb is an error.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String>;

    /// Everything as after the start. May be called at any time, and twice.
    fn restore(&mut self) -> Result<(), String>;
}

type Start = fn(&Path) -> Box<dyn Server>;

/// Sorted by name. The path is a private directory of the server.
const SERVERS: &[(&str, Start)] = &[
    ("alertmanager", |directory| Box::new(alertmanager::Alertmanager::start(directory))),
    ("app-store", |_| Box::new(stand_in::Double::app_store())),
    ("billing", |_| Box::new(stand_in::Double::billing())),
    ("calendar", |_| Box::new(stand_in::Double::calendar())),
    ("cdn", |_| Box::new(stand_in::Double::cdn())),
    ("cli", |directory| Box::new(cli::Cli::start(directory))),
    ("control-plane", |_| Box::new(control_plane::Double::start())),
    ("dashboard", |_| Box::new(stand_in::Double::dashboard())),
    ("docker", |directory| Box::new(docker::Docker::start(directory))),
    ("edge", |directory| Box::new(nginx::Edge::start(directory))),
    ("etcd", |directory| Box::new(etcd::Etcd::start(directory))),
    ("etcd-plain", |directory| Box::new(etcd::Etcd::start_plain(directory))),
    ("events", |directory| Box::new(events::Events::start(directory))),
    ("flags", |_| Box::new(stand_in::Double::flags())),
    ("forge", |_| Box::new(stand_in::Double::forge())),
    ("git-forge", |directory| Box::new(git_forge::GitForge::start(directory))),
    ("grafana", |_| Box::new(grafana::Grafana::start())),
    ("grpc", |directory| Box::new(grpc::Grpc::start(directory))),
    ("grpc-open", |directory| Box::new(grpc::Grpc::start_open(directory))),
    ("jaeger", |_| Box::new(jaeger::Jaeger::start())),
    ("kubernetes", |_| Box::new(kubernetes::Kubernetes::start())),
    ("kubernetes-staging", |_| Box::new(kubernetes::Kubernetes::start_staging())),
    ("logs", |_| Box::new(stand_in::Double::logs())),
    ("loki", |_| Box::new(stand_in::Double::loki())),
    ("names", |_| Box::new(names::Names::start())),
    ("newrelic", |_| Box::new(stand_in::Double::newrelic())),
    ("nginx", |directory| Box::new(nginx::Nginx::start(directory))),
    ("pages", |directory| Box::new(pages::Pages::start(directory))),
    ("pager", |_| Box::new(stand_in::Double::pager())),
    ("people", |directory| Box::new(people::Signers::start(directory))),
    ("pgbouncer", |_| Box::new(pgbouncer::PgBouncer::start())),
    ("phoenix-api", |_| Box::new(phoenix_api::Double::start())),
    ("phoenix-db", |_| Box::new(phoenix_db::PhoenixDb::start())),
    ("phoenix-repo", |directory| Box::new(phoenix_repo::Checkout::start(directory))),
    ("phoenix-tracker", |_| Box::new(stand_in::Double::phoenix_tracker())),
    ("postgres", |_| Box::new(postgres::Postgres::start())),
    ("processes", |directory| Box::new(processes::Processes::new(directory))),
    ("prometheus", |directory| Box::new(prometheus::Prometheus::start(directory))),
    ("prometheus-phoenix", |directory| Box::new(prometheus::Prometheus::start_phoenix(directory))),
    ("redis", |directory| Box::new(redis::Redis::start(directory))),
    ("repository", |directory| Box::new(repository::Repository::start(directory))),
    ("runtime", |_| Box::new(stand_in::Double::runtime())),
    ("timescaledb", |directory| Box::new(timescaledb::TimescaleDb::start(directory))),
    ("ssh", |directory| Box::new(git_forge::Ssh::start(directory))),
    ("tracker", |_| Box::new(stand_in::Double::tracker())),
    ("vault", |_| Box::new(stand_in::Double::vault())),
];

/// Targets behind which the real thing does not stand, by their full names, with what does.
pub(crate) const STAND_INS: &[(&str, Proof)] = &[
    ("parallax.cp", Proof::Double),
    ("parallax.dashboard", Proof::Double),
    ("parallax.flags", Proof::Double),
    ("parallax.forge", Proof::Double),
    ("parallax.grafana", Proof::Recorded),
    ("parallax.jaeger", Proof::Written),
    ("parallax.kubernetes", Proof::Recorded),
    ("parallax.kubernetes-staging", Proof::Recorded),
    ("parallax.loki", Proof::Written),
    ("parallax.rt-local", Proof::Double),
    ("parallax.tracker", Proof::Double),
    ("parallax.vault", Proof::Double),
    ("phoenix.api", Proof::Double),
    ("phoenix.app-store", Proof::Written),
    ("phoenix.calendar", Proof::Written),
    ("phoenix.dash", Proof::Double),
    ("phoenix.grafana", Proof::Recorded),
    ("phoenix.grafana-admin", Proof::Recorded),
    ("phoenix.grafana-staging", Proof::Recorded),
    ("phoenix.jaeger", Proof::Written),
    ("phoenix.kubernetes", Proof::Recorded),
    ("phoenix.kubernetes-staging", Proof::Recorded),
    ("phoenix.logs", Proof::Written),
    ("phoenix.newrelic", Proof::Written),
    ("phoenix.pager", Proof::Written),
    ("phoenix.tracker", Proof::Double),
];

/// Starts the server of this name.
pub(crate) fn start(name: &str, directory: &Path) -> Result<Box<dyn Server>, String> {
    let Some((_, start)) = SERVERS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = SERVERS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no server `{name}`; there are {}", known.join(", ")));
    };
    std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    Ok(start(directory))
}

/// Route and answer of `{ route: GET /health, status: 503, headers: {…}, body: {…}, age: 60 }`; with
/// `tunnel: PORT` the connection goes on with the server there.
pub(crate) fn answer(argument: &Value) -> Result<(String, Answer), String> {
    let route = argument["route"].as_str().ok_or("an answer needs a `route`")?;
    let status = u16::try_from(argument["status"].as_u64().unwrap_or(200)).map_err(|_| "no such status")?;
    let header = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().to_owned());
    let headers = argument["headers"].as_object().into_iter().flatten().map(header).collect();
    let age_s = argument["age"].as_i64().unwrap_or(0);
    let tunnel = argument["tunnel"].as_str().and_then(|port| port.parse().ok());
    let answer = Answer { headers, age_s, tunnel, ..Answer::json(status, argument["body"].clone()) };
    Ok((route.to_owned(), answer))
}

/// What a verb of the network did; `None` if it is none.
pub(crate) fn act_on_link(link: &mut Link, verb: &str, argument: &Value) -> Option<Result<(), String>> {
    match verb {
        "cut" => link.cut(),
        "swallow" => link.swallow(),
        "mend" => link.mend(),
        "slow" => {
            let Some(by) = argument.as_str().and_then(|text| humantime::parse_duration(text).ok()) else {
                return Some(Err("write `slow: 300ms`".to_owned()));
            };
            link.slow(by);
        }
        _ => return None,
    }
    Some(Ok(()))
}

/// What a verb of a process behind a link did; `None` if it is none. `ready` tells whether it
/// answers again.
pub(crate) fn act_on_process(
    process: &mut Process,
    link: &mut Link,
    verb: &str,
    ready: impl Fn() -> bool,
) -> Option<Result<(), String>> {
    match verb {
        // Where nothing listens, connections are refused: the link must not accept for it.
        "stop" => {
            link.cut();
            process.stop();
        }
        "kill" => {
            link.cut();
            process.kill();
        }
        "pause" => process.pause(),
        "resume" => process.resume(),
        "start" => {
            process.start_until(Duration::from_secs(30), ready);
            link.mend();
        }
        _ => return None,
    }
    Some(Ok(()))
}
