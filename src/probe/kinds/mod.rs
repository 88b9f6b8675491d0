//! The table of kinds: one file a kind, one line here. Both lists are sorted; a test compares
//! them with the folder.

use super::Descriptor;

/// All kinds, by name.
pub const KINDS: &[Descriptor] = &[];

/// The kind with this name.
pub fn find(name: &str) -> Option<&'static Descriptor> {
    KINDS.iter().find(|kind| kind.name == name)
}
