//! The system's trusted roots, read seldom because that is slow.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::probe::ProbeError;

const REFRESH_AFTER: Duration = Duration::from_secs(3600);

#[derive(Default)]
pub(super) struct SystemRoots(Mutex<Option<(Instant, Arc<WebPkiServerVerifier>)>>);

impl SystemRoots {
    /// A verifier over the system's roots; fails as unconfigured if there are none.
    pub(super) async fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, ProbeError> {
        let mut kept = self.0.lock().await;
        if let Some((loaded, verifier)) = &*kept
            && loaded.elapsed() < REFRESH_AFTER
        {
            return Ok(Arc::clone(verifier));
        }
        let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
            .await
            .map_err(|error| ProbeError::internal(format!("reading the trusted roots failed: {error}")))?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(loaded.certs);
        let verifier = verifier(roots, provider, "this system has no trusted roots; configure `ca`")?;
        *kept = Some((Instant::now(), Arc::clone(&verifier)));
        Ok(verifier)
    }
}

/// `otherwise` is told if the store is empty.
pub(super) fn verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
    otherwise: &str,
) -> Result<Arc<WebPkiServerVerifier>, ProbeError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|_| ProbeError::unconfigured(otherwise))
}
