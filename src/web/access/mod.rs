//! Who may connect: TLS, users and headers, in the file format of Prometheus' exporter-toolkit.

mod file;
mod live;
mod tls;
mod users;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) use live::Live;
pub(super) use users::Admission;
use users::Users;

/// One reading of the file. Without a file everything is empty.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    users: Users,
}

impl Rules {
    pub(super) async fn admit(&self, headers: &HeaderMap) -> Admission {
        self.users.admit(headers).await
    }
}
