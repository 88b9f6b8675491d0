//! URLs and header names as they may be shown.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use url::Url;

/// Fragments of names whose values are never shown.
static SUSPICIOUS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let parts = ["token", "key", "passw", "pwd", "secret", "sig", "auth", "cred", "session", "cookie", "jwt"];
    AhoCorasick::builder().ascii_case_insensitive(true).build(parts).ok()
});

/// Names that contain such a fragment and yet hold no secret.
const HARMLESS: &[&str] = &[
    "www-authenticate",
    "proxy-authenticate",
    "access-control-allow-credentials",
    // What a token may do and until when, not the token.
    "x-oauth-scopes",
    "github-authentication-token-expiration",
];

/// True if a query parameter or header of this name may hold a secret.
pub fn is_suspicious_name(name: &str) -> bool {
    SUSPICIOUS.as_ref().is_none_or(|parts| parts.is_match(name))
        && !HARMLESS.iter().any(|harmless| name.eq_ignore_ascii_case(harmless))
}

/// The URL without user info, fragment and the values of suspicious query parameters.
pub fn mask_url(url: &Url) -> String {
    let plain_user = url.username().is_empty() && url.password().is_none();
    let query_is_plain = url.query_pairs().all(|(name, _)| !is_suspicious_name(&name));
    if plain_user && query_is_plain && url.fragment().is_none() {
        return url.as_str().to_owned();
    }
    let mut shown = url.clone();
    shown.set_fragment(None);
    if !plain_user {
        // Both fail only for URLs without a host, which hold no user info.
        let _ = shown.set_password(None);
        let _ = shown.set_username("***");
    }
    if !query_is_plain {
        shown.query_pairs_mut().clear().extend_pairs(
            url.query_pairs()
                .map(|(name, value)| if is_suspicious_name(&name) { (name, "***".into()) } else { (name, value) }),
        );
    }
    shown.into()
}

/// The value of a `location` header, absolute or relative, masked like a URL.
pub fn mask_location(value: &str) -> String {
    const BASE: &str = "http://relative.invalid/";
    match Url::parse(value) {
        Ok(url) => mask_url(&url),
        Err(_) if value.contains('?') => match Url::parse(BASE).and_then(|base| base.join(value)) {
            Ok(url) if url.host_str() == Some("relative.invalid") => {
                let masked = mask_url(&url);
                let path = masked.strip_prefix(BASE.trim_end_matches('/')).unwrap_or(&masked);
                path.to_owned()
            }
            Ok(url) => mask_url(&url),
            Err(_) => "***".to_owned(),
        },
        Err(_) => value.to_owned(),
    }
}

/// The value of a `set-cookie` header with its name and attributes, without its content.
pub fn mask_cookie(value: &str) -> String {
    let (pair, attributes) = value.split_at(value.find(';').unwrap_or(value.len()));
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}=***{attributes}"),
        None => format!("***{attributes}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_the_rest_is_kept() {
        let cases = [
            ("http://h/a?b=1", "http://h/a?b=1"),
            ("http://u:p@h/a", "http://***@h/a"),
            ("http://h/a?access_token=x&b=1", "http://h/a?access_token=***&b=1"),
            ("http://h/?X-Amz-Signature=x#frag", "http://h/?X-Amz-Signature=***"),
            ("http://h/?PASSWORD=x", "http://h/?PASSWORD=***"),
        ];
        for (given, shown) in cases {
            assert_eq!(mask_url(&Url::parse(given).unwrap()), shown);
        }
    }
    #[test]
    fn locations_and_cookies_keep_their_shape() {
        for (given, shown) in [
            ("/a?token=x", "/a?token=***"),
            ("/a", "/a"),
            ("http://u:p@h/a?sig=x", "http://***@h/a?sig=***"),
            ("//u:p@h/a?sig=x", "http://***@h/a?sig=***"),
        ] {
            assert_eq!(mask_location(given), shown);
        }
        assert_eq!(mask_cookie("sid=abc=; Path=/; HttpOnly"), "sid=***; Path=/; HttpOnly");
        assert_eq!(mask_cookie("abc"), "***");
    }

    #[test]
    fn challenges_are_no_secrets() {
        assert!(!is_suspicious_name("WWW-Authenticate"));
        assert!(is_suspicious_name("X-Auth-Token") && is_suspicious_name("Set-Cookie"));
    }
}
