//! `docs/diagnostics.md`: what each code means.

use std::fmt::Write;

use crate::diag::CODES;

pub(super) fn docs() -> String {
    let mut text = String::from(
        "<!-- Written by `readiness-exporter generate`; do not edit. -->\n\n# Diagnostics\n\n\
         Codes of errors and warnings about a catalogue. `readiness-exporter explain CODE` says the same.\n\n\
         | code | meaning |\n|---|---|\n",
    );
    for code in CODES {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {} |", code.code, code.meaning);
    }
    text
}
