//! One connection: TLS, HTTP, and an end to those that only hold a place.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::access::Live;

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) handshake: Duration,
    /// For the whole header of a request, counted from when the connection is ready for it.
    pub(super) header: Duration,
    /// Without a request, or while an answer is not being read.
    pub(super) idle: Duration,
    /// For requests in flight at shutdown.
    pub(super) drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(20),
            // Longer than a usual scrape interval, so that Prometheus can reuse its connection.
            idle: Duration::from_secs(90),
            drain: Duration::from_secs(5),
        }
    }
}

/// Serves one connection to its end. The error says what the peer did wrong.
pub(super) async fn run(
    stream: TcpStream,
    router: Router,
    access: Arc<Live>,
    watcher: Watcher,
    limits: Limits,
) -> Result<(), String> {
    // Small answers must not wait for an acknowledgement.
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let rules = access.current().await;
    let Some(tls) = rules.tls.clone() else {
        return http(stream, false, router, watcher, limits).await;
    };
    let handshake = timeout(limits.handshake, TlsAcceptor::from(tls).accept(stream)).await;
    let stream = handshake.map_err(|_| "TLS handshake: timeout".to_owned())?;
    let stream = stream.map_err(|error| format!("TLS handshake: {error}"))?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    http(stream, h2, router, watcher, limits).await
}

/// The protocol is known before, by ALPN: finding it out from the first bytes has no timeout.
async fn http<S>(stream: S, h2: bool, router: Router, watcher: Watcher, limits: Limits) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if h2 { builder.http2_only() } else { builder.http1_only() };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(64)
        .max_header_list_size(64 * 1024);
    let activity = Arc::new(Activity::default());
    let service = Counted { inner: TowerToHyperService::new(router), activity: activity.clone() };
    let connection = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            ended = &mut connection => return ended.map_err(|error| error.to_string()),
            () = sleep(limits.idle / 4) => if activity.idle() > limits.idle {
                return Err("idle for too long".to_owned());
            }
        }
    }
}

/// Since when no request has begun or been answered. An answer that nobody reads does not count
/// as activity, so a reader that stalls loses its connection.
struct Activity {
    start: Instant,
    in_flight: AtomicU32,
    /// Milliseconds after `start`.
    last: AtomicU64,
}

impl Default for Activity {
    fn default() -> Self {
        Self { start: Instant::now(), in_flight: AtomicU32::new(0), last: AtomicU64::new(0) }
    }
}

impl Activity {
    fn touch(&self) {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
    }

    fn idle(&self) -> Duration {
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        self.start.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }
}

struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.touch();
    }
}

#[derive(Clone)]
struct Counted {
    inner: TowerToHyperService<Router>,
    activity: Arc<Activity>,
}

impl Service<http::Request<hyper::body::Incoming>> for Counted {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: http::Request<hyper::body::Incoming>) -> Self::Future {
        self.activity.in_flight.fetch_add(1, Ordering::Relaxed);
        self.activity.touch();
        let guard = InFlight(self.activity.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(guard);
            answer
        })
    }
}
