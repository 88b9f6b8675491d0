//! Accepted risk has an end, and not one far away.

use super::Subject;
use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic};

pub(super) fn check(subject: &Subject<'_>, sink: &Sink) {
    for def in &subject.root.waivers {
        let (id, starts, expires) = (&def.id.value, &def.starts, &def.expires);
        if expires.value <= starts.value {
            let message = format!("the waiver `{id}` expires before it starts");
            let found = Diagnostic::error(Code::WAIVER_DATES, expires.at, message);
            sink.push(found.here("expires").also(starts.at, "starts").help("swap or correct the dates"));
            continue;
        }
        let (length, max) = (expires.value.since(starts.value), subject.builtins.max_waiver);
        if length > max {
            let message = format!("the waiver `{id}` runs for {length}, more than the {max} allowed");
            let help = format!(
                "let it expire by {} and renew it then, or raise `catalogue.max_waiver` in the settings",
                starts.value + max
            );
            sink.push(Diagnostic::error(Code::WAIVER_LENGTH, expires.at, message).help(help));
        } else if expires.value <= subject.now {
            let message = format!("the waiver `{id}` expired at {} and has no effect", expires.value);
            let help = "remove it, or renew it with a new justification";
            sink.push(Diagnostic::warning(Code::WAIVER_EXPIRED, expires.at, message).help(help));
        }
    }
}
