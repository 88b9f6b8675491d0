//! Names. All of them are checked at compile of the catalogue, so that a label value built from
//! one can never carry text from outside.

use std::fmt;
use std::sync::Arc;

/// The id of a checklist, such as `parallax`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChecklistId(Arc<str>);

/// The id of an item, unique over all checklists: `parallax/core.database.postgres-reachable`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    key: Arc<str>,
    slash: u32,
}

/// A dotted section path inside one checklist, such as `core.database`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionPath(Arc<str>);

/// The place of an item in the plan of one generation. Never stored: ids survive a reload, slots do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// A fingerprint of a canonical definition. Equal definitions have equal digests over restarts
/// and versions; it is no protection against somebody who wants a collision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u64);

impl Slot {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ItemId {
    /// Joins a checklist id and the id an item has inside it. Neither part may contain a slash;
    /// the catalogue has checked that before.
    pub fn new(checklist: &str, item: &str) -> Self {
        let slash = u32::try_from(checklist.len()).unwrap_or(u32::MAX);
        Self { key: format!("{checklist}/{item}").into(), slash }
    }

    /// Splits `checklist/item`; `None` unless both parts are there.
    pub fn parse(key: &str) -> Option<Self> {
        let (checklist, item) = key.split_once('/')?;
        (!checklist.is_empty() && !item.is_empty()).then(|| Self::new(checklist, item))
    }

    /// The whole key, `checklist/item`.
    pub fn as_str(&self) -> &str {
        &self.key
    }

    pub fn checklist(&self) -> &str {
        self.key.get(..self.slash as usize).unwrap_or("")
    }

    /// The id inside the checklist.
    pub fn item(&self) -> &str {
        self.key.get(self.slash as usize + 1..).unwrap_or("")
    }
}

macro_rules! text_id {
    ($name:ident) => {
        impl $name {
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(ChecklistId);
text_id!(SectionPath);

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}
