//! What is sent: URL, headers, credentials, TLS files.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;
use zeroize::Zeroizing;

use super::{Http, Tls};
use crate::model::{Secret, TlsFiles};
use crate::probe::net::tls::{Alpn, TlsProfile};
use crate::probe::{ProbeCx, ProbeError};

static USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("readiness-exporter/", env!("CARGO_PKG_VERSION")));
static ANY: HeaderValue = HeaderValue::from_static("*/*");
static EMPTY: LazyLock<TlsFiles> = LazyLock::new(TlsFiles::default);

/// The request without its URL.
pub(in crate::probe::kinds) struct Sending {
    pub(in crate::probe::kinds) method: Method,
    pub(in crate::probe::kinds) headers: HeaderMap,
    pub(in crate::probe::kinds) body: Bytes,
}

impl Http {
    pub(in crate::probe::kinds) async fn sending(&self, cx: &ProbeCx) -> Result<Sending, ProbeError> {
        let method = self.method().map_err(ProbeError::unconfigured)?;
        let mut headers = HeaderMap::with_capacity(4 + self.headers.len());
        headers.insert(header::USER_AGENT, USER_AGENT.clone());
        headers.insert(header::ACCEPT, ANY.clone());
        for (name, value) in &self.headers {
            let (name, value) = parse_header(name, value).map_err(ProbeError::unconfigured)?;
            headers.insert(name, value);
        }
        for (name, header) in self.secret_headers.iter().filter(|(_, header)| header.when) {
            let (name, _) = parse_header(name, "").map_err(ProbeError::unconfigured)?;
            headers.insert(name, secret_header(cx, &header.credential, &header.prefix).await?);
        }
        if let Some(authorization) = self.authorization(cx).await? {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        let body = self.body.as_ref().map(|body| Bytes::copy_from_slice(body.as_bytes())).unwrap_or_default();
        Ok(Sending { method, headers, body })
    }

    async fn authorization(&self, cx: &ProbeCx) -> Result<Option<HeaderValue>, ProbeError> {
        if let Some(name) = &self.bearer {
            secret_header(cx, name, "Bearer ").await.map(Some)
        } else if let Some(basic) = &self.basic {
            let password = cx.credential(&basic.password).await?;
            basic_login(&basic.user, &password, &basic.password).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(in crate::probe::kinds) fn profile(&self, cx: &ProbeCx) -> TlsProfile {
        self.tls.profile(cx, Alpn::Http)
    }

    pub(in crate::probe::kinds) fn server_name<'a>(&'a self, cx: &'a ProbeCx) -> Option<&'a str> {
        self.tls.server_name(cx)
    }
}

impl Tls {
    /// These files, and those of the target where none is named.
    pub(in crate::probe::kinds) fn profile(&self, cx: &ProbeCx, alpn: Alpn) -> TlsProfile {
        let files = cx.target().map_or(&*EMPTY, |target| &target.tls);
        let mut profile = TlsProfile::of(files, alpn);
        if self.ca.is_some() {
            profile.ca.clone_from(&self.ca);
        }
        if self.client_cert.is_some() {
            profile.client_cert.clone_from(&self.client_cert);
            profile.client_key.clone_from(&self.client_key);
        }
        profile
    }

    pub(in crate::probe::kinds) fn server_name<'a>(&'a self, cx: &'a ProbeCx) -> Option<&'a str> {
        let own = self.server_name.as_deref();
        own.or_else(|| cx.target().ok().and_then(|target| target.tls.server_name.as_deref()))
    }
}

/// The value of a credential after `prefix`, such as `Bearer `.
pub(in crate::probe::kinds) async fn secret_header(
    cx: &ProbeCx,
    credential: &str,
    prefix: &str,
) -> Result<HeaderValue, ProbeError> {
    let secret = cx.credential(credential).await?;
    let text = Zeroizing::new(format!("{prefix}{}", secret.expose()));
    sensitive(&text, credential)
}

/// User and password as basic authentication sends them. `credential` is the name of the password.
pub(super) fn basic_login(user: &str, password: &Secret, credential: &str) -> Result<HeaderValue, ProbeError> {
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    let text = Zeroizing::new(format!("Basic {}", *encoded));
    sensitive(&text, credential)
}

/// A value that is never shown, and is not sent to another origin.
pub(super) fn sensitive(text: &str, credential: &str) -> Result<HeaderValue, ProbeError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| ProbeError::unconfigured(format!("credential `{credential}` cannot be sent in a header")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// An absolute http or https URL without a password. The message never repeats the URL.
pub(in crate::probe::kinds) fn parse_url(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("expected http:// or https://, found {}:", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("user info in a URL is not sent; use `basic` with a credential".to_owned());
    }
    url.set_fragment(None);
    Ok(url)
}

/// `base` with `path` after its own path; the query is that of `path`, if it has one.
pub(in crate::probe::kinds) fn append(base: &Url, path: &str) -> Result<Url, String> {
    let mut url = base.clone();
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, base.query()),
    };
    if !path.is_empty() {
        let joined = format!("{}/{}", base.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&joined);
    }
    url.set_query(query);
    Ok(url)
}

/// `GET` if absent.
pub(in crate::probe::kinds) fn parse_method(name: Option<&str>) -> Result<Method, String> {
    match name {
        None => Ok(Method::GET),
        // It asks for a tunnel, which is not an exchange.
        Some("CONNECT") => Err("CONNECT cannot be checked".to_owned()),
        Some(name) => name
            .parse()
            .ok()
            .filter(|_| name.bytes().all(|byte| byte.is_ascii_uppercase()))
            .ok_or_else(|| format!("`{name}` is not an HTTP method; write it in capitals")),
    }
}

pub(in crate::probe::kinds) fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
    if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::UPGRADE].contains(&parsed) {
        return Err(format!("`{name}` is set by the exchange itself"));
    }
    let value =
        HeaderValue::from_str(value).map_err(|_| format!("the value of `{name}` cannot be sent in a header"))?;
    Ok((parsed, value))
}
