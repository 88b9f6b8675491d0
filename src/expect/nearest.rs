//! "Did you mean": the nearest of the names that exist.

use std::cmp::Reverse;

/// Longer texts are no names, and comparing them takes time that grows with the square.
const LONGEST: usize = 256;
/// More wrong letters are another name.
const MOST_WRONG: usize = 4;

/// The name of `known` that `given` is most likely a misspelling of, if any is close enough.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .filter(|name| given.len().max(name.len()) <= LONGEST)
        .filter_map(|name| {
            let (length, other) = (given.chars().count(), name.chars().count());
            let allowed = (length.max(other) / 3).clamp(1, MOST_WRONG);
            if length.abs_diff(other) > allowed {
                return None;
            }
            let distance = strsim::damerau_levenshtein(given, name);
            (distance <= allowed).then_some((distance, name))
        })
        .min_by_key(|(distance, name)| (*distance, Reverse(common_start(given, name)), *name))
        .map(|(_, name)| name)
}

fn common_start(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// As a hint: "did you mean `x`?", or the list of names if none is near and there are few.
pub(crate) fn hint<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(given, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    known.sort_unstable();
    (!known.is_empty() && known.len() <= 24).then(|| format!("known here: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        assert_eq!(nearest("stauts", ["status", "version"]), Some("status"));
        assert_eq!(nearest("zzz", ["status", "version"]), None);
        assert_eq!(nearest("intervall_of_everything", ["interval"]), None);
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(nearest(&long, [long.as_str()]), None);
        assert_eq!(hint("zzz", ["b1", "a1"]), Some("known here: a1, b1".to_owned()));
        assert_eq!(hint("zzz", []), None);
    }
}
