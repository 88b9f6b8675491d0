//! Values that may be compared and never shown.
//!
//! There is one key for as long as the process runs, and not one for each run: lists of a cluster are fetched
//! once for all items that ask for them and kept for a while, with the values sealed as they are read, so that
//! a check compares what was read for it with what was read before, for another item. Nobody outside can
//! compare them: the redactor knows a seal by its beginning, and no sentence, trace or evidence has one.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// How each begins.
pub(super) const MARK: &str = "sealed:";

/// What stands for a value: equal for equal values as long as the process runs, and of no use
/// to anybody else, for its key is random and known to nobody.
pub(in crate::probe) fn seal(value: &str) -> String {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    format!("{MARK}{:016x}", KEY.get_or_init(RandomState::new).hash_one(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::probe::guard::Redactor;

    #[test]
    fn what_was_read_for_another_item_can_be_compared_and_what_leaves_cannot() {
        let elsewhere = std::thread::spawn(|| seal("hunter22")).join().unwrap();
        assert_eq!(elsewhere, seal("hunter22"), "a kept list was read by another task");
        let redactor = Redactor::default();
        let facts = json!({"elements": [{"literal": seal("hunter22")}, {"literal": seal("hunter23")}]});
        let shown = "sealed:***";
        let clean = json!({"elements": [{"literal": shown}, {"literal": shown}]}).to_string();
        assert_eq!(redactor.json_text(facts.clone()), clean);
        assert_eq!(redactor.masked(&format!("expected {} there", seal("a"))).unwrap(), "expected sealed:*** there");
        let cut = seal("a").split_at(12).0.to_owned() + "…";
        assert_eq!(redactor.masked(&cut).unwrap(), "sealed:***…");
        assert_eq!(redactor.masked(&format!("x{}", seal("a"))).unwrap(), "xsealed:***", "glued behind a letter");
        assert!(redactor.suspects(&facts.to_string()), "facts that no condition reads are looked at too");
    }

    #[test]
    fn only_equal_values_are_equal() {
        assert_eq!(seal("hunter22"), seal("hunter22"));
        assert_ne!(seal("hunter22"), seal("hunter23"));
        assert!(!seal("hunter22").contains("hunter"));
    }
}
