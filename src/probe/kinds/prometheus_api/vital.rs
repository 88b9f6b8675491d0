//! Whether a rule can fire: what it selects must be there, or be something that can come.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Rules;
use super::rules::Read;
use super::selector::{Matcher, Selector, is_name};
use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::kinds::promql::api::Api;
use crate::probe::line::line;

/// Questions of one look; what they do not reach is not known.
const MAX_QUESTIONS: usize = 100;
const NAMED_VALUES: usize = 5;
const SHOWN: usize = 160;

/// Sets `alive` of each rule. Yields what the server says of answers that are not whole.
pub(super) async fn examine(part: &Rules, api: &Api<'_>, rules: &mut [Read]) -> Result<Vec<String>, ProbeError> {
    let mut examining = Examining { part, api, asked: 0, warnings: Vec::new(), known: BTreeMap::new() };
    for Read { rule, reads: selectors, fires_on_nothing, .. } in rules {
        if matches!(rule.state.as_str(), "firing" | "pending") {
            rule.alive = Some(true);
            continue;
        }
        let mut state = State::Alive;
        if selectors.is_empty() {
            state = State::Unknown("no selector was found in its expression".to_owned());
        }
        for selector in selectors.iter() {
            state = state.and(examining.state(selector).await?);
        }
        (rule.alive, rule.alive_why) = match state {
            State::Alive => (Some(true), String::new()),
            State::Dead(why) if *fires_on_nothing => (None, format!("it may fire although {why}")),
            State::Dead(why) => (Some(false), why),
            State::Unknown(why) => (None, why),
        };
    }
    Ok(examining.warnings)
}

#[derive(Clone)]
enum State {
    Alive,
    Dead(String),
    Unknown(String),
}

impl State {
    /// One dead selector is certain, whatever becomes of the others.
    fn and(self, other: State) -> State {
        match (self, other) {
            (State::Dead(why), _) | (_, State::Dead(why)) => State::Dead(why),
            (State::Unknown(why), _) | (_, State::Unknown(why)) => State::Unknown(why),
            (State::Alive, State::Alive) => State::Alive,
        }
    }
}

struct Examining<'a> {
    part: &'a Rules,
    api: &'a Api<'a>,
    asked: usize,
    warnings: Vec<String>,
    known: BTreeMap<Selector, State>,
}

impl Examining<'_> {
    async fn state(&mut self, selector: &Selector) -> Result<State, ProbeError> {
        if let Some(state) = self.known.get(selector) {
            return Ok(state.clone());
        }
        let state = self.look(selector).await?;
        self.known.insert(selector.clone(), state.clone());
        Ok(state)
    }

    async fn look(&mut self, selector: &Selector) -> Result<State, ProbeError> {
        let unknown = || State::Unknown(format!("more than {MAX_QUESTIONS} questions would be needed"));
        let text = selector.text();
        match self.labels(&format!("group({text})"), "").await? {
            None => return Ok(unknown()),
            Some(found) if !found.is_empty() => return Ok(State::Alive),
            Some(_) => {}
        }
        if selector.name.is_empty() || selector.matchers.is_empty() {
            return Ok(State::Dead(format!("there is no series of `{}`", line(&text, SHOWN))));
        }
        let whole = Selector { name: selector.name.clone(), matchers: Vec::new() }.text();
        let mut state = State::Alive;
        for matcher in &selector.matchers {
            // What is there now, and what is declared to come.
            let declared = self.part.known_values.get(&format!("{}.{}", selector.name, matcher.label));
            let mut values = match is_name(&matcher.label) {
                true => self.labels(&format!("group by ({}) ({whole})", matcher.label), &matcher.label).await?,
                false => None,
            };
            if values.as_ref().is_some_and(Vec::is_empty) {
                return Ok(State::Dead(format!("there is no series of `{whole}`")));
            }
            if let Some(declared) = declared {
                values = Some(declared.clone());
            }
            state = state.and(match values {
                None => unknown(),
                Some(values) => fits(matcher, &values, &whole),
            });
        }
        Ok(state)
    }

    /// The values of a label in the answer; empty texts where it is not set. `None` if too much was
    /// asked already.
    async fn labels(&mut self, query: &str, label: &str) -> Result<Option<Vec<String>>, ProbeError> {
        self.asked = self.asked.saturating_add(1);
        if self.asked > MAX_QUESTIONS {
            return Ok(None);
        }
        let mut said = self.api.query(query).await?;
        self.warnings.append(&mut said.warnings);
        let malformed = || {
            let text = format!("the answer of {} to `{}` has no list `result`", self.api.name(), line(query, SHOWN));
            ProbeError::observer(Reason::Protocol, text)
        };
        let series = said.data.get("result").and_then(Value::as_array).ok_or_else(malformed)?;
        let value = |one: &Value| one.get("metric")?.get(label)?.as_str().map(str::to_owned);
        Ok(Some(series.iter().map(|one| value(one).unwrap_or_default()).collect()))
    }
}

/// Whether one of the values is what the matcher asks for.
fn fits(matcher: &Matcher, values: &[String], metric: &str) -> State {
    match matcher.fits(values) {
        Some(true) => return State::Alive,
        Some(false) => {}
        None => return State::Unknown(format!("the pattern of `{}` cannot be read", matcher.label)),
    }
    let (label, operator, value) = (&matcher.label, matcher.operator, line(&matcher.value, SHOWN));
    let seen = values.iter().take(NAMED_VALUES).map(|value| format!("\"{}\"", line(value, 40))).collect::<Vec<_>>();
    State::Dead(format!("`{metric}` never has {label}{operator}\"{value}\", only {}", seen.join(", ")))
}
