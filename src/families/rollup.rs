//! The families that are not about one item. There are few of them, so they are written anew at
//! each scrape.

use std::collections::HashSet;

use super::sample::{LabelValue, Value, label};
use super::table::{self, Family};
use crate::model::{ItemId, State, Timestamp};
use crate::snapshot::Snapshot;

/// Appends all samples of `family`; nothing if it is about items.
pub(super) fn write(out: &mut Vec<u8>, family: &Family, snapshot: &Snapshot) {
    let rollups = &snapshot.rollups;
    let text = LabelValue::catalogue;
    if *family == table::SECTION_ITEMS {
        for section in &rollups.sections {
            for (state, count) in State::ALL.into_iter().zip(section.states) {
                sample(
                    out,
                    family,
                    &[text(&section.checklist), text(&section.section), state.into()],
                    u64::from(count),
                );
            }
        }
    } else if *family == table::CHECKLIST_ITEMS {
        for (checklist, coverage, count) in &rollups.coverage {
            sample(out, family, &[text(checklist), (*coverage).into()], u64::from(*count));
        }
    } else if *family == table::GATE_OPEN {
        for gate in &rollups.gates {
            sample(out, family, &[text(&gate.checklist), text(&gate.gate)], gate.is_open());
        }
    } else if *family == table::GATE_BLOCKERS {
        for gate in &rollups.gates {
            sample(out, family, &[text(&gate.checklist), text(&gate.gate)], u64::from(gate.blockers));
        }
    } else if *family == table::GATE_ITEM {
        for list in &snapshot.plan.checklists {
            for gate in &list.gates {
                for item in gate.items.iter().filter_map(|slot| snapshot.plan.item(*slot)) {
                    sample(out, family, &[text(list.id.as_str()), text(&gate.name), text(item.id.item())], true);
                }
            }
        }
    } else if *family == table::WAIVER_EXPIRES {
        let waivers = &snapshot.plan.waivers;
        expiries(out, family, waivers.iter().flat_map(|w| w.items.iter().map(|item| (item, &*w.id, w.expires))));
    } else if *family == table::ATTESTATION_EXPIRES {
        let attestations = &snapshot.plan.attestations;
        expiries(out, family, attestations.iter().map(|a| (&a.item, &*a.id, a.expires)));
    }
}

/// Each item and id once: a waiver may list an item twice.
fn expiries<'a>(out: &mut Vec<u8>, family: &Family, all: impl Iterator<Item = (&'a ItemId, &'a str, Timestamp)>) {
    let mut seen = HashSet::new();
    let text = LabelValue::catalogue;
    for (item, id, expires) in all {
        if seen.insert((item, id)) {
            sample(out, family, &[text(item.checklist()), text(item.item()), text(id)], expires);
        }
    }
}

/// `values` by the order of the family's labels.
fn sample(out: &mut Vec<u8>, family: &Family, values: &[LabelValue<'_>], value: impl Value) {
    out.extend_from_slice(family.name.as_bytes());
    out.push(b'{');
    for (name, value) in family.labels.iter().zip(values) {
        label(out, name, *value);
    }
    out.extend_from_slice(b"} ");
    value.write(out);
    out.push(b'\n');
}
