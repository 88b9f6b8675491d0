//! The table of kinds: one file a kind, one line here. Both lists are sorted; a test compares
//! them with the folder.

mod attestation;
mod command;
mod env;
mod file;
mod http;
mod postgres;
mod process;
mod tcp;
#[cfg(test)]
pub(in crate::probe) mod testing;
mod tls;

use super::{Descriptor, Findings};

/// All kinds, by name.
pub const KINDS: &[Descriptor] = &[
    Descriptor::of::<attestation::Attestation>(),
    Descriptor::of::<command::Command>(),
    Descriptor::of::<env::Env>(),
    Descriptor::of::<file::File>(),
    Descriptor::of::<http::Http>(),
    Descriptor::of::<postgres::Postgres>(),
    Descriptor::of::<process::Process>(),
    Descriptor::of::<tcp::Tcp>(),
    Descriptor::of::<tls::Tls>(),
];

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
