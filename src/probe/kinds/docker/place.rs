//! Where the engine listens.

use std::path::PathBuf;

use crate::probe::net::tls::{Alpn, TlsProfile, Trust};
use crate::probe::net::{Address, Stream, parse_address};
use crate::probe::{ProbeCx, ProbeError};

#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A Unix socket.
    Local(PathBuf),
    /// With the name to verify; without it in the clear.
    Remote(Address, Option<Box<(TlsProfile, String)>>),
}

/// A connection, and what was said about a client certificate: with TLS 1.3 the engine refuses one
/// after the handshake only.
pub(super) struct Dialled {
    pub(super) stream: Stream,
    pub(super) certificate: Shown,
}

/// The client certificate of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The engine did not ask for one.
    NotAsked,
    /// It asked, and was shown none.
    Nothing,
    /// It asked, and was shown one.
    Certificate,
}

impl Place {
    pub(super) fn of(cx: &ProbeCx) -> Result<Self, ProbeError> {
        let target = cx.target()?;
        let unusable = |why: &str| ProbeError::unconfigured(format!("the address of the target cannot be used: {why}"));
        if let Some(path) = target.address.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Local(path)) } else { Err(unusable("expected unix:///path")) };
        }
        let address = parse_address(&target.address).map_err(|why| unusable(&why))?;
        match address.scheme.as_deref() {
            _ if address.user.is_some() => Err(unusable("an engine knows no users")),
            Some("http") => Ok(Self::Remote(address, None)),
            Some("https") => {
                let name = target.tls.server_name.as_deref().unwrap_or(&address.host).to_owned();
                let profile = TlsProfile::of(&target.tls, Alpn::None);
                Ok(Self::Remote(address, Some(Box::new((profile, name)))))
            }
            // As DOCKER_HOST has it, which does not say whether it is encrypted.
            _ => Err(unusable("expected unix:///path, https://host:port, or http://host:port")),
        }
    }

    /// As sentences name it.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Local(path) => path.display().to_string(),
            Self::Remote(address, _) => address.to_string(),
        }
    }

    /// What a request says of the host; an engine does not look at it, a proxy may.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Local(_) => "localhost".to_owned(),
            Self::Remote(address, _) => address.to_string(),
        }
    }

    pub(super) async fn dial(&self, cx: &ProbeCx) -> Result<Dialled, ProbeError> {
        let plain = |stream| Dialled { stream, certificate: Shown::NotAsked };
        match self {
            Self::Local(path) => cx.clients().dial_local(cx, path).await.map(Stream::Unix).map(plain),
            Self::Remote(address, tls) => {
                let socket = cx.clients().dial(cx, &address.host, address.port).await?.stream;
                let Some((profile, name)) = tls.as_deref() else { return Ok(plain(Stream::Plain(socket))) };
                let what = self.what();
                let shaken = cx.clients().handshake(cx, socket, profile, Trust::Enforced, name, &what).await?;
                let certificate = match (shaken.seen.client_cert_requested(), &profile.client_cert) {
                    (false, _) => Shown::NotAsked,
                    (true, None) => Shown::Nothing,
                    (true, Some(_)) => Shown::Certificate,
                };
                match shaken.stream {
                    Ok(stream) => Ok(Dialled { stream: Stream::Tls(Box::new(stream)), certificate }),
                    Err(error) if shaken.seen.client_cert_requested() => Err(super::fault::certificate(error)),
                    Err(error) => Err(error),
                }
            }
        }
    }
}
