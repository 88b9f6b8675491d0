//! Which items are asked for.

mod parse;
mod query;

use crate::model::{Coverage, Effective, ItemId, Priority, Reason, State};
use crate::snapshot::ItemView;
use crate::web::view::is_unset;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    Missing,
    Complete,
}

impl Setup {
    pub(super) const ALL: [Setup; 2] = [Setup::Missing, Setup::Complete];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Setup::Missing => "missing",
            Setup::Complete => "complete",
        }
    }
}

/// Everything empty means all items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) states: Vec<State>,
    pub(super) priorities: Vec<Priority>,
    /// How an item counts in coverage.
    pub(super) modes: Vec<Coverage>,
    pub(super) reasons: Vec<Reason>,
    pub(super) checklist: String,
    /// A section and all below it.
    pub(super) section: String,
    /// A gate of any checklist, as `checklist/gate`.
    pub(super) gate: String,
    pub(super) team: String,
    pub(super) regressed: bool,
    /// Whether what is not set up is all that is asked for, or what is left out.
    pub(super) setup: Option<Setup>,
    /// Words that must all occur in id, title or sentence.
    pub(super) q: String,
    /// Seconds between reloads of the page; not a filter of items.
    pub(super) refresh: Option<u32>,
}

impl Filter {
    /// Whether anything is left out.
    pub(super) fn is_active(&self) -> bool {
        *self != Self { refresh: self.refresh, ..Self::default() }
    }

    /// The same without a choice of states.
    pub(super) fn in_any_state(&self) -> Self {
        Self { states: Vec::new(), setup: None, ..self.clone() }
    }

    /// Whether it asks about a part of the catalogue, and not about what came of its items.
    pub(super) fn is_part(&self) -> bool {
        let part =
            Self { reasons: Vec::new(), gate: String::new(), regressed: false, q: String::new(), ..self.clone() };
        *self == part.in_any_state()
    }

    /// `in_gate` says whether the item belongs to the gate asked for; `sentence` is only made when
    /// words are looked for.
    pub(super) fn admits(&self, view: &ItemView, in_gate: bool, sentence: impl FnOnce() -> String) -> bool {
        self.admits_state(&view.effective) && self.admits_besides(view, in_gate, sentence)
    }

    pub(super) fn admits_state(&self, effective: &Effective) -> bool {
        (self.states.is_empty() || self.states.contains(&effective.state))
            && self.setup.is_none_or(|setup| is_unset(effective) == (setup == Setup::Missing))
    }

    /// All but the state.
    pub(super) fn admits_besides(&self, view: &ItemView, in_gate: bool, sentence: impl FnOnce() -> String) -> bool {
        let (item, effective) = (&view.item, &view.effective);
        let section = item.section.as_str();
        (self.priorities.is_empty() || self.priorities.contains(&item.priority))
            && (self.modes.is_empty() || self.modes.contains(&item.coverage))
            && (self.reasons.is_empty() || effective.reason.is_some_and(|reason| self.reasons.contains(&reason)))
            && (self.checklist.is_empty() || item.id.checklist() == self.checklist)
            && (self.section.is_empty()
                || section.strip_prefix(&*self.section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
            && (self.gate.is_empty() || in_gate)
            && (self.team.is_empty() || *item.team == *self.team)
            && (!self.regressed || effective.regressed_since.is_some())
            && (self.q.is_empty() || self.has_words(&item.id, &item.title, sentence))
    }

    fn has_words(&self, id: &ItemId, title: &str, sentence: impl FnOnce() -> String) -> bool {
        let text = format!("{id} {title} {}", sentence()).to_lowercase();
        self.q.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fixture;

    fn matching(query: &str) -> Vec<String> {
        let snapshot = fixture::snapshot();
        let filter = Filter::parse(query).unwrap();
        let views = snapshot.items.iter().filter(|view| filter.admits(view, true, || "said".to_owned()));
        views.map(|view| view.item.id.to_string()).collect()
    }

    #[test]
    fn filters_narrow_together() {
        let failing = matching("state=fail");
        assert!(!failing.is_empty());
        assert!(matching("state=fail,stale").len() > failing.len());
        assert!(matching("state=fail&priority=critical").len() < failing.len());
        assert!(matching("section=core").iter().all(|id| id.contains("core.")));
        assert!(matching("section=cor").is_empty(), "a section is not a prefix of letters");
        let unknown = matching("state=unknown").len();
        let unset = matching("setup=missing").len();
        assert!(unset > 0 && unset < unknown, "{unset} of {unknown}");
        assert_eq!(matching("state=unknown&setup=complete").len(), unknown - unset);
        assert_eq!(matching("q=REPLICATION+ha").len(), 1);
        assert_eq!(matching("q=said").len(), fixture::snapshot().items.len());
        assert_eq!(matching("mode=attested").len(), 2);
        assert_eq!(matching("mode=auto,attested&team=platform&checklist=self").len(), 9);
        assert!(matching("team=nobody").is_empty());
    }

    #[test]
    fn empty_fields_of_a_form_filter_nothing() {
        assert!(!Filter::parse("state=&q=&priority=&mode=&team=&refresh=30").unwrap().is_active());
        assert_eq!(matching("state=&q=").len(), fixture::snapshot().items.len());
    }

    #[test]
    fn a_part_of_the_catalogue_is_not_a_choice_of_outcomes() {
        for part in ["", "checklist=a&section=b&team=c&mode=auto&priority=low&refresh=9"] {
            assert!(Filter::parse(part).unwrap().is_part(), "{part}");
        }
        for outcome in ["state=fail", "setup=missing", "q=x", "reason=refused", "regressed=1", "gate=a/b"] {
            assert!(!Filter::parse(outcome).unwrap().is_part(), "{outcome}");
        }
    }
}
