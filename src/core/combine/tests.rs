use proptest::prelude::*;

use super::*;

/// Legs by place; items by slot, where `None` does not apply.
struct Fixed(Vec<Option<Outcome>>);

fn decided(outcome: Outcome, name: usize) -> Decided {
    let reason = match outcome {
        Outcome::Pass => None,
        Outcome::Fail => Some(Reason::Refused),
        Outcome::Indeterminate => Some(Reason::Timeout),
    };
    Decided { outcome, reason, sentence: format!("part {name} said {}", outcome.as_str()).into(), valid_until: None }
}

impl Leaves for Fixed {
    fn leg(&self, place: usize) -> Decided {
        decided(self.0[place].unwrap_or(Outcome::Indeterminate), place)
    }
    fn item(&self, slot: Slot) -> Option<Decided> {
        self.0[slot.index()].map(|outcome| decided(outcome, slot.index()))
    }
}

fn items(n: usize) -> Vec<Check> {
    (0..n).map(|slot| Check::Item(Slot(slot as u32))).collect()
}

fn outcome(check: &Check, values: &[Option<Outcome>]) -> Option<Outcome> {
    combine(check, &Fixed(values.to_vec())).map(|decided| decided.outcome)
}

fn not(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Pass => Outcome::Fail,
        Outcome::Fail => Outcome::Pass,
        Outcome::Indeterminate => Outcome::Indeterminate,
    }
}

const P: Option<Outcome> = Some(Outcome::Pass);
const F: Option<Outcome> = Some(Outcome::Fail);
const U: Option<Outcome> = Some(Outcome::Indeterminate);

#[test]
fn truth_tables() {
    let two = items(2);
    let rows = [
        (P, P, P, P, F),
        (P, F, F, P, F),
        (F, P, F, P, F),
        (P, U, U, P, F),
        (F, U, F, U, U),
        (U, U, U, U, U),
        (F, F, F, F, P),
        (P, None, P, P, F),
        (F, None, F, F, P),
        (None, None, None, None, None),
    ];
    for (a, b, all, any, none) in rows {
        assert_eq!(outcome(&Check::AllOf(two.clone()), &[a, b]), all, "all of {a:?} {b:?}");
        assert_eq!(outcome(&Check::AnyOf(two.clone()), &[a, b]), any, "any of {a:?} {b:?}");
        assert_eq!(outcome(&Check::NoneOf(two.clone()), &[a, b]), none, "none of {a:?} {b:?}");
    }
}

#[test]
fn at_least_counts_both_ways() {
    let check = Check::AtLeast(2, items(3));
    assert_eq!(outcome(&check, &[P, P, U]), P);
    assert_eq!(outcome(&check, &[P, U, F]), U);
    assert_eq!(outcome(&check, &[P, F, F]), F);
    assert_eq!(outcome(&check, &[P, None, None]), F, "what does not apply cannot be counted as passing");
    assert_eq!(outcome(&Check::AtLeast(0, items(1)), &[F]), F, "nothing passes without evidence");
}

#[test]
fn nothing_to_combine_is_undecided() {
    assert_eq!(outcome(&Check::AllOf(Vec::new()), &[]), U);
}

#[test]
fn the_first_failure_speaks() {
    let said = |check: &Check, values: &[Option<Outcome>]| combine(check, &Fixed(values.to_vec())).unwrap();
    let all = said(&Check::AllOf(items(3)), &[P, F, F]);
    assert_eq!((all.reason, &*all.sentence), (Some(Reason::Refused), "part 1 said fail"));
    let any = said(&Check::AnyOf(items(2)), &[F, F]);
    assert_eq!(&*any.sentence, "none of 2 alternatives passes: part 0 said fail; part 1 said fail");
    let few = said(&Check::AtLeast(2, items(3)), &[P, F, F]);
    assert_eq!(few.reason, Some(Reason::TooFew));
    assert_eq!(&*few.sentence, "expected at least 2 of 3 to pass, 1 do: part 1 said fail; part 2 said fail");
    let none = said(&Check::NoneOf(items(2)), &[F, P]);
    assert_eq!(&*none.sentence, "expected none to hold, but: part 1 said pass");
}

fn any_value() -> impl Strategy<Value = Option<Outcome>> {
    prop_oneof![Just(P), Just(F), Just(U), Just(None)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn order_does_not_matter(values in prop::collection::vec(any_value(), 1..6), n in 1u32..5) {
        let mut reversed = values.clone();
        reversed.reverse();
        for check in [Check::AllOf(items(values.len())), Check::AnyOf(items(values.len())),
                      Check::NoneOf(items(values.len())), Check::AtLeast(n, items(values.len()))] {
            prop_assert_eq!(outcome(&check, &values), outcome(&check, &reversed));
        }
    }

    #[test]
    fn de_morgan(values in prop::collection::vec(any_value(), 1..6)) {
        let n = values.len();
        let any = outcome(&Check::AnyOf(items(n)), &values);
        prop_assert_eq!(outcome(&Check::NoneOf(items(n)), &values), any.map(not));
        let negated: Vec<_> = values.iter().map(|value| value.map(not)).collect();
        prop_assert_eq!(outcome(&Check::AllOf(items(n)), &negated), any.map(not));
    }

    /// More information never turns a decision round.
    #[test]
    fn monotonic_in_information(values in prop::collection::vec(any_value(), 1..6), place in 0usize..6, to in 0u8..2, n in 1u32..4) {
        let place = place % values.len();
        let mut values = values;
        values[place] = U;
        let mut known = values.clone();
        known[place] = if to == 0 { P } else { F };
        for check in [Check::AllOf(items(values.len())), Check::AnyOf(items(values.len())),
                      Check::NoneOf(items(values.len())), Check::AtLeast(n, items(values.len()))] {
            let before = outcome(&check, &values);
            if before != U {
                prop_assert_eq!(outcome(&check, &known), before);
            }
        }
    }

    /// Every verdict that is not a pass has a reason, and no sentence is empty.
    #[test]
    fn reasons_are_total(values in prop::collection::vec(any_value(), 1..6), n in 0u32..7) {
        for check in [Check::AllOf(items(values.len())), Check::AnyOf(items(values.len())),
                      Check::NoneOf(items(values.len())), Check::AtLeast(n, items(values.len()))] {
            if let Some(decided) = combine(&check, &Fixed(values.clone())) {
                prop_assert_eq!(decided.reason.is_none(), decided.outcome == Outcome::Pass);
                prop_assert!(!decided.sentence.is_empty());
            }
        }
    }
}
