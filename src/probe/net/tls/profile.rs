//! TLS configurations, one per set of files, made again when a file changes: a rotated
//! certificate needs no reload.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};

use super::roots::{SystemRoots, verifier};
use crate::model::TlsFiles;
use crate::probe::ProbeError;

/// Profiles are as many as the catalogue names; this bounds what reloads leave behind.
const MAX_PROFILES: usize = 512;
/// No PEM file that is read may be larger.
const MAX_FILE: u64 = 4 << 20;

/// What a TLS connection is made with. All files are PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct TlsProfile {
    /// The system's roots if absent.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) alpn: Alpn,
}

/// Protocols offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Alpn {
    /// No ALPN extension.
    #[default]
    None,
    /// `h2` and `http/1.1`.
    Http,
}

impl TlsProfile {
    pub(crate) fn of(files: &TlsFiles, alpn: Alpn) -> Self {
        Self {
            ca: files.ca.clone(),
            client_cert: files.client_cert.clone(),
            client_key: files.client_key.clone(),
            alpn,
        }
    }

    /// The same without a client certificate.
    pub(crate) fn anonymous(&self) -> Self {
        Self { client_cert: None, client_key: None, ..self.clone() }
    }
}

/// A configuration, what verifies the peer, and the certificate to show if asked.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) config: Arc<ClientConfig>,
    pub(super) verifier: Arc<WebPkiServerVerifier>,
    pub(super) own: Option<Arc<CertifiedKey>>,
}

/// Path, time of change and size of each file used.
type Identity = Vec<(SystemTime, u64)>;

#[derive(Default)]
pub(crate) struct Profiles {
    provider: OnceLock<Arc<CryptoProvider>>,
    roots: SystemRoots,
    prepared: Mutex<HashMap<TlsProfile, (Identity, Prepared)>>,
}

impl Profiles {
    /// The configuration for `profile`, from the files as they are now. Faults of the files are the
    /// observer's: unconfigured, naming the file.
    pub(super) async fn prepare(&self, profile: &TlsProfile) -> Result<Prepared, ProbeError> {
        let identity = identity(profile).await?;
        let provider = self.provider.get_or_init(|| Arc::new(aws_lc_rs::default_provider()));
        // Cheap when kept, and the roots may have been read anew.
        let system = match &profile.ca {
            None => Some(self.roots.verifier(provider).await?),
            Some(_) => None,
        };
        if let Some((made_of, prepared)) = self.lock().get(profile)
            && *made_of == identity
            && system.as_ref().is_none_or(|system| Arc::ptr_eq(system, &prepared.verifier))
        {
            return Ok(prepared.clone());
        }
        let verifier = match (system, &profile.ca) {
            (Some(system), _) => system,
            (None, Some(ca)) => from_file(ca, provider).await?,
            (None, None) => return Err(ProbeError::internal("no trusted roots")),
        };
        let prepared = build(profile, verifier, provider).await?;
        let mut kept = self.lock();
        if kept.len() >= MAX_PROFILES {
            kept.clear();
        }
        kept.insert(profile.clone(), (identity, prepared.clone()));
        Ok(prepared)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TlsProfile, (Identity, Prepared)>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn identity(profile: &TlsProfile) -> Result<Identity, ProbeError> {
    let mut identity = Vec::new();
    for path in [&profile.ca, &profile.client_cert, &profile.client_key].into_iter().flatten() {
        let metadata = tokio::fs::metadata(path).await.map_err(|error| unreadable(path, &error.kind()))?;
        identity.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len()));
    }
    Ok(identity)
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> ProbeError {
    ProbeError::unconfigured(format!("the TLS file {} cannot be used: {why}", path.display()))
}

async fn read(path: &Path) -> Result<Vec<u8>, ProbeError> {
    let size = tokio::fs::metadata(path).await.map_err(|error| unreadable(path, &error.kind()))?.len();
    if size > MAX_FILE {
        return Err(unreadable(path, &"larger than 4 MiB"));
    }
    tokio::fs::read(path).await.map_err(|error| unreadable(path, &error.kind()))
}

async fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ProbeError> {
    let pem = read(path).await?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(unreadable(path, &"it holds no PEM certificate")),
    }
}

async fn from_file(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, ProbeError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(path).await?);
    verifier(roots, provider, &format!("the TLS file {} holds no usable root", path.display()))
}

async fn build(
    profile: &TlsProfile,
    verifier: Arc<WebPkiServerVerifier>,
    provider: &Arc<CryptoProvider>,
) -> Result<Prepared, ProbeError> {
    let own = match (&profile.client_cert, &profile.client_key) {
        (Some(cert), Some(key)) => Some(Arc::new(own_certificate(cert, key, provider).await?)),
        (None, None) => None,
        _ => return Err(ProbeError::unconfigured("a client certificate needs both `client_cert` and `client_key`")),
    };
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| ProbeError::internal(format!("TLS versions: {error}")))?
        .with_webpki_verifier(Arc::clone(&verifier))
        .with_no_client_auth();
    // A resumed session shows no certificate, and a look must see the present one.
    config.resumption = Resumption::disabled();
    if profile.alpn == Alpn::Http {
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    Ok(Prepared { config: Arc::new(config), verifier, own })
}

async fn own_certificate(cert: &Path, key: &Path, provider: &Arc<CryptoProvider>) -> Result<CertifiedKey, ProbeError> {
    let chain = certificates(cert).await?;
    let pem = zeroize::Zeroizing::new(read(key).await?);
    // The reason of a parse error could quote the key.
    let key_der = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| unreadable(key, &"it holds no PEM key"))?;
    CertifiedKey::from_der(chain, key_der, provider)
        .map_err(|_| unreadable(key, &"the key is of an unknown sort or is not that of the certificate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;
    use crate::probe::net::peers::Authority;

    #[tokio::test]
    async fn a_profile_is_made_once_and_again_when_its_file_changes() {
        let first = Authority::new();
        let profile = TlsProfile { ca: Some(first.ca_file()), ..TlsProfile::default() };
        let profiles = Profiles::default();
        let one = profiles.prepare(&profile).await.unwrap();
        let two = profiles.prepare(&profile).await.unwrap();
        assert!(Arc::ptr_eq(&one.config, &two.config));

        let longer = format!("{}\n# rotated\n", Authority::new().ca_pem());
        std::fs::write(first.ca_file(), longer).unwrap();
        let three = profiles.prepare(&profile).await.unwrap();
        assert!(!Arc::ptr_eq(&one.config, &three.config));
    }

    #[tokio::test]
    async fn a_bad_file_is_named_and_is_our_fault() {
        let directory = tempfile::tempdir().unwrap();
        let garbage = directory.path().join("garbage.pem");
        std::fs::write(&garbage, "garbage").unwrap();
        for ca in [garbage, directory.path().join("absent.pem")] {
            let profile = TlsProfile { ca: Some(ca.clone()), ..TlsProfile::default() };
            let error = Profiles::default().prepare(&profile).await.err().unwrap();
            assert_eq!(error.reason, Reason::Unconfigured);
            assert!(error.detail.contains(ca.file_name().unwrap().to_str().unwrap()), "{error}");
        }
    }

    #[tokio::test]
    async fn a_certificate_without_its_key_is_unconfigured() {
        let authority = Authority::new();
        let profile = TlsProfile {
            ca: Some(authority.ca_file()),
            client_cert: Some(authority.ca_file()),
            ..TlsProfile::default()
        };
        let error = Profiles::default().prepare(&profile).await.err().unwrap();
        assert_eq!(error.reason, Reason::Unconfigured);
    }
}
