//! Every outward connection goes through here.

/// Clients made once and lent to probes.
#[derive(Default)]
pub struct Clients {}
