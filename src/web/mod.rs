//! Serving: metrics, the board, the API and health, from snapshots alone. A request never runs or
//! waits for a probe, and nothing here changes a state.

mod access;
mod api;
mod app;
mod badge;
mod connection;
mod filter;
#[cfg(test)]
mod fixture;
mod lifecycle;
mod listener;
mod metrics;
mod origin;
mod page;
mod pages;
mod probes;
mod reply;
mod routes;
mod runbooks;
#[cfg(test)]
mod tests;
mod view;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

pub use listener::{Bound, bind, serve};
pub(crate) use routes::docs as route_docs;

/// Why the daemon cannot serve. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error("cannot listen on {address}: {source}")]
    Listen { address: String, source: std::io::Error },
    #[error("the external URL “{0}” must begin with http:// or https://")]
    ExternalUrl(String),
    #[error("no listen address is given")]
    NoAddress,
    #[error("web configuration {}: {detail}", path.display())]
    Configuration { path: PathBuf, detail: String },
}

impl Bound {
    /// Where it listens; port 0 has become a real port.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where somebody on this machine reaches it: the first address, loopback if it is all of them.
    pub fn local_url(&self) -> Option<String> {
        let mut address = *self.addresses.first()?;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        let scheme = if self.tls { "https" } else { "http" };
        Some(format!("{scheme}://{address}"))
    }
}
