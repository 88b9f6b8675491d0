//! The item as Prometheus knows it.

use crate::model::ItemId;

/// What it selects, for people, and the query.
pub(in crate::web) struct Query {
    pub(in crate::web) what: &'static str,
    pub(in crate::web) promql: String,
}

pub(super) fn queries(id: &ItemId) -> Vec<Query> {
    let labels = format!("checklist=\"{}\", item=\"{}\"", quoted(id.checklist()), quoted(id.item()));
    vec![
        Query { what: "Is it ready", promql: format!("readiness_item_ready{{{labels}}}") },
        Query { what: "State over time", promql: format!("readiness_item_state{{{labels}}} == 1") },
        Query { what: "All its series", promql: format!("{{__name__=~\"readiness_item_.+\", {labels}}}") },
    ]
}

/// As the inside of a string of PromQL.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_one_item_whatever_its_name() {
        let ask = |checklist, item| queries(&ItemId::new(checklist, item))[0].promql.clone();
        assert_eq!(ask("shop", "web.health"), r#"readiness_item_ready{checklist="shop", item="web.health"}"#);
        assert_eq!(ask("a\"b", "c\\d"), r#"readiness_item_ready{checklist="a\"b", item="c\\d"}"#);
    }
}
