//! `explain`: what a kind, a reason, a state, a diagnostic code or an item is.

use std::fmt::Write;

use serde_json::Value;

use super::output::{Row, plain};
use crate::expect::nearest::hint;
use crate::model::{ItemId, Reason, State};
use crate::probe::{Descriptor, literals};
use crate::snapshot::Snapshot;

/// Where answers come from.
pub struct Sources<'a> {
    pub kinds: &'a [Descriptor],
    /// The text about a diagnostic code.
    pub code: &'a dyn Fn(&str) -> Option<String>,
    /// For items; absent if there is no catalogue.
    pub snapshot: Option<&'a Snapshot>,
}

/// The explanation, or what to say if there is nothing of that name. One word may be several
/// things (`timeout` is a reason, `tls` a kind): all of them are explained.
pub fn explain(what: &str, sources: &Sources<'_>) -> Result<String, String> {
    let mut parts = Vec::new();
    if let Some(kind) = sources.kinds.iter().find(|kind| kind.name == what) {
        parts.push(explain_kind(kind));
    }
    if let Some(reason) = Reason::parse(what) {
        parts.push(format!("reason {what}\n\n  {}\n", reason.meaning()));
    }
    if let Some(state) = State::parse(what) {
        parts.push(format!("state {what}\n\n  {}\n", state_meaning(state)));
    }
    if let Some(text) = (sources.code)(what) {
        parts.push(format!("diagnostic {what}\n\n{text}\n"));
    }
    if let Some(snapshot) = sources.snapshot
        && let Some(row) =
            ItemId::parse(what).and_then(|id| snapshot.plan.slot(&id)).and_then(|slot| Row::of(snapshot, slot))
    {
        parts.push(explain_item(&row, snapshot));
    }
    if !parts.is_empty() {
        return Ok(parts.join("\n"));
    }
    let known = sources.kinds.iter().map(|kind| kind.name);
    let known = known.chain(Reason::ALL.iter().map(|reason| reason.as_str())).chain(State::ALL.map(State::as_str));
    let items = sources.snapshot.iter().flat_map(|snapshot| snapshot.plan.items.iter().map(|item| item.id.as_str()));
    let hint =
        hint(what, known.chain(items)).unwrap_or_else(|| "name a kind, a reason, a state, a code or an item".into());
    Err(format!("there is nothing called `{}`; {hint}", plain(what)))
}

fn state_meaning(state: State) -> &'static str {
    match state {
        State::Pass => "Observed and as expected. The only state that is ready.",
        State::Fail => "Observed, and not as expected.",
        State::Unknown => "Could not be told: nothing was observed, or it proves nothing. Never counts as ready.",
        State::Stale => "The last evidence is too old to count.",
        State::Blocked => "Something it depends on is not passing, so its own result would mislead.",
        State::Waived => "Not ready, but the risk is accepted until the waiver expires.",
        State::NotApplicable => "The condition under which it applies does not hold. Does not count.",
    }
}

fn explain_kind(kind: &Descriptor) -> String {
    let mut out = format!("kind {}\n\n  {}\n", kind.name, kind.summary);
    for (title, schema) in [("Parameters", (kind.parameters)()), ("Facts, for conditions", (kind.facts)())] {
        let schema = schema.to_value();
        let _ = write!(out, "\n{title}:\n");
        let properties = schema.get("properties").and_then(Value::as_object);
        if properties.is_none_or(serde_json::Map::is_empty) {
            out.push_str("  none\n");
        }
        for (name, property) in properties.into_iter().flatten() {
            let default = property.get("default").filter(|default| !default.is_null());
            let default = default.map(|default| format!(", default {default}")).unwrap_or_default();
            let _ = writeln!(out, "  {name} ({}{default})", type_name(&schema, property, 4));
            let text = property.get("description").and_then(Value::as_str).unwrap_or_default();
            text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| {
                let _ = writeln!(out, "      {}", line.trim());
            });
        }
    }
    out
}

/// What a property holds, in a word or two.
fn type_name(root: &Value, property: &Value, hops: u8) -> String {
    let Some(hops) = hops.checked_sub(1) else { return "value".to_owned() };
    if let Some(target) = property.get("$ref").and_then(Value::as_str) {
        let target = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or("value".to_owned(), |target| type_name(root, target, hops));
    }
    let choices = literals(property);
    if !choices.is_empty() {
        return choices.join(" | ");
    }
    if let Some(first) = property.get("anyOf").and_then(Value::as_array).and_then(|choices| choices.first()) {
        return type_name(root, first, hops);
    }
    let name = match property.get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|n| *n != "null").unwrap_or("value"),
        _ => "any value",
    };
    match (name, property.get("items")) {
        ("array", Some(items)) => format!("list of {}", type_name(root, items, hops)),
        _ => name.to_owned(),
    }
}

fn explain_item(row: &Row, snapshot: &Snapshot) -> String {
    let mut out = format!("item {}\n\n  {}\n\n", row.id, plain(&row.title));
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(out, "  {name:<12} {}", plain(value));
        }
    };
    line("state", row.state.as_str());
    if let Some(reason) = row.reason {
        line("reason", &format!("{}: {}", reason.as_str(), reason.meaning()));
    }
    line("since", &row.since.to_string());
    line("last seen", &row.sentence);
    line("priority", row.priority);
    line("section", &row.section);
    line("probe", &row.probe);
    line("mode", row.coverage);
    line("root cause", row.root_cause.as_deref().unwrap_or_default());
    line("waiver", row.waiver.as_deref().unwrap_or_default());
    let item = ItemId::parse(&row.id).and_then(|id| snapshot.plan.slot(&id)).and_then(|slot| snapshot.plan.item(slot));
    if let Some(item) = item {
        let names: Vec<&str> =
            item.depends_on.iter().filter_map(|slot| snapshot.plan.item(*slot)).map(|item| item.id.as_str()).collect();
        line("depends on", &names.join(", "));
        let interval = if item.is_scheduled() { item.schedule.interval.to_string() } else { String::new() };
        line("interval", &interval);
        if let Some(source) = &item.source {
            line("source", &format!("{}:{}", source.file, source.line));
        }
        line("runbook", &item.runbook_url);
        line("team", &item.team);
    }
    out
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::cli::output::tests::snapshot;
    use crate::model::{Proof, Timestamp, Verdict};
    use crate::probe::{Probe, ProbeCx, ProbeError};

    #[derive(Deserialize, JsonSchema, Default)]
    #[serde(default)]
    struct Echo {
        /// What to say.
        say: Option<String>,
        /// How often.
        times: u32,
        mode: Mode,
        words: Vec<String>,
    }

    #[derive(Deserialize, Serialize, JsonSchema, Default)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Loud,
        Quiet,
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    struct EchoFacts {
        /// What came back.
        heard: String,
    }

    impl Probe for Echo {
        const NAME: &'static str = "echo";
        const SUMMARY: &'static str = "Says something and listens.";
        type Facts = EchoFacts;
        async fn observe(&self, _: &ProbeCx) -> Result<EchoFacts, ProbeError> {
            Ok(EchoFacts { heard: self.say.clone().unwrap_or_default() })
        }
        fn judge(&self, facts: &EchoFacts, _: Timestamp) -> Verdict {
            Verdict::pass(Proof::of("heard", "anything", facts.heard.clone()), "heard")
        }
    }

    fn ask(what: &str) -> Result<String, String> {
        let snapshot = snapshot();
        let code = |code: &str| (code == "RC0001").then(|| "A key is unknown.".to_owned());
        explain(what, &Sources { kinds: &[Descriptor::of::<Echo>()], code: &code, snapshot: Some(&snapshot) })
    }

    #[test]
    fn a_kind_shows_parameters_and_facts() {
        let text = ask("echo").unwrap();
        for part in [
            "Says something and listens.",
            "  say (string)\n      What to say.",
            "times (integer, default 0)",
            "mode (loud | quiet",
            "words (list of string",
            "Facts, for conditions:\n  heard (string)\n      What came back.",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn words_of_the_model_are_explained() {
        assert!(ask("timeout").unwrap().contains("did not answer within its deadline"));
        assert!(ask("unmapped").unwrap().starts_with("reason unmapped"));
        assert!(ask("RC0001").unwrap().contains("A key is unknown."));
        for state in State::ALL {
            assert!(ask(state.as_str()).unwrap().starts_with("state "));
        }
    }

    #[test]
    fn an_item_shows_its_standing() {
        let text = ask("c/db.fail").unwrap();
        for part in ["item c/db.fail", "state        fail", "reason       assertion: ", "last seen    expected"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_typo_gets_a_hint() {
        assert!(ask("timeuot").unwrap_err().contains("did you mean `timeout`?"));
        assert!(ask("c/db.fial").unwrap_err().contains("did you mean `c/db.fail`?"));
        assert!(ask("qqqqqqqqqqqq").unwrap_err().contains("name a kind"));
    }
}
