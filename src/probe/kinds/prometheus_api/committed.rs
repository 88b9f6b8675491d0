//! Rules that are committed, held against those that are served, in both directions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::groups::{Groups, Key, Rule};
use super::look::Looking;
use super::printed::{Printer, Sameness};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::kinds::git::documents;
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

/// Rules by meaning: committed ones, and those that are served.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Compared {
    pub(super) committed_count: u64,
    pub(super) served_count: u64,
    /// What is not the same, such as `the alert A of g has another expression`; at most 20.
    pub(super) differences: Vec<String>,
    pub(super) difference_count: u64,
    /// Committed rules that this server does not understand, and why; at most 20.
    pub(super) broken: Vec<String>,
    /// Rules of which it could not be told whether their expressions are the same.
    pub(super) unclear_count: u64,
    /// Why: `protocol`, `too_large` or `query`; empty if all is clear.
    pub(super) unclear_reason: String,
    pub(super) unclear: String,
}

const KEPT: usize = 20;
/// Rules of one group, kind and name, which are held against each other.
const ALIKE: usize = 100;
const NAMED: usize = 3;
/// Bytes of a name, and of a sentence about a rule.
const NAME: usize = 80;
const SENTENCE: usize = 300;

pub(super) async fn look(leg: &str, looking: &mut Looking<'_>, cx: &ProbeCx) -> Result<(), ProbeError> {
    let (mut committed, mut served) = (Groups::default(), Groups::default());
    for (path, document) in documents::of_leg(cx, leg)? {
        committed.add_file(document).map_err(|why| {
            let text = format!("expected rules in {}, but {}", line(path, SENTENCE), line(&why, SENTENCE));
            ProbeError::target(Reason::Invalid, text)
        })?;
    }
    if committed.rules.is_empty() {
        let text = format!("expected committed rules to compare with, {leg} saw none");
        return Err(ProbeError::observer(Reason::NoData, text));
    }
    let said = looking.get("rules", &[]).await?;
    served.add_served(&said.data).map_err(|why| looking.malformed("rules", why))?;
    looking.facts.committed = Some(compare(&committed, served, looking).await?);
    Ok(())
}

async fn compare(committed: &Groups, mut served: Groups, looking: &Looking<'_>) -> Result<Compared, ProbeError> {
    let mut found =
        Compared { committed_count: committed.count(), served_count: served.count(), ..Compared::default() };
    let mut printer = Printer::default();
    for (name, intervals) in &committed.intervals_ms {
        // Of a group that is not served its rules are missing.
        if served.intervals_ms.get(name).is_some_and(|shown| !intervals.is_subset(shown)) {
            found.differ(format!("the group {} has another interval", line(name, NAME)));
        }
    }
    for (key, rules) in &committed.rules {
        let mut shown = served.rules.remove(key).unwrap_or_default();
        if rules.len().max(shown.len()) > ALIKE {
            let text = format!("{} is there more than {ALIKE} times", called(key));
            return Err(ProbeError::observer(Reason::TooLarge, text));
        }
        let mut alone = Vec::new();
        for rule in rules {
            let mut how = None;
            let mut place = None;
            for (at, other) in shown.iter().enumerate() {
                match difference(rule, other, &mut printer, looking, &mut found).await? {
                    None => {
                        place = Some(at);
                        break;
                    }
                    Some(why) => how = how.or(Some(why)),
                }
            }
            match place {
                Some(at) => drop(shown.remove(at)),
                None => alone.push(how),
            }
        }
        let called = called(key);
        // As many as are left on both sides belong together.
        let pairs = shown.len().min(alone.len());
        for (place, how) in alone.into_iter().enumerate() {
            match how.filter(|_| place < pairs) {
                Some(Difference::Broken(why)) => found.breaks(format!("{called}: {why}")),
                Some(Difference::Other(how)) => found.differ(format!("{called} has {how}")),
                None => found.differ(format!("{called} is not served")),
            }
        }
        for _ in pairs..shown.len() {
            found.differ(format!("{called} is served more often than it is committed"));
        }
    }
    for key in served.rules.keys() {
        found.differ(format!("{} is served, and nobody has committed it", called(key)));
    }
    if let Some(error) = printer.unknown.filter(|_| found.unclear_count > 0) {
        (found.unclear_reason, found.unclear) = (error.reason.as_str().to_owned(), error.detail);
    }
    Ok(found)
}

enum Difference {
    Other(&'static str),
    Broken(String),
}

/// How the served one differs; `None` also where that is not known, which is counted.
async fn difference(
    committed: &Rule,
    served: &Rule,
    printer: &mut Printer,
    looking: &Looking<'_>,
    found: &mut Compared,
) -> Result<Option<Difference>, ProbeError> {
    if let Some(how) = committed.differs(served) {
        return Ok(Some(Difference::Other(how)));
    }
    Ok(match printer.compare(&committed.expression, &served.expression, looking).await? {
        Sameness::Same => None,
        Sameness::Different => Some(Difference::Other("another expression")),
        Sameness::Broken(why) => Some(Difference::Broken(why)),
        Sameness::Unknown => {
            found.unclear_count += 1;
            None
        }
    })
}

fn called(key: &Key) -> String {
    let kind = if key.kind == "alert" { "alert" } else { "recording rule" };
    format!("the {kind} {} of {}", line(&key.name, NAME), line(&key.group, NAME))
}

impl Compared {
    fn differ(&mut self, how: String) {
        self.difference_count += 1;
        if self.differences.len() < KEPT {
            self.differences.push(how);
        }
    }

    fn breaks(&mut self, how: String) {
        self.difference_count += 1;
        if self.broken.len() < KEPT {
            self.broken.push(line(&how, SENTENCE));
        }
    }
}

pub(super) fn judge(found: &Compared, facts: &Facts) -> Verdict {
    let count = found.committed_count;
    let expected = format!("expected {} to serve the {count} committed rules and no others", facts.server);
    if let Some(first) = found.broken.first() {
        let sentence = format!("{expected}, but what is committed is not understood: {first}");
        return Verdict::fail(Reason::Invalid, sentence);
    }
    if found.difference_count > 0 {
        let named = found.differences.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if found.differences.len() > NAMED { " and others" } else { "" };
        let sentence = format!("{expected}, saw {} differences: {named}{more}", found.difference_count);
        return Verdict::fail(Reason::Assertion, sentence);
    }
    if found.unclear_count > 0 {
        let reason = [Reason::Protocol, Reason::TooLarge].into_iter().find(|one| one.as_str() == found.unclear_reason);
        let sentence = format!(
            "{expected}, but whether {} expressions mean the same cannot be told: {}",
            found.unclear_count, found.unclear
        );
        return Verdict::indeterminate(reason.unwrap_or(Reason::Query), sentence);
    }
    let proof = Proof::of("committed rules", format!("{count} served"), format!("{} served", found.served_count));
    Verdict::pass(proof, format!("{expected}, saw them"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use crate::model::{Outcome, Reason};
    use crate::probe::net::peers::{http, response};
    use crate::probe::{LegFacts, fixture};

    /// A server that prints an expression without its blanks, and does not understand `(`.
    async fn served(rules: Value, knows_format: bool) -> String {
        let rules =
            json!({ "status": "success", "data": { "groups": [{ "name": "g", "interval": 60, "rules": rules }] } });
        let address = http(move |head| {
            let Some((_, query)) = head.split_once("format_query?query=") else {
                return response("200 OK", "content-type: application/json\r\n", &rules.to_string());
            };
            if !knows_format {
                return response("404 Not Found", "content-type: text/plain\r\n", "404 page not found\n");
            }
            let query = query.split(' ').next().unwrap();
            if query.contains("%28") {
                let error = json!({ "status": "error", "errorType": "bad_data", "error": "unclosed left parenthesis" });
                return response("400 Bad Request", "content-type: application/json\r\n", &error.to_string());
            }
            let said = json!({ "status": "success", "data": query.replace('+', "") });
            response("200 OK", "content-type: application/json\r\n", &said.to_string())
        })
        .await;
        format!("http://{address}")
    }

    async fn compared(committed: Value, rules: Value, knows_format: bool) -> (Outcome, Option<Reason>, String) {
        let documents = json!({ "ops/rules/a.yml": committed, "ops/rules/tests.yml": { "tests": [] } });
        let legs = LegFacts::from([("files".into(), json!({ "documents": documents }))]);
        let cx = fixture::cx(3000).with_legs(Some(Arc::new(legs)));
        let leg = json!({ "url": served(rules, knows_format).await, "committed": "files" });
        let verdict = fixture::run("prometheus_api", leg, &cx).await.verdict;
        (verdict.outcome(), verdict.reason(), verdict.sentence().to_owned())
    }

    fn file(rules: Value) -> Value {
        json!({ "groups": [{ "name": "g", "interval": "1m", "rules": rules }] })
    }

    fn alert(expression: &str, severity: &str) -> Value {
        json!({ "alert": "A", "expr": expression, "for": "5m", "labels": { "severity": severity } })
    }

    fn shown(expression: &str, severity: &str) -> Value {
        json!({ "type": "alerting", "name": "A", "query": expression, "duration": 300, "labels": { "severity": severity } })
    }

    #[tokio::test]
    async fn rules_are_compared_by_meaning_and_in_both_directions() {
        let (pass, fail, unknown) = (Outcome::Pass, Outcome::Fail, Outcome::Indeterminate);
        let (other, broken) = (Some(Reason::Assertion), Some(Reason::Invalid));
        let two = || json!([alert("up == 0", "low"), alert("up  ==  1", "high")]);
        let cases = [
            (json!([alert("up==0", "low")]), json!([shown("up == 0", "low")]), true, pass, None, "saw them"),
            (
                json!([alert("up==1", "low")]),
                json!([shown("up == 0", "low")]),
                true,
                fail,
                other,
                "A of g has another expression",
            ),
            (json!([alert("up==0", "high")]), json!([shown("up == 0", "low")]), true, fail, other, "has other labels"),
            (json!([alert("up(==0", "low")]), json!([shown("up == 0", "low")]), true, fail, broken, "unclosed left"),
            // The same name twice, and in another order.
            (
                two(),
                json!([shown("up == 1", "high"), shown("up == 0", "low")]),
                true,
                pass,
                None,
                "the 2 committed rules",
            ),
            (two(), json!([shown("up == 0", "low")]), true, fail, other, "A of g is not served"),
            (
                json!([alert("up == 0", "low")]),
                json!([shown("up == 0", "low"), shown("up == 0", "low")]),
                true,
                fail,
                other,
                "more often",
            ),
            (
                json!([alert("up==0", "low")]),
                json!([shown("up == 0", "low")]),
                false,
                unknown,
                Some(Reason::Protocol),
                "cannot be told",
            ),
            // What is not the same without a look at expressions is so all the same.
            (json!([alert("up==0", "low")]), json!([]), false, fail, other, "is not served"),
            (json!([alert("up == 0", "low")]), json!([shown("up == 0", "low")]), false, pass, None, "saw them"),
            (json!([]), json!([shown("up == 0", "low")]), true, unknown, Some(Reason::NoData), "saw none"),
        ];
        for (committed, rules, knows, outcome, reason, part) in cases {
            let seen = compared(file(committed), rules, knows).await;
            assert_eq!((seen.0, seen.1), (outcome, reason), "{}", seen.2);
            assert!(seen.2.contains(part), "{}", seen.2);
        }
        let mut slower = file(json!([alert("up == 0", "low")]));
        slower["groups"][0]["interval"] = json!("2m");
        let seen = compared(slower, json!([shown("up == 0", "low")]), true).await;
        assert!(seen.0 == fail && seen.2.contains("the group g has another interval"), "{}", seen.2);
        let recorded = json!({ "type": "recording", "name": "r", "query": "up" });
        let seen =
            compared(file(json!([alert("up == 0", "low")])), json!([shown("up == 0", "low"), recorded]), true).await;
        assert!(seen.0 == fail && seen.2.contains("rule r of g is served, and nobody has committed it"), "{}", seen.2);
    }
}
