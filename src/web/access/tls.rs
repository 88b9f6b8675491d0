//! TLS of the listener.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::file::TlsSpec;

/// No certificate bundle or configuration is larger.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// Adds the files it reads to `files`, so that they are watched.
pub(super) fn server(
    spec: &TlsSpec,
    folder: &Path,
    http2: bool,
    files: &mut Vec<PathBuf>,
) -> Result<Arc<ServerConfig>, String> {
    for (path, key) in [(&spec.cert_file, "cert_file"), (&spec.key_file, "key_file")] {
        if path.as_os_str().is_empty() {
            return Err(format!("tls_server_config needs {key}"));
        }
    }
    let mut file = |path: &Path| {
        let path = folder.join(path);
        let bytes = read_bounded(&path)?;
        files.push(path.clone());
        Ok::<_, String>((path, bytes))
    };
    let (path, bytes) = file(&spec.cert_file)?;
    let chain = certificates(&path, &bytes)?;
    let (path, bytes) = file(&spec.key_file)?;
    let key =
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| format!("{} holds no private key in PEM", path.display()))?;
    let ca = spec.client_ca_file.as_deref().map(&mut file).transpose()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = ca.map(|(path, bytes)| roots(&path, &bytes)).transpose()?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(spec)?)
        .map_err(|error| error.to_string())?;
    let builder = match client_verifier(spec, roots, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| error.to_string())?;
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(Arc::new(config))
}

fn client_verifier(
    spec: &TlsSpec,
    roots: Option<Arc<RootCertStore>>,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    let build = |roots: Option<Arc<RootCertStore>>| {
        let roots = roots.ok_or("client_auth_type needs client_ca_file")?;
        Ok::<_, String>(WebPkiClientVerifier::builder_with_provider(roots, provider))
    };
    let verifier = match spec.client_auth_type.as_str() {
        "" | "NoClientCert" if roots.is_some() => {
            return Err("client_ca_file has no effect without client_auth_type".to_owned());
        }
        "" | "NoClientCert" => return Ok(None),
        "RequireAndVerifyClientCert" => build(roots)?.build(),
        "VerifyClientCertIfGiven" => build(roots)?.allow_unauthenticated().build(),
        other => {
            return Err(format!(
                "client_auth_type “{other}” is not one of NoClientCert, VerifyClientCertIfGiven, \
                 RequireAndVerifyClientCert; a certificate that is not verified proves nothing"
            ));
        }
    };
    verifier.map(|verifier| Some(verifier as Arc<dyn ClientCertVerifier>)).map_err(|error| error.to_string())
}

fn versions(spec: &TlsSpec) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let rank = |key: &str, text: &Option<String>, unset: u8| match text.as_deref() {
        None => Ok(unset),
        Some("TLS12") => Ok(12),
        Some("TLS13") => Ok(13),
        Some(other) => Err(format!("{key} “{other}” is not one of TLS12, TLS13")),
    };
    let (min, max) = (rank("min_version", &spec.min_version, 12)?, rank("max_version", &spec.max_version, 13)?);
    let all = [(13, &rustls::version::TLS13), (12, &rustls::version::TLS12)];
    let kept: Vec<_> = all.into_iter().filter(|(v, _)| (min..=max).contains(v)).map(|(_, version)| version).collect();
    if kept.is_empty() { Err("min_version is above max_version".to_owned()) } else { Ok(kept) }
}

fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let chain = chain.unwrap_or_default();
    if chain.is_empty() { Err(format!("{} holds no certificate in PEM", path.display())) } else { Ok(chain) }
}

fn roots(path: &Path, bytes: &[u8]) -> Result<Arc<RootCertStore>, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path, bytes)? {
        store.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(Arc::new(store))
}

pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let fail = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut bytes = Vec::new();
    File::open(path).map_err(fail)?.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(format!("{} is larger than {FILE_LIMIT} bytes", path.display()));
    }
    Ok(bytes)
}
