//! Where panels are put: rows across the 24 columns of a board.

use serde_json::{Value, json};

use super::panel::Panel;

const COLUMNS: u32 = 24;

/// Panels beside each other, with a heading above them.
pub(super) struct Row {
    pub(super) title: &'static str,
    /// Of each panel, in Grafana's units of 30 pixels.
    pub(super) height: u32,
    pub(super) panels: Vec<Panel>,
}

pub(super) fn row(title: &'static str, height: u32, panels: impl IntoIterator<Item = Panel>) -> Row {
    Row { title, height, panels: panels.into_iter().collect() }
}

/// The panels with their places. Those without a width share what the others leave.
pub(super) fn place(rows: &[Row]) -> Vec<Value> {
    let (mut placed, mut y, mut id) = (Vec::new(), 0, 0);
    for row in rows {
        if !row.title.is_empty() {
            id += 1;
            placed.push(json!({
                "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [],
                "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
            }));
            y += 1;
        }
        let taken: u32 = row.panels.iter().filter_map(|panel| panel.width).sum();
        let sharing = u32::try_from(row.panels.iter().filter(|panel| panel.width.is_none()).count()).unwrap_or(1);
        let left = COLUMNS.saturating_sub(taken);
        let (share, mut over) = (left / sharing.max(1), left % sharing.max(1));
        let mut x = 0;
        for panel in &row.panels {
            id += 1;
            let width = panel.width.unwrap_or_else(|| {
                let more = over.min(1);
                over -= more;
                share + more
            });
            let place = json!({ "x": x, "y": y, "w": width, "h": row.height });
            placed.push(panel.json(id, &place));
            x += width;
        }
        y += row.height;
    }
    placed
}
