//! A check that may take longer than its interval would skip runs.

use super::Subject;
use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic};

pub(super) fn check(subject: &Subject<'_>, sink: &Sink) {
    for (item, facts) in subject.items() {
        let interval = item.schedule.interval;
        let Some(leg) = item.legs.iter().find(|leg| leg.timeout > interval) else { continue };
        let message =
            format!("the timeout of `{}` is {}, longer than the interval of {interval}", leg.name, leg.timeout);
        let mut found = Diagnostic::error(Code::TIMEOUT, facts.interval_at, message);
        if let Some((_, at)) = facts.timeouts.iter().find(|(timeout, _)| *timeout > interval) {
            found = found.also(*at, "the timeout");
        }
        sink.push(found.help("a run must end before the next one is due: lengthen `interval` or shorten `timeout`"));
    }
}
