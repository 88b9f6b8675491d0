//! `docs/metrics.md`, from the table.

use std::fmt::Write;

use super::table::{FAMILIES, Family, Level};

/// The whole page. Ends with a line break.
pub fn docs() -> String {
    let mut page = String::from(
        "<!-- Written by `readiness-exporter generate`; do not edit. -->\n\n# Metrics\n\n\
         A scrape never runs a check: every value about an item comes from its last scheduled evaluation, and\n\
         `readiness_item_last_evaluation_timestamp_seconds` says when that was. No sample carries a timestamp.\n\n\
         Hot series carry `checklist` and `item` only; join the rest from `readiness_item_info`:\n\n\
         ```promql\n\
         readiness_item_ready == 0\n  \
           and on (checklist, item) readiness_item_info{priority=\"critical\"}\n\
         ```\n\n\
         The same samples are served as text 0.0.4 and as OpenMetrics 1.0; only headers differ (OpenMetrics names the\n\
         family of a counter without `_total`).\n\n\
         Levels of detail: `full` has all families, `compact` those marked so below, `summary` has all families, but only\n\
         for items that are applicable and not ready. Families about counts cover all items at every level.\n",
    );
    section(&mut page, "About an item", Level::Item);
    section(&mut page, "About counts and dates", Level::Rollup);
    section(&mut page, "About the daemon itself", Level::Daemon);
    page
}

fn section(page: &mut String, title: &str, level: Level) {
    // Writing to a text cannot fail.
    let _ = write!(page, "\n## {title}\n\n| family | type | labels | compact | meaning |\n|---|---|---|---|---|\n");
    for Family { name, kind, help, labels, compact, .. } in FAMILIES.iter().filter(|family| family.level == level) {
        let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let compact = if *compact { "yes" } else { "" };
        let _ = writeln!(page, "| `{name}` | {} | {labels} | {compact} | {help} |", kind.as_str());
    }
}
