//! Secrets do not stand in the catalogue: it is read by many, and kept in version control.

use super::Subject;
use crate::catalog::secrets::{self, Kind};
use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic};

pub(super) fn check(subject: &Subject<'_>, sink: &Sink) {
    for document in subject.documents {
        secrets::find(&document.node, &mut |kind, at, _| {
            sink.push(match kind {
                Kind::Password => Diagnostic::error(Code::PASSWORD, at, "a password stands in an address").help(
                    "remove it from the address, put it into a file, define `credentials: { name: { file: … } }` and set `credential: name` on the target",
                ),
                Kind::Header(name) => {
                    let message = format!("the header `{name}` holds a secret");
                    Diagnostic::error(Code::SECRET, at, message).help(
                        "remove the header and use `secret_headers: { NAME: { credential: … } }`, `bearer: NAME` or `basic: { user: …, password: NAME }` with a credential",
                    )
                }
            });
        });
    }
}
