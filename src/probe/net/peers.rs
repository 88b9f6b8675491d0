//! Peers for tests: good ones and hostile ones, all on loopback, all gone with the runtime of the
//! test.

#![expect(clippy::disallowed_methods, reason = "peers are tasks of the test's own runtime")]

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(crate) fn kept_directory() -> PathBuf {
    tempfile::tempdir().unwrap().keep()
}

/// Runs `handler` for every connection.
pub(crate) async fn serve<F, R>(handler: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handler(stream));
        }
    });
    address
}

/// Accepts and never says a word.
pub(crate) async fn silent() -> SocketAddr {
    serve(|stream| async move {
        sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await
}

/// Nobody listens there, and no other test will: the port stays bound.
pub(crate) async fn closed_port() -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::mem::forget(socket);
    port
}

/// Listens but takes no more connections: they neither open nor are refused.
pub(crate) async fn full_backlog() -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        let connecting = TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(50), connecting).await {
            Ok(stream) => held.push(stream),
            Err(_) => break,
        }
    }
    tokio::spawn(async move {
        sleep(Duration::from_secs(60)).await;
        drop((listener, held));
    });
    address
}

/// Resets every connection at once.
pub(crate) async fn resets() -> SocketAddr {
    serve(|stream| async move { stream.set_zero_linger().unwrap() }).await
}

/// Says this at once, whatever comes, and stays.
pub(crate) async fn greets(bytes: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        let _ = stream.write_all(bytes).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await
}

/// Reads a request head, answers with these bytes and closes.
pub(crate) async fn answers(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes: Arc<[u8]> = bytes.into().into();
    serve(move |mut stream| {
        let bytes = Arc::clone(&bytes);
        async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// Reads a request head, says `first`, then `again` for ever, as fast as `pause` allows.
pub(crate) async fn goes_on(first: &'static [u8], again: &'static [u8], pause: Duration) -> SocketAddr {
    serve(move |mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(first).await;
        while stream.write_all(again).await.is_ok() {
            // Even a sleep of nothing takes a millisecond.
            if pause.is_zero() { tokio::task::yield_now().await } else { sleep(pause).await }
        }
    })
    .await
}

/// Everything up to and with the empty line.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Answers each request on a connection with what `respond` makes of its head.
pub(crate) async fn http(respond: impl Fn(&str) -> String + Send + Sync + 'static) -> SocketAddr {
    let respond = Arc::new(respond);
    serve(move |stream| http_over(stream, Arc::clone(&respond))).await
}

/// The same over a stream of any sort.
pub(crate) async fn http_over<S, R>(mut stream: S, respond: Arc<R>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Fn(&str) -> String,
{
    loop {
        let head = read_head(&mut stream).await;
        if head.is_empty() || stream.write_all(respond(&head).as_bytes()).await.is_err() {
            return;
        }
        let _ = stream.flush().await;
    }
}

/// A response with a length.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// A certificate authority of the test.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    directory: PathBuf,
}

/// A certificate and its key.
pub(crate) struct Leaf {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    directory: PathBuf,
}

pub(crate) const FAR: i64 = 4_000_000_000;
pub(crate) const LONG_AGO: i64 = 1_000_000_000;

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let directory = kept_directory();
        std::fs::write(directory.join("ca.pem"), &pem).unwrap();
        Self { issuer: Issuer::new(params, key), pem, directory }
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// A certificate for these names that ends at so many seconds since the epoch.
    pub(crate) fn leaf(&self, names: &[&str], not_after: i64) -> Leaf {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        let span = Duration::from_secs((not_after - 946_684_800).unsigned_abs());
        params.not_after = params.not_before + span;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let directory = kept_directory();
        std::fs::write(directory.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(directory.join("key.pem"), key.serialize_pem()).unwrap();
        Leaf {
            chain: vec![certificate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            directory,
        }
    }

    /// The root itself, as a careless server shows it.
    pub(crate) fn as_leaf(&self) -> Leaf {
        let chain = vec![rustls::pki_types::pem::PemObject::from_pem_slice(self.pem.as_bytes()).unwrap()];
        let key = PrivatePkcs8KeyDer::from(self.issuer.key().serialize_der()).into();
        Leaf { chain, key, directory: self.directory.clone() }
    }

    /// For 127.0.0.1 and localhost, valid.
    pub(crate) fn good_leaf(&self) -> Leaf {
        self.leaf(&["127.0.0.1", "localhost"], FAR)
    }

    /// A server that requires a client certificate of this authority.
    pub(crate) fn mutual(&self, leaf: &Leaf, versions: &[&'static rustls::SupportedProtocolVersion]) -> ServerConfig {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(leaf.chain.clone(), leaf.key.clone_key())
            .unwrap()
    }
}

impl Leaf {
    pub(crate) fn cert_file(&self) -> PathBuf {
        self.directory.join("cert.pem")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.directory.join("key.pem")
    }

    /// A server that shows this certificate and asks for none.
    pub(crate) fn server(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> ServerConfig {
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .unwrap()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Shakes hands and hands the stream over.
pub(crate) async fn tls<F, R>(config: ServerConfig, handler: F) -> SocketAddr
where
    F: Fn(TlsStream<TcpStream>) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let handler = Arc::new(handler);
    serve(move |stream| {
        let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                handler(stream).await;
            }
        }
    })
    .await
}

/// Shakes hands, then waits for the other side to go.
pub(crate) async fn tls_idle(config: ServerConfig) -> SocketAddr {
    tls(config, |mut stream| async move {
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await
}

/// Answers every request with 200 and this body over HTTP/2.
pub(crate) async fn http2(leaf: &Leaf, body: &'static str) -> SocketAddr {
    let mut config = leaf.server(rustls::ALL_VERSIONS);
    config.alpn_protocols = vec![b"h2".to_vec()];
    tls(config, move |stream| async move {
        let answer = hyper::service::service_fn(move |_| async move {
            Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::new(bytes::Bytes::from(body))))
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let _ = hyper::server::conn::http2::Builder::new(executor).serve_connection(io, answer).await;
    })
    .await
}
