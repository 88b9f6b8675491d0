//! Credentials and targets nothing uses: a leftover, or a misspelt name elsewhere.

use super::Subject;
use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic};

pub(super) fn check(subject: &Subject<'_>, sink: &Sink) {
    let deployment = &subject.output.deployment;
    for credential in subject.root.credentials.iter().filter(|known| !deployment.uses_credential(&known.name)) {
        let message = format!("nothing uses the credential `{}`", credential.name);
        let help = "name it as `credential:` of a target or in a check, or remove it";
        sink.push(Diagnostic::warning(Code::UNUSED_CREDENTIAL, credential.at, message).help(help));
    }
    let builtin = |name: &str| subject.builtins.targets.iter().any(|target| &*target.name == name);
    let unused = |name: &str| !deployment.uses_target(name) && !builtin(name);
    // A target for one checklist may wait for its checks; a shared one is probably misspelt.
    for target in subject.root.targets.iter().filter(|t| !t.name.value.contains('.') && unused(&t.name.value)) {
        let message = format!("nothing uses the target `{}`", target.name.value);
        let help = "a checklist uses a shared target by declaring the same name; one checklist's own target is `checklist.name`";
        sink.push(Diagnostic::warning(Code::UNUSED_TARGET, target.name.at, message).help(help));
    }
}
