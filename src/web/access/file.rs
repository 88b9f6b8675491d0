//! The file as written. Unknown keys are errors: a rule that is misspelt must not be no rule.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use super::users::Users;
use super::{Rules, tls};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FileSpec {
    tls_server_config: Option<TlsSpec>,
    http_server_config: HttpSpec,
    basic_auth_users: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsSpec {
    pub(super) cert_file: PathBuf,
    pub(super) key_file: PathBuf,
    pub(super) client_auth_type: String,
    pub(super) client_ca_file: Option<PathBuf>,
    pub(super) min_version: Option<String>,
    pub(super) max_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HttpSpec {
    http2: bool,
    headers: BTreeMap<String, String>,
}

impl Default for HttpSpec {
    fn default() -> Self {
        Self { http2: true, headers: BTreeMap::new() }
    }
}

/// The headers that exporter-toolkit lets the file set.
const HEADERS: [&str; 6] = [
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
    "content-security-policy",
    "cache-control",
];

/// The rules, and the files they came from. Reads files, so it blocks. Errors hold no hash and no key.
pub(super) fn read(path: &Path) -> Result<(Rules, Vec<PathBuf>), String> {
    let text = String::from_utf8(tls::read_bounded(path)?).map_err(|_| "the file is not UTF-8".to_owned())?;
    let options = serde_saphyr::options! { with_snippet: false };
    let spec: FileSpec = if text.trim().is_empty() {
        FileSpec::default()
    } else {
        serde_saphyr::from_str_with_options(&text, options).map_err(|error| error.to_string())?
    };
    let mut files = vec![path.to_owned()];
    let mut rules = Rules::default();
    for (name, value) in &spec.http_server_config.headers {
        rules.headers.push(header(name, value)?);
    }
    rules.users = Users::new(spec.basic_auth_users)?;
    if let Some(spec_tls) = spec.tls_server_config {
        let folder = path.parent().unwrap_or(Path::new(""));
        rules.tls = Some(tls::server(&spec_tls, folder, spec.http_server_config.http2, &mut files)?);
    }
    Ok((rules, files))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let known: HeaderName = name
        .to_ascii_lowercase()
        .parse()
        .ok()
        .filter(|name: &HeaderName| HEADERS.contains(&name.as_str()))
        .ok_or_else(|| format!("header “{name}” cannot be set; there are {}", HEADERS.join(", ")))?;
    let value = value.parse().map_err(|_| format!("the value of header “{name}” is not valid"))?;
    Ok((known, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yaml");
        std::fs::write(&path, text).unwrap();
        read(&path).err().expect("refused")
    }

    #[test]
    fn mistakes_are_refused_and_say_what_is_wrong() {
        assert!(problem("basic_auth_user: {}").contains("basic_auth_user"));
        assert!(problem("tls_server_config: { cert_file: a.pem, cipher: x }").contains("cipher"));
        assert!(problem("tls_server_config: { cert_file: a.pem, key_file: b.pem }").contains("a.pem"));
        assert!(problem("tls_server_config: { cert_file: a.pem }").contains("key_file"));
        assert!(problem("http_server_config: { headers: { X-Powered-By: me } }").contains("X-Powered-By"));
    }

    #[test]
    fn a_hash_never_appears_in_an_error() {
        let text = problem("basic_auth_users: { eve: $2y$10$abcdefgh-not-a-hash }\n");
        assert!(text.contains("eve") && !text.contains("abcdefgh"), "{text}");
        let text = problem("basic_auth_users:\n  eve: [$2y$10$abcdefgh]\n");
        assert!(!text.contains("abcdefgh"), "{text}");
    }

    #[test]
    fn an_empty_file_opens_everything_as_no_file_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yaml");
        std::fs::write(&path, "# nothing\n").unwrap();
        assert!(read(&path).unwrap().0.tls.is_none());
    }
}
