//! Values that may be compared and never shown.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// What stands for a value: equal for equal values as long as the process runs, and of no use
/// to anybody else, for its key is random and known to nobody.
pub(in crate::probe) fn seal(value: &str) -> String {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    format!("sealed:{:016x}", KEY.get_or_init(RandomState::new).hash_one(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_values_are_equal() {
        assert_eq!(seal("hunter22"), seal("hunter22"));
        assert_ne!(seal("hunter22"), seal("hunter23"));
        assert!(!seal("hunter22").contains("hunter"));
    }
}
