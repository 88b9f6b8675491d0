//! "Did you mean": the nearest of the names that exist.

use std::cmp::Reverse;

/// The name of `known` that `given` is most likely a misspelling of, if any is close enough.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .filter(|(distance, name)| *distance <= (given.chars().count().max(name.chars().count()) / 3).max(1))
        .min_by_key(|(distance, name)| (*distance, Reverse(common_start(given, name)), *name))
        .map(|(_, name)| name)
}

fn common_start(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// As a hint: "did you mean `x`?", or the list of names if none is near and there are few.
pub(crate) fn hint<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(given, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    (!known.is_empty() && known.len() <= 24).then(|| format!("there is {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        assert_eq!(nearest("stauts", ["status", "version"]), Some("status"));
        assert_eq!(nearest("zzz", ["status", "version"]), None);
        assert_eq!(hint("zzz", ["a1", "b1"]), Some("there is a1, b1".to_owned()));
        assert_eq!(hint("zzz", []), None);
    }
}
