//! What the deployment names: addresses and credentials.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::params::hinted;
use crate::catalog::Builtins;
use crate::catalog::sink::Sink;
use crate::catalog::wire::{ChecklistDef, Root, TargetDef, duplicates};
use crate::diag::{Code, Diagnostic};
use crate::model::Target;
use crate::probe::CredentialSource;

pub(crate) struct Deployment {
    targets: HashMap<String, Arc<Target>>,
    builtins: HashSet<String>,
    pub(super) credentials: BTreeMap<String, CredentialSource>,
    used_targets: RefCell<HashSet<String>>,
    used_credentials: RefCell<HashSet<String>>,
}

/// What a leg's target name leads to.
pub(super) enum Lookup {
    Found(Arc<Target>),
    /// Declared, but nobody says where it is.
    Unconfigured,
    /// Neither declared nor built in.
    Undeclared,
}

impl Deployment {
    pub(super) fn collect(root: &Root<'_>, builtins: &Builtins, sink: &Sink) -> Self {
        duplicates("target", root.targets.iter().map(|t| (t.name.value.as_str(), t.name.at)), sink);
        duplicates("credential", root.credentials.iter().map(|c| (c.name.as_str(), c.at)), sink);
        let credentials: BTreeMap<_, _> = root.credentials.iter().map(|c| (c.name.clone(), c.source.clone())).collect();
        let deployment = Self {
            builtins: builtins.targets.iter().map(|target| target.name.to_string()).collect(),
            targets: builtins
                .targets
                .iter()
                .map(|target| (target.name.to_string(), Arc::new(target.clone())))
                .chain(root.targets.iter().map(|target| (target.name.value.clone(), Arc::new(resolve(target)))))
                .collect(),
            credentials,
            used_targets: RefCell::default(),
            used_credentials: RefCell::default(),
        };
        for target in &root.targets {
            deployment.check(target, &root.checklists, sink);
        }
        deployment
    }

    /// The target that `checklist` calls `name`.
    pub(super) fn target(&self, checklist: &ChecklistDef<'_>, name: &str) -> Lookup {
        let declared = checklist.targets.iter().any(|target| target.value == name);
        if !declared && !self.builtins.contains(name) {
            return Lookup::Undeclared;
        }
        let own = format!("{}.{name}", checklist.id.value);
        for name in [own.as_str(), name] {
            if let Some(target) = self.targets.get(name).filter(|target| !target.address.is_empty()) {
                self.used_targets.borrow_mut().insert(name.to_owned());
                return Lookup::Found(target.clone());
            }
        }
        Lookup::Unconfigured
    }

    /// Whether a credential of this name is configured; it counts as used.
    pub(super) fn credential(&self, name: &str) -> bool {
        self.used_credentials.borrow_mut().insert(name.to_owned());
        self.credentials.contains_key(name)
    }

    pub(super) fn builtins(&self) -> impl Iterator<Item = &str> + Clone {
        self.builtins.iter().map(String::as_str)
    }

    pub(crate) fn uses_target(&self, name: &str) -> bool {
        self.used_targets.borrow().contains(name)
    }

    pub(crate) fn uses_credential(&self, name: &str) -> bool {
        self.used_credentials.borrow().contains(name)
    }

    fn check(&self, target: &TargetDef, checklists: &[ChecklistDef<'_>], sink: &Sink) {
        if let Some(credential) = &target.credential
            && !self.credential(&credential.value)
        {
            let message = format!("there is no credential `{}`", credential.value);
            let found = Diagnostic::error(Code::UNKNOWN_CREDENTIAL, credential.at, message);
            let hint = sink.hint(&credential.value, self.credentials.keys().map(String::as_str));
            let define = || format!("define it: `credentials: {{ {}: {{ file: /path }} }}`", credential.value);
            sink.push(found.help(hint.unwrap_or_else(define)));
        }
        let (name, at) = (&target.name.value, target.name.at);
        let Some((checklist, own)) = name.split_once('.') else { return };
        match checklists.iter().find(|known| known.id.value == checklist) {
            None => {
                let message = format!("the target `{name}` is for the checklist `{checklist}`, which does not exist");
                let known = checklists.iter().map(|known| known.id.value.as_str());
                let found = Diagnostic::error(Code::UNKNOWN_CHECKLIST, at, message);
                sink.push(hinted(found, sink.hint(checklist, known)));
            }
            Some(known) if known.targets.iter().all(|target| target.value != own) => {
                let message = format!("the checklist `{checklist}` declares no target `{own}`");
                let declared = known.targets.iter().map(|target| target.value.as_str());
                let found = Diagnostic::error(Code::UNKNOWN_TARGET, at, message);
                sink.push(hinted(found, sink.hint(own, declared)));
            }
            Some(_) => {}
        }
    }
}

fn resolve(target: &TargetDef) -> Target {
    Target {
        name: target.name.value.as_str().into(),
        address: target.address.value.as_str().into(),
        credential: target.credential.as_ref().map(|credential| credential.value.as_str().into()),
        tls: target.tls.clone(),
    }
}
