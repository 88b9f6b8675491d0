//! The whole engine over a month, with scripted probes and a paused clock.

mod month;
mod requests;
mod scripted;
mod watched;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use self::scripted::{Behaviour, Scripted};
use crate::catalog::{Builtins, Compiled};
use crate::model::{
    Access, Applicability, Check, Checklist, ChecklistId, Claim, Class, Coverage, Digest, Digests, Hysteresis, Item,
    ItemId, Leg, LegIndex, Mode, Plan, Policy, Priority, Schedule, Section, SectionPath, Slot, Span, Target, Timestamp,
    TlsFiles, Transition,
};
use crate::probe::{Credentials, LegProbe};
use crate::store::memory::Memory;
use crate::store::{Batch, Evidence, Restored, Retention, Store, StoreError};

/// One item of a simulated catalogue.
#[derive(Clone, Copy)]
struct Subject {
    behaviour: Behaviour,
    interval: Span,
    /// Place of the item it depends on.
    depends_on: Option<u32>,
    access: Access,
    /// A different number is a different definition.
    definition: u64,
}

impl Subject {
    fn every(interval: Span, behaviour: Behaviour) -> Self {
        Self { behaviour, interval, depends_on: None, access: Access::Read, definition: 0 }
    }
}

const TIMEOUT: Span = Span::from_secs(5);

fn id(n: usize) -> ItemId {
    ItemId::new("sim", &format!("s.item-{n:04}"))
}

fn catalogue(subjects: &[Subject], generation: u64) -> Compiled {
    let items: Vec<Arc<Item>> = subjects.iter().enumerate().map(|(n, subject)| Arc::new(item(n, subject))).collect();
    let slots: HashMap<ItemId, Slot> =
        items.iter().enumerate().map(|(n, item)| (item.id.clone(), Slot(u32::try_from(n).unwrap()))).collect();
    let section = Section { path: SectionPath::new("s"), title: "S".into() };
    let checklist =
        Checklist { id: ChecklistId::new("sim"), title: "Simulated".into(), sections: vec![section], gates: vec![] };
    let plan = Plan { generation, checklists: vec![checklist], items, slots, waivers: vec![], attestations: vec![] };
    let target = Arc::new(Target {
        name: "simulated".into(),
        address: "127.0.0.1:1".into(),
        credential: None,
        tls: TlsFiles::default(),
    });
    let legs = subjects.iter().map(|subject| LegProbe {
        probe: Arc::new(Scripted { behaviour: subject.behaviour }),
        target: Some(Arc::clone(&target)),
        more_targets: None,
        conditions: Arc::default(),
        enabled: false,
        after: Vec::new(),
        remembers: None,
    });
    Compiled {
        plan: Arc::new(plan),
        legs: legs.collect(),
        grants: std::collections::BTreeSet::new(),
        credentials: Arc::new(Credentials::default()),
        files: vec![],
        fingerprint: generation,
    }
}

fn item(n: usize, subject: &Subject) -> Item {
    let leg = Leg {
        index: LegIndex(u32::try_from(n).unwrap()),
        name: "scripted".into(),
        kind: "scripted",
        class: Class::Network,
        access: subject.access,
        timeout: TIMEOUT,
        expects: Box::default(),
        target: format!("target-{n}").as_str().into(),
    };
    Item {
        id: id(n),
        aliases: Box::default(),
        section: SectionPath::new("s"),
        title: format!("Item {n}").into(),
        priority: Priority::Medium,
        mode: Mode::Auto,
        coverage: Coverage::Auto,
        claim: Claim::None,
        probe: "scripted".into(),
        team: "".into(),
        runbook_url: "".into(),
        source: None,
        check: Check::Leg(0),
        legs: Box::new([leg]),
        policy: Policy {
            hysteresis: Hysteresis::default(),
            fresh_for: Span(subject.interval.0 * 2 + TIMEOUT.0),
            ..Policy::default()
        },
        schedule: Schedule::every(subject.interval),
        depends_on: subject.depends_on.map(Slot).into_iter().collect(),
        applicability: Applicability::Applicable,
        digests: Digests {
            probe: Digest(subject.definition),
            schedule: Digest(subject.interval.0),
            ..Digests::default()
        },
    }
}

fn builtins() -> Builtins {
    Builtins { targets: vec![], max_waiver: Span::from_secs(90 * 86_400) }
}

/// A store that can be switched off.
#[derive(Default)]
struct Switched {
    inner: Memory,
    dead: AtomicBool,
}

impl Switched {
    fn alive(&self) -> Result<(), StoreError> {
        if self.dead.load(Ordering::Relaxed) {
            return Err(StoreError { attempt: "commit", detail: "the disk is full".to_owned() });
        }
        Ok(())
    }
}

impl Store for Switched {
    fn name(&self) -> &'static str {
        "switched"
    }

    fn restore(&self) -> BoxFuture<'_, Result<Restored, StoreError>> {
        self.inner.restore()
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.alive()?;
            self.inner.commit(batch).await
        })
    }

    fn history<'a>(
        &'a self,
        item: &'a ItemId,
        limit: u32,
        before: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<Vec<Transition>, StoreError>> {
        self.inner.history(item, limit, before)
    }

    fn evidence<'a>(&'a self, item: &'a ItemId) -> BoxFuture<'a, Result<Vec<Evidence>, StoreError>> {
        self.inner.evidence(item)
    }

    fn prune(&self, retention: Retention, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.prune(retention, now)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.alive() })
    }
}
