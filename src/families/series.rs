//! How much is exposed, and how many series that makes.

use super::table::FAMILIES;
use super::{item, rollup};
use crate::model::{Item, State};
use crate::snapshot::{Row, Snapshot};

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

    pub(super) fn has_row(self, row: &Row) -> bool {
        self != Detail::Summary || !matches!(row.state, State::Pass | State::NotApplicable)
    }
}

/// How many series a full scrape has of one item.
pub fn series_of(row: &Row, item: &Item) -> u64 {
    item::count(row, item, Detail::Full)
}

/// How many series a scrape has, those of the daemon itself left out. Costs a walk over the items.
pub fn series(snapshot: &Snapshot, detail: Detail) -> u64 {
    let rows = snapshot.rows.blocks_from(0).flat_map(|(_, block)| block.iter());
    let items = rows.zip(&snapshot.plan.items).map(|((_, row), item)| item::count(row, item, detail)).sum::<u64>();
    let mut rollups = Vec::new();
    for family in FAMILIES {
        rollup::write(&mut rollups, family, snapshot);
    }
    items + rollups.iter().filter(|byte| **byte == b'\n').count() as u64
}
