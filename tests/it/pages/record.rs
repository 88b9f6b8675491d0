//! What happened, as a table: printed, and `docs/pages.md` if READINESS_RECORD is set.

use std::time::Duration;

use super::shorter::FACTOR;
use crate::source::root;

pub(super) struct Row {
    fault: String,
    root: String,
    gauge: Duration,
    /// To the page and from the end of the fault to its end, if it pages.
    page: Option<(Duration, Duration)>,
}

impl Row {
    pub(super) fn page(fault: &str, root: &str, gauge: Duration, page: Duration, end: Duration) -> Self {
        Self { fault: fault.to_owned(), root: root.to_owned(), gauge, page: Some((page, end)) }
    }

    pub(super) fn quiet(fault: &str, root: &str, gauge: Duration) -> Self {
        Self { fault: fault.to_owned(), root: root.to_owned(), gauge, page: None }
    }

    pub(super) fn pages(&self) -> usize {
        usize::from(self.page.is_some())
    }

    /// So that a run can be followed.
    pub(super) fn print(&self) {
        println!("{}", self.markdown().trim_end());
    }

    fn markdown(&self) -> String {
        let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
        let (page, end) =
            self.page.map_or(("–".to_owned(), "–".to_owned()), |(page, end)| (seconds(page), seconds(end)));
        let Self { fault, root, gauge, .. } = self;
        format!("| {fault} | `{root}` | {} | {page} | {} | {end} |\n", seconds(*gauge), self.pages())
    }
}

/// Prints the table; every row was checked before it was made.
pub(super) fn table(rows: &[Row]) {
    let head = format!(
        "# Pages\n\n\
Written by `READINESS_RECORD=1 cargo test --test it pages`; do not edit. Real servers are broken under the shipped\n\
checklist (and small ones of the test for kinds of which no critical row is shipped), watched by the real daemon, Prometheus\n\
and Alertmanager with the rules and the configuration of `alerts/`. Every duration of the rules (`for` and windows), of\n\
Alertmanager and of Prometheus (a scrape and an evaluation each 15 s) is divided by {FACTOR}, so a page is later by that in\n\
production: `for` of a page is 2 minutes, or 3, and not 6 s, or 9 s; `group_wait` 1 minute, and not 3 s. Items run every 3 s.\n\
A group that has just paged waits for its interval (5 minutes; here 15 s) before it speaks again.\n\n\
Times are of this one run. Counted are messages that say that something fires, in the whole group, from the fault to its\n\
end; the run fails if any is not as listed.\n\n\
| fault | root cause | to the gauge | to the page | pages | from mending to the end |\n|---|---|---|---|---|---|\n"
    );
    let text = rows.iter().fold(head, |text, row| text + &row.markdown());
    println!("{text}");
    if std::env::var_os("READINESS_RECORD").is_some() {
        std::fs::write(root().join("docs/pages.md"), text).expect("docs/pages.md");
    }
}
