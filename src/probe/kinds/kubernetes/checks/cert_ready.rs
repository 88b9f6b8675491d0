//! `cert_ready`: cert-manager has issued the certificates, and will renew them in time.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, missing};
use crate::model::{Reason, Span};
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{
    age, at, condition, condition_of, each, full, name, namespace, text, time,
};
use crate::probe::kinds::kubernetes::resource::{CERTIFICATES, ORDERS};

/// Each Certificate is ready, ends late enough, will be renewed before, and no order for it failed lately.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct CertReady {
    /// Names of Certificates.
    certificates: Vec<String>,
    min_days: u32,
    /// Name of the issuer; any if absent.
    issuer: Option<String>,
    /// Within these days no order failed.
    failed_days: u32,
}

impl Default for CertReady {
    fn default() -> Self {
        Self { certificates: Vec::new(), min_days: 21, issuer: None, failed_days: 7 }
    }
}

const DAY: Span = Span::from_secs(86_400);

impl Check for CertReady {
    fn expects(&self, _leg: &Kubernetes) -> String {
        format!("the certificates {} ready", self.certificates.join(", "))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(CERTIFICATES), Need::of(ORDERS).optional()]
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        if self.certificates.is_empty() {
            findings.error("cert_ready.certificates", "expected names of certificates");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let all = seen.of(&CERTIFICATES);
        for absent in missing(&self.certificates, |wanted| all.iter().any(|one| name(one) == wanted)) {
            report.wrong(Reason::Missing, format!("no certificate {absent}"));
        }
        for certificate in all.iter().filter(|one| self.certificates.iter().any(|known| known == name(one))) {
            let ends = time(at(certificate, &["status", "notAfter"]));
            match self.fault(certificate, seen) {
                Some((reason, fault)) => report.wrong(reason, format!("{} {fault}", full(certificate))),
                None => report.right(&full(certificate), "ready", &ends.map(|at| at.to_string()).unwrap_or_default()),
            }
        }
    }
}

impl CertReady {
    fn fault(&self, certificate: &Value, seen: &Seen<'_>) -> Option<(Reason, String)> {
        if condition(certificate, "Ready") != "True" {
            let condition = condition_of(certificate, "Ready");
            let why = condition.map_or("not told", |c| c.at("reason").as_str().unwrap_or_default());
            return Some((Reason::Assertion, format!("not ready ({why})")));
        }
        let issuer = text(certificate, &["spec", "issuerRef", "name"]);
        if self.issuer.as_ref().is_some_and(|wanted| wanted != issuer) {
            return Some((Reason::Assertion, format!("of the issuer {issuer}")));
        }
        let Some(ends) = time(at(certificate, &["status", "notAfter"])) else {
            return Some((Reason::Missing, "without an end".to_owned()));
        };
        if ends < seen.now + DAY.times(self.min_days.into()) {
            return Some((Reason::TlsExpiring, format!("which ends at {ends}")));
        }
        match time(at(certificate, &["status", "renewalTime"])) {
            None => return Some((Reason::Missing, "without a time of renewal".to_owned())),
            Some(renewal) if renewal <= seen.now => {
                return Some((Reason::TooOld, format!("which was to be renewed at {renewal}")));
            }
            Some(_) => {}
        }
        let failed = seen.of(&ORDERS).iter().find(|order| self.failed(order, certificate, seen))?;
        Some((Reason::Assertion, format!("with the order {}, which failed", name(failed))))
    }

    /// Orders are named after requests, which are named after certificates.
    fn failed(&self, order: &Value, certificate: &Value, seen: &Seen<'_>) -> bool {
        let of = namespace(order) == namespace(certificate)
            && (name(order).starts_with(&format!("{}-", name(certificate)))
                || each(order, &["metadata", "ownerReferences"])
                    .any(|owner| text(owner, &["name"]).starts_with(&format!("{}-", name(certificate)))));
        let state = text(order, &["status", "state"]);
        let at_time = at(order, &["status", "failureTime"]);
        let since =
            age(seen.now, if at_time.is_null() { at(order, &["metadata", "creationTimestamp"]) } else { at_time });
        let lately = since.is_none_or(|since| since <= DAY.times(self.failed_days.into()));
        of && matches!(state, "invalid" | "errored" | "expired") && lately
    }
}
