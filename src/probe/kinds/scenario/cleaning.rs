//! The clean-up, and the guard that sees to it: it is done by the run itself, or handed over if the run
//! is dropped, or found in the journal by the next run.

use std::sync::Arc;

use tokio::time::Instant;

use super::facts::StepSeen;
use super::perform::{Performed, perform};
use super::plan::Plan;
use super::step::{RUN, Step, Unready, Values};
use crate::model::{Reason, Verdict};
use crate::probe::hazards::{Afterwards, Leftover, Leftovers, Site, on_disk};
use crate::probe::{ProbeCx, ProbeError};

/// All that a clean-up needs; owns it, so that it can outlive the run.
pub(super) struct Cleaning {
    plan: Arc<Plan>,
    cx: ProbeCx,
    journal: Leftovers,
    site: Site,
    record: Leftover,
}

pub(super) struct Cleaned {
    pub(super) steps: Vec<StepSeen>,
    pub(super) clean: bool,
    /// The record stays: what was not there may come yet.
    pub(super) may_still_come: bool,
}

/// Cleans up when it is dropped, unless that was done.
pub(super) struct Guard {
    cleaning: Option<Cleaning>,
    afterwards: Afterwards,
    /// A step that can make something was not answered.
    unheard: bool,
}

impl Cleaning {
    pub(super) fn new(plan: &Arc<Plan>, cx: &ProbeCx, journal: &Leftovers, record: Leftover) -> Self {
        let cx = cx.step(cx.deadline());
        Self { plan: Arc::clone(plan), site: plan.site(&cx), cx, journal: journal.clone(), record }
    }

    async fn write_down(&self, deadline: Instant) -> Result<(), ProbeError> {
        let (journal, record) = (self.journal.clone(), self.record.clone());
        on_disk(deadline, move || journal.write(&record)).await
    }

    /// Runs every step of the clean-up, whatever becomes of the others.
    async fn clean(&self, until: Instant) -> Cleaned {
        let mut values: Values = self.record.values.clone();
        values.insert(RUN.to_owned(), self.record.run.clone());
        let mut cleaned = Cleaned { steps: Vec::new(), clean: true, may_still_come: false };
        if let Err(elsewhere) = self.site.holds(&self.record) {
            cleaned.clean = false;
            cleaned.steps.push(StepSeen::new("the record", &elsewhere.verdict(), 0.0, 0));
            return cleaned;
        }
        for step in &self.plan.cleanup {
            if let Err(Unready::Missing(name)) = step.ready(self.plan.target.as_deref(), &self.plan.known, &values) {
                // What was never begun, or answered with a refusal, has nothing to undo.
                if self.record.pending.contains(&name) {
                    cleaned.clean = false;
                    let sentence = format!(
                        "something may have been made of which `{name}` is not known; clean it up by hand, and remove \
                         the record of run {}",
                        self.record.run
                    );
                    let verdict = Verdict::indeterminate(Reason::Other, sentence);
                    cleaned.steps.push(StepSeen::new(&step.name, &verdict, 0.0, 0));
                }
                continue;
            }
            let seen = perform(step, false, &self.plan, &mut values, &self.cx, until).await.seen;
            cleaned.clean &= seen.passed();
            cleaned.steps.push(seen);
        }
        cleaned
    }

    /// The same, and the record goes if all is clean, and nothing can come after it.
    pub(super) async fn clean_and_forget(&self, until: Instant) -> Cleaned {
        let mut cleaned = self.clean(until).await;
        // As of the start of the run, which is before anything was cleaned.
        cleaned.may_still_come = self.record.may_still_come(self.cx.now());
        if cleaned.clean && !cleaned.may_still_come {
            let (journal, record) = (self.journal.clone(), self.record.clone());
            // A little more than the steps had: forgetting what is clean must not fail for want of time.
            let until = until.max(Instant::now()) + std::time::Duration::from_millis(200);
            if let Err(error) = on_disk(until, move || journal.remove(&record)).await {
                cleaned.clean = false;
                cleaned.steps.push(StepSeen::new("the journal", &error.verdict(), 0.0, 0));
            }
        }
        cleaned
    }
}

impl Guard {
    /// Puts the record on the disk; only then there may be something to clean.
    pub(super) async fn begin(mut cleaning: Cleaning, deadline: Instant) -> Result<Self, ProbeError> {
        cleaning.site.sign(&mut cleaning.record);
        cleaning.write_down(deadline).await?;
        let afterwards = cleaning.cx.clients().hazards().afterwards.clone();
        Ok(Self { cleaning: Some(cleaning), afterwards, unheard: false })
    }

    /// From now on something may be made, and these may be names of it, until `after` says what is known.
    pub(super) async fn before(&mut self, makes: bool, step: &Step, deadline: Instant) -> Result<(), ProbeError> {
        let Some(cleaning) = self.cleaning.as_mut().filter(|_| makes || !step.capture.is_empty()) else {
            return Ok(());
        };
        cleaning.record.pending.extend(step.capture.keys().cloned());
        if makes {
            cleaning.record.unheard_until = Some(cleaning.cx.ends().0);
        }
        cleaning.write_down(deadline).await
    }

    /// What is known now.
    pub(super) async fn after(
        &mut self,
        makes: bool,
        step: &Step,
        went: &Performed,
        values: &Values,
        deadline: Instant,
    ) -> Result<(), ProbeError> {
        let Some(cleaning) = self.cleaning.as_mut().filter(|_| makes || !step.capture.is_empty()) else {
            return Ok(());
        };
        cleaning.record.values.clone_from(values);
        cleaning.record.values.remove(RUN);
        if went.answered {
            cleaning.record.pending.clear();
        }
        self.unheard |= makes && !went.heard;
        if !self.unheard {
            cleaning.record.unheard_until = None;
        }
        cleaning.write_down(deadline).await
    }

    /// Cleans up now. What stays is in the journal.
    pub(super) async fn clean(mut self, until: Instant) -> Cleaned {
        let cleaned = match &self.cleaning {
            Some(cleaning) => cleaning.clean_and_forget(until).await,
            None => Cleaned { steps: Vec::new(), clean: true, may_still_come: false },
        };
        self.cleaning = None;
        cleaned
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(cleaning) = self.cleaning.take() else { return };
        // If nobody takes it, the record is there for the next run.
        self.afterwards.hand_over(Box::pin(async move {
            let until = Instant::now() + cleaning.plan.for_cleanup;
            cleaning.clean_and_forget(until).await;
        }));
    }
}
