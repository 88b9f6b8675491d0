//! How much is exposed, and how many series that makes.

use super::rollup;
use super::table::FAMILIES;
use crate::model::{ITEM_FAMILIES, State};
use crate::snapshot::{ItemView, Snapshot};

/// From here on a scrape is heavy for most Prometheus servers: worth a warning, never a silent cut.
pub const SERIES_WARNING: u64 = 100_000;

/// How much is exposed. A setting; nothing steps down by itself, because alerts would go quiet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    #[default]
    Full,
    /// Without the state set, measurements and counters.
    Compact,
    /// Only items that are applicable and not ready; counts cover all items.
    Summary,
}

impl Detail {
    pub const ALL: [Detail; 3] = [Detail::Full, Detail::Compact, Detail::Summary];

    /// The value of the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Detail::Full => "full",
            Detail::Compact => "compact",
            Detail::Summary => "summary",
        }
    }

    pub(super) fn has_family(self, compact: bool) -> bool {
        compact || self != Detail::Compact
    }

    pub(super) fn has_item(self, view: &ItemView) -> bool {
        self != Detail::Summary || !matches!(view.effective.state, State::Pass | State::NotApplicable)
    }
}

/// How many series a scrape has, those of the daemon itself left out. Costs a walk over the items.
pub fn series(snapshot: &Snapshot, detail: Detail) -> u64 {
    let items: u64 = snapshot
        .items
        .iter()
        .filter(|view| detail.has_item(view))
        .map(|view| match detail {
            Detail::Full | Detail::Summary => u64::from(view.fragment.series),
            // Each family of this level has at most one sample an item.
            Detail::Compact => (0..ITEM_FAMILIES)
                .filter(|place| FAMILIES.get(*place).is_some_and(|family| family.compact))
                .filter(|place| !view.fragment.family(*place).is_empty())
                .count() as u64,
        })
        .sum();
    let mut rollups = Vec::new();
    for family in FAMILIES {
        rollup::write(&mut rollups, family, snapshot);
    }
    items + rollups.iter().filter(|byte| **byte == b'\n').count() as u64
}
