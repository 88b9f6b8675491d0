//! Values of variables that take what is secret from other variables: `$(NAME)`.

/// The field that says so; the value itself is not kept.
pub(super) const REFERS: &str = "refers";

/// Names of parts of a query whose values may be secret.
const SECRET: [&str; 8] = ["pass", "pwd", "secret", "token", "key", "sig", "auth", "cred"];

/// Whether a value can hold no secret of its own: there is nothing in it but references and the signs between
/// them, or it is a URL whose password, or whose user if there is none, is a reference. What follows is plain
/// only where the secret stands before an `@`: the path of a webhook is a secret itself.
pub(super) fn only_refers(value: &str) -> bool {
    let Some(value) = blanked(value) else { return false };
    if is_blank(&value) {
        return true;
    }
    let Some((scheme, rest)) = value.split_once("://") else { return false };
    if !scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.') || c == REFERENCE) {
        return false;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, after) = rest.split_at(end);
    match place.rsplit_once('@') {
        Some((login, _)) => {
            let secret = login.split_once(':').map_or(login, |(_, password)| password);
            secret.contains(REFERENCE) && is_blank(secret) && is_plain(after)
        }
        None => is_blank(after),
    }
}

/// In place of a reference.
const REFERENCE: char = '\u{0}';

/// The value with a sign in place of each reference; `None` if there is none. `$$(NAME)` is none: the server
/// makes `$(NAME)` of it.
fn blanked(value: &str) -> Option<String> {
    let (mut told, mut rest) = (String::new(), value);
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        told.push_str(before);
        let named = from.strip_prefix("$(").and_then(|inner| inner.split_once(')'));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        rest = match named.filter(|(name, _)| !name.is_empty() && name.chars().all(is_name)) {
            Some((_, after)) => {
                told.push(REFERENCE);
                after
            }
            None => {
                let taken = if from.starts_with("$$") { 2 } else { 1 };
                let (sign, after) = from.split_at(taken);
                told.push_str(sign);
                after
            }
        };
    }
    told.push_str(rest);
    (!value.contains(REFERENCE) && told.contains(REFERENCE)).then_some(told)
}

/// Whether no letter and no digit stands there.
fn is_blank(text: &str) -> bool {
    !text.chars().any(char::is_alphanumeric)
}

/// Whether no part of a query that may be secret stands there as it is.
fn is_plain(path_and_query: &str) -> bool {
    let query = path_and_query.split_once('?').map_or("", |(_, query)| query);
    query.split(['&', ';', '#']).all(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = name.to_ascii_lowercase();
        is_blank(value) || !SECRET.iter().any(|word| name.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::only_refers;

    #[test]
    fn what_is_taken_from_elsewhere_is_no_literal_secret() {
        for taken in [
            "$(PASSWORD)",
            "$(A):$(B)",
            "postgres://$(USER):$(PASSWORD)@db",
            "postgres://app:$(PASSWORD)@db:5432/app?sslmode=require",
            "https://$(KEY)@sentry.test/4",
            "redis://:$(PASSWORD)@redis:6379/0",
            "http://$(HOST):$(PORT)",
            "https://hooks.test/$(TOKEN)",
            "postgres://app:$(PASSWORD)@db/app?password=$(PASSWORD)",
        ] {
            assert!(only_refers(taken), "{taken}");
        }
        for written in [
            "",
            "hunter22",
            "postgres://app:hunter22@db/app",
            "postgres://$(USER):hunter22@db/app",
            "postgres://$(USER):hunter$(N)@db/app",
            "postgres://db/app",
            "$$(PASSWORD)",
            "$(PASSWORD",
            "$()",
            "$(a b)",
            "hunter22$(PASSWORD)",
            "https://hunter22@$(HOST)/4",
            "https://$(HOST)/services/hunter22",
            "https://$(HOST)/?key=hunter22",
            "postgres://app:$(PASSWORD)@db/app?password=hunter22",
            "\u{0}",
        ] {
            assert!(!only_refers(written), "{written}");
        }
    }
}
