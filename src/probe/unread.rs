//! Facts that nobody reads but the evidence: most of them. Their text is written straight from them.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::guard::Redactor;

/// The text of facts, and the facts in case that there is something to mask in it.
pub struct Unread {
    pub(super) text: String,
    pub(super) facts: Box<dyn Tree>,
}

/// Facts of any kind as a tree.
pub(super) trait Tree: Send {
    fn tree(&self) -> Value;
}

impl<F: Serialize + Send> Tree for F {
    fn tree(&self) -> Value {
        // They were written as text before.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Unread {
    /// The text without secrets.
    pub fn clean(self, redactor: &Redactor) -> String {
        if redactor.suspects(&self.text) { redactor.json_text(self.facts.tree()) } else { self.text }
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `None` if it is longer than `limit`, or if the facts are not JSON.
pub(super) fn text<F: Serialize>(facts: &F, limit: usize) -> Option<String> {
    let mut text = Bounded { text: Vec::with_capacity(USUAL.min(limit)), limit };
    serde_json::to_writer(&mut text, facts).ok()?;
    String::from_utf8(text.text).ok()
}

/// Most facts are shorter.
const USUAL: usize = 1000;

struct Bounded {
    text: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.text.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Secret;

    #[test]
    fn the_text_is_that_of_the_tree_and_bounded() {
        let facts = json!({"a": [1, 2.5, null, "x\n\"y\""], "b": f64::NAN});
        let text = text(&facts, 1000).unwrap();
        assert_eq!(text, facts.to_string());
        assert_eq!(super::text(&facts, text.len()).as_deref(), Some(&*text));
        assert_eq!(super::text(&facts, text.len() - 1), None);
    }

    #[test]
    fn what_is_suspect_is_cleaned_as_a_tree() {
        let secret = Secret::new("a\"b\nc=hunter22".to_owned());
        let redactor = Redactor::new([&secret]);
        for (facts, clean) in [
            (json!({"seen": "it is a\"b\nc=hunter22"}), json!({"seen": "it is ***"})),
            (json!({"seen": "it is a\"b\nc=hu…"}), json!({"seen": "it is ***…"})),
            (json!({"seen": "redis://u:p@h"}), json!({"seen": "redis://u:***@h"})),
            (json!({"seen": "nothing"}), json!({"seen": "nothing"})),
        ] {
            let unread = Unread { text: facts.to_string(), facts: Box::new(facts) };
            assert_eq!(unread.clean(&redactor), clean.to_string());
        }
    }
}
