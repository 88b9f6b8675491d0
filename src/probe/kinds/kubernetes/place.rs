//! Where the API server is and who asks: the target of a leg.
//!
//! The address is a URL, `in-cluster`, or `kubeconfig:/path` with `#context` after it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use url::Url;
use zeroize::Zeroizing;

use super::exec;
use super::kubeconfig::{self, User};
use crate::model::{Secret, Target, Timestamp};
use crate::probe::kinds::http::request::{parse_url, secret_header};
use crate::probe::net::tls::{Alpn, TlsProfile};
use crate::probe::{Fetched, ProbeCx, ProbeError};

/// Where a pod finds what it was given.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How long what a kubeconfig says is taken for true; a login that a program made lasts longer.
const RESOLVED: Duration = Duration::from_secs(30);
const LOGIN: Duration = Duration::from_secs(600);
/// A login that ends sooner is made anew.
const LOGIN_LEFT_MS: i64 = 30_000;

/// Where to ask, and as whom.
pub(super) struct Place {
    pub(super) base: Url,
    pub(super) profile: TlsProfile,
    pub(super) server_name: Option<String>,
    /// Values of `authorization` and of headers of impersonation.
    pub(super) headers: Vec<(&'static str, HeaderValue)>,
}

/// An address of a target, read.
enum Address<'a> {
    Url(Url),
    InCluster,
    Kubeconfig { path: PathBuf, context: Option<&'a str> },
}

/// What the target, the place and the identity are called where answers are shared.
pub(super) fn key(target: &Target) -> String {
    let credential = target.credential.as_deref().unwrap_or_default();
    format!("kubernetes\n{}\n{}\n{credential}\n{:?}", target.name, target.address, target.tls)
}

/// What is wrong with the address.
fn read(address: &str) -> Result<Address<'_>, String> {
    if address == "in-cluster" {
        return Ok(Address::InCluster);
    }
    let Some(rest) = address.strip_prefix("kubeconfig:") else { return parse_url(address).map(Address::Url) };
    let (path, context) = rest.split_once('#').map_or((rest, None), |(path, context)| (path, Some(context)));
    let path = PathBuf::from(path);
    if !path.is_absolute() {
        return Err("expected an absolute path after `kubeconfig:`".to_owned());
    }
    Ok(Address::Kubeconfig { path, context: context.filter(|name| !name.is_empty()) })
}

impl Place {
    pub(super) async fn of_target(cx: &ProbeCx) -> Result<Arc<Self>, ProbeError> {
        let target = Arc::clone(cx.target()?);
        let address = read(&target.address)
            .map_err(|why| ProbeError::unconfigured(format!("the address of the target cannot be used: {why}")))?;
        match address {
            Address::Url(base) => Self::of_url(cx, &target, base).await.map(Arc::new),
            Address::InCluster => Self::in_cluster(cx, Path::new(SERVICE_ACCOUNT), service()?).await.map(Arc::new),
            Address::Kubeconfig { path, context } => {
                let key = format!("{}\nplace", key(&target));
                cx.shared(&key, RESOLVED, || async {
                    let value = Self::of_kubeconfig(cx, &path, context).await?;
                    Ok(Fetched { value, bytes: 16 << 10 })
                })
                .await
            }
        }
    }

    async fn of_url(cx: &ProbeCx, target: &Target, base: Url) -> Result<Self, ProbeError> {
        let mut headers = Vec::new();
        if let Some(credential) = &target.credential {
            headers.push(("authorization", secret_header(cx, credential, "Bearer ").await?));
        }
        let profile = TlsProfile::of(&target.tls, Alpn::Http);
        let server_name = target.tls.server_name.as_deref().map(str::to_owned);
        Ok(Self { base, profile, server_name, headers })
    }

    /// From the files that a pod is given; the token is read now, because it is changed every hour.
    pub(super) async fn in_cluster(cx: &ProbeCx, directory: &Path, base: Url) -> Result<Self, ProbeError> {
        let token = cx.secret_file(&directory.join("token")).await?;
        let profile = TlsProfile { ca: Some(directory.join("ca.crt")), alpn: Alpn::Http, ..TlsProfile::default() };
        let headers = vec![("authorization", bearer(&token)?)];
        Ok(Self { base, profile, server_name: None, headers })
    }

    pub(super) async fn of_kubeconfig(cx: &ProbeCx, path: &Path, context: Option<&str>) -> Result<Self, ProbeError> {
        let seen = kubeconfig::read(cx, path, context).await?;
        let base = parse_url(&seen.server).map_err(|why| {
            ProbeError::unconfigured(format!("the server of {} cannot be used: {why}", path.display()))
        })?;
        let mut profile =
            TlsProfile { ca: seen.ca, inline_ca: seen.inline_ca, alpn: Alpn::Http, ..TlsProfile::default() };
        let mut token = None;
        match seen.user {
            User::Nobody => {}
            User::Token(own) => token = Some(own),
            User::TokenFile(file) => token = Some(cx.secret_file(&file).await?),
            User::Files { cert, key } => (profile.client_cert, profile.client_key) = (Some(cert), Some(key)),
            User::Inline { cert, key } => profile.inline_own = Some((cert, key)),
            User::Exec(plugin) => {
                let key = format!("kubernetes login\n{}\n{}", path.display(), context.unwrap_or_default());
                let run = || async { exec::run(&plugin, cx).await.map(|value| Fetched { value, bytes: 16 << 10 }) };
                let mut login = cx.shared(&key, LOGIN, run).await?;
                if login.expires.is_some_and(|at| at < Timestamp(cx.now().0.saturating_add(LOGIN_LEFT_MS))) {
                    login = cx.shared(&key, Duration::ZERO, run).await?;
                }
                token = login.token.clone();
                profile.inline_own = login.own.clone();
            }
        }
        let mut headers = Vec::new();
        if let Some(token) = &token {
            headers.push(("authorization", bearer(token)?));
        }
        let plain = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| ProbeError::unconfigured("a name to act as cannot be sent"))
        };
        if let Some(user) = &seen.act_as {
            headers.push(("impersonate-user", plain(user)?));
        }
        for group in &seen.act_as_groups {
            headers.push(("impersonate-group", plain(group)?));
        }
        Ok(Self { base, profile, server_name: seen.server_name, headers })
    }
}

/// The API server as the environment of a pod names it.
fn service() -> Result<Url, ProbeError> {
    let of = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    let (host, port) = (of("KUBERNETES_SERVICE_HOST"), of("KUBERNETES_SERVICE_PORT"));
    let url = host.zip(port).and_then(|(host, port)| {
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        Url::parse(&format!("https://{host}:{port}")).ok()
    });
    url.ok_or_else(|| {
        let text = "`in-cluster` needs the environment of a pod: KUBERNETES_SERVICE_HOST and _PORT are not set";
        ProbeError::unconfigured(text)
    })
}

pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, ProbeError> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| ProbeError::unconfigured("the token of the target cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        assert!(matches!(read("in-cluster"), Ok(Address::InCluster)));
        assert!(matches!(read("https://host:6443"), Ok(Address::Url(_))));
        let Ok(Address::Kubeconfig { path, context }) = read("kubeconfig:/etc/k#admin@prod#1") else { panic!() };
        assert_eq!((path.to_str(), context), (Some("/etc/k"), Some("admin@prod#1")));
        assert!(matches!(read("kubeconfig:/k#"), Ok(Address::Kubeconfig { context: None, .. })));
        for bad in ["kubeconfig:k", "kubeconfig:", "host:6443", ""] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
