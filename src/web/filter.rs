//! Which items are asked for. A misspelt filter is an error: showing everything instead would
//! look like an answer.

use std::fmt;

use crate::model::{ItemId, Priority, Reason, State};
use crate::snapshot::ItemView;
use crate::web::view::is_unset;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    Missing,
    Complete,
}

impl Setup {
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

const KNOWN: &str = "state, priority, reason, checklist, section, gate, team, regressed, setup, q, refresh";

impl Filter {
    /// From a query string. Values may be repeated or joined with commas where several make sense.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match key.as_ref() {
                "state" => many(value, &mut filter.states, State::parse, || {
                    State::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", ")
                })?,
                "priority" => many(value, &mut filter.priorities, priority, || {
                    Priority::ALL.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", ")
                })?,
                "reason" => many(value, &mut filter.reasons, Reason::parse, || {
                    Reason::ALL.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", ")
                })?,
                "checklist" => value.clone_into(&mut filter.checklist),
                "section" => value.clone_into(&mut filter.section),
                "gate" => value.clone_into(&mut filter.gate),
                "team" => value.clone_into(&mut filter.team),
                "regressed" => filter.regressed = flag(value)?,
                "setup" => {
                    let known = [Setup::Missing, Setup::Complete].into_iter().find(|setup| setup.as_str() == value);
                    filter.setup = Some(known.ok_or_else(|| format!("“{value}” is neither missing nor complete"))?);
                }
                "q" => value.clone_into(&mut filter.q),
                "refresh" => {
                    let seconds = value.parse().ok().filter(|s| (5..=86_400).contains(s));
                    filter.refresh = Some(seconds.ok_or("refresh must be between 5 and 86400 seconds")?);
                }
                other => return Err(format!("there is no parameter “{other}”; there are {KNOWN}")),
            }
        }
        Ok(filter)
    }

    /// Whether anything is left out.
    pub(super) fn is_active(&self) -> bool {
        *self != Self { refresh: self.refresh, ..Self::default() }
    }

    /// `in_gate` says whether the item belongs to the gate asked for; `sentence` is only made when
    /// words are looked for.
    pub(super) fn admits(&self, view: &ItemView, in_gate: bool, sentence: impl FnOnce() -> String) -> bool {
        let (item, effective) = (&view.item, &view.effective);
        let section = item.section.as_str();
        (self.states.is_empty() || self.states.contains(&effective.state))
            && (self.priorities.is_empty() || self.priorities.contains(&item.priority))
            && (self.reasons.is_empty() || effective.reason.is_some_and(|reason| self.reasons.contains(&reason)))
            && (self.checklist.is_empty() || item.id.checklist() == self.checklist)
            && (self.section.is_empty()
                || section.strip_prefix(&*self.section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
            && (self.gate.is_empty() || in_gate)
            && (self.team.is_empty() || *item.team == *self.team)
            && (!self.regressed || effective.regressed_since.is_some())
            && self.setup.is_none_or(|setup| is_unset(effective) == (setup == Setup::Missing))
            && (self.q.is_empty() || self.has_words(&item.id, &item.title, sentence))
    }

    fn has_words(&self, id: &ItemId, title: &str, sentence: impl FnOnce() -> String) -> bool {
        let text = format!("{id} {title} {}", sentence()).to_lowercase();
        self.q.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

impl fmt::Display for Filter {
    /// What is asked for, for people: `state fail or stale, section api`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |words: Vec<&str>| words.join(" or ");
        let quoted = if self.q.is_empty() { String::new() } else { format!("“{}”", self.q) };
        let parts = [
            ("state", join(self.states.iter().map(|state| state.as_str()).collect())),
            ("priority", join(self.priorities.iter().map(|priority| priority.as_str()).collect())),
            ("reason", join(self.reasons.iter().map(|reason| reason.as_str()).collect())),
            ("checklist", self.checklist.clone()),
            ("section", self.section.clone()),
            ("gate", self.gate.clone()),
            ("team", self.team.clone()),
            ("set-up", self.setup.map_or_else(String::new, |setup| setup.as_str().to_owned())),
            ("words", quoted),
            ("regressed", if self.regressed { "only".to_owned() } else { String::new() }),
        ];
        let said: Vec<_> =
            parts.iter().filter(|(_, value)| !value.is_empty()).map(|(k, v)| format!("{k} {v}")).collect();
        f.write_str(&said.join(", "))
    }
}

fn many<T>(
    value: &str,
    into: &mut Vec<T>,
    parse: impl Fn(&str) -> Option<T>,
    all: impl Fn() -> String,
) -> Result<(), String> {
    for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        into.push(parse(part).ok_or_else(|| format!("“{part}” is not one of {}", all()))?);
    }
    Ok(())
}

fn priority(text: &str) -> Option<Priority> {
    Priority::ALL.into_iter().find(|priority| priority.as_str() == text)
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        other => Err(format!("“{other}” is neither true nor false")),
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
    fn misspelt_filters_are_errors_that_help() {
        assert!(Filter::parse("stat=fail").unwrap_err().contains("state, priority"));
        assert!(Filter::parse("state=failed").unwrap_err().contains("not_applicable"));
        assert!(Filter::parse("refresh=0").is_err());
        assert!(Filter::parse("regressed=maybe").is_err());
        assert!(Filter::parse("setup=done").is_err());
    }

    #[test]
    fn empty_fields_of_a_form_filter_nothing() {
        assert!(!Filter::parse("state=&q=&priority=&refresh=30").unwrap().is_active());
        assert_eq!(matching("state=&q=").len(), fixture::snapshot().items.len());
    }

    #[test]
    fn a_filter_says_what_it_asks_for() {
        let filter = Filter::parse("state=fail&state=stale&section=api&q=x+y").unwrap();
        assert_eq!(filter.to_string(), "state fail or stale, section api, words “x y”");
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
    }
}
