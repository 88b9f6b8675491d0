//! The shape of a catalogue file: mappings read field by field, every unknown and missing key
//! reported. Names are looked up later, in `compile`.

mod checklist;
mod fields;
mod item;
mod records;
mod root;
mod target;
mod values;

pub(crate) use checklist::{ChecklistDef, GateDef, SectionDef, duplicates};
pub(crate) use fields::Fields;
pub(crate) use item::{ItemDef, LEAST_TIMEOUT};
pub(crate) use records::{AttestationDef, WaiverDef};
pub(crate) use root::Root;
pub(crate) use target::{CredentialDef, TargetDef};
pub(crate) use values::{Located, boolean, duration, list, map, name, number, text, texts, word};
