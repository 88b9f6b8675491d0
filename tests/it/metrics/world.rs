//! Small snapshots, made by hand: the encoder must not need an engine.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounterVec, Opts, Registry};
use readiness::core::{GateCount, Rollups, SectionCount};
use readiness::families;
use readiness::model::{
    Access, Applicability, Attestation, Check, Checklist, ChecklistId, Claim, Class, Coverage, Digests, Effective,
    Gate, Item, ItemId, ItemMemory, LastRun, Leg, LegIndex, Measurement, Mode, Outcome, Plan, Policy, Priority, Reason,
    Schedule, SectionPath, Slot, Span, State, Timestamp, Waiver,
};
use readiness::snapshot::{Health, ItemView, LoadStatus, Snapshot};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_763_700_000);

pub(crate) fn item(name: &str, title: &str) -> Item {
    let leg = Leg {
        index: LegIndex(0),
        name: "http".into(),
        kind: "http",
        class: Class::Network,
        access: Access::Read,
        timeout: Span::from_secs(10),
        expects: Box::default(),
        target: "api".into(),
    };
    Item {
        id: ItemId::new("shop", name),
        aliases: Box::default(),
        section: SectionPath::new("core.api"),
        title: title.into(),
        priority: Priority::Critical,
        mode: Mode::Auto,
        coverage: Coverage::Auto,
        claim: Claim::Done,
        probe: "http".into(),
        team: "platform".into(),
        runbook_url: "https://runbooks.example/api?x=1&y=\"2\"".into(),
        source: None,
        check: Check::Leg(0),
        legs: Box::new([leg]),
        policy: Policy::default(),
        schedule: Schedule::every(Span::from_secs(60)),
        depends_on: Box::default(),
        applicability: Applicability::Applicable,
        digests: Digests::default(),
    }
}

pub(crate) fn effective(state: State, reason: Option<Reason>) -> Effective {
    Effective {
        state,
        underlying: state,
        reason,
        underlying_reason: reason,
        since: Timestamp(NOW.0 - 90_061_001),
        root_cause: None,
        waiver: None,
        soft: false,
        flapping: false,
        regressed_since: None,
        next_change_at: None,
    }
}

pub(crate) fn measured(measurements: Vec<Measurement>) -> ItemMemory {
    let run = LastRun {
        outcome: Outcome::Fail,
        reason: Some(Reason::Latency),
        sentence: "expected at most 0.5 s, saw 0.75 s".into(),
        measurements: measurements.into(),
        duration: Span(753),
    };
    ItemMemory {
        last_run: Some(run),
        last_started: Some(Timestamp(NOW.0 - 1753)),
        last_finished: Some(Timestamp(NOW.0 - 1000)),
        last_pass: Some(Timestamp(NOW.0 - 3_600_000)),
        fresh_until: Some(Timestamp(NOW.0 + 129_000)),
        evaluations: 1234,
        failures: 56,
        regressions: 1,
        ..ItemMemory::default()
    }
}

pub(crate) fn measurement(name: &str, value: f64, threshold: Option<f64>) -> Measurement {
    Measurement { name: name.into(), value, threshold }
}

/// A snapshot of these items.
pub(crate) fn snapshot(items: Vec<(Item, Effective, ItemMemory)>, waivers: Vec<Waiver>) -> Snapshot {
    let items: Vec<_> = items.into_iter().map(|(item, e, m)| (Arc::new(item), e, m)).collect();
    let plan = Plan {
        items: items.iter().map(|(item, ..)| item.clone()).collect(),
        slots: HashMap::new(),
        waivers,
        ..Plan::default()
    };
    let view = |(item, effective, memory)| Arc::new(ItemView { item, effective, memory: Arc::new(memory) });
    let views: Vec<_> = items.into_iter().map(view).collect();
    Snapshot {
        generation: 1,
        taken_at: NOW,
        plan: Arc::new(plan),
        rows: families::rows(&views),
        items: views,
        rollups: Rollups::default(),
        load: LoadStatus::default(),
        health: Health::default(),
    }
}

/// Something of everything: an item in each state, awkward texts, a waiver, counts.
pub(crate) fn small() -> Snapshot {
    let mut failing = effective(State::Fail, Some(Reason::Latency));
    failing.regressed_since = Some(NOW);
    failing.flapping = true;
    let mut waived = effective(State::Waived, Some(Reason::Waiver));
    waived.underlying = State::Fail;
    let slow = measured(vec![
        measurement("latency_p95_seconds", 0.75, Some(0.5)),
        measurement("latency_p95_seconds", 0.8, None),
        measurement("error_ratio", 1e-9, Some(f64::INFINITY)),
    ]);
    let mut open = item("health", "Health answers");
    open.claim = Claim::Open;
    let mut blocked = item("orders", "Orders work");
    blocked.depends_on = Box::new([Slot(0), Slot(1), Slot(1)]);
    blocked.claim = Claim::None;
    let mut waits = effective(State::Blocked, Some(Reason::Dependency));
    waits.root_cause = Some(Slot(1));
    let mut unscheduled = item("later", "Nobody checks this yet");
    unscheduled.legs = Box::default();
    unscheduled.probe = "unmapped".into();
    let items = vec![
        (open, effective(State::Pass, None), measured(Vec::new())),
        (item("latency", "It \"answers\" in C:\\time\nalways – ünicode 🦀"), failing, slow),
        (blocked, waits, measured(Vec::new())),
        (unscheduled, effective(State::Unknown, Some(Reason::Unmapped)), ItemMemory::default()),
        (item("risk", "Accepted"), waived, measured(Vec::new())),
        (
            item("old", "Late"),
            effective(State::Stale, Some(Reason::Overdue)),
            ItemMemory { last_run: None, ..measured(Vec::new()) },
        ),
        (item("off", "Not here"), effective(State::NotApplicable, Some(Reason::Inapplicable)), ItemMemory::default()),
    ];
    let risk = ItemId::new("shop", "risk");
    let waiver = Waiver {
        id: "w-1".into(),
        items: vec![risk.clone(), risk.clone()],
        justification: "known".into(),
        approver: "somebody".into(),
        ticket: "".into(),
        starts: NOW,
        expires: Timestamp(NOW.0 + 86_400_000),
        reasons: Vec::new(),
    };
    let attestation = Attestation {
        id: "a-1".into(),
        item: risk,
        statement: "seen".into(),
        attester: "somebody".into(),
        role: "".into(),
        evidence: "https://evidence.example".into(),
        evidence_sha256: "".into(),
        attested_at: NOW,
        expires: Timestamp(NOW.0 + 172_800_500),
        signature: "".into(),
        fields: "".into(),
    };
    let mut snapshot = snapshot(items, vec![waiver]);
    let mut plan = Plan::clone(&snapshot.plan);
    plan.attestations = vec![attestation];
    let gate = Gate { name: "go-live".into(), title: "Go-live".into(), items: vec![Slot(0), Slot(1)] };
    let (id, title) = (ChecklistId::new("shop"), "Shop".into());
    plan.checklists = vec![Checklist { id, title, sections: Vec::new(), gates: vec![gate] }];
    snapshot.plan = Arc::new(plan);
    snapshot.rollups = Rollups {
        sections: vec![SectionCount {
            checklist: "shop".into(),
            section: "core.api".into(),
            states: [1, 1, 1, 1, 1, 1, 1],
        }],
        gates: vec![
            GateCount { checklist: "shop".into(), gate: "go-live".into(), blockers: 4, items: 6 },
            GateCount { checklist: "shop".into(), gate: "empty".into(), blockers: 0, items: 0 },
        ],
        coverage: Coverage::ALL.into_iter().zip([6, 0, 0, 0, 1]).map(|(c, n)| ("shop".into(), c, n)).collect(),
    };
    snapshot
}

/// What a registry of the daemon about itself may gather.
pub(crate) fn own() -> Vec<MetricFamily> {
    let registry = Registry::new();
    let lag = HistogramOpts::new("readiness_scheduler_lag_seconds", "How late evaluations start.")
        .buckets(vec![0.05, 1.0, 2.5]);
    let lag = Histogram::with_opts(lag).unwrap();
    lag.observe(0.01);
    lag.observe(2.0);
    lag.observe(7.0);
    let runs = Opts::new("readiness_runs_total", "Runs of \"legs\",\nby kind \\ outcome.");
    let runs = IntCounterVec::new(runs, &["kind", "outcome"]).unwrap();
    runs.with_label_values(&["http", "pass"]).inc_by(3);
    runs.with_label_values(&["tcp", "a \"quoted\"\nname\\"]).inc();
    let memory = Gauge::new("process_resident_memory_bytes", "Resident memory.").unwrap();
    memory.set(15_728_640.0);
    registry.register(Box::new(lag)).unwrap();
    registry.register(Box::new(runs)).unwrap();
    registry.register(Box::new(memory)).unwrap();
    registry.gather()
}
