//! URLs and header names as they may be shown.

use url::Url;

/// Fragments of names whose values are never shown.
const SUSPICIOUS: &[&str] =
    &["token", "key", "passw", "pwd", "secret", "sig", "auth", "cred", "session", "cookie", "jwt"];

/// True if a query parameter or header of this name may hold a secret.
pub fn is_suspicious_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SUSPICIOUS.iter().any(|part| name.contains(part))
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
}
