//! What one handshake showed, written down while it runs: rustls drops the chain when verification
//! fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

/// Shared between the handshake and whoever looks afterwards.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    shown: Mutex<Option<Shown>>,
    asked_for_certificate: AtomicBool,
    version: OnceLock<&'static str>,
}

#[derive(Clone, Debug)]
struct Shown {
    /// Leaf first, as sent.
    chain: Vec<CertificateDer<'static>>,
    verdict: Result<(), Error>,
}

impl Seen {
    /// The certificates as the peer sent them, leaf first; empty if the handshake did not get there.
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.lock().as_ref().map(|shown| shown.chain.clone()).unwrap_or_default()
    }

    /// Why the certificate does not verify; `None` if it does or none was shown.
    pub(crate) fn verify_error(&self) -> Option<Error> {
        self.lock().as_ref().and_then(|shown| shown.verdict.clone().err())
    }

    pub(crate) fn client_cert_requested(&self) -> bool {
        self.asked_for_certificate.load(Ordering::Relaxed)
    }

    /// The version in which the certificate was proved, known even if the handshake ended there.
    pub(crate) fn version(&self) -> Option<&'static str> {
        self.version.get().copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Verifies as WebPKI does and writes down what it saw. With `enforced` off the handshake goes on
/// after a failed verification: only for looking, never for sending anything.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) seen: Arc<Seen>,
    pub(super) verifier: Arc<WebPkiServerVerifier>,
    pub(super) enforced: bool,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.clone().into_owned()).collect();
        *self.seen.lock() = Some(Shown { chain, verdict: verdict.as_ref().map(drop).map_err(Clone::clone) });
        if self.enforced { verdict } else { Ok(ServerCertVerified::assertion()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let _ = self.seen.version.set("1.2");
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let _ = self.seen.version.set("1.3");
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Shows the configured client certificate, if any, and writes down that it was asked for.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    pub(super) seen: Arc<Seen>,
    pub(super) own: Option<Arc<CertifiedKey>>,
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _root_hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.seen.asked_for_certificate.store(true, Ordering::Relaxed);
        self.own.clone()
    }

    fn has_certs(&self) -> bool {
        self.own.is_some()
    }
}
