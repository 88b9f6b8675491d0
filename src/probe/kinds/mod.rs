//! The table of kinds: one file a kind, one line here. Both lists are sorted; a test compares
//! them with the folder.

mod http;
mod tcp;
mod tls;

use super::{Descriptor, Findings};

/// All kinds, by name.
pub const KINDS: &[Descriptor] =
    &[Descriptor::of::<http::Http>(), Descriptor::of::<tcp::Tcp>(), Descriptor::of::<tls::Tls>()];

/// The kind with this name.
pub fn find(name: &str) -> Option<&'static Descriptor> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// A leg names a target, or an address of its own under `field`; not both, not neither.
fn one_place(target: &Option<String>, field: &str, own: &Option<String>, findings: &mut Findings) {
    match (target, own) {
        (Some(_), Some(_)) => findings.error(field, format!("write either `target` or `{field}`, not both")),
        (None, None) => findings.error("", format!("write `target` or `{field}`")),
        _ => {}
    }
}
