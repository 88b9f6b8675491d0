//! A session that is held open only to see it end.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;

use futures_util::FutureExt;
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout_at;

use super::fault::{self, Phase};
use super::relay::Relay;
use super::session::Entry;
use super::wire;
use crate::model::Reason;
use crate::probe::net::from_io;
use crate::probe::{Changes, ProbeCx, ProbeError};

/// What an idle session may be told: notices and changed settings. Beyond it the session is given up.
const LIMIT: usize = 1 << 20;

/// Logs in, asks nothing, and returns when the server has ended the session.
pub(super) async fn hold(cx: &ProbeCx, entry: Entry<'_>, changes: &Changes) -> ProbeError {
    // sqlx panics over some messages that are malformed.
    let held = AssertUnwindSafe(connect(cx, &entry, changes)).catch_unwind().await;
    held.unwrap_or_else(|_| {
        Err(ProbeError::target(Reason::Protocol, format!("{} sent a message that is malformed", entry.address)))
    })
    .map_or_else(|error| error, |()| ended(&entry))
}

fn ended(entry: &Entry<'_>) -> ProbeError {
    ProbeError::target(Reason::Reset, format!("{} ended the session that was held open", entry.address))
}

async fn connect(cx: &ProbeCx, entry: &Entry<'_>, changes: &Changes) -> Result<(), ProbeError> {
    let address = entry.address;
    let Some(host) = address.network() else {
        return through(cx, entry, wire::open_local(cx, address).await?, changes).await;
    };
    let socket = cx.clients().dial(cx, host, address.port).await?.stream;
    match wire::open(cx, address, host, entry.tls, socket).await? {
        Some(server) => through(cx, entry, server, changes).await,
        None => Err(ProbeError::target(Reason::TlsHandshake, format!("{address} refuses TLS"))),
    }
}

async fn through<S: AsyncRead + AsyncWrite>(
    cx: &ProbeCx,
    entry: &Entry<'_>,
    server: S,
    changes: &Changes,
) -> Result<(), ProbeError> {
    let address = entry.address;
    let peer = address.to_string();
    let relay = Relay::open(address.port)
        .map_err(|error| ProbeError::internal(format!("no socket inside the exporter: {}", error.kind())))?;
    let options = address.options(entry.password)?.socket(relay.directory());
    let authenticated = AtomicBool::new(false);
    let relayed = relay.run(server, LIMIT, &authenticated);
    let session = async {
        let late = || ProbeError::target(Reason::Timeout, format!("{peer} did not complete a login in time"));
        let login = timeout_at(cx.deadline(), PgConnection::connect_with(&options)).await.map_err(|_| late())?;
        let _open = login.map_err(|error| fault::explain(&error, Phase::Login, &peer))?;
        changes.listening();
        std::future::pending().await
    };
    tokio::pin!(session);
    tokio::select! {
        ended = &mut session => ended,
        relayed = relayed => match relayed {
            Ok(_) => Ok(()),
            Err(error) => Err(from_io(&error, &peer)),
        },
    }
}
