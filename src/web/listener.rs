//! Listening: bind early, accept for as long as the daemon lives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::WebError;
use super::access::Live;
use super::app::App;
use super::connection::{self, Limits};
use super::view::safe_url;
use crate::engine::Handle;
use crate::settings;

/// Connections at once, over all addresses.
const CONNECTION_LIMIT: usize = 512;

/// Listening sockets, with the access rules checked: nothing of it can fail later.
pub struct Bound {
    listeners: Vec<TcpListener>,
    pub(super) addresses: Vec<SocketAddr>,
    /// When it was bound; a change of the file later shows in the next connection, not here.
    pub(super) tls: bool,
    settings: settings::Web,
    access: Arc<Live>,
    pub(super) limits: Limits,
}

/// Opens all addresses and reads the web configuration, so that a mistake is an error at start.
/// Must run inside the runtime. Port 0 takes a free port.
pub async fn bind(settings: &settings::Web) -> Result<Bound, WebError> {
    if !settings.external_url.is_empty() && safe_url(&settings.external_url).is_none() {
        return Err(WebError::ExternalUrl(settings.external_url.clone()));
    }
    if settings.listen_address.is_empty() {
        return Err(WebError::NoAddress);
    }
    let access = Arc::new(Live::open(settings.config_file.clone()).await?);
    let mut listeners = Vec::new();
    let mut addresses = Vec::new();
    for address in &settings.listen_address {
        let fail = |source| WebError::Listen { address: address.clone(), source };
        // As Prometheus has it, `:9090` means every interface.
        let full = if address.starts_with(':') { format!("[::]{address}") } else { address.clone() };
        let listener = TcpListener::bind(full).await.map_err(fail)?;
        addresses.push(listener.local_addr().map_err(fail)?);
        listeners.push(listener);
    }
    let tls = access.current().await.tls.is_some();
    Ok(Bound { listeners, addresses, tls, settings: settings.clone(), access, limits: Limits::default() })
}

/// Serves until `shutdown`, then lets requests in flight end for a few seconds. Never fails: what
/// goes wrong concerns one connection.
pub async fn serve(bound: Bound, handle: Handle, shutdown: CancellationToken) {
    let app = App::new(handle, &bound.settings, bound.access.clone());
    let places = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let loops = bound
        .listeners
        .into_iter()
        .map(|listener| accept(listener, app.clone(), places.clone(), bound.limits, shutdown.clone()));
    join_all(loops).await;
}

async fn accept(listener: TcpListener, app: App, places: Arc<Semaphore>, limits: Limits, shutdown: CancellationToken) {
    let router = app.router();
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            // Taken before accepting: what is too much waits in the kernel, not in memory.
            let place = places.clone().acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => report(ended),
            accepted = next => match accepted {
                Some((Ok((stream, peer)), place)) => {
                    let task = connection::run(stream, router.clone(), app.access(), graceful.watcher(), limits);
                    connections.spawn(async move {
                        let outcome = task.await;
                        drop(place);
                        if let Err(error) = outcome {
                            tracing::debug!(%peer, error, "connection ended early");
                        }
                    });
                }
                Some((Err(error), _)) => {
                    // Out of file descriptors, most likely: others must end before more can begin.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                None => break,
            },
        }
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections still open at shutdown are cut");
    }
    connections.shutdown().await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection task panicked; this is a bug");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_an_error_that_names_the_address() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let settings = settings::Web { listen_address: vec![address.clone()], ..settings::Web::default() };
        let Err(error) = bind(&settings).await else { panic!("bound twice") };
        assert!(error.to_string().contains(&address));
    }
}
