//! TLS configurations, one per set of files, made again when a file changes: a rotated
//! certificate needs no reload.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, Der, PrivateKeyDer, TrustAnchor};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};

use super::Inline;
use super::roots::{SystemRoots, verifier};
use crate::model::TlsFiles;
use crate::probe::guard::lane::Lane;
use crate::probe::{ProbeCx, ProbeError};

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
    /// Instead of the file `ca`.
    pub(crate) inline_ca: Option<Inline>,
    /// Certificate and key instead of those files.
    pub(crate) inline_own: Option<(Inline, Inline)>,
    pub(crate) alpn: Alpn,
    /// No certificate verifies, and no roots are read: for encryption without verification.
    pub(crate) trusts_nobody: bool,
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
            inline_ca: None,
            inline_own: None,
            alpn,
            trusts_nobody: false,
        }
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.ca, &self.client_cert, &self.client_key].into_iter().flatten()
    }

    /// The same without a client certificate.
    pub(crate) fn anonymous(&self) -> Self {
        Self { client_cert: None, client_key: None, inline_own: None, ..self.clone() }
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
    /// A file on a dead file system costs one thread a profile, not one a run.
    lanes: Mutex<HashMap<TlsProfile, Lane>>,
}

impl Profiles {
    /// The configuration for `profile`, from the files as they are now. Faults of the files are the
    /// observer's: unconfigured, naming the file.
    pub(super) async fn prepare(&self, cx: &ProbeCx, profile: &TlsProfile) -> Result<Prepared, ProbeError> {
        let identity = self.blocking(cx, profile, identity).await?;
        let provider = self.provider.get_or_init(|| Arc::new(aws_lc_rs::default_provider()));
        // Cheap when kept, and the roots may have been read anew.
        let system = match &profile.ca {
            None if profile.inline_ca.is_none() && !profile.trusts_nobody => {
                Some(self.roots.verifier(cx, provider).await?)
            }
            _ => None,
        };
        if let Some((made_of, prepared)) = self.lock().get(profile)
            && *made_of == identity
            && system.as_ref().is_none_or(|system| Arc::ptr_eq(system, &prepared.verifier))
        {
            return Ok(prepared.clone());
        }
        let of = Arc::clone(provider);
        let prepared = self.blocking(cx, profile, move |profile| build(profile, system, &of)).await?;
        let mut kept = self.lock();
        if kept.len() >= MAX_PROFILES {
            kept.clear();
        }
        kept.insert(profile.clone(), (identity, prepared.clone()));
        Ok(prepared)
    }

    /// Looks at the files of a profile where nobody else has to wait for them.
    async fn blocking<T, F>(&self, cx: &ProbeCx, profile: &TlsProfile, look: F) -> Result<T, ProbeError>
    where
        T: Send + 'static,
        F: FnOnce(&TlsProfile) -> Result<T, ProbeError> + Send + 'static,
    {
        let Some(first) = profile.files().next() else { return look(profile) };
        let what = format!("the TLS file {}", first.display());
        let lane = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            if lanes.len() >= MAX_PROFILES {
                lanes.clear();
            }
            lanes.entry(profile.clone()).or_default().clone()
        };
        let profile = profile.clone();
        lane.queue(cx.deadline(), &what, move || look(&profile)).await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TlsProfile, (Identity, Prepared)>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn identity(profile: &TlsProfile) -> Result<Identity, ProbeError> {
    let of = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error.kind()))?;
        Ok((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len()))
    };
    profile.files().map(of).collect()
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> ProbeError {
    ProbeError::unconfigured(format!("the TLS file {} cannot be used: {why}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, ProbeError> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error.kind()))?;
    if !metadata.is_file() {
        return Err(unreadable(path, &"it is no regular file"));
    }
    if metadata.len() > MAX_FILE {
        return Err(unreadable(path, &"larger than 4 MiB"));
    }
    std::fs::read(path).map_err(|error| unreadable(path, &error.kind()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ProbeError> {
    parsed(&read(path)?).ok_or_else(|| unreadable(path, &"it holds no PEM certificate"))
}

/// At least one.
fn parsed(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty())
}

fn from_file(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, ProbeError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(path)?);
    verifier(roots, provider, &format!("the TLS file {} holds no usable root", path.display()))
}

fn from_inline(ca: &Inline, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, ProbeError> {
    let unusable = "the certificate authority given in place holds no usable root";
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(parsed(ca.bytes()).ok_or_else(|| ProbeError::unconfigured(unusable))?);
    verifier(roots, provider, unusable)
}

fn own_inline(cert: &Inline, key: &Inline, provider: &Arc<CryptoProvider>) -> Result<CertifiedKey, ProbeError> {
    let unusable = || ProbeError::unconfigured("the client certificate and key given in place cannot be used");
    let chain = parsed(cert.bytes()).ok_or_else(unusable)?;
    let key = PrivateKeyDer::from_pem_slice(key.bytes()).map_err(|_| unusable())?;
    CertifiedKey::from_der(chain, key, provider).map_err(|_| unusable())
}

/// A verifier that refuses every chain: its only root has no name and no key.
fn nobody(provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, ProbeError> {
    let nobody = TrustAnchor {
        subject: Der::from_slice(&[]),
        subject_public_key_info: Der::from_slice(&[]),
        name_constraints: None,
    };
    verifier(RootCertStore { roots: vec![nobody] }, provider, "no trusted roots")
}

/// `system` is absent if the system's roots are not asked for.
fn build(
    profile: &TlsProfile,
    system: Option<Arc<WebPkiServerVerifier>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Prepared, ProbeError> {
    let verifier = match (system, &profile.ca, &profile.inline_ca) {
        (Some(system), ..) => system,
        (None, _, Some(ca)) => from_inline(ca, provider)?,
        (None, Some(ca), None) => from_file(ca, provider)?,
        (None, None, None) => nobody(provider)?,
    };
    let own = match (&profile.client_cert, &profile.client_key, &profile.inline_own) {
        (.., Some((cert, key))) => Some(Arc::new(own_inline(cert, key, provider)?)),
        (Some(cert), Some(key), None) => Some(Arc::new(own_certificate(cert, key, provider)?)),
        (None, None, None) => None,
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

fn own_certificate(cert: &Path, key: &Path, provider: &Arc<CryptoProvider>) -> Result<CertifiedKey, ProbeError> {
    let chain = certificates(cert)?;
    let pem = zeroize::Zeroizing::new(read(key)?);
    // The reason of a parse error could quote the key.
    let key_der = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| unreadable(key, &"it holds no PEM key"))?;
    CertifiedKey::from_der(chain, key_der, provider)
        .map_err(|_| unreadable(key, &"the key is of an unknown sort or is not that of the certificate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;
    use crate::probe::fixture;
    use crate::probe::net::peers::Authority;

    #[tokio::test]
    async fn a_profile_is_made_once_and_again_when_its_file_changes() {
        let first = Authority::new();
        let profile = TlsProfile { ca: Some(first.ca_file()), ..TlsProfile::default() };
        let profiles = Profiles::default();
        let one = profiles.prepare(&fixture::cx(5000), &profile).await.unwrap();
        let two = profiles.prepare(&fixture::cx(5000), &profile).await.unwrap();
        assert!(Arc::ptr_eq(&one.config, &two.config));

        let longer = format!("{}\n# rotated\n", Authority::new().ca_pem());
        std::fs::write(first.ca_file(), longer).unwrap();
        let three = profiles.prepare(&fixture::cx(5000), &profile).await.unwrap();
        assert!(!Arc::ptr_eq(&one.config, &three.config));
    }

    #[tokio::test]
    async fn a_bad_file_is_named_and_is_our_fault() {
        let directory = tempfile::tempdir().unwrap();
        let garbage = directory.path().join("garbage.pem");
        std::fs::write(&garbage, "garbage").unwrap();
        for ca in [garbage, directory.path().join("absent.pem")] {
            let profile = TlsProfile { ca: Some(ca.clone()), ..TlsProfile::default() };
            let error = Profiles::default().prepare(&fixture::cx(5000), &profile).await.err().unwrap();
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
        let error = Profiles::default().prepare(&fixture::cx(5000), &profile).await.err().unwrap();
        assert_eq!(error.reason, Reason::Unconfigured);
    }

    #[tokio::test]
    async fn a_file_that_never_opens_ends_at_the_deadline_and_costs_one_thread() {
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        let profile = TlsProfile { ca: Some(ca), ..TlsProfile::default() };
        let profiles = Profiles::default();
        let (release, stuck) = std::sync::mpsc::channel::<()>();
        let cx = fixture::cx(50);
        let first = profiles.blocking(&cx, &profile, move |_| {
            let _ = stuck.recv();
            Ok(())
        });
        assert_eq!(first.await.unwrap_err().reason, Reason::Timeout);
        let second = profiles.prepare(&fixture::cx(50), &profile).await.err().unwrap();
        assert!(second.detail.contains("earlier look"), "{second}");
        drop(release);
    }
}
