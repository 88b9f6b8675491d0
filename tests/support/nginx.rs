//! A real nginx with TLS on a private address of loopback: the public side of a system. What it
//! shows (certificate, versions, headers, ports in the clear) can be changed while it runs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::process::Process;

/// An address of loopback where nobody else listens, not even another run of the tests.
pub(crate) fn host() -> Ipv4Addr {
    let part = |number: u32| u8::try_from(number % 254).unwrap_or(0) + 1;
    let own = std::process::id();
    Ipv4Addr::new(127, 83, part(own / 254), part(own))
}

/// In the good certificate.
pub(crate) const NAME: &str = "parallax.test";
/// Common name of the authority.
pub(crate) const ISSUER: &str = "readiness test authority";

/// Days left on the certificates, by name.
const CERTIFICATES: [(&str, i64); 5] =
    [("good", 90), ("short", 5), ("expired", -2), ("wrong_name", 90), ("stranger", 90)];

/// What nginx shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// `good`, `short`, `expired`, `wrong_name`, `stranger` (of an unknown authority), `self_signed`.
    pub(crate) certificate: String,
    /// TLS 1.0 and 1.1 too.
    pub(crate) old_tls: bool,
    /// Headers of every answer over TLS.
    pub(crate) headers: BTreeMap<String, String>,
    /// Ports of `host()` in the clear, with what follows `return`, such as `301 https://…` or `200`.
    pub(crate) plain: BTreeMap<u16, String>,
    /// The rate at which it answers, such as `10r/s`, and the status of what is beyond.
    pub(crate) limit: Option<(String, String)>,
    /// How long it waits for a header, and for the next request, such as `1s`.
    pub(crate) waits: Option<(String, String)>,
}

impl Default for Shown {
    fn default() -> Self {
        let hsts = ("strict-transport-security".to_owned(), "max-age=31536000; includeSubDomains".to_owned());
        Self {
            certificate: "good".to_owned(),
            old_tls: false,
            headers: BTreeMap::from([hsts]),
            plain: BTreeMap::new(),
            limit: None,
            waits: None,
        }
    }
}

pub(crate) struct Nginx {
    pub(crate) process: Process,
    /// The TLS port, on 127.0.0.1.
    pub(crate) port: u16,
    pub(crate) shown: Shown,
    /// What it was started with.
    served: Shown,
    directory: PathBuf,
}

impl Nginx {
    pub(crate) fn start(directory: &Path) -> Self {
        certificates(directory);
        let config = directory.join("nginx.conf");
        let mut nginx = Self {
            process: Process::new(&directory.join("log"), move || {
                let mut command = Command::new("nginx");
                command.arg("-c").arg(&config);
                command
            }),
            port: super::free_port(),
            shown: Shown::default(),
            served: Shown::default(),
            directory: directory.to_owned(),
        };
        nginx.write();
        nginx.start_again();
        nginx
    }

    /// The authority that signed the good certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// When the good certificate ends, as Kubernetes writes it.
    pub(crate) fn ends(&self) -> String {
        let pem = std::fs::read(self.directory.join("good.pem")).expect("a certificate");
        let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).expect("PEM");
        let ends = pem.parse_x509().expect("a certificate").validity().not_after.timestamp();
        jiff::Timestamp::from_second(ends).expect("a time").to_string()
    }

    /// Signed nothing but the stranger's.
    pub(crate) fn other_ca(&self) -> PathBuf {
        self.directory.join("other-ca.pem")
    }

    pub(crate) fn listens(port: u16) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    pub(crate) fn start_again(&mut self) {
        let port = self.port;
        self.process.start_until(Duration::from_secs(10), || Self::listens(port));
    }

    /// Makes `shown` true; does nothing if it is.
    pub(crate) fn apply(&mut self) {
        if self.shown != self.served {
            self.process.stop();
            self.write();
        }
        self.start_again();
    }

    fn write(&mut self) {
        let (dir, port) = (self.directory.display(), self.port);
        let Shown { certificate, old_tls, headers, plain, limit, waits } = &self.shown;
        let versions = if *old_tls {
            "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;"
        } else {
            "ssl_protocols TLSv1.2 TLSv1.3;"
        };
        let mut more = String::new();
        for (name, value) in headers {
            let _ = writeln!(more, "add_header {name} \"{value}\" always;");
        }
        if let Some((header, idle)) = waits {
            let _ = writeln!(more, "client_header_timeout {header}; keepalive_timeout {idle};");
        }
        let mut servers = String::new();
        let mut answer = "return 200 ok;".to_owned();
        if let Some((rate, status)) = limit {
            let _ = writeln!(servers, "limit_req_zone $binary_remote_addr zone=all:1m rate={rate};");
            // What is returned at once is not limited; a file is.
            answer = format!(
                "root {dir}; limit_req zone=all burst=5 nodelay; limit_req_status {status}; location / {{ try_files /ca.pem =404; }}"
            );
        }
        for (port, answer) in plain {
            let _ = writeln!(servers, "server {{ listen {}:{port}; return {answer}; }}", host());
        }
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .fold(String::new(), |text, name| format!("{text}{name}_temp_path {dir}/{name};\n"));
        let config = format!(
            "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\n\
             access_log off;\n{temporary}\
             server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {dir}/{certificate}.pem;\n\
             ssl_certificate_key {dir}/{certificate}.key; {versions}\n{more}{answer} }}\n{servers}}}\n"
        );
        std::fs::write(self.directory.join("nginx.conf"), config).expect("nginx.conf");
        self.served = self.shown.clone();
    }
}

fn certificates(directory: &Path) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority")
    };
    let put = |name: &str, text: &str| std::fs::write(directory.join(name), text).expect("certificate");
    let (own, other) = (authority(ISSUER), authority("another authority"));
    put("ca.pem", &own.pem());
    put("other-ca.pem", &other.pem());
    for (name, days) in CERTIFICATES {
        let key = KeyPair::generate().expect("key");
        let issuer = if name == "stranger" { &other } else { &own };
        let leaf = leaf(if name == "wrong_name" { "elsewhere.test" } else { NAME }, days);
        put(&format!("{name}.pem"), &leaf.signed_by(&key, issuer).expect("certificate").pem());
        put(&format!("{name}.key"), &key.serialize_pem());
    }
    let key = KeyPair::generate().expect("key");
    put("self_signed.pem", &leaf(NAME, 90).self_signed(&key).expect("certificate").pem());
    put("self_signed.key", &key.serialize_pem());
}

fn leaf(name: &str, days: i64) -> CertificateParams {
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    leaf.distinguished_name.push(DnType::CommonName, name);
    let now = jiff::Timestamp::now().as_second();
    let end = jiff::Timestamp::from_second(now + days * 86_400).expect("time").to_zoned(jiff::tz::TimeZone::UTC);
    leaf.not_before = rcgen::date_time_ymd(2025, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(end.year().into(), end.month() as u8, end.day() as u8);
    leaf
}
