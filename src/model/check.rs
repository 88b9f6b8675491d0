//! How the legs of an item make one outcome: three-valued logic, no I/O.

use std::sync::Arc;

use super::{Access, Class, Reason, Slot, Span};

/// The place of a leg in the compiled list of probes of one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegIndex(pub u32);

/// A boolean expression over legs and other items.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// A leg, by its place in `Item::legs`.
    Leg(usize),
    /// The effective state of another item.
    Item(Slot),
    AllOf(Vec<Check>),
    AnyOf(Vec<Check>),
    NoneOf(Vec<Check>),
    AtLeast(u32, Vec<Check>),
    /// Nothing can be observed here: the kind is not built, or a target is not configured.
    /// Always indeterminate, so it keeps a conjunction from passing.
    Undecided {
        reason: Reason,
        sentence: Box<str>,
    },
    /// A leg whose `when` does not hold: left out of the combination.
    NotApplicable,
}

/// Plain data about what the engine runs; the probe itself lives beside the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    pub index: LegIndex,
    /// Unique within the item; the kind's name unless the catalogue gives one.
    pub name: Arc<str>,
    pub kind: &'static str,
    pub class: Class,
    pub access: Access,
    /// The deadline of one run, from its start, not from when it was queued.
    pub timeout: Span,
    /// The conditions beside what the kind itself expects, as written; for people.
    pub expects: Box<[Box<str>]>,
    /// Key of the target's bulkhead, such as a target name or `host:port`; legs with equal keys
    /// share its permits. Empty: no target of its own.
    pub target: Arc<str>,
}
