//! One sentence why an item is in its state.

use crate::model::{Applicability, Check, Plan, State};
use crate::snapshot::{ItemView, Snapshot};

/// What was expected and what was seen, or why nothing was. One line, never empty.
pub(in crate::web) fn sentence(view: &ItemView, snapshot: &Snapshot) -> String {
    let plan = &snapshot.plan;
    match view.effective.state {
        State::Blocked => blocked(view, plan),
        State::Waived => waived(view, plan),
        State::NotApplicable => match &view.item.applicability {
            Applicability::NotApplicable(condition) => {
                format!("Applies only while {condition} holds, which it does not.")
            }
            Applicability::Applicable => meaning(view),
        },
        State::Pass | State::Fail | State::Unknown | State::Stale => observed(view),
    }
}

fn blocked(view: &ItemView, plan: &Plan) -> String {
    let cause = view.effective.root_cause.and_then(|slot| plan.item(slot));
    match cause {
        Some(cause) => format!("Cannot be judged before “{}” passes.", cause.title),
        None => meaning(view),
    }
}

fn waived(view: &ItemView, plan: &Plan) -> String {
    let waiver = view.effective.waiver.and_then(|place| plan.waivers.get(place));
    match waiver {
        Some(waiver) => format!("{} accepted this until {}: {}", waiver.approver, waiver.expires, observed(view)),
        None => observed(view),
    }
}

fn observed(view: &ItemView) -> String {
    if let Some(run) = &view.memory.last_run {
        let agrees = run.reason == view.effective.underlying_reason || view.effective.state == State::Pass;
        return if agrees { run.sentence.to_string() } else { format!("{} Last run: {}", meaning(view), run.sentence) };
    }
    if let Check::Undecided { sentence, .. } = &view.item.check {
        return sentence.to_string();
    }
    meaning(view)
}

fn meaning(view: &ItemView) -> String {
    let reason = view.effective.underlying_reason.or(view.effective.reason);
    reason.map_or_else(|| "All that was expected was seen.".to_owned(), |reason| reason.meaning().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fixture;

    #[test]
    fn every_state_has_a_sentence_and_blocked_ones_name_the_cause() {
        let snapshot = fixture::snapshot();
        for view in &snapshot.items {
            let said = sentence(view, &snapshot);
            assert!(!said.is_empty() && !said.contains('\n'), "{}", view.item.id);
            match view.effective.state {
                State::Blocked => assert!(said.contains("PostgreSQL accepts"), "{said}"),
                State::Waived => assert!(said.contains("R. Haddad") && said.contains("allkeys-lru"), "{said}"),
                State::NotApplicable => assert!(said.contains("params.kubernetes"), "{said}"),
                _ => {}
            }
        }
    }
}
