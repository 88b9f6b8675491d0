//! `docs/reasons.md`: what each reason and state means.

use std::fmt::Write;

use crate::model::Reason;

pub(super) fn docs() -> String {
    let mut text = String::from(
        "<!-- Written by `readiness-exporter generate`; do not edit. -->\n\n# Reasons\n\n\
         Why an item is not `pass`. The value of the label `reason` of `readiness_item_reason`; a closed list.\n\n\
         | reason | meaning |\n|---|---|\n",
    );
    for reason in Reason::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {} |", reason.as_str(), reason.meaning());
    }
    text
}
