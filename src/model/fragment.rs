//! The pre-rendered samples of one item.

/// How many families are about items.
pub const ITEM_FAMILIES: usize = 20;

/// What an exposition says of one item, without the names of the families. Text 0.0.4 and
/// OpenMetrics share the sample lines; only headers differ.
///
/// A sample line is the name of its family, the identity of the item, and the rest: more labels,
/// the brace, the value and the line end. Rests alone are kept, which is a quarter of the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// The identity, and after it the rests, family by family.
    text: Box<[u8]>,
    /// Where the identity ends in `text`, and then the rests of each family.
    ends: Ends,
    /// Sample lines.
    pub series: u32,
}

/// The place of the identity, and of each family in the order of the table.
pub type Ends = [u32; ITEM_FAMILIES + 1];

impl Fragment {
    pub fn new(text: &[u8], ends: Ends, series: u32) -> Self {
        // A copy, so that it lies where it just fits: cutting the big buffer down in place would leave a
        // gap behind it that the next big one does not fit into.
        Self { text: text.into(), ends, series }
    }

    /// `{checklist="…",item="…"`, without the closing brace.
    pub(crate) fn identity(&self) -> &[u8] {
        let end = self.ends.first().map_or(0, |end| *end as usize);
        self.text.get(..end).unwrap_or(&[])
    }

    /// The rests of the sample lines of the item family with this place, each with its line end;
    /// empty if the item has none.
    pub(crate) fn family(&self, place: usize) -> &[u8] {
        let at = |place: usize| self.ends.get(place).map_or(0, |end| *end as usize);
        self.text.get(at(place)..at(place + 1)).unwrap_or(&[])
    }
}
