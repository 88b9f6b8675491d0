//! What a pass rests on.

use std::fmt;

/// One thing that was checked: what was expected and what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assertion<'a> {
    pub name: &'a str,
    pub expected: &'a str,
    pub seen: &'a str,
}

/// At least one checked assertion. Without one there is no pass: missing evidence never passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof(Assertions);

/// Any number of assertions in one text: they are kept for every item and read by hardly anybody.
/// Each of their parts has its length and a colon in front.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Assertions(Box<str>);

impl Proof {
    /// A proof of one assertion.
    pub fn of(name: &str, expected: impl AsRef<str>, seen: impl AsRef<str>) -> Self {
        Self(Assertions::default()).and(name, expected, seen)
    }

    /// `None` if nothing was checked.
    pub fn from_assertions(assertions: Assertions) -> Option<Self> {
        (!assertions.0.is_empty()).then_some(Self(assertions))
    }

    pub fn and(self, name: &str, expected: impl AsRef<str>, seen: impl AsRef<str>) -> Self {
        Self(self.0.and(name, expected.as_ref(), seen.as_ref()))
    }

    pub fn extend(self, other: Proof) -> Self {
        Self(self.0.extend(&other.0))
    }

    pub fn into_assertions(self) -> Assertions {
        self.0
    }
}

impl Assertions {
    pub fn and(self, name: &str, expected: &str, seen: &str) -> Self {
        let mut text = String::with_capacity(self.0.len() + name.len() + expected.len() + seen.len() + 12);
        text.push_str(&self.0);
        for part in [name, expected, seen] {
            push_length(&mut text, part.len());
            text.push(':');
            text.push_str(part);
        }
        Self(text.into())
    }

    pub fn extend(self, other: &Assertions) -> Self {
        Self([&*self.0, &*other.0].concat().into())
    }

    pub fn iter(&self) -> impl Iterator<Item = Assertion<'_>> {
        let mut parts = Parts(&self.0);
        std::iter::from_fn(move || {
            let (name, expected, seen) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Assertion { name, expected, seen })
        })
    }

    /// With every text but the names passed through `change`, if it gives another for any.
    pub(super) fn map_text(&self, change: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let (mut all, mut changed) = (Self::default(), false);
        let mut kept = Vec::new();
        for one in self.iter() {
            let (expected, seen) = (change(one.expected), change(one.seen));
            changed |= expected.is_some() || seen.is_some();
            kept.push((one, expected, seen));
        }
        if !changed {
            return None;
        }
        for (one, expected, seen) in kept {
            all = all.and(one.name, expected.as_deref().unwrap_or(one.expected), seen.as_deref().unwrap_or(one.seen));
        }
        Some(all)
    }
}

impl fmt::Debug for Assertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Nearly always of one or two digits.
fn push_length(text: &mut String, length: usize) {
    if length >= 10 {
        push_length(text, length / 10);
    }
    text.push(char::from(b'0' + u8::try_from(length % 10).unwrap_or(0)));
}

struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let (length, rest) = self.0.split_once(':')?;
        let (part, rest) = rest.split_at_checked(length.parse().ok()?)?;
        self.0 = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_any_text_come_back() {
        let proof =
            Proof::of("status", "2xx", "200").and("a:1", "", "3:é\0\n").extend(Proof::of("", "x".repeat(1234), ":"));
        let all = proof.into_assertions();
        let long = "x".repeat(1234);
        let parts: Vec<_> = all.iter().map(|one| (one.name, one.expected, one.seen)).collect();
        assert_eq!(parts, [("status", "2xx", "200"), ("a:1", "", "3:é\0\n"), ("", &*long, ":")]);
        assert_eq!(Proof::from_assertions(Assertions::default()), None);
    }

    #[test]
    fn texts_are_changed_and_names_are_not() {
        let all = Proof::of("a", "a", "b").and("c", "d", "a").into_assertions();
        let changed = all.map_text(|text| (text == "a").then(|| "***".to_owned())).unwrap();
        assert_eq!(changed, Proof::of("a", "***", "b").and("c", "d", "***").into_assertions());
        assert_eq!(all.map_text(|_| None), None);
    }
}
