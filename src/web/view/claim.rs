//! What a tick in the document that contradicts the measurement means, in words.

use crate::core::Drift;

pub(super) fn meaning(drift: Drift) -> &'static str {
    match drift {
        Drift::OverClaim => "The document says done; the measurement says it is not.",
        Drift::UnderClaim => "The box is open, but the measurement passes.",
        Drift::Unproven => "The document says done; nothing proves it at the moment.",
    }
}
