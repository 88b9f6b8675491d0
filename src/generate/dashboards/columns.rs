//! Columns of tables: what is shown of a series, how, and where it leads.

use serde_json::{Value, json};

use super::look;

/// A column of a table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    /// A label of the series, or `Value`.
    field: &'static str,
    title: &'static str,
    show: Show,
    width: Option<u32>,
}

#[derive(Clone, Copy)]
enum Show {
    Text,
    /// A word on its colour.
    State,
    /// Milliseconds since the epoch, told from now on.
    When,
    /// Seconds.
    Duration,
    Number,
    /// The name of an item, with links to its dashboard and to its evidence.
    Item,
    /// An address, shown as one word.
    Link,
}

impl Column {
    const fn new(field: &'static str, title: &'static str, show: Show, width: Option<u32>) -> Self {
        Self { field, title, show, width }
    }

    pub(super) const CHECKLIST: Self = Self::new("checklist", "Checklist", Show::Text, Some(110));
    pub(super) const SECTION: Self = Self::new("section", "Section", Show::Text, Some(180));
    pub(super) const ITEM: Self = Self::new("item", "Item", Show::Item, None);
    pub(super) const TITLE: Self = Self::new("title", "Title", Show::Text, None);
    pub(super) const PRIORITY: Self = Self::new("priority", "Priority", Show::Text, Some(80));
    pub(super) const TEAM: Self = Self::new("team", "Team", Show::Text, Some(100));
    pub(super) const STATE: Self = Self::new("state", "State", Show::State, Some(110));
    pub(super) const REASON: Self = Self::new("reason", "Reason", Show::Text, Some(150));
    pub(super) const RUNBOOK: Self = Self::new("runbook_url", "Runbook", Show::Link, Some(90));
    pub(super) const SINCE: Self = Self::new("Value", "Since", Show::When, Some(150));
    pub(super) const AGE: Self = Self::new("Value", "For", Show::Duration, Some(120));
    pub(super) const ENDS: Self = Self::new("Value", "Ends", Show::When, Some(150));
    pub(super) const GATE: Self = Self::new("gate", "Gate", Show::Text, Some(150));
    pub(super) const WAIVER: Self = Self::new("waiver", "Waiver", Show::Text, Some(150));
    pub(super) const ATTESTATION: Self = Self::new("attestation", "Attestation", Show::Text, Some(150));
    pub(super) const DRIFT: Self = Self::new("drift", "Drift", Show::Text, Some(110));
    pub(super) const MODE: Self = Self::new("mode", "Mode", Show::Text, Some(90));
    pub(super) const PROBE: Self = Self::new("probe", "Probe", Show::Text, Some(110));
    pub(super) const DEPENDS_ON: Self = Self::new("depends_on", "Depends on", Show::Text, None);
    pub(super) const BLOCKS: Self = Self::new("item", "Waits for it", Show::Item, None);
    pub(super) const MEASUREMENT: Self = Self::new("measurement", "Measurement", Show::Text, None);
    pub(super) const VALUE: Self = Self::new("Value", "Value", Show::Number, Some(130));

    /// How the column looks, told apart by its title.
    pub(super) fn overridden(&self) -> Value {
        let mut properties = Vec::new();
        let mut set = |id: &str, value: Value| properties.push(json!({ "id": id, "value": value }));
        if let Some(width) = self.width {
            set("custom.width", json!(width));
        }
        match self.show {
            Show::Text | Show::Number => {}
            Show::State => {
                set("mappings", look::states_by_name());
                set("custom.cellOptions", json!({ "type": "color-background", "mode": "basic" }));
            }
            Show::When => set("unit", json!("dateTimeFromNow")),
            Show::Duration => set("unit", json!("dtdurations")),
            Show::Item => set("links", links()),
            Show::Link => {
                let link = json!({ "title": "Runbook of the item", "url": "${__value.raw}", "targetBlank": true });
                set("links", json!([link]));
                set(
                    "mappings",
                    json!([{ "type": "regex", "options": { "pattern": ".+", "result": { "text": "runbook", "index": 0 } } }]),
                );
            }
        }
        json!({ "matcher": { "id": "byName", "options": self.title }, "properties": properties })
    }
}

fn links() -> Value {
    json!([
        { "title": "Item", "targetBlank": false,
          "url": "/d/readiness-item?${datasource:queryparam}&${job:queryparam}&var-checklist=${__data.fields.Checklist}&var-item=${__value.raw}" },
        { "title": "Evidence on the board", "targetBlank": true,
          "url": "${board}/items/${__data.fields.Checklist}/${__value.raw}" },
    ])
}

/// Leaves these columns, by their titles and in their order.
pub(super) fn transformations(columns: &[Column]) -> Value {
    let names: Vec<&str> = columns.iter().map(|column| column.field).collect();
    let titles: serde_json::Map<String, Value> =
        columns.iter().map(|column| (column.field.to_owned(), json!(column.title))).collect();
    let order: serde_json::Map<String, Value> =
        columns.iter().enumerate().map(|(n, column)| (column.field.to_owned(), json!(n))).collect();
    json!([
        { "id": "filterFieldsByName", "options": { "include": { "names": names } } },
        { "id": "organize", "options": { "excludeByName": {}, "indexByName": order, "renameByName": titles } },
    ])
}
