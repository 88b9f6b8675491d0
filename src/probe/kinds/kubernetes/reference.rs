//! Values of variables that take what is secret from other variables: `$(NAME)`.

use std::collections::BTreeSet;

/// The field that names them; the value itself is not kept.
pub(super) const REFERS: &str = "refers";

/// Variables that one value may name.
const NAMES: usize = 20;

/// Names of parts of a query whose values may be secret.
const SECRET: [&str; 8] = ["pass", "pwd", "secret", "token", "key", "sig", "auth", "cred"];

/// The names of the variables that a value takes its secret from; `None` if it may hold one of its own. None of
/// them may be written out where the value is: it would be as if the secret stood in the value itself. The
/// host and the user of a URL with a password may.
pub(super) fn only_refers(value: &str) -> Option<BTreeSet<String>> {
    let mut named = BTreeSet::new();
    let holds = !holds_none(value, &mut |name| {
        named.insert(name.to_owned());
        false
    });
    if holds || named.len() > NAMES {
        return None;
    }
    named.retain(|name| !holds_none(value, &mut |other| other == name));
    Some(named)
}

/// Whether a value can hold no secret of its own: there is nothing in it but references and the signs between
/// them, or it is a URL whose password, or whose user if there is none, is a reference. What follows is plain
/// only where the secret stands before an `@`: the path of a webhook is a secret itself. A name for which
/// `is_written` says yes is no reference.
fn holds_none(value: &str, is_written: &mut dyn FnMut(&str) -> bool) -> bool {
    let Some(value) = blanked(value, is_written) else { return false };
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
/// In place of one to what is written out.
const WRITTEN: char = 'x';

/// The value with a sign in place of each reference; `None` if there is none. `$$(NAME)` is none: the server
/// makes `$(NAME)` of it.
fn blanked(value: &str, is_written: &mut dyn FnMut(&str) -> bool) -> Option<String> {
    let (mut told, mut rest) = (String::new(), value);
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        told.push_str(before);
        let named = from.strip_prefix("$(").and_then(|inner| inner.split_once(')'));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        rest = match named.filter(|(name, _)| !name.is_empty() && name.chars().all(is_name)) {
            Some((name, after)) => {
                told.push(if is_written(name) { WRITTEN } else { REFERENCE });
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
            assert!(only_refers(taken).is_some(), "{taken}");
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
            assert!(only_refers(written).is_none(), "{written}");
        }
    }

    #[test]
    fn what_the_secret_is_taken_from_is_named() {
        for (value, expected) in [
            ("$(PASSWORD)", &["PASSWORD"][..]),
            ("$(A):$(B)", &["A", "B"]),
            ("postgres://$(USER):$(PASSWORD)@$(HOST)/app", &["PASSWORD"]),
            ("https://$(KEY)@$(HOST)/4", &["KEY"]),
            ("postgres://app:$(A)$(B)@db/?password=$(C)", &["A", "B", "C"]),
            ("https://$(HOST)/$(TOKEN)", &["TOKEN"]),
        ] {
            assert_eq!(only_refers(value).unwrap().into_iter().collect::<Vec<_>>(), expected, "{value}");
        }
        let many = |count: usize| (0..count).map(|number| format!("$(A{number})")).collect::<String>();
        assert!(only_refers(&many(20)).is_some() && only_refers(&many(21)).is_none());
    }
}
