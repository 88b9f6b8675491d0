//! Real servers of gRPC and WebSocket, each by the library of a language that is not ours, with
//! certificates of an authority of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

use super::process::Process;

const SOON: Duration = Duration::from_secs(30);

/// A server that is told by a file how to behave.
pub(crate) struct Protocol {
    pub(crate) process: Process,
    /// On 127.0.0.1.
    pub(crate) port: u16,
    good: Value,
    told: Value,
    file: PathBuf,
}

impl Protocol {
    /// `script` is that of `tests/support/protocols`; the port is put into `good`.
    pub(crate) fn start(script: &'static str, directory: &Path, mut good: Value) -> Self {
        let (port, file) = (super::free_port(), directory.join("told.json"));
        good["port"] = json!(port);
        let told = file.clone();
        let process = Process::new(&directory.join("log"), move || {
            let mut command = Command::new(installed().join("bin/python"));
            let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/protocols");
            command.arg(scripts.join(script)).arg(&told).env("GRPC_VERBOSITY", "ERROR");
            command
        });
        let mut this = Self { process, port, told: good.clone(), good, file };
        this.begin();
        this
    }

    /// Starts it as told, and waits until it listens.
    pub(crate) fn begin(&mut self) {
        std::fs::write(&self.file, self.told.to_string()).expect("told");
        let port = self.port;
        self.process.start_until(SOON, || super::listens(port));
    }

    /// Tells it otherwise. `again`: it reads that at the start only.
    pub(crate) fn tell(&mut self, told: Value, again: bool) {
        if told == self.told {
            return self.begin();
        }
        self.told = told;
        if again {
            self.process.stop();
        }
        self.begin();
    }

    pub(crate) fn told(&self) -> Value {
        self.told.clone()
    }

    pub(crate) fn good(&self) -> Value {
        self.good.clone()
    }
}

/// Makes `ca.pem`, and for the names `server`, `client`, `expired` (a client) and `foreign` (a client
/// of another authority) a `.pem` and a `.key`.
pub(crate) fn certificates(directory: &Path) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority")
    };
    let put = |name: &str, text: &str| std::fs::write(directory.join(name), text).expect("certificate");
    let (own, other) = (authority("internal authority"), authority("another authority"));
    put("ca.pem", &own.pem());
    for (name, issuer, days) in
        [("server", &own, 90), ("client", &own, 90), ("expired", &own, -2), ("foreign", &other, 90)]
    {
        let key = KeyPair::generate().expect("key");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut leaf = CertificateParams::new(names).expect("parameters");
        leaf.distinguished_name.push(DnType::CommonName, name);
        leaf.not_before = rcgen::date_time_ymd(2025, 1, 1);
        let now = jiff::Timestamp::now().as_second();
        let end = jiff::Timestamp::from_second(now + days * 86_400).expect("time").to_zoned(jiff::tz::TimeZone::UTC);
        leaf.not_after = rcgen::date_time_ymd(end.year().into(), end.month() as u8, end.day() as u8);
        put(&format!("{name}.pem"), &leaf.signed_by(&key, issuer).expect("certificate").pem());
        put(&format!("{name}.key"), &key.serialize_pem());
    }
}

/// Where `scripts/setup test` puts the libraries.
fn installed() -> PathBuf {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/protocols");
    assert!(place.join("bin/python").exists(), "run `scripts/setup test`: {} is missing", place.display());
    place
}
