//! Labels of all series that the server stores, and whether they carry data of people.

use super::facts::Facts;
use super::look::Looking;
use super::selector::is_name;
use crate::model::{Proof, Reason, Verdict};
use crate::probe::ProbeError;
use crate::probe::personal::{Personal, told};

/// Labels of one look; each is a question of its own.
const LABELS: usize = 500;

/// Goes through the values of every label. What was not looked at is noted as `cut`.
pub(super) async fn look(part: &Personal, looking: &mut Looking<'_>) -> Result<(), ProbeError> {
    let said = looking.get("labels", &[]).await?;
    let no_list = || "it is no list".to_owned();
    let names = said.data.as_array().ok_or_else(|| looking.malformed("labels", no_list()))?;
    let mut scan = part.scan();
    let mut cut = names.len() > LABELS;
    let (mut labels, mut values): (u64, u64) = (0, 0);
    for name in names.iter().take(LABELS) {
        // A name that cannot stand in a path as it is is not asked for.
        let Some(name) = name.as_str().filter(|name| is_name(name)) else {
            cut = true;
            continue;
        };
        let said = looking.get(&format!("label/{name}/values"), &[]).await?;
        let all = said.data.as_array().ok_or_else(|| looking.malformed("the values of a label", no_list()))?;
        cut |= all.len() > part.max_values;
        for value in all.iter().take(part.max_values).filter_map(|value| value.as_str()) {
            scan.value(name, value);
            values = values.saturating_add(1);
        }
        labels = labels.saturating_add(1);
    }
    let (found, more) = scan.end();
    let facts = &mut looking.facts;
    (facts.personal, facts.labels_looked_at, facts.values_looked_at) = (found, Some(labels), Some(values));
    if cut || more {
        facts.cut.push("personal".to_owned());
    }
    Ok(())
}

/// What was found is certain, whatever was not looked at.
pub(super) fn judge(facts: &Facts) -> Verdict {
    let (labels, values) = (facts.labels_looked_at.unwrap_or(0), facts.values_looked_at.unwrap_or(0));
    let expected = format!("expected no personal data in the labels of {}", facts.server);
    if let Some(told) = told(&facts.personal) {
        return Verdict::fail(Reason::Assertion, format!("{expected}, saw {told}"));
    }
    if facts.cut.iter().any(|cut| cut == "personal") {
        let sentence = format!("{expected}, saw none in a part of them: {values} values of {labels} labels");
        return Verdict::indeterminate(Reason::TooLarge, sentence);
    }
    if values == 0 {
        return Verdict::indeterminate(Reason::NoData, format!("{expected}, saw no label at all"));
    }
    let seen = format!("none in {values} values of {labels} labels");
    Verdict::pass(Proof::of("personal data", "none", &seen), format!("{expected}, saw {seen}"))
}
