//! What keeps a probe from doing harm: the redactor, the sandbox of `command`, and the lane that
//! keeps a stuck file system from eating threads.

pub(in crate::probe) mod lane;
mod redact;
pub(in crate::probe) mod sandbox;
pub(in crate::probe) mod seal;
mod telling;

pub use redact::Redactor;
