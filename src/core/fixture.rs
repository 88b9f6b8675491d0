//! Small plans and evaluations for tests of the core.

use std::sync::Arc;

use crate::model::*;

/// An item by name, with what tests vary.
#[derive(Clone, Debug)]
pub(crate) struct Def {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) interval: Span,
    pub(crate) depends: Vec<String>,
    pub(crate) check: CheckDef,
    pub(crate) policy: Policy,
    pub(crate) mode: Mode,
    pub(crate) version: u64,
    pub(crate) title: String,
    pub(crate) applicability: Applicability,
}

#[derive(Clone, Debug)]
pub(crate) enum CheckDef {
    /// This many legs, all of which must pass.
    Legs(usize),
    All(Vec<String>),
    Any(Vec<String>),
    Undecided(Reason, String),
    /// One leg and one part nobody configured.
    Mixed(Reason, String),
}

impl Def {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            aliases: Vec::new(),
            interval: Span::from_secs(60),
            depends: Vec::new(),
            check: CheckDef::Legs(1),
            policy: Policy::default(),
            mode: Mode::Auto,
            version: 1,
            title: name.to_owned(),
            applicability: Applicability::Applicable,
        }
    }

    fn item(&self, slots: &dyn Fn(&String) -> Option<Slot>) -> Item {
        let refer = |names: &Vec<String>| names.iter().filter_map(slots).map(Check::Item).collect();
        let undecided =
            |reason: &Reason, text: &String| Check::Undecided { reason: *reason, sentence: text.as_str().into() };
        let (check, legs) = match &self.check {
            CheckDef::Legs(1) => (Check::Leg(0), 1),
            CheckDef::Legs(n) => (Check::AllOf((0..*n).map(Check::Leg).collect()), *n),
            CheckDef::All(names) => (Check::AllOf(refer(names)), 0),
            CheckDef::Any(names) => (Check::AnyOf(refer(names)), 0),
            CheckDef::Undecided(reason, text) => (undecided(reason, text), 0),
            CheckDef::Mixed(reason, text) => (Check::AllOf(vec![Check::Leg(0), undecided(reason, text)]), 1),
        };
        let kind = if self.mode == Mode::Attested { "attestation" } else { "http" };
        let leg = |n: usize| Leg {
            index: LegIndex(n as u32),
            name: format!("leg{n}").into(),
            kind,
            class: Class::Network,
            access: Access::Read,
            timeout: Span::from_secs(10),
            expects: Box::default(),
            target: "".into(),
        };
        Item {
            id: id(&self.name),
            aliases: self.aliases.iter().map(|name| id(name)).collect(),
            section: SectionPath::new("s"),
            title: self.title.as_str().into(),
            priority: Priority::High,
            mode: self.mode,
            coverage: Coverage::Auto,
            claim: Claim::Done,
            probe: "http".into(),
            team: "".into(),
            runbook_url: "".into(),
            source: None,
            check,
            legs: (0..legs).map(leg).collect(),
            policy: self.policy,
            schedule: Schedule::every(self.interval),
            depends_on: self.depends.iter().filter_map(slots).collect(),
            applicability: self.applicability.clone(),
            digests: Digests {
                probe: Digest(self.version),
                policy: Digest(u64::from(self.policy.hysteresis.fail_after)),
                schedule: Digest(self.interval.0),
                meta: Digest(self.title.len() as u64),
            },
        }
    }
}

pub(crate) fn id(name: &str) -> ItemId {
    ItemId::new("c", name)
}

pub(crate) fn plan(defs: &[Def], waivers: &[Waiver]) -> Arc<Plan> {
    let slot = |name: &String| defs.iter().position(|def| def.name == *name).map(|n| Slot(n as u32));
    let items: Vec<Arc<Item>> = defs.iter().map(|def| Arc::new(def.item(&slot))).collect();
    let section = Section { path: SectionPath::new("s"), title: "S".into() };
    let all = (0..items.len()).map(|n| Slot(n as u32)).collect();
    let gate = Gate { name: "release".into(), title: "Release".into(), items: all };
    Arc::new(Plan {
        generation: 1,
        checklists: vec![Checklist {
            id: ChecklistId::new("c"),
            title: "C".into(),
            sections: vec![section],
            gates: vec![gate],
        }],
        slots: items.iter().enumerate().map(|(n, item)| (item.id.clone(), Slot(n as u32))).collect(),
        items,
        waivers: waivers.to_vec(),
        attestations: Vec::new(),
    })
}

pub(crate) fn waiver(name: &str, item: &str, starts: Timestamp, expires: Timestamp) -> Waiver {
    Waiver {
        id: name.into(),
        items: vec![id(item)],
        justification: "known".into(),
        approver: "alice".into(),
        ticket: "".into(),
        starts,
        expires,
        reasons: Vec::new(),
    }
}

pub(crate) fn verdict(outcome: Outcome, reason: Reason, sentence: &str) -> Verdict {
    match outcome {
        Outcome::Pass => Verdict::pass(Proof::of("seen", "yes", "yes"), sentence),
        Outcome::Fail => Verdict::fail(reason, sentence),
        Outcome::Indeterminate => Verdict::indeterminate(reason, sentence),
    }
}

/// A run of one second that ends at `finished` and gives every leg the same verdict.
pub(crate) fn evaluation(item: &Item, verdict: &Verdict, finished: Timestamp) -> Evaluation {
    let started = finished - Span::from_secs(1);
    let run = |leg| LegRun {
        leg,
        verdict: verdict.clone(),
        duration: Span::from_secs(1),
        facts: String::new(),
        trace: Vec::new(),
        remembered: None,
    };
    Evaluation {
        item: item.id.clone(),
        probe_digest: item.digests.probe,
        planned_at: started,
        started,
        finished,
        legs: (0..item.legs.len()).map(run).collect(),
    }
}
