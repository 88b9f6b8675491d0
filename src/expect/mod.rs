//! Pass conditions and measurements: CEL over the facts of a leg.
//!
//! The fields of the facts are variables of their own (`status == 200`, `rows[0].lag_s <
//! params.max_lag_s`); `params` holds the parameters of the checklist and `now` the time of the
//! run in seconds since the epoch.
//!
//! The `cel` crate stays behind this module. It has no types, no fuel and no deadline, so
//! `syntax` and `check` prove an expression bounded and sensible at load, and `operators` makes
//! its arithmetic and equality safe for values that come from JSON. As in CEL, `a || b` is true
//! if either is, even if the other cannot be evaluated; everything else that cannot be evaluated
//! makes a verdict indeterminate.

mod check;
mod explain;
mod fold;
mod functions;
pub(crate) mod nearest;
mod operators;
mod params;
mod quantity;
mod query;
mod scope;
mod syntax;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod values;

use cel::{IdedExpr, Value as CelValue};
use serde_json::Value;

use self::check::{ANYTHING, Names};
pub use self::params::Params;
pub(crate) use self::quantity::quantity;
pub use self::query::Query;
use self::scope::Reads;
use self::syntax::Complaint;
use self::types::{Schema, Type};
use crate::model::{Assertions, Measurement, MeasurementName, Proof, Reason, Timestamp, Verdict};

/// The compiled conditions and measurements of one leg.
#[derive(Debug, Default)]
pub struct Conditions {
    conditions: Vec<Expression>,
    measures: Vec<Measure>,
    params: Params,
    /// By any of the expressions.
    reads: Reads,
}

#[derive(Debug)]
struct Expression {
    source: String,
    tree: IdedExpr,
}

#[derive(Debug)]
struct Measure {
    name: MeasurementName,
    value: Expression,
    threshold: Option<Expression>,
}

/// What is wrong with one expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// Which one: its place among the conditions, then the measurements, as given.
    pub index: usize,
    /// Byte range in the expression, where known.
    pub span: Option<(usize, usize)>,
    pub message: String,
    pub hint: Option<String>,
}

/// A number to export: `value` and `threshold` are expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureSource {
    pub name: String,
    pub value: String,
    pub threshold: Option<String>,
}

/// A field of facts of which something is missing, with a clause that says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub field: &'static str,
    /// Such as `more was written than kept`.
    pub why: String,
    /// Conditions cannot read the field at all, because what is missing could decide.
    pub hides: bool,
}

/// What an expression must yield.
#[derive(Clone, Copy)]
enum Wanted {
    Bool,
    Number,
}

impl Conditions {
    /// Compiles `expect` conditions and `measure` expressions against the JSON Schema of the
    /// facts. All errors at once.
    pub fn compile(
        expect: &[String],
        measure: &[MeasureSource],
        facts_schema: &Value,
        params: &Params,
    ) -> Result<Self, Vec<ExpressionError>> {
        let names = Names { facts: Some(Schema::new(facts_schema)), params: Schema::new(params.schema()) };
        let mut errors = Vec::new();
        let mut compile = |index: usize, source: &str, wanted: Wanted| {
            compile(source, wanted, &names).map_err(|found| errors.extend(placed(index, found))).ok()
        };
        let conditions: Vec<_> =
            expect.iter().enumerate().map(|(i, source)| compile(i, source, Wanted::Bool)).collect();
        let mut measures = Vec::new();
        for (place, source) in measure.iter().enumerate() {
            let index = expect.len() + place;
            let value = compile(index, &source.value, Wanted::Number);
            let threshold = source.threshold.as_ref().map(|threshold| compile(index, threshold, Wanted::Number));
            measures.push(value.map(|value| Measure {
                name: source.name.as_str().into(),
                value,
                threshold: threshold.flatten(),
            }));
        }
        for (place, source) in measure.iter().enumerate() {
            if !is_name(&source.name) {
                let message = format!("`{}` is not a name for a measurement", source.name);
                let mut complaint = Complaint::new(message);
                complaint.hint = Some("lower-case letters, digits and _, starting with a letter".to_owned());
                errors.extend(placed(expect.len() + place, vec![complaint]));
            }
        }
        if !errors.is_empty() {
            errors.sort_by_key(|error| error.index);
            return Err(errors);
        }
        let conditions: Vec<Expression> = conditions.into_iter().flatten().collect();
        let measures: Vec<Measure> = measures.into_iter().flatten().collect();
        let mut reads = Reads::default();
        let of_measures = measures.iter().flat_map(|m| std::iter::once(&m.value).chain(&m.threshold));
        for expression in conditions.iter().chain(of_measures) {
            reads.add(&expression.tree);
        }
        Ok(Self { conditions, measures, params: params.clone(), reads })
    }

    /// The conditions as written, in their order.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(|condition| condition.source.as_str())
    }

    /// Whether a verdict depends on them.
    pub fn read_facts(&self) -> bool {
        !self.conditions.is_empty() || !self.measures.is_empty()
    }

    /// Judges the facts of a leg that the kind's own expectations already judged. Only a pass can
    /// change: to a fail if a condition is false, to indeterminate if one cannot be evaluated.
    /// Measurements are added whatever the outcome.
    pub fn judge(&self, built_in: Verdict, facts: &Value, gaps: &[Gap], now: Timestamp) -> Verdict {
        if !self.read_facts() || self.conditions.is_empty() && facts.is_null() {
            return built_in;
        }
        let context = match scope::scope(&self.reads, facts, gaps, &self.params, Some(now)) {
            Ok(context) => context,
            Err(problem) if built_in.reason().is_none() && !self.conditions.is_empty() => {
                let sentence = format!("the conditions could not be evaluated: {problem}");
                return keeping(Verdict::indeterminate(Reason::ExpressionError, sentence), built_in);
            }
            Err(_) => return built_in,
        };
        let mut verdict = match built_in.reason() {
            Some(_) => built_in,
            None => self.decide(built_in, gaps, &context),
        };
        if !facts.is_null() {
            verdict = verdict.measured_too(self.measures.iter().filter_map(|measure| measure.take(&context)));
        }
        verdict
    }

    /// A false condition decides before one that cannot be evaluated: it is certain.
    fn decide(&self, built_in: Verdict, gaps: &[Gap], context: &cel::Context<'_, '_>) -> Verdict {
        let mut proved = Assertions::default();
        let mut unclear = None;
        for (place, condition) in self.conditions.iter().enumerate() {
            let problem = match scope::evaluate(&condition.tree, context) {
                Ok(CelValue::Bool(true)) => {
                    let seen = explain::seen(&condition.tree, context);
                    proved = proved.and(&format!("expect[{place}]"), &condition.source, &seen);
                    continue;
                }
                Ok(CelValue::Bool(false)) => {
                    let sentence = explain::why_false(&condition.tree, context);
                    return keeping(Verdict::fail(Reason::Assertion, sentence), built_in);
                }
                Ok(other) => format!("it is {}, not true or false", values::show(&other)),
                Err(problem) => problem,
            };
            let source = values::cut(&condition.source, 200);
            let problem = match condition.gap(gaps) {
                Some(gap) if gap.hides => format!("`{}` is not known: {}", gap.field, gap.why),
                Some(gap) => format!("{problem}; {}", gap.why),
                None => problem,
            };
            unclear.get_or_insert_with(|| format!("could not evaluate `{source}`: {problem}"));
        }
        match (unclear, Proof::from_assertions(built_in.proof().clone().extend(&proved))) {
            (Some(sentence), _) => keeping(Verdict::indeterminate(Reason::ExpressionError, sentence), built_in),
            (None, Some(proof)) => {
                let sentence = why_true(built_in.sentence(), &proved);
                keeping(Verdict::pass(proof, sentence), built_in)
            }
            (None, None) => built_in,
        }
    }
}

/// What the kind saw, then the first condition with its operands, and how many more hold.
fn why_true(built_in: &str, conditions: &Assertions) -> String {
    let mut conditions = conditions.iter();
    let Some(first) = conditions.next() else { return built_in.to_owned() };
    let source = values::cut(first.expected, 160);
    let seen = if first.seen.is_empty() { String::new() } else { format!(" with {}", values::cut(first.seen, 160)) };
    let more = match conditions.count() {
        0 => String::new(),
        1 => ", and so does one more condition".to_owned(),
        n => format!(", and so do {n} more conditions"),
    };
    format!("{built_in}; `{source}` holds{seen}{more}")
}

impl Expression {
    /// The first gap in what it reads.
    fn gap<'g>(&self, gaps: &'g [Gap]) -> Option<&'g Gap> {
        let mut reads = Reads::default();
        reads.add(&self.tree);
        gaps.iter().find(|gap| reads.contains(gap.field))
    }
}

impl Measure {
    /// Nothing if it cannot be evaluated or is no finite number.
    fn take(&self, context: &cel::Context<'_, '_>) -> Option<Measurement> {
        let number = |e: &Expression| scope::evaluate(&e.tree, context).ok().as_ref().and_then(values::number);
        Some(Measurement {
            name: self.name.clone(),
            value: number(&self.value)?,
            threshold: self.threshold.as_ref().and_then(number),
        })
    }
}

/// Evaluates a `when` condition, which sees `params` only.
pub fn applies(condition: &str, params: &Params) -> Result<bool, ExpressionError> {
    let names = Names { facts: None, params: Schema::new(params.schema()) };
    let error = |found| {
        let complaint = placed(0, found).into_iter().next();
        complaint.unwrap_or_else(|| refused(0, Complaint::new("not a valid condition")))
    };
    let expression = compile(condition, Wanted::Bool, &names).map_err(error)?;
    let mut reads = Reads::default();
    reads.add(&expression.tree);
    let context =
        scope::scope(&reads, ANYTHING, &[], params, None).map_err(|problem| error(vec![Complaint::new(problem)]))?;
    match scope::evaluate(&expression.tree, &context) {
        Ok(CelValue::Bool(holds)) => Ok(holds),
        Ok(other) => Err(error(vec![Complaint::new(format!("it is {}, not true or false", values::show(&other)))])),
        Err(problem) => Err(error(vec![Complaint::new(problem)])),
    }
}

fn compile(source: &str, wanted: Wanted, names: &Names<'_>) -> Result<Expression, Vec<Complaint>> {
    let mut tree = syntax::parse(source).map_err(|complaint| vec![complaint])?;
    let (found, mut complaints) = check::check(&tree, source, names);
    let fits = matches!((wanted, found), (_, Type::Any) | (Wanted::Bool, Type::Bool) | (Wanted::Number, Type::Number));
    if !fits {
        let needed = match wanted {
            Wanted::Bool => "a condition must be true or false",
            Wanted::Number => "a measurement must be a number",
        };
        complaints.push(Complaint::new(format!("the expression is {}; {needed}", found.name())));
    }
    if !complaints.is_empty() {
        return Err(complaints);
    }
    operators::replace(&mut tree);
    Ok(Expression { source: source.trim().to_owned(), tree })
}

fn placed(index: usize, found: Vec<Complaint>) -> Vec<ExpressionError> {
    found.into_iter().map(|complaint| refused(index, complaint)).collect()
}

fn refused(index: usize, complaint: Complaint) -> ExpressionError {
    let Complaint { span, message, hint } = complaint;
    ExpressionError { index, span, message, hint }
}

/// `^[a-z][a-z0-9_]*$`: it becomes a label value.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The new verdict with what the old one measured.
fn keeping(mut verdict: Verdict, built_in: Verdict) -> Verdict {
    verdict.measurements = built_in.measurements;
    verdict.valid_until = built_in.valid_until;
    verdict
}
