//! Kleene logic: how legs and other items make one outcome.
//!
//! Pass is true, fail is false, indeterminate is undecided, and what does not apply is left out.
//! An undecided input may keep a combination from passing, never make it pass.

use std::sync::Arc;

use crate::model::{Check, Outcome, Reason, Slot, Timestamp, cut};

/// What one input or a combination of them says, and in whose words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    /// Of the deciding input; absent for a pass.
    pub(crate) reason: Option<Reason>,
    pub(crate) sentence: Arc<str>,
    /// The earliest end of the evidence that a pass rests on.
    pub(crate) valid_until: Option<Timestamp>,
}

/// Where the leaves of a check get their values from.
pub(crate) trait Leaves {
    /// The last verdict of the leg at this place of `Item::legs`.
    fn leg(&self, place: usize) -> Decided;
    /// `None` if the item does not apply.
    fn item(&self, slot: Slot) -> Option<Decided>;
}

impl Decided {
    pub(crate) fn undecided(reason: Reason, sentence: impl Into<Arc<str>>) -> Self {
        Self { outcome: Outcome::Indeterminate, reason: Some(reason), sentence: sentence.into(), valid_until: None }
    }

    fn failed(reason: Reason, sentence: String) -> Self {
        Self { outcome: Outcome::Fail, reason: Some(reason), sentence: cut(sentence).into(), valid_until: None }
    }
}

/// The value of `check`; `None` if nothing in it applies.
pub(crate) fn combine(check: &Check, leaves: &impl Leaves) -> Option<Decided> {
    match check {
        Check::Leg(place) => Some(leaves.leg(*place)),
        Check::Item(slot) => leaves.item(*slot),
        Check::Undecided { reason, sentence } => Some(Decided::undecided(*reason, &**sentence)),
        Check::NotApplicable => None,
        Check::AllOf(checks) => over(checks, leaves, all_of),
        Check::AnyOf(checks) => over(checks, leaves, |parts| at_least(1, parts, true)),
        Check::NoneOf(checks) => over(checks, leaves, none_of),
        // At least none would pass without evidence.
        Check::AtLeast(n, checks) => over(checks, leaves, |parts| at_least((*n).max(1), parts, false)),
    }
}

fn over(checks: &[Check], leaves: &impl Leaves, rule: impl Fn(Vec<Decided>) -> Decided) -> Option<Decided> {
    if checks.is_empty() {
        return Some(Decided::undecided(Reason::NoData, "expected something to combine, the list is empty"));
    }
    let parts: Vec<Decided> = checks.iter().filter_map(|check| combine(check, leaves)).collect();
    (!parts.is_empty()).then(|| rule(parts))
}

fn all_of(mut parts: Vec<Decided>) -> Decided {
    for deciding in [Outcome::Fail, Outcome::Indeterminate] {
        if let Some(place) = parts.iter().position(|part| part.outcome == deciding) {
            return parts.swap_remove(place);
        }
    }
    passed(&parts)
}

/// `any_of` differs from "at least one" in words only.
fn at_least(n: u32, mut parts: Vec<Decided>, any: bool) -> Decided {
    let total = parts.len();
    let n = n as usize;
    let count = |outcome| parts.iter().filter(|part| part.outcome == outcome).count();
    let (pass, undecided) = (count(Outcome::Pass), count(Outcome::Indeterminate));
    if pass >= n {
        parts.retain(|part| part.outcome == Outcome::Pass);
        if any {
            parts.truncate(1);
        }
        return passed(&parts);
    }
    let outcome = if pass + undecided < n { Outcome::Fail } else { Outcome::Indeterminate };
    let mut lacking: Vec<Decided> = parts.into_iter().filter(|part| part.outcome == outcome).collect();
    // Whoever has to choose an alternative wants to know what is wrong with each.
    let all = lacking.iter().map(|part| &*part.sentence).collect::<Vec<_>>().join("; ");
    lacking.truncate(1);
    let Some(deciding) = lacking.pop() else {
        return Decided::failed(Reason::TooFew, format!("expected at least {n} to pass, only {total} apply"));
    };
    match outcome {
        _ if total == 1 && n == 1 => deciding,
        Outcome::Fail if any => {
            Decided { sentence: cut(format!("none of {total} alternatives passes: {all}")).into(), ..deciding }
        }
        Outcome::Fail => {
            Decided::failed(Reason::TooFew, cut(format!("expected at least {n} of {total} to pass, {pass} do: {all}")))
        }
        _ => deciding,
    }
}

fn none_of(mut parts: Vec<Decided>) -> Decided {
    if let Some(place) = parts.iter().position(|part| part.outcome == Outcome::Pass) {
        let sentence = parts.swap_remove(place).sentence;
        return Decided::failed(Reason::Assertion, format!("expected none to hold, but: {sentence}"));
    }
    if let Some(place) = parts.iter().position(|part| part.outcome == Outcome::Indeterminate) {
        return parts.swap_remove(place);
    }
    Decided { outcome: Outcome::Pass, reason: None, ..passed(&parts) }
}

fn passed(parts: &[Decided]) -> Decided {
    let sentences: Vec<&str> = parts.iter().map(|part| &*part.sentence).collect();
    Decided {
        outcome: Outcome::Pass,
        reason: None,
        sentence: cut(sentences.join("; ")).into(),
        valid_until: parts.iter().filter_map(|part| part.valid_until).min(),
    }
}

#[cfg(test)]
mod tests;
