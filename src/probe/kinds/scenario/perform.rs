//! Running steps: earlier left-overs first, then the steps, then the clean-up.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::Scenario;
use super::cleaning::{Cleaning, Guard};
use super::facts::{Facts, StepSeen};
use super::plan::Plan;
use super::step::{RUN, Ready, Step, Unready, Values, plain};
use crate::model::{Outcome, Reason, Verdict};
use crate::probe::hazards::{Leftover, on_disk};
use crate::probe::{Observation, ProbeCx, ProbeError};

/// Between two attempts of a step.
const PAUSE: Duration = Duration::from_millis(500);
/// A step that has not ended this long after its time is cut off.
const CUT_OFF_AFTER: Duration = Duration::from_millis(100);
/// Answers of a proxy in the place of the server that was asked.
const UNCERTAIN_STATUS: [u64; 8] = [408, 502, 504, 520, 521, 522, 523, 524];
/// Codes of gRPC that leave open whether it was done.
const UNCERTAIN: [&str; 4] = ["CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "UNKNOWN"];
/// Earlier runs that are cleaned up in one run.
const MOST_CLEANED: usize = 8;

impl Scenario {
    pub(super) async fn run(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let Some(journal) = cx.clients().hazards().leftovers.clone() else {
            return Err(ProbeError::unconfigured("there is no place to remember what a run leaves behind"));
        };
        let until = cx.deadline().checked_sub(self.for_cleanup()).unwrap_or_else(Instant::now);
        if until <= Instant::now() {
            let text = format!("`cleanup_s` is {} s, which leaves nothing of the timeout", self.cleanup_s);
            return Err(ProbeError::unconfigured(text));
        }
        let mut facts = Facts { run: format!("{:x}", cx.now().0.max(0)), ..Facts::default() };
        let cleaning = |record| Cleaning::new(self.plan(), cx, &journal, record);

        let name = self.name.clone();
        let earlier = journal.clone();
        let found = on_disk(cx.deadline(), move || Ok(earlier.of(&name))).await?;
        for (n, record) in found.into_iter().enumerate() {
            let clean = n < MOST_CLEANED && {
                let cleaned = cleaning(record).clean_and_forget(until).await;
                facts.cleanup = cleaned.steps;
                cleaned.clean
            };
            if !clean {
                facts.leftovers_kept += 1;
                return Ok(facts);
            }
            facts.leftovers_cleaned += 1;
        }

        let record = Leftover { name: self.name.clone(), run: facts.run.clone(), ..Leftover::default() };
        let mut guard = Guard::begin(cleaning(record), cx.deadline()).await?;
        let mut values = Values::from([(RUN.to_owned(), facts.run.clone())]);
        let rounds = (0..self.times).flat_map(|_| &self.steps);
        for step in rounds {
            let makes = step.makes(self.target.as_deref());
            guard.before(makes, step, until).await?;
            let went = perform(step, makes, self.plan(), &mut values, cx, until).await;
            // A failure to write it down ends the steps, not the clean-up.
            let noted = guard.after(makes, step, &went, &values, cx.deadline()).await;
            let passed = went.seen.passed();
            facts.steps.push(went.seen);
            if let Err(error) = noted {
                facts.steps.push(StepSeen::new(&step.name, &error.verdict(), 0.0, 0));
                break;
            }
            if !passed {
                break;
            }
        }
        values.remove(RUN);
        facts.captured = values;
        let cleaned = guard.clean(cx.deadline()).await;
        (facts.cleanup, facts.cleaned) = (cleaned.steps, cleaned.clean);
        facts.may_still_come = cleaned.may_still_come;
        Ok(facts)
    }
}

/// How a step went.
pub(super) struct Performed {
    pub(super) seen: StepSeen,
    /// Whether it is known what it made: it was never sent, or its answer was read.
    pub(super) answered: bool,
    /// Whether every attempt has ended at the server: none was cut off, and no proxy answered in its place.
    pub(super) heard: bool,
}

/// Runs a step until it passes or its time is up, and captures its values. `once`: it is not repeated
/// after an attempt of which nobody knows what came, or it might make a second thing and lose the first.
pub(super) async fn perform(
    step: &Step,
    once: bool,
    plan: &Plan,
    values: &mut Values,
    cx: &ProbeCx,
    until: Instant,
) -> Performed {
    let begun = Instant::now();
    let ready = match step.ready(plan.target.as_deref(), &plan.known, values) {
        Ok(ready) => ready,
        Err(unready) => {
            let verdict = match unready {
                Unready::Missing(name) => {
                    Verdict::indeterminate(Reason::NoData, format!("expected a value for `{name}`, saw none captured"))
                }
                Unready::Broken(why) => {
                    Verdict::indeterminate(Reason::Unconfigured, format!("the step cannot run: {why}"))
                }
            };
            return Performed { seen: StepSeen::new(&step.name, &verdict, 0.0, 0), answered: true, heard: true };
        }
    };
    let patience = (begun + Duration::from_secs(step.within_s.into())).min(until);
    let (mut attempts, mut heard) = (0_u32, true);
    let (mut verdict, named) = loop {
        attempts = attempts.saturating_add(1);
        let seen = attempt(step, &ready, cx, until).await;
        heard &= has_ended(&seen);
        let given_up = Instant::now() + PAUSE >= patience || (once && !heard);
        let last = seen.verdict.outcome() == Outcome::Pass || given_up;
        if last {
            break capture(seen, &ready, values, cx);
        }
        sleep(PAUSE).await;
    };
    let seconds = begun.elapsed().as_secs_f64();
    if attempts > 1 {
        verdict = verdict.map_text(|text| Some(format!("{text} (attempt {attempts})")));
    }
    cx.note(&step.name, verdict.outcome().as_str());
    Performed { seen: StepSeen::new(&step.name, &verdict, seconds, attempts), answered: named && heard, heard }
}

/// Whether the server has said what came of it, or was never asked.
pub(super) fn has_ended(seen: &Observation) -> bool {
    let never_asked = [Reason::Refused, Reason::Dns, Reason::Unconfigured, Reason::NotEnabled]
        .map(Some)
        .contains(&seen.verdict.reason());
    let Some(facts) = &seen.facts else { return never_asked };
    // Somebody in between gave up; who was asked may go on.
    let several = facts.get("responses").and_then(Value::as_array).into_iter().flatten();
    let mut statuses = several.chain([facts]).filter_map(|answer| answer.get("status").and_then(Value::as_u64));
    let code = facts.pointer("/call/code").and_then(Value::as_str);
    !statuses.any(|status| UNCERTAIN_STATUS.contains(&status)) && !code.is_some_and(|code| UNCERTAIN.contains(&code))
}

async fn attempt(step: &Step, ready: &Ready, cx: &ProbeCx, until: Instant) -> Observation {
    let now = Instant::now();
    if now >= until {
        let sentence = "expected it to run, and there was no time left";
        return Observation::failed(Verdict::indeterminate(Reason::ObserverTimeout, sentence));
    }
    let deadline = (now + Duration::from_secs(step.timeout_s.into())).min(until);
    let cx = match step.target.as_deref().map_or_else(|| Ok(cx.step(deadline)), |name| cx.step_at(deadline, name)) {
        Ok(cx) => cx,
        Err(error) => return Observation::failed(error.verdict()),
    };
    match timeout_at(deadline + CUT_OFF_AFTER, ready.probe.run(&cx, &ready.conditions)).await {
        Ok(seen) => seen,
        Err(_) => {
            let sentence = "expected it to end in time, and it was cut off";
            Observation::failed(Verdict::indeterminate(Reason::ObserverTimeout, sentence))
        }
    }
}

/// Takes what is to be captured from the facts. Of an answer that is not as expected it takes what
/// there is. False: something was made whose name is not known.
fn capture(seen: Observation, ready: &Ready, values: &mut Values, cx: &ProbeCx) -> (Verdict, bool) {
    let Observation { verdict, facts, .. } = seen;
    let Some(facts) = facts else { return (verdict, true) };
    let mut problem = None;
    for (name, query) in &ready.captures {
        match query.value(&facts).and_then(|value| plain(&value)) {
            // It would be written down and shown.
            Ok(value) if cx.is_secret(&value) => {
                problem.get_or_insert_with(|| format!("expected a value for `{name}` in the answer, saw a secret"));
            }
            Ok(value) => {
                values.insert(name.clone(), value);
            }
            Err(why) => {
                problem.get_or_insert_with(|| format!("expected a value for `{name}` in the answer, but {why}"));
            }
        }
    }
    match problem {
        // Something was made, and its name is not known.
        Some(sentence) if verdict.outcome() == Outcome::Pass => (Verdict::fail(Reason::Invalid, sentence), false),
        _ => (verdict, true),
    }
}
