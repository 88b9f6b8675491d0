//! `cronjob_fresh`: what is to run by the clock does, and succeeds.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Check, Kubernetes, Need, Report, Seen, missing};
use crate::model::{Reason, Span};
use crate::probe::Findings;
use crate::probe::kinds::kubernetes::object::{age, at, full, name};
use crate::probe::kinds::kubernetes::resource::CRON_JOBS;

/// Each CronJob is not suspended, and was last successful not too long ago.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct CronjobFresh {
    /// Names of CronJobs.
    names: Vec<String>,
    max_age_s: u32,
}

impl Default for CronjobFresh {
    fn default() -> Self {
        Self { names: Vec::new(), max_age_s: 26 * 3600 }
    }
}

impl Check for CronjobFresh {
    fn expects(&self, _leg: &Kubernetes) -> String {
        let within = Span::from_secs(self.max_age_s.into());
        format!("the CronJobs {} successful within {within}", self.names.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(CRON_JOBS)]
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if self.names.is_empty() {
            findings.error("cronjob_fresh.names", "expected names of CronJobs");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let all = seen.of(&CRON_JOBS);
        for absent in missing(&self.names, |wanted| all.iter().any(|one| name(one) == wanted)) {
            report.wrong(Reason::Missing, format!("no CronJob {absent}"));
        }
        for job in all.iter().filter(|one| self.names.iter().any(|known| known == name(one))) {
            let what = full(job);
            let within = Span::from_secs(self.max_age_s.into());
            if at(job, &["spec", "suspend"]) == true {
                report.wrong(Reason::Assertion, format!("{what} suspended"));
                continue;
            }
            match age(seen.now, at(job, &["status", "lastSuccessfulTime"])) {
                None => report.wrong(Reason::TooOld, format!("{what}, which was never successful")),
                Some(age) if age > within => {
                    report.wrong(Reason::TooOld, format!("{what}, which was successful {age} ago"));
                }
                Some(age) => report.right(&what, &format!("within {within}"), &format!("{age} ago")),
            }
        }
    }
}
