//! `encrypted_claims`: what is stored lies on volumes of classes that encrypt.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::kubernetes::object::{full, name, text};
use crate::probe::kinds::kubernetes::resource::{CLAIMS, STORAGE_CLASSES};

/// The storage class of each claim of a volume has these parameters. What a provider encrypts without
/// saying so there is unclear where a claim has no class, and wrong where it has. A claim that has no volume
/// yet is unclear as well, and one that has lost it is wrong.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct EncryptedClaims {
    parameters: BTreeMap<String, String>,
    /// There must be so many claims.
    min: u32,
    /// Claims that need it not, by their names.
    ignore: Vec<String>,
}

impl Default for EncryptedClaims {
    fn default() -> Self {
        let parameters = BTreeMap::from([("encrypted".to_owned(), "true".to_owned())]);
        Self { parameters, min: 1, ignore: Vec::new() }
    }
}

impl Check for EncryptedClaims {
    fn expects(&self, leg: &Kubernetes) -> String {
        let told: Vec<String> = self.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("claims in {} of storage classes with {}", places(leg), told.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(CLAIMS), Need::cluster(STORAGE_CLASSES)]
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if self.parameters.is_empty() {
            findings.error("encrypted_claims.parameters", "expected at least one");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let (claims, least) = (seen.of(&CLAIMS), usize::try_from(self.min).unwrap_or(usize::MAX));
        for claim in claims.iter().filter(|claim| !self.ignore.iter().any(|known| known == name(claim))) {
            self.one(claim, seen, report);
        }
        if claims.len() < least {
            report.unclear(Reason::NoData, format!("{} claims, fewer than {least}", claims.len()));
        } else if least == 0 && claims.is_empty() {
            report.right("claims", "all encrypted", "none, which is allowed");
        }
    }
}

impl EncryptedClaims {
    fn one(&self, claim: &Value, seen: &Seen<'_>, report: &mut Report) {
        let (what, class) = (full(claim), text(claim, &["spec", "storageClassName"]));
        if class.is_empty() {
            report.unclear(Reason::NoData, format!("the claim {what} of no class"));
            return;
        }
        let Some(found) = seen.of(&STORAGE_CLASSES).iter().find(|one| name(one) == class) else {
            report
                .unclear(Reason::NoData, format!("the claim {what} of the class {class}, which is not there any more"));
            return;
        };
        let lacks = self.parameters.iter().find(|(name, value)| text(found, &["parameters", name]) != value.as_str());
        match lacks {
            Some((name, value)) => {
                let saw = format!("the claim {what} of the class {class}, which has not {name}={value}");
                report.wrong(Reason::Assertion, saw);
            }
            // The class says what volumes become, and here is none.
            None => match text(claim, &["status", "phase"]) {
                "Bound" => report.right(&what, "an encrypting class", class),
                "Lost" => report.wrong(Reason::Missing, format!("the claim {what}, whose volume is lost")),
                "" => report.unclear(Reason::NoData, format!("the claim {what} without a phase")),
                phase => report.unclear(Reason::NoData, format!("the claim {what} {phase}, without a volume")),
            },
        }
    }
}
