//! Rights that a target must give to the exporter.

use crate::model::Access;

/// One right, in the words of a target that has such: a verb on a sort of objects. For Kubernetes the names
/// are those of its roles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// API group; empty for the core.
    pub group: String,
    /// Such as `pods`; with a `/` first it is a path of its own, such as `/readyz`.
    pub resource: String,
    /// Such as `list`.
    pub verb: &'static str,
    /// Where; everywhere, or in no namespace, if absent.
    pub namespace: Option<String>,
    /// What is done with it: a leg that changes something may also need rights that only read.
    pub access: Access,
}
