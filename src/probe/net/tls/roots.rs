//! The system's trusted roots, read seldom because that is slow.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use tokio::time::Instant;

use crate::probe::guard::lane::Lane;
use crate::probe::{ProbeCx, ProbeError};

const REFRESH_AFTER: Duration = Duration::from_secs(3600);

#[derive(Default)]
pub(super) struct SystemRoots {
    kept: Mutex<Option<(Instant, Arc<WebPkiServerVerifier>)>>,
    lane: Lane,
}

impl SystemRoots {
    /// A verifier over the system's roots; fails as unconfigured if there are none.
    pub(super) async fn verifier(
        &self,
        cx: &ProbeCx,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<WebPkiServerVerifier>, ProbeError> {
        if let Some(verifier) = self.fresh() {
            return Ok(verifier);
        }
        let load = || Ok(rustls_native_certs::load_native_certs().certs);
        let certificates = self.lane.queue(cx.deadline(), "the system's trusted roots", load).await?;
        // Somebody before in the queue may have been as fast.
        if let Some(verifier) = self.fresh() {
            return Ok(verifier);
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        let verifier = verifier(roots, provider, "this system has no trusted roots; configure `ca`")?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&verifier)));
        Ok(verifier)
    }

    fn fresh(&self) -> Option<Arc<WebPkiServerVerifier>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (loaded, verifier) = kept.as_ref()?;
        (loaded.elapsed() < REFRESH_AFTER).then(|| Arc::clone(verifier))
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
