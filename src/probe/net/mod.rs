//! Every outward connection goes through here: names, sockets, TLS and HTTP, with a deadline on
//! each step and the same reasons for the same faults.

mod address;
mod dial;
pub(crate) mod dns;
mod errors;
pub(crate) mod grpc;
pub(crate) mod http;
mod local;
mod mask;
#[cfg(test)]
pub(crate) mod peers;
mod resolve;
mod spoken;
mod stream;
mod tasks;
pub(crate) mod tls;

pub use address::{Address, host_and_port, parse_address};
pub use dial::Dialed;
pub use errors::{from_hyper, from_io, from_tls};
pub use mask::{is_suspicious_name, mask_cookie, mask_location, mask_url};
pub(crate) use spoken::Took;
pub use spoken::spoken;
pub(crate) use stream::Stream;

use super::hazards::Hazards;
use super::shared::Shared;

/// Clients made once and lent to probes.
///
/// All parts are made on first use, so that a check that needs none of them pays for none.
#[derive(Default)]
pub struct Clients {
    resolver: resolve::Resolver,
    tls: tls::Profiles,
    kept: http::Kept,
    /// What probes fetched for each other.
    pub(in crate::probe) shared: Shared,
    hazards: Hazards,
}

impl Clients {
    pub fn new() -> Self {
        Self::default()
    }

    /// With what probes that change or load their target may use.
    pub fn with(hazards: Hazards) -> Self {
        Self { hazards, ..Self::default() }
    }

    pub(crate) fn hazards(&self) -> &Hazards {
        &self.hazards
    }
}
