//! A check that may take longer than its interval would skip runs.

use super::Subject;
use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic};

pub(super) fn check(subject: &Subject<'_>, sink: &Sink) {
    for (item, facts) in subject.items() {
        let interval = item.schedule.interval;
        let slow = facts.timeouts.iter().find(|(_, (timeout, _))| *timeout > interval);
        let Some((name, (timeout, at))) = slow else { continue };
        let message = format!("the timeout of `{name}` is {timeout}, longer than the interval of {interval}");
        sink.push(
            Diagnostic::error(Code::TIMEOUT, *at, message)
                .also(facts.interval_at, format!("runs every {interval}"))
                .help("a run must end before the next one is due: lengthen `interval` or shorten `timeout`"),
        );
    }
}
