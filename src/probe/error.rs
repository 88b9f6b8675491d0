//! Why an observation failed, in the same words for every kind.

use std::fmt;

use crate::model::{Reason, Verdict};

/// Whose fault it is. Only the target's fault makes an item fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    Target,
    Observer,
}

/// `detail` is one clause for people, such as `127.0.0.1:5432 refused the connection`. Never put a
/// secret into it; the redactor is only the second line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ProbeError {
    pub reason: Reason,
    pub blame: Blame,
    pub detail: String,
}

impl ProbeError {
    pub fn target(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, blame: Blame::Target, detail: detail.into() }
    }

    pub fn observer(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, blame: Blame::Observer, detail: detail.into() }
    }

    pub fn internal(detail: impl Into<String>) -> Self {
        Self::observer(Reason::Internal, detail)
    }

    pub fn unconfigured(detail: impl Into<String>) -> Self {
        Self::observer(Reason::Unconfigured, detail)
    }

    /// Fail if the target is to blame, else indeterminate.
    pub fn verdict(&self) -> Verdict {
        match self.blame {
            Blame::Target => Verdict::fail(self.reason, self.detail.clone()),
            Blame::Observer => self.indeterminate(),
        }
    }

    /// Indeterminate whoever is to blame: for negative checks and aggregates.
    pub fn indeterminate(&self) -> Verdict {
        Verdict::indeterminate(self.reason, self.detail.clone())
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.reason.as_str())
    }
}
