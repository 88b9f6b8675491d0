//! Texts that many items repeat (teams, kinds, addresses), each kept once.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

/// Lives for one compile. What is equal shares its memory, which at many items is a part of it.
#[derive(Debug, Default)]
pub(super) struct Words(RefCell<HashSet<Arc<str>>>);

impl Words {
    /// The kept text that equals `text`.
    pub(super) fn share(&self, text: &str) -> Arc<str> {
        let mut kept = self.0.borrow_mut();
        if let Some(word) = kept.get(text) {
            return Arc::clone(word);
        }
        let word: Arc<str> = text.into();
        kept.insert(Arc::clone(&word));
        word
    }
}
