//! PEM that stands in no file of its own, such as in a kubeconfig.

use std::fmt;
use std::hash::{Hash, Hasher};

use aws_lc_rs::digest::{SHA256, digest};

use crate::model::Secret;

/// Told apart by its digest, and shown as nothing but that.
#[derive(Clone)]
pub(crate) struct Inline {
    digest: [u8; 32],
    pem: Secret,
}

impl Inline {
    pub(crate) fn new(pem: Secret) -> Self {
        let mut of = [0; 32];
        for (to, from) in of.iter_mut().zip(digest(&SHA256, pem.expose().as_bytes()).as_ref()) {
            *to = *from;
        }
        Self { digest: of, pem }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.pem.expose().as_bytes()
    }
}

impl PartialEq for Inline {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Inline {}

impl Hash for Inline {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl fmt::Debug for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PEM")
    }
}
