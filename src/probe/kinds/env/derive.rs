//! From a value to what may be said about it. Nothing in the result lets the value be read back.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::holders::Holders;
use crate::probe::kinds::file::look;

/// What is known of a value. All fields are zero or empty if no variable is set.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    pub(super) present: bool,
    /// The variable that counted.
    pub(super) var: String,
    /// In bytes.
    pub(super) length: usize,
    /// Estimate: the value's own distribution of bytes, times its length.
    pub(super) entropy_bits: f64,
    /// Length after decoding hexadecimal or base64, else the length.
    pub(super) decoded_bytes: usize,
    /// The value itself, only if it is an integer of at most 12 digits and the last word of the
    /// variable's name does not say that it is a secret.
    pub(super) integer: Option<i64>,
    pub(super) in_allowed: bool,
    /// Whether it matches the pattern; true without one.
    pub(super) matches: bool,
    pub(super) placeholder: bool,
    /// Whether it is PEM.
    pub(super) pem: bool,
    pub(super) url: Option<UrlFacts>,
    /// If the value is an absolute path.
    pub(super) path: Option<PathFacts>,
    /// Processes that were read and agree.
    pub(super) processes: usize,
    /// With `per`, and nothing else then.
    pub(super) holders: Option<Holders>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct UrlFacts {
    scheme: String,
    host: String,
    /// As written or by the scheme; 0 if neither.
    port: u16,
    loopback: bool,
    has_user: bool,
    has_password: bool,
    password_length: usize,
    pub(super) password_placeholder: bool,
    /// Of query parameters that hold no secret.
    query: BTreeMap<String, String>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PathFacts {
    exists: bool,
    mode_bits: u32,
    /// Whether the workload's user owns it; false if that user is not known.
    owner_matches: bool,
    parents_private: bool,
}

/// Compared without regard to case.
const PLACEHOLDERS: &[&str] = &[
    "admin",
    "changeit",
    "changeme",
    "change-me",
    "change_me",
    "default",
    "dummy",
    "example",
    "guest",
    "letmein",
    "parallax123",
    "password",
    "password123",
    "placeholder",
    "postgres",
    "replaceme",
    "root",
    "secret",
    "test",
    "todo",
    "xxx",
    "your_secure_password_here",
    "your-secret-here",
    "your-secret-key",
];

/// Query parameters that describe a connection and never authenticate it.
const PUBLIC_PARAMETERS: &[&str] = &[
    "application_name",
    "channel_binding",
    "connect_timeout",
    "connection_limit",
    "connection_timeout",
    "db",
    "family",
    "gssencmode",
    "pgbouncer",
    "pool_timeout",
    "protocol",
    "schema",
    "socket_timeout",
    "sslmode",
    "ssl",
    "sslaccept",
    "statement_cache_size",
    "target_session_attrs",
    "tls",
];

/// Text from a URL is cut here.
const TEXT: usize = 253;
/// Longer digits may be a key.
const INTEGER_DIGITS: usize = 12;

/// `owner` is the workload's user, for a value that is a path. Blocking.
pub(super) fn facts(value: &str, owner: Option<u32>, placeholders: &[String]) -> Facts {
    let trimmed = value.trim();
    let short = trimmed.trim_start_matches('-').len() <= INTEGER_DIGITS;
    Facts {
        present: true,
        length: value.len(),
        entropy_bits: entropy_bits(value.as_bytes()),
        decoded_bytes: decoded_bytes(trimmed),
        integer: trimmed.parse().ok().filter(|_| short),
        placeholder: is_placeholder(trimmed, placeholders),
        pem: trimmed.starts_with("-----BEGIN "),
        url: url_facts(trimmed, placeholders),
        path: trimmed.starts_with('/').then(|| path_facts(Path::new(trimmed), owner)),
        matches: true,
        ..Facts::default()
    }
}

/// Whether a variable of this name holds a secret, such as `DB_PASSWORD` but not `TOKEN_TTL`.
pub(super) fn names_a_secret(variable: &str) -> bool {
    let last = variable.rsplit('_').next().unwrap_or(variable).to_ascii_lowercase();
    ["password", "passwd", "passphrase", "pass", "pwd", "pw", "pin", "secret", "token", "key", "credential"]
        .iter()
        .any(|word| last.ends_with(word))
}

fn is_placeholder(value: &str, more: &[String]) -> bool {
    let angled = value.starts_with('<') && value.ends_with('>');
    let listed = PLACEHOLDERS.iter().copied().chain(more.iter().map(String::as_str));
    angled || listed.into_iter().any(|placeholder| placeholder.eq_ignore_ascii_case(value))
}

fn entropy_bits(bytes: &[u8]) -> f64 {
    let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
    for byte in bytes {
        *counts.entry(*byte).or_default() += 1;
    }
    let length = bytes.len() as f64;
    // Written so that a value of one repeated byte has 0, not -0.
    counts.values().map(|count| *count as f64 * (length / *count as f64).log2()).sum()
}

fn decoded_bytes(value: &str) -> usize {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let hexadecimal = value.len().is_multiple_of(2) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal {
        return value.len() / 2;
    }
    [base64::alphabet::STANDARD, base64::alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(value).ok())
        .map_or(value.len(), |decoded| decoded.len())
}

fn url_facts(value: &str, placeholders: &[String]) -> Option<UrlFacts> {
    if !value.contains("://") {
        return None;
    }
    let url = Url::parse(value).ok()?;
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = url.password().map(decode);
    let host = cut(url.host_str().unwrap_or("").trim_matches(['[', ']']));
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    Some(UrlFacts {
        scheme: url.scheme().to_owned(),
        port: url.port_or_known_default().or_else(|| well_known(url.scheme())).unwrap_or(0),
        loopback,
        has_user: !url.username().is_empty(),
        has_password: password.as_ref().is_some_and(|password| !password.is_empty()),
        password_length: password.as_ref().map_or(0, String::len),
        password_placeholder: password.is_some_and(|password| is_placeholder(&password, placeholders)),
        query: url
            .query_pairs()
            .filter(|(name, _)| PUBLIC_PARAMETERS.contains(&name.as_ref()))
            .map(|(name, value)| (name.into_owned(), cut(&value)))
            .collect(),
        host,
    })
}

fn well_known(scheme: &str) -> Option<u16> {
    match scheme {
        "postgres" | "postgresql" => Some(5432),
        "redis" | "rediss" => Some(6379),
        "amqp" => Some(5672),
        _ => None,
    }
}

fn path_facts(path: &Path, owner: Option<u32>) -> PathFacts {
    let Ok(Some(seen)) = look::seen(path) else { return PathFacts::default() };
    PathFacts {
        exists: true,
        mode_bits: seen.mode_bits,
        owner_matches: owner == Some(seen.uid),
        parents_private: look::parents_private(path, seen.uid),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strength_is_estimated() {
        assert_eq!((entropy_bits(b""), entropy_bits(b"aaaaaaaa"), entropy_bits(b"abcd")), (0.0, 0.0, 8.0));
        let key = "b9Zk3mT0xqP7eYw5RfUj1LhGa8NvCs2DoIt6MyKAXVE";
        assert!(entropy_bits(key.as_bytes()) > 128.0);
    }

    #[test]
    fn encodings_are_seen_through() {
        let cases =
            [("00ff00ff", 4), ("AAAAAAAAAAAAAAAA", 8), ("Zm9vYmFy", 6), ("_-8", 2), ("no base64!", 10), ("", 0)];
        for (value, bytes) in cases {
            assert_eq!(decoded_bytes(value), bytes, "{value}");
        }
    }

    #[test]
    fn a_database_url_is_described_without_its_password() {
        let value =
            "postgresql://app:pa%24%24word@db.internal/app?sslmode=require&password=hunter22&connection_limit=5";
        let url = facts(value, None, &["pa$$word".to_owned()]).url.unwrap();
        assert_eq!((url.scheme.as_str(), url.host.as_str(), url.port), ("postgresql", "db.internal", 5432));
        assert!(url.has_user && url.has_password && url.password_placeholder && !url.loopback);
        assert_eq!((url.password_length, url.query.len()), (8, 2));
        assert!(facts("redis://127.0.0.1", None, &[]).url.unwrap().loopback);
        assert!(facts("redis://[::1]:1/0", None, &[]).url.unwrap().loopback);
        assert!(facts("db:5432", None, &[]).url.is_none());
    }

    #[test]
    fn placeholders_are_known() {
        for value in ["changeme", "ChangeMe", "<webhook-secret>", "mine"] {
            assert!(facts(value, None, &["mine".to_owned()]).placeholder, "{value}");
        }
        assert!(!facts("b9Zk3mT0xqP7eYw5", None, &[]).placeholder);
    }

    proptest! {
        #[test]
        fn no_value_can_be_read_from_the_facts(secret in "[a-zA-Z0-9]{14,60}") {
            let shapes = [
                secret.clone(),
                format!("https://user:{secret}@host/"),
                format!("https://host/?token={secret}"),
                format!("https://host/{secret}#{secret}"),
                format!("/nonexistent/{secret}"),
            ];
            for value in shapes {
                let json = serde_json::to_string(&facts(&value, None, &[])).unwrap();
                prop_assert!(!json.to_lowercase().contains(&secret.to_lowercase()), "{json}");
            }
        }

        #[test]
        fn any_text_is_accepted(value in any::<String>()) {
            prop_assert!(facts(&value, None, &[]).present);
        }
    }
}
