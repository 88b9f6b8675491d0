//! Several processes, each of which must hold a value of its own. Values are sealed, compared and dropped.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::Holder;
use crate::model::{Proof, Reason, Verdict};
use crate::probe::line::line;

/// What was seen of them.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Holders {
    /// Who was told apart.
    pub(super) count: usize,
    /// Processes that do not say who they are.
    nameless: usize,
    /// Those whose processes hold different values, or none.
    without: Vec<String>,
    disagree: Vec<String>,
    /// Those that hold the same value, as `a and b`.
    shared: Vec<String>,
}

/// Names that are kept, and bytes of each.
const NAMED: usize = 20;
const NAME: usize = 100;

pub(super) fn of(all: Vec<Holder>) -> Holders {
    let mut holders = Holders::default();
    let mut by_id: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
    for Holder { id, value } in all {
        match id {
            Some(id) => drop(by_id.entry(line(&id, NAME)).or_default().insert(value)),
            None => holders.nameless += 1,
        }
    }
    holders.count = by_id.len();
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for (id, values) in by_id {
        match values.into_iter().collect::<Vec<_>>().as_slice() {
            [Some(one)] => {
                if let Some(other) = first.get(one) {
                    holders.shared.push(format!("{other} and {id}"));
                } else {
                    first.insert(one.clone(), id);
                }
            }
            [None] => holders.without.push(id),
            _ => holders.disagree.push(id),
        }
    }
    for names in [&mut holders.shared, &mut holders.without, &mut holders.disagree] {
        names.truncate(NAMED);
    }
    holders
}

impl Holders {
    pub(super) fn judge(&self, names: &str) -> Verdict {
        let expected = format!("expected {} workloads with a {names} of their own", self.count);
        if let Some(first) = self.shared.first() {
            return Verdict::fail(Reason::Assertion, format!("{expected}, saw that {first} have the same"));
        }
        if let Some(first) = self.without.first() {
            return Verdict::fail(Reason::Missing, format!("{expected}, saw that {first} has none"));
        }
        if let Some(first) = self.disagree.first() {
            let sentence = format!("{expected}, but the processes of {first} disagree on it");
            return Verdict::indeterminate(Reason::Invalid, sentence);
        }
        if self.nameless > 0 || self.count == 0 {
            let sentence = format!("{expected}, but {} processes do not say whose they are", self.nameless);
            return Verdict::indeterminate(Reason::NoData, sentence);
        }
        let saw = format!("{} different values", self.count);
        Verdict::pass(Proof::of(names, "different values", &saw), format!("{expected}, saw {saw}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::probe::guard::seal::seal;

    fn verdict(all: &[(&str, &str)]) -> (Outcome, String) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let holder = |(id, value): &(&str, &str)| Holder { id: some(id), value: some(value).map(|value| seal(&value)) };
        let holders = of(all.iter().map(holder).collect());
        let kept = serde_json::to_string(&holders).unwrap();
        assert!(!kept.contains("hunter"), "{kept}");
        let verdict = holders.judge("KEY");
        (verdict.outcome(), verdict.sentence().to_owned())
    }

    #[test]
    fn each_has_a_value_of_its_own() {
        assert_eq!(verdict(&[("a", "hunter1"), ("a", "hunter1"), ("b", "hunter2")]).0, Outcome::Pass);
        let (outcome, said) = verdict(&[("a", "hunter1"), ("b", "hunter1"), ("c", "")]);
        assert!(outcome == Outcome::Fail && said.contains("a and b have the same"), "{said}");
        assert_eq!(verdict(&[("a", "hunter1"), ("b", "")]).0, Outcome::Fail);
        assert_eq!(verdict(&[("a", "hunter1"), ("a", "hunter2")]).0, Outcome::Indeterminate);
        assert_eq!(verdict(&[("a", "hunter1"), ("", "hunter1")]).0, Outcome::Indeterminate);
        assert_eq!(verdict(&[]).0, Outcome::Indeterminate);
    }
}
