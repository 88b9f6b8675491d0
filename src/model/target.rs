//! A system that probes are pointed at, named once in the catalogue.

use std::path::PathBuf;
use std::sync::Arc;

/// Address and access of one target. The address never holds a password: the catalogue refuses
/// user info with one and asks for a credential instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub name: Arc<str>,
    /// A URL (`http://…`, `postgresql://…`) or `host:port`.
    pub address: Box<str>,
    /// Name of a credential.
    pub credential: Option<Box<str>>,
    pub tls: TlsFiles,
}

/// Paths of TLS material; all optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Trusted roots, PEM. The system's roots if absent.
    pub ca: Option<PathBuf>,
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// Name to send and to verify instead of the host of the address.
    pub server_name: Option<Box<str>>,
}
