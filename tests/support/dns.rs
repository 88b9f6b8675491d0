//! A real name server: dnsmasq on a free port of loopback, with its records as flags. It is
//! responsible for `x.test`, and refuses every other name.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::process::Process;

pub(crate) struct NameServer {
    process: Process,
    pub(crate) port: u16,
    _directory: tempfile::TempDir,
}

/// `svc` has two families, `alias` leads to it.
const RECORDS: &[&str] = &[
    "--local=/x.test/",
    "--host-record=svc.x.test,127.0.0.1,::1,120",
    "--cname=alias.x.test,svc.x.test,60",
    "--srv-host=_http._tcp.x.test,svc.x.test,8080,0,5",
    "--mx-host=x.test,mail.x.test,10",
    "--txt-record=x.test,v=spf1 -all",
    "--caa-record=x.test,0,issue,ca.test",
    "--ptr-record=9.2.0.192.in-addr.arpa,svc.x.test",
];

impl NameServer {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With more records, as flags of dnsmasq.
    pub(crate) fn with(more: &[&str]) -> Self {
        let more: Vec<String> = more.iter().map(|flag| (*flag).to_owned()).collect();
        let directory = tempfile::tempdir().expect("a directory");
        let port = super::free_port();
        let process = Process::new(&directory.path().join("log"), move || {
            let mut command = Command::new("dnsmasq");
            command.args(["-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root"]);
            command.args(["--bind-interfaces", "--listen-address=127.0.0.1", &format!("--port={port}")]);
            // Too long for a datagram.
            let big = vec!["x".repeat(250); 8].join(",");
            command.args(RECORDS).arg(format!("--txt-record=big.x.test,{big}")).args(&more);
            command
        });
        let mut server = Self { process, port, _directory: directory };
        server.process.start_until(Duration::from_secs(10), || TcpStream::connect(("127.0.0.1", port)).is_ok());
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Takes questions and answers none of them.
    pub(crate) fn pause(&mut self) {
        self.process.pause();
    }

    pub(crate) fn resume(&mut self) {
        self.process.resume();
    }

    /// Reads its files of names again.
    pub(crate) fn reload(&self) {
        self.process.signal("HUP");
    }

    /// The port is closed afterwards.
    pub(crate) fn stop(&mut self) {
        self.process.stop();
    }
}
