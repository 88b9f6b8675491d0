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
Written by `READINESS_RECORD=1 cargo test --test it pages`, from one run; do not edit. Real servers are broken, in\n\
each checklist one after the other: the shipped one, and small ones of the test for what no critical row is shipped about.\n\
The real daemon, Prometheus and Alertmanager watch, with the rules and the configuration of `alerts/`.\n\n\
**All times here are short.** Every duration of the rules (`for`, windows), of Alertmanager and of Prometheus (a scrape and\n\
an evaluation each 15 s) is divided by {FACTOR}, and items run every 3 s. With what is shipped a page takes what its item\n\
takes to be confirmed, two minutes of `for` (here 6 s; three, here 9 s, for the exporter itself) and one of `group_wait`\n\
(here 3 s). A group that has just paged speaks again after `group_interval`: five minutes, here 15 s.\n\n\
Counted are all messages to the receiver of pages that say that something fires. The run fails if a fault has more or fewer\n\
than one, if it names anything but the root cause, or if there is any beside those of this table. For what must not page,\n\
the gauge's column says how long it took to be seen, or to be restarted.\n\n\
| fault | root cause | to the gauge | to the page | pages | from mending to the end |\n|---|---|---|---|---|---|\n"
    );
    let text = rows.iter().fold(head, |text, row| text + &row.markdown());
    println!("{text}");
    if std::env::var_os("READINESS_RECORD").is_some() {
        std::fs::write(root().join("docs/pages.md"), text).expect("docs/pages.md");
    }
}
