//! A real name server: dnsmasq on a free port of loopback, with its records as flags. It is
//! responsible for `x.test`, and refuses every other name.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::daemon::signal;

pub(crate) struct NameServer {
    child: Child,
    pub(crate) port: u16,
}

/// `svc` has two families, `alias` leads to it, `big` needs TCP.
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
        let port = super::free_port();
        let big = vec!["x".repeat(250); 8].join(",");
        let child = Command::new("dnsmasq")
            .args(["-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root"])
            .args(["--bind-interfaces", "--listen-address=127.0.0.1", &format!("--port={port}")])
            .args(RECORDS)
            .arg(format!("--txt-record=big.x.test,{big}"))
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dnsmasq is needed for this test");
        let server = Self { child, port };
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "dnsmasq does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Takes questions and answers none of them.
    pub(crate) fn pause(&self) {
        signal(self.child.id(), "STOP");
    }

    pub(crate) fn resume(&self) {
        signal(self.child.id(), "CONT");
    }

    /// The port is closed afterwards.
    pub(crate) fn stop(&mut self) {
        // Ended already: nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop();
    }
}
