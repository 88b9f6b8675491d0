//! The edge of Parallax: a cluster of etcd, the control plane and the public address under the shipped
//! rows; a web server behind a network, a name, a file, a process and a port under small checklists.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::deployment::Deployment;
use super::fault::{Lane, settle};
use crate::support::control_plane::ControlPlane;
use crate::support::dns::NameServer;
use crate::support::etcd::{self, Cluster};
use crate::support::link::Link;
use crate::support::nginx::{self, Nginx};
use crate::support::process::Process;

const ETCD: &str = "parallax/core.discovery.etcd-healthy";
const ALIVE: &str = "parallax/api.endpoints.health-live";
const TLS: &str = "parallax/security.tls.api-tls";
/// Critical rows that hang on one of them.
const DEPENDANTS: [&str; 2] = ["parallax/api.endpoints.health", "parallax/api.endpoints.patterns-list"];
const WEB: &str = "front/all.web";
const NAME: &str = "front/all.name";
const FILE: &str = "host/all.file";
const PROCESS: &str = "host/all.process";
const PORT: &str = "host/all.port";
/// What the name server says of one name more.
const RECORD: &str = "192.0.2.7 shop.x.test\n";

/// Under the shipped rows.
pub(super) struct Public {
    cluster: Cluster,
    cp: ControlPlane,
    nginx: Nginx,
    link: Link,
}

/// On the way to a web server.
pub(super) struct Front {
    _web: ControlPlane,
    link: Link,
    names: NameServer,
    records: PathBuf,
}

/// On the machine of the exporter.
pub(super) struct Host {
    file: PathBuf,
    process: Process,
    port: u16,
    listener: Option<TcpListener>,
}

impl Public {
    /// In directories of their own.
    pub(super) fn start(cluster: &Path, nginx: &Path) -> Self {
        let cluster = Cluster::start(cluster, 3, true);
        let nginx = Nginx::start(nginx);
        let link = Link::from(nginx::host(), nginx.port);
        Self { cluster, cp: ControlPlane::start(), nginx, link }
    }

    fn show(&mut self, certificate: &str) {
        certificate.clone_into(&mut self.nginx.shown.certificate);
        self.nginx.apply();
    }

    fn targets(&self, here: &mut Deployment) {
        let cluster = &self.cluster;
        here.credential("etcd-ro", etcd::PASSWORD);
        here.target(
            "etcd",
            json!({
                "address": cluster.endpoints()[0], "credential": "etcd-ro", "ca": cluster.file("ca.crt"),
                "client_cert": cluster.file("client.crt"), "client_key": cluster.file("client.key"),
            }),
        );
        here.parameter("etcd_endpoints", cluster.endpoints());
        here.parameter("etcd_quota_bytes", etcd::QUOTA);
        here.target("cp", json!({ "address": self.cp.address }));
        let public = format!("https://{}:{}", nginx::host(), self.link.port);
        here.target("public", json!({ "address": public, "ca": self.nginx.ca(), "server_name": nginx::NAME }));
        here.parameter("public_host", nginx::host().to_string());
        here.parameter("public_issuer", nginx::ISSUER);
        here.parameter("firewall_allow", vec![self.link.port]);
    }
}

impl Front {
    fn start(here: &Deployment) -> Self {
        let web = ControlPlane::start();
        let port = web.address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("port");
        let records = here.write("names", RECORD);
        let names = NameServer::with(&[&format!("--addn-hosts={}", records.display())]);
        Self { _web: web, link: Link::to(port), names, records }
    }

    fn say(&self, records: &str) {
        std::fs::write(&self.records, records).expect("records");
        self.names.reload();
    }
}

impl Host {
    fn start(here: &Deployment) -> Self {
        let file = here.write("looked-at", "here");
        let seconds = format!("1000000.{}", std::process::id());
        let mut process = Process::new(&here.path("sleep.log"), move || {
            let mut command = Command::new("sleep");
            command.arg(&seconds);
            command
        });
        process.start();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("address").port();
        Self { file, process, port, listener: Some(listener) }
    }
}

pub(super) fn deployment(public: &Public) -> (Deployment, Front, Host) {
    let mut here = Deployment::parallax();
    public.targets(&mut here);
    let (front, host) = (Front::start(&here), Host::start(&here));
    let web = format!("http://127.0.0.1:{}/health/live", front.link.port);
    let name = json!({ "name": "shop.x.test", "type": "A", "servers": [front.names.address()] });
    here.checklist(
        "front",
        &[
            ("web", &[], json!({ "http": { "url": web } })),
            ("name", &[], json!({ "dns": name, "expect": "values == ['192.0.2.7']" })),
        ],
    );
    let process = format!("^sleep 1000000[.]{}$", std::process::id());
    here.checklist(
        "host",
        &[
            ("file", &[], json!({ "file": { "path": host.file } })),
            ("process", &[], json!({ "process": { "match": process } })),
            ("port", &[], json!({ "tcp": { "address": format!("127.0.0.1:{}", host.port) } })),
        ],
    );
    (here, front, host)
}

pub(super) fn shipped(lane: &mut Lane<'_>, public: &mut Public) {
    settle(lane.daemon, &[ETCD, ALIVE, TLS]);
    settle(lane.daemon, &DEPENDANTS);
    lane.pages(
        "two of three members of etcd are killed, the quorum is lost",
        ETCD,
        public,
        |public| ["n2", "n3"].iter().for_each(|name| public.cluster.node(name).process.kill()),
        |public| {
            ["n2", "n3"].iter().for_each(|name| public.cluster.node(name).process.start());
            public.cluster.settle();
        },
    );
    lane.pages(
        "the control plane answers 503 to whoever asks for its health",
        ALIVE,
        public,
        |public| {
            ["/health", "/health/live"].iter().for_each(|path| public.cp.answer(&format!("GET {path}"), 503, json!({})))
        },
        |public| public.cp.heal(),
    );
    lane.pages(
        "the certificate of the public address has expired",
        TLS,
        public,
        |public| public.show("expired"),
        |public| public.show("good"),
    );
}

pub(super) fn front(lane: &mut Lane<'_>, front: &mut Front) {
    settle(lane.daemon, &[WEB, NAME]);
    lane.pages("the network to a web server is cut", WEB, front, |front| front.link.cut(), |front| front.link.mend());
    lane.pages("a record is gone from the name server", NAME, front, |front| front.say(""), |front| front.say(RECORD));
}

pub(super) fn host(lane: &mut Lane<'_>, host: &mut Host) {
    settle(lane.daemon, &[FILE, PROCESS, PORT]);
    lane.pages(
        "a file is removed",
        FILE,
        host,
        |host| std::fs::remove_file(&host.file).expect("file"),
        |host| std::fs::write(&host.file, "here").expect("file"),
    );
    lane.pages("a process is gone", PROCESS, host, |host| host.process.kill(), |host| host.process.start());
    lane.pages(
        "a port is closed",
        PORT,
        host,
        |host| drop(host.listener.take()),
        |host| host.listener = Some(TcpListener::bind(("127.0.0.1", host.port)).expect("port")),
    );
}
