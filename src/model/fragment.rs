//! The pre-rendered samples of one item.

/// One buffer, and where each family's samples end in it. Text 0.0.4 and OpenMetrics share the
/// sample lines; only headers differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    pub text: Box<[u8]>,
    /// By the order of the item families in `FAMILIES`.
    pub ends: Box<[u32]>,
    /// Sample lines in `text`.
    pub series: u32,
}

impl Fragment {
    /// The sample lines of the item family with this place; empty if the item has none.
    pub(crate) fn family(&self, place: usize) -> &[u8] {
        let end = self.ends.get(place).map_or(0, |end| *end as usize);
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        self.text.get(start..end).unwrap_or(&[])
    }
}
