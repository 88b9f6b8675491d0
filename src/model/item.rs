//! An item of a checklist, as compiled.

use std::sync::Arc;

use super::{Check, Digest, ItemId, Leg, Policy, Schedule, SectionPath, Slot, Span};

/// How bad it is when the item is not ready. Exposed as `priority`, so that it does not meet an
/// alert's own `severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    Critical,
    High,
    Medium,
    Low,
}

/// Where the truth about an item comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A probe asks the live system.
    Auto,
    /// Computed from other items or stored history.
    Derived,
    /// A file, report or document is read.
    Artifact,
    /// A person stated it.
    Attested,
}

/// How an item counts in coverage: its mode, or `unmapped` while a check or leg is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coverage {
    Auto,
    Derived,
    Artifact,
    Attested,
    Unmapped,
}

/// What the source document says about its box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// Ticked, or asserted in another way.
    Done,
    /// An open box.
    Open,
    /// The line has no box.
    None,
}

/// What a probe does to its target. `Mutates` and `Loads` are opt-in three times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    Read,
    /// Makes authentication attempts that are meant to be refused; limited to one an hour.
    Authenticates,
    Mutates,
    Loads,
}

/// From one attempt of a leg that authenticates to its next: more of them lock accounts.
pub const CREDENTIAL_PERIOD: Span = Span::from_secs(3600);

/// The bulkhead a leg runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Network,
    Blocking,
    Command,
    Load,
    Mutating,
}

/// Whether the item's `when` holds. Conditions see parameters only, so this is known at compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applicability {
    Applicable,
    /// The condition that does not hold, as written.
    NotApplicable(Box<str>),
}

/// The line of the document the item comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub file: Arc<str>,
    pub line: u32,
    /// Link to the document, if the checklist names one.
    pub url: Option<Arc<str>>,
}

/// Four digests, so that a reload knows what kind of change it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    pub probe: Digest,
    pub policy: Digest,
    pub schedule: Digest,
    pub meta: Digest,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub id: ItemId,
    /// Former ids; memory moves from them to `id` at a reload or restart.
    pub aliases: Box<[ItemId]>,
    pub section: SectionPath,
    pub title: Box<str>,
    pub priority: Priority,
    pub mode: Mode,
    pub coverage: Coverage,
    pub claim: Claim,
    /// Kinds of its legs joined with `+`, `composite`, or `unmapped`: the `probe` label.
    pub probe: Arc<str>,
    pub team: Arc<str>,
    pub runbook_url: Arc<str>,
    /// In a box: what has none, as in catalogues of one's own, is smaller by it.
    pub source: Option<Box<Source>>,
    pub check: Check,
    /// All legs of `check`, in the order in which it names them. `LegIndex` counts over the plan;
    /// a leg's place in this list is its place in `ItemMemory::legs`.
    pub legs: Box<[Leg]>,
    pub policy: Policy,
    pub schedule: Schedule,
    /// Hard dependencies: while one is not passing, this item cannot be `fail`, only `blocked`.
    pub depends_on: Box<[Slot]>,
    pub applicability: Applicability,
    pub digests: Digests,
}

impl Item {
    /// Whether anything runs for this item. Pure composites and items without a usable leg are
    /// never scheduled.
    pub fn is_scheduled(&self) -> bool {
        !self.legs.is_empty() && self.applicability == Applicability::Applicable
    }

    /// Its hard dependencies, each once.
    pub fn parents(&self) -> impl Iterator<Item = Slot> {
        let earlier = |at: usize, slot: &Slot| self.depends_on.iter().take(at).any(|other| other == slot);
        self.depends_on.iter().enumerate().filter(move |(at, slot)| !earlier(*at, slot)).map(|(_, slot)| *slot)
    }
}

impl Priority {
    pub const ALL: [Priority; 4] = [Priority::Critical, Priority::High, Priority::Medium, Priority::Low];

    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Critical => "critical",
            Priority::High => "high",
            Priority::Medium => "medium",
            Priority::Low => "low",
        }
    }
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Auto => "auto",
            Mode::Derived => "derived",
            Mode::Artifact => "artifact",
            Mode::Attested => "attested",
        }
    }
}

impl Coverage {
    pub const ALL: [Coverage; 5] =
        [Coverage::Auto, Coverage::Derived, Coverage::Artifact, Coverage::Attested, Coverage::Unmapped];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Coverage::Auto => "auto",
            Coverage::Derived => "derived",
            Coverage::Artifact => "artifact",
            Coverage::Attested => "attested",
            Coverage::Unmapped => "unmapped",
        }
    }
}

impl Claim {
    /// The label value of `claimed`; empty where the line has no box.
    pub fn as_str(self) -> &'static str {
        match self {
            Claim::Done => "yes",
            Claim::Open => "no",
            Claim::None => "",
        }
    }
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Authenticates => "authenticates",
            Access::Mutates => "mutates",
            Access::Loads => "loads",
        }
    }
}

impl Class {
    pub const ALL: [Class; 5] = [Class::Network, Class::Blocking, Class::Command, Class::Load, Class::Mutating];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Network => "network",
            Class::Blocking => "blocking",
            Class::Command => "command",
            Class::Load => "load",
            Class::Mutating => "mutating",
        }
    }
}
