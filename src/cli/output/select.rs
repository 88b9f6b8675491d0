//! Which items and gates a command is about.

use crate::expect::nearest::hint;
use crate::model::{Gate, ItemId, Slot, State};
use crate::snapshot::Snapshot;

use super::Row;

/// What the arguments name. Everything, if they name nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `name` or `checklist/name`.
    pub gates: Vec<String>,
    pub checklist: Option<String>,
    /// `checklist/item`.
    pub items: Vec<String>,
}

/// What was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// In the order of the catalogue.
    pub rows: Vec<Row>,
    /// Those named, or all of the checklists shown.
    pub gates: Vec<GateResult>,
    /// Whether gates were named, so that they decide.
    pub judged_by_gates: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateResult {
    pub checklist: String,
    pub name: String,
    pub title: String,
    /// Applicable items.
    pub items: usize,
    /// Ids of applicable items that are neither passing nor waived.
    pub blockers: Vec<String>,
}

impl GateResult {
    /// An empty gate is not open: nothing was proved.
    pub fn is_open(&self) -> bool {
        self.items > 0 && self.blockers.is_empty()
    }
}

impl Selected {
    /// Whether the command succeeds: all named gates are open, and every item selected is
    /// accepted or not applicable, with at least one that is accepted.
    pub fn is_accepted(&self) -> bool {
        let gates = !self.judged_by_gates || self.gates.iter().all(GateResult::is_open);
        let counted = |row: &&Row| row.state != State::NotApplicable;
        gates
            && self.rows.iter().any(|row| row.state.is_accepted())
            && self.rows.iter().filter(counted).all(|row| row.state.is_accepted())
    }

    /// How many rows are in each state, in the order of `State::ALL`.
    pub fn counts(&self) -> [(State, usize); 7] {
        State::ALL.map(|state| (state, self.rows.iter().filter(|row| row.state == state).count()))
    }
}

/// Picks. Every name that does not exist is an error, so that a typo never selects nothing.
pub fn select(snapshot: &Snapshot, selection: &Selection) -> Result<Selected, Vec<String>> {
    let plan = &snapshot.plan;
    let mut errors = Vec::new();
    let mut unknown = |what: &str, given: &str, known: Vec<&str>| {
        let hint = hint(given, known).map(|hint| format!("; {hint}")).unwrap_or_default();
        errors.push(format!("there is no {what} `{given}`{hint}"));
    };
    if let Some(wanted) = &selection.checklist
        && !plan.checklists.iter().any(|checklist| checklist.id.as_str() == wanted)
    {
        unknown("checklist", wanted, plan.checklists.iter().map(|checklist| checklist.id.as_str()).collect());
    }
    for wanted in &selection.items {
        if ItemId::parse(wanted).and_then(|id| plan.slot(&id)).is_none() {
            unknown("item", wanted, plan.items.iter().map(|item| item.id.as_str()).collect());
        }
    }
    let shown = |checklist: &str| selection.checklist.as_deref().is_none_or(|wanted| wanted == checklist);
    let all: Vec<(&str, &Gate)> = plan
        .checklists
        .iter()
        .filter(|checklist| shown(checklist.id.as_str()))
        .flat_map(|checklist| checklist.gates.iter().map(|gate| (checklist.id.as_str(), gate)))
        .collect();
    let named = |wanted: &str, checklist: &str, gate: &Gate| match wanted.split_once('/') {
        Some((first, name)) => first == checklist && name == &*gate.name,
        None => wanted == &*gate.name,
    };
    for wanted in &selection.gates {
        if !all.iter().any(|(checklist, gate)| named(wanted, checklist, gate)) {
            unknown("gate", wanted, all.iter().map(|(_, gate)| &*gate.name).collect());
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let judged_by_gates = !selection.gates.is_empty();
    // Only the items asked for were evaluated then, which says nothing about a gate.
    let all = if selection.items.is_empty() || judged_by_gates { all } else { Vec::new() };
    let picked: Vec<(&str, &Gate)> = all
        .into_iter()
        .filter(|(checklist, gate)| !judged_by_gates || selection.gates.iter().any(|w| named(w, checklist, gate)))
        .collect();
    let slots = (0..plan.items.len()).filter_map(|place| u32::try_from(place).ok()).map(Slot);
    let rows = slots
        .filter(|slot| !judged_by_gates || picked.iter().any(|(_, gate)| gate.items.contains(slot)))
        .filter_map(|slot| Row::of(snapshot, slot))
        .filter(|row| shown(&row.checklist))
        .filter(|row| selection.items.is_empty() || selection.items.contains(&row.id))
        .collect();
    let gates = picked.into_iter().map(|(checklist, gate)| judge(snapshot, checklist, gate)).collect();
    Ok(Selected { rows, gates, judged_by_gates })
}

fn judge(snapshot: &Snapshot, checklist: &str, gate: &Gate) -> GateResult {
    let rows = gate.items.iter().filter_map(|slot| snapshot.items.get(slot.index()));
    let applicable: Vec<_> = rows.filter(|view| view.effective.state != State::NotApplicable).collect();
    let blocking = applicable.iter().filter(|view| !view.effective.state.is_accepted());
    GateResult {
        checklist: checklist.to_owned(),
        name: gate.name.to_string(),
        title: gate.title.to_string(),
        items: applicable.len(),
        blockers: blocking.map(|view| view.item.id.to_string()).collect(),
    }
}
