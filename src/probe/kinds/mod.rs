//! The table of kinds: one file a kind, one line here. Both lists are sorted; a test compares
//! them with the folder.

mod attestation;
mod command;
mod env;
mod file;
mod postgres;
mod process;
#[cfg(test)]
pub(in crate::probe) mod testing;

use super::Descriptor;

/// All kinds, by name.
pub const KINDS: &[Descriptor] = &[
    Descriptor::of::<attestation::Attestation>(),
    Descriptor::of::<command::Command>(),
    Descriptor::of::<env::Env>(),
    Descriptor::of::<file::File>(),
    Descriptor::of::<postgres::Postgres>(),
    Descriptor::of::<process::Process>(),
];

/// The kind with this name.
pub fn find(name: &str) -> Option<&'static Descriptor> {
    KINDS.iter().find(|kind| kind.name == name)
}
