//! The pre-rendered samples of one item.

/// One buffer, and where each family's samples end in it. Text 0.0.4 and OpenMetrics share the
/// sample lines; only headers differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    pub text: Box<[u8]>,
    pub ends: Box<[u32]>,
}
