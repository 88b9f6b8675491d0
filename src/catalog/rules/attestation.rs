//! Dates of attestations, and attestations that decide nothing.

use super::Subject;
use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic};
use crate::model::Span;

/// Clocks of people's machines differ.
const SKEW: Span = Span::from_secs(3600);

pub(super) fn check(subject: &Subject<'_>, sink: &Sink) {
    for def in &subject.root.attestations {
        let (id, attested, expires) = (&def.id.value, &def.attested_at, &def.expires);
        if attested.value > subject.now + SKEW {
            let message = format!("the attestation `{id}` is dated {}, which is in the future", attested.value);
            let help = "nobody can attest what has not happened; write the date of the statement";
            sink.push(Diagnostic::error(Code::ATTESTATION_FUTURE, attested.at, message).help(help));
        }
        if expires.value <= attested.value {
            let message = format!("the attestation `{id}` expires before it was made");
            let found = Diagnostic::error(Code::ATTESTATION_DATES, expires.at, message);
            sink.push(found.here("expires").also(attested.at, "made").help("swap or correct the dates"));
        }
        let slot = crate::model::ItemId::parse(&def.item.value).and_then(|id| subject.output.names.slots.get(&id));
        let facts = slot.and_then(|slot| subject.output.items.get(slot.index())).and_then(Option::as_ref);
        if let Some(facts) = facts
            && !facts.kinds.contains(&"attestation")
        {
            let message =
                format!("the attestation `{id}` decides nothing: the item has no check of kind `attestation`");
            sink.push(
                Diagnostic::warning(Code::ATTESTATION_UNUSED, def.item.at, message)
                    .also(facts.at, "this item")
                    .help("add `attestation: {}` to the check of the item, or remove the attestation"),
            );
        }
    }
}
