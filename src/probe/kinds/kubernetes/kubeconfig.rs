//! What a kubeconfig says of one context. Its form is read by `kube`; files, logins and connections
//! are ours.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, Cluster, ExecConfig, Kubeconfig};
use secrecy::ExposeSecret;

use crate::model::Secret;
use crate::probe::net::tls::Inline;
use crate::probe::{ProbeCx, ProbeError};

/// A larger file is none.
const MAX_FILE: u64 = 4 << 20;

pub(super) struct Seen {
    pub(super) server: String,
    pub(super) server_name: Option<String>,
    pub(super) ca: Option<PathBuf>,
    pub(super) inline_ca: Option<Inline>,
    pub(super) user: User,
    pub(super) act_as: Option<String>,
    pub(super) act_as_groups: Vec<String>,
}

pub(super) enum User {
    Nobody,
    Token(Secret),
    TokenFile(PathBuf),
    Files { cert: PathBuf, key: PathBuf },
    Inline { cert: Inline, key: Inline },
    Exec(Box<ExecConfig>),
}

/// The file as it is now. Secrets in it are known to the redactor before anything is made of it.
pub(super) async fn read(cx: &ProbeCx, path: &Path, context: Option<&str>) -> Result<Seen, ProbeError> {
    let (from, what) = (path.to_owned(), format!("the kubeconfig {}", path.display()));
    let unusable = {
        let what = what.clone();
        move |why: &str| ProbeError::unconfigured(format!("{what} cannot be used: {why}"))
    };
    let failed = unusable.clone();
    let look = move || {
        let metadata = std::fs::metadata(&from).map_err(|error| failed(&error.kind().to_string()))?;
        if !metadata.is_file() || metadata.len() > MAX_FILE {
            return Err(failed("it is no file of at most 4 MiB"));
        }
        // What is wrong with the text could quote it.
        Kubeconfig::read_from(&from).map_err(|_| failed("it is no kubeconfig"))
    };
    let config = cx.look_at_file(&what, look).await?;
    let (cluster, user) = of_context(&config, context).map_err(|why| unusable(&why))?;
    let seen = seen(cluster, user).map_err(|why| unusable(&why))?;
    if let User::Token(token) = &seen.user {
        cx.learn(token);
    }
    Ok(seen)
}

/// Cluster and user of the context, or of the current one.
fn of_context(config: &Kubeconfig, context: Option<&str>) -> Result<(Cluster, AuthInfo), String> {
    let name = context.or(config.current_context.as_deref()).ok_or("it has no current context")?;
    let named = config.contexts.iter().find(|named| named.name == name);
    let context = named.and_then(|named| named.context.as_ref()).ok_or(format!("it has no context `{name}`"))?;
    let cluster = config.clusters.iter().find(|named| named.name == context.cluster);
    let cluster = cluster.and_then(|named| named.cluster.clone()).ok_or("the cluster of the context is not in it")?;
    let Some(user) = &context.user else { return Ok((cluster, AuthInfo::default())) };
    let user = config.auth_infos.iter().find(|named| named.name == *user);
    let user = user.and_then(|named| named.auth_info.clone()).ok_or("the user of the context is not in it")?;
    Ok((cluster, user))
}

fn seen(cluster: Cluster, user: AuthInfo) -> Result<Seen, String> {
    if cluster.insecure_skip_tls_verify == Some(true) {
        return Err("`insecure-skip-tls-verify` is not followed; give the certificate authority".to_owned());
    }
    if cluster.proxy_url.is_some() {
        return Err("`proxy-url` is not supported".to_owned());
    }
    let ca = cluster.certificate_authority_data.as_deref().map(|data| pem(data, "certificate-authority-data"));
    let inline_ca = ca.transpose()?.map(Inline::new);
    Ok(Seen {
        server: cluster.server.ok_or("the cluster has no server")?,
        server_name: cluster.tls_server_name,
        ca: cluster.certificate_authority.filter(|_| inline_ca.is_none()).map(PathBuf::from),
        inline_ca,
        act_as: user.impersonate.clone(),
        act_as_groups: user.impersonate_groups.clone().unwrap_or_default(),
        user: of_user(user)?,
    })
}

fn of_user(user: AuthInfo) -> Result<User, String> {
    if user.auth_provider.is_some() || user.username.is_some() {
        return Err("`auth-provider` and `username` are no logins of Kubernetes any more; use `exec`".to_owned());
    }
    if let Some(token) = user.token {
        return Ok(User::Token(Secret::new(token.expose_secret().trim().to_owned())));
    }
    if let Some(file) = user.token_file {
        return Ok(User::TokenFile(file.into()));
    }
    if let (Some(cert), Some(key)) = (&user.client_certificate_data, &user.client_key_data) {
        let cert = Inline::new(pem(cert, "client-certificate-data")?);
        return Ok(User::Inline { cert, key: Inline::new(pem(key.expose_secret(), "client-key-data")?) });
    }
    match (user.client_certificate, user.client_key, user.exec) {
        (Some(cert), Some(key), _) => Ok(User::Files { cert: cert.into(), key: key.into() }),
        (None, None, Some(exec)) => Ok(User::Exec(Box::new(exec))),
        (None, None, None) if user.client_certificate_data.is_none() && user.client_key_data.is_none() => {
            Ok(User::Nobody)
        }
        _ => Err("the user has a certificate without a key, or a key without a certificate".to_owned()),
    }
}

fn pem(data: &str, field: &str) -> Result<Secret, String> {
    let decoded = STANDARD.decode(data.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.map(Secret::new).ok_or_else(|| format!("`{field}` is no PEM in base64"))
}
