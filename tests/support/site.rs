//! A public HTTPS address: a certificate of a private authority for `localhost`, one answer.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub(crate) struct Site {
    pub(crate) port: u16,
    pub(crate) ca: PathBuf,
}

impl Site {
    /// `header` is one line of the answer's head, or empty.
    pub(crate) fn start(directory: &Path, days: i64, header: &str) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let now = jiff::Timestamp::now().as_second();
        leaf.not_before = rcgen::date_time_ymd(2025, 1, 1);
        let end = jiff::Timestamp::from_second(now + days * 86_400).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        leaf.not_after = rcgen::date_time_ymd(end.year().into(), end.month() as u8, end.day() as u8);
        let leaf = leaf.signed_by(&key, &authority).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ca = directory.join(format!("site-{port}.pem"));
        std::fs::write(&ca, authority.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(leaf.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let (config, head) = (Arc::new(config), header.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, head) = (Arc::clone(&config), head.clone());
                std::thread::spawn(move || {
                    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                    let mut request = [0; 4096];
                    // A client that only shakes hands, or is refused, sends nothing.
                    if stream.read(&mut request).is_ok_and(|length| length > 0) {
                        let _ =
                            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n{head}\r\n");
                    }
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                });
            }
        });
        Self { port, ca }
    }
}
