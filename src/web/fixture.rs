//! A snapshot with all states, for tests of pages and API.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::core::{GateCount, Rollups, SectionCount};
use crate::families;
use crate::model::*;
use crate::snapshot::{Health, ItemView, LoadStatus, Snapshot, StoreHealth};
use crate::store::{Batch, Evidence, Restored, Retention, Store, StoreError};

pub(super) const NOW: Timestamp = Timestamp(1_795_230_012_000);
/// Must appear as text wherever it is shown.
pub(super) const HOSTILE: &str = "expected status 200, saw 500: <script>alert('x')</script> \"quoted\" & <b>bold</b>";

struct Line {
    id: &'static str,
    title: &'static str,
    priority: Priority,
    state: State,
    reason: Option<Reason>,
    sentence: String,
    minutes: i64,
}

fn line(id: &'static str, title: &'static str, priority: Priority, state: State, reason: Option<Reason>) -> Line {
    let sentence = match state {
        State::Pass => format!("{title}: seen as expected."),
        _ => reason.map_or_else(String::new, |reason| reason.meaning().to_owned()),
    };
    Line { id, title, priority, state, reason, sentence, minutes: 7 + 61 * (id.len() as i64 % 9) }
}

impl Line {
    fn says(mut self, sentence: &str, minutes: i64) -> Self {
        self.sentence = sentence.to_owned();
        self.minutes = minutes;
        self
    }
}

#[rustfmt::skip]
fn lines() -> Vec<(&'static str, Vec<Line>)> {
    use Priority::{Critical, High, Low, Medium};
    use State::{Blocked, Fail, NotApplicable, Pass, Stale, Unknown, Waived};
    let parallax = vec![
        line("core.database.postgres-reachable", "PostgreSQL accepts the role of the control plane", Critical, Fail, Some(Reason::Refused))
            .says("expected a login at 10.2.0.11:5432 within 2s, the connection was refused", 12),
        line("core.database.replication-ha", "At least one standby is streaming with little lag", High, Blocked, Some(Reason::Dependency)),
        line("core.database.pool-headroom", "The connection pool has room for a fail-over", Medium, Blocked, Some(Reason::Dependency)),
        line("core.database.backup-restore", "A restore was tried within the last 30 days", High, Stale, Some(Reason::TooOld)).says("expected a restore report younger than 30d, the last one is 41d old", 16_000),
        line("core.database.migrations-applied", "All migrations are applied", High, Blocked, Some(Reason::Dependency)),
        line("core.cache.redis-reachable", "Redis answers PING", Critical, Pass, None),
        line("core.cache.redis-persistence", "Redis writes its append-only file", High, Pass, None),
        line("core.cache.eviction-policy", "No keys are evicted under memory pressure", Medium, Waived, Some(Reason::Waiver)).says("expected maxmemory_policy noeviction, saw allkeys-lru", 9000),
        line("core.queue.consumer-lag", "Consumers keep up with the queue", High, Pass, None),
        line("core.queue.dead-letters", "The dead-letter queue is empty", Medium, Fail, Some(Reason::Assertion)).says("expected depth <= 0, saw 17 messages in orders.dlq", 190),
        line("api.endpoints.health", "The health endpoint answers within half a second", Critical, Pass, None),
        line("api.endpoints.version", "The version endpoint shows the released commit", Low, Fail, Some(Reason::Status)).says(HOSTILE, 3),
        line("api.endpoints.error-budget", "The error ratio is inside its budget", High, Pass, None),
        line("api.endpoints.graphql-introspection", "GraphQL introspection is refused in production", Medium, NotApplicable, Some(Reason::Inapplicable)),
        line("api.tls.certificate", "The certificate is valid for three weeks or more", Critical, Fail, Some(Reason::TlsExpiring)).says("expected a certificate for api.parallax.example valid for at least 21d, it ends in 6d 4h", 1300),
        line("api.tls.versions", "TLS 1.0 and 1.1 are refused", High, Pass, None),
        line("api.tls.hsts", "Strict-Transport-Security is sent", Medium, Pass, None),
        line("security.access.mfa", "Every operator signs in with a second factor", Critical, Stale, Some(Reason::AttestationExpired)).says("the attestation by M. Osei expired on 2026-11-14", 11_000),
        line("security.access.break-glass", "The break-glass account was tried this quarter", High, Unknown, Some(Reason::AttestationMissing)),
        line("security.secrets.rotation", "Secrets are younger than 90 days", High, Unknown, Some(Reason::PermissionDenied)).says("expected to list secret ages, the exporter may not read vault path secret/metadata", 44),
        line("security.secrets.no-plaintext", "No secret stands in the environment in plain text", High, Pass, None),
        line("observability.metrics.scraped", "Prometheus scrapes all instances", High, Pass, None),
        line("observability.metrics.retention", "Metrics are kept for 30 days", Low, Pass, None),
        line("observability.alerts.routed", "Critical alerts reach the pager", Critical, Pass, None),
        line("observability.alerts.watchdog", "The watchdog alert is firing", High, Pass, None),
        line("observability.logs.shipped", "Logs arrive within a minute", Medium, Unknown, Some(Reason::Unconfigured)).says("target logs is not configured", 3000),
        line("deploy.rollback.tried", "A rollback was tried in staging", High, Pass, None),
        line("deploy.images.signed", "Images carry a valid signature", High, Unknown, Some(Reason::Unmapped)),
        line("deploy.images.pinned", "Images are pinned by digest", Medium, Pass, None),
        line("deploy.capacity.budget", "Pod disruption budgets cover every deployment", Medium, NotApplicable, Some(Reason::Inapplicable)),
    ];
    let selfie = vec![
        line("self.process.memory", "The exporter uses less than 512 MiB", Medium, Pass, None),
        line("self.process.descriptors", "File descriptors are far from their limit", Medium, Pass, None),
        line("self.store.writable", "The store takes writes", High, Pass, None),
        line("self.store.backlog", "Nothing waits long to be written", Medium, Pass, None),
        line("self.loop.heartbeat", "The scheduler turns", Critical, Pass, None),
        line("self.loop.lag", "Runs start when they are planned", High, Pass, None),
        line("self.reload.successful", "The last reload was accepted", High, Pass, None),
        line("self.web.ready", "The daemon is ready", Critical, Pass, None),
        line("self.web.latency", "A scrape takes less than a second", Medium, Pass, None),
    ];
    vec![("parallax", parallax), ("self", selfie)]
}

const TITLES: [(&str, &str); 13] = [
    ("core.database", "Core systems / Database"),
    ("core.cache", "Core systems / Cache"),
    ("core.queue", "Core systems / Queue"),
    ("api.endpoints", "API / Endpoints"),
    ("api.tls", "API / TLS"),
    ("security.access", "Security / Access"),
    ("security.secrets", "Security / Secrets"),
    ("observability.metrics", "Observability / Metrics"),
    ("observability.alerts", "Observability / Alerts"),
    ("observability.logs", "Observability / Logs"),
    ("deploy.rollback", "Deployment / Rollback"),
    ("deploy.images", "Deployment / Images"),
    ("deploy.capacity", "Deployment / Capacity"),
];

pub(super) fn snapshot() -> Snapshot {
    let mut plan = Plan { generation: 3, ..Plan::default() };
    let mut views = Vec::new();
    for (checklist, lines) in lines() {
        let mut sections: Vec<Section> = Vec::new();
        let first = views.len();
        for line in lines {
            let path = line.id.rsplit_once('.').unwrap().0;
            if !sections.iter().any(|section| section.path.as_str() == path) {
                let title = TITLES.iter().find(|(known, _)| *known == path).map_or(path, |(_, title)| title);
                sections.push(Section { path: SectionPath::new(path), title: title.into() });
            }
            let slot = Slot(views.len() as u32);
            let view = view(checklist, path, &line);
            plan.slots.insert(view.item.id.clone(), slot);
            plan.items.push(view.item.clone());
            views.push(Arc::new(view));
        }
        let slots = (first..views.len()).map(|place| Slot(place as u32));
        let (name, title) = if checklist == "self" { ("own", "Exporter works") } else { ("go-live", "Go-live") };
        let title_of = if checklist == "self" { "The exporter itself" } else { "Parallax production readiness" };
        plan.checklists.push(Checklist {
            id: ChecklistId::new(checklist),
            title: title_of.into(),
            sections,
            gates: vec![Gate { name: name.into(), title: title.into(), items: slots.collect() }],
        });
    }
    plan.waivers.push(Waiver {
        id: "w-2026-11".into(),
        items: vec![ItemId::new("parallax", "core.cache.eviction-policy")],
        justification: "The cache holds sessions only; losing one means a new login.".into(),
        approver: "R. Haddad".into(),
        ticket: "https://tickets.example/OPS-4711".into(),
        starts: NOW - Span::from_secs(20 * 86_400),
        expires: NOW.plus(Span::from_secs(9 * 86_400)),
        reasons: vec![],
    });
    plan.attestations.push(Attestation {
        id: "a-mfa".into(),
        item: ItemId::new("parallax", "security.access.mfa"),
        statement: "All operator accounts were checked against the identity provider.".into(),
        attester: "M. Osei".into(),
        role: "security lead".into(),
        evidence: "javascript:alert(1)".into(),
        evidence_sha256: "".into(),
        attested_at: NOW - Span::from_secs(98 * 86_400),
        expires: NOW - Span::from_secs(8 * 86_400),
        signature: "".into(),
        fields: "".into(),
    });
    let rollups = rollups(&plan, &views);
    Snapshot {
        generation: 42,
        taken_at: NOW - Span::from_secs(2),
        plan: Arc::new(plan),
        rows: families::rows(&views),
        items: views,
        rollups,
        load: LoadStatus { successful: true, loaded_at: Some(NOW - Span::from_secs(7200)), errors: None },
        health: Health {
            ready: true,
            draining: false,
            store: StoreHealth {
                kind: "memory",
                last_commit: Some(NOW - Span::from_secs(1)),
                ..StoreHealth::default()
            },
            heartbeat: Some(NOW - Span::from_secs(1)),
            started_at: Some(NOW - Span::from_secs(9000)),
        },
    }
}

fn view(checklist: &str, section: &str, line: &Line) -> ItemView {
    let since = NOW - Span::from_secs(60 * line.minutes as u64);
    let regressed = line.state == State::Fail && line.minutes < 100;
    let ran = !matches!(line.reason, Some(Reason::Unmapped | Reason::Unconfigured | Reason::AttestationMissing));
    let underlying = match line.state {
        State::Waived | State::Blocked => State::Fail,
        state => state,
    };
    let underlying_reason = if underlying == line.state { line.reason } else { Some(Reason::Assertion) };
    let outcome = match underlying {
        State::Pass => Outcome::Pass,
        State::Fail => Outcome::Fail,
        _ => Outcome::Indeterminate,
    };
    let verdict = match outcome {
        Outcome::Pass => Verdict::pass(Proof::of("answer", "an answer in 500ms", "an answer in 31ms"), &*line.sentence),
        Outcome::Fail => Verdict::fail(underlying_reason.unwrap(), &*line.sentence),
        Outcome::Indeterminate => Verdict::indeterminate(underlying_reason.unwrap_or(Reason::NoData), &*line.sentence),
    };
    let memory = ItemMemory {
        last_started: ran.then_some(NOW - Span::from_secs(23)),
        last_finished: ran.then_some(NOW - Span::from_secs(22)),
        last_pass: (line.state == State::Pass).then_some(NOW - Span::from_secs(22)),
        fresh_until: ran.then_some(NOW.plus(Span::from_secs(108))),
        legs: vec![ran.then(|| LegMemory {
            verdict: Arc::new(verdict),
            at: NOW - Span::from_secs(22),
            fresh_until: NOW.plus(Span::from_secs(108)),
        })],
        last_run: ran.then(|| LastRun {
            outcome,
            reason: underlying_reason,
            sentence: line.sentence.as_str().into(),
            measurements: vec![Measurement { name: "duration_seconds".into(), value: 0.031, threshold: Some(0.5) }]
                .into(),
            duration: Span(31),
        }),
        regressed_at: regressed.then_some(since),
        evaluations: 1234,
        failures: 17,
        regressions: u64::from(regressed),
        ..ItemMemory::default()
    };
    let leg = Leg {
        index: LegIndex(0),
        name: "primary".into(),
        kind: "http",
        class: Class::Network,
        access: Access::Read,
        timeout: Span::from_secs(2),
        expects: Box::new(["status == 200".into(), HOSTILE.into()]),
        target: "parallax.cp".into(),
    };
    let is_unset = matches!(line.reason, Some(Reason::Unmapped | Reason::Unconfigured));
    let item = Item {
        id: ItemId::new(checklist, line.id),
        aliases: Box::default(),
        section: SectionPath::new(section),
        title: line.title.into(),
        priority: line.priority,
        mode: Mode::Auto,
        coverage: if line.id.starts_with("security.access.") { Coverage::Attested } else { Coverage::Auto },
        claim: if line.id.len().is_multiple_of(3) { Claim::Done } else { Claim::Open },
        probe: "http".into(),
        team: "platform".into(),
        runbook_url: "https://runbooks.example/parallax".into(),
        source: Some(Box::new(Source {
            file: "PRODUCTION_CHECKLIST.md".into(),
            line: 42,
            url: Some("https://git.example/blob/main/PRODUCTION_CHECKLIST.md".into()),
        })),
        check: match line.reason {
            Some(reason @ (Reason::Unmapped | Reason::Unconfigured)) => {
                Check::Undecided { reason, sentence: line.sentence.as_str().into() }
            }
            _ => Check::AllOf(vec![Check::Leg(0)]),
        },
        legs: if is_unset { Box::default() } else { Box::new([leg]) },
        policy: Policy::default(),
        schedule: Schedule::every(Span::from_secs(60)),
        depends_on: if line.state == State::Blocked { Box::new([Slot(0)]) } else { Box::default() },
        applicability: if line.state == State::NotApplicable {
            Applicability::NotApplicable("params.kubernetes".into())
        } else {
            Applicability::Applicable
        },
        digests: Digests::default(),
    };
    let effective = Effective {
        state: line.state,
        underlying,
        reason: line.reason,
        underlying_reason,
        since,
        root_cause: (line.state == State::Blocked).then_some(Slot(0)),
        waiver: (line.state == State::Waived).then_some(0),
        soft: line.id.ends_with("consumer-lag"),
        flapping: line.id.ends_with("dead-letters"),
        regressed_since: regressed.then_some(since),
        next_change_at: Some(NOW.plus(Span::from_secs(108))),
    };
    ItemView { item: Arc::new(item), effective, memory: Arc::new(memory) }
}

fn rollups(plan: &Plan, views: &[Arc<ItemView>]) -> Rollups {
    let mut rollups = Rollups::default();
    for checklist in &plan.checklists {
        for section in &checklist.sections {
            let mut states = [0; 7];
            let mine = |view: &&Arc<ItemView>| {
                view.item.id.checklist() == checklist.id.as_str() && view.item.section == section.path
            };
            for view in views.iter().filter(mine) {
                states[State::ALL.iter().position(|state| *state == view.effective.state).unwrap()] += 1;
            }
            rollups.sections.push(SectionCount {
                checklist: checklist.id.as_str().into(),
                section: section.path.as_str().into(),
                states,
            });
        }
        for gate in &checklist.gates {
            let states = gate.items.iter().map(|slot| views[slot.index()].effective.state);
            let applicable: Vec<_> = states.filter(|state| *state != State::NotApplicable).collect();
            rollups.gates.push(GateCount {
                checklist: checklist.id.as_str().into(),
                gate: (*gate.name).into(),
                blockers: applicable.iter().filter(|state| !state.is_accepted()).count() as u32,
                items: applicable.len() as u32,
            });
        }
        rollups.coverage.push((checklist.id.as_str().into(), Coverage::Auto, 1));
    }
    rollups
}

/// Remembers a little about every item, or never answers.
pub(super) struct FixtureStore {
    pub(super) hangs: bool,
}

impl FixtureStore {
    fn answer<T: Send + 'static>(&self, value: T) -> BoxFuture<'static, Result<T, StoreError>> {
        if self.hangs { Box::pin(std::future::pending()) } else { Box::pin(std::future::ready(Ok(value))) }
    }
}

impl Store for FixtureStore {
    fn name(&self) -> &'static str {
        "fixture"
    }
    fn restore(&self) -> BoxFuture<'_, Result<Restored, StoreError>> {
        self.answer(Restored::default())
    }
    fn commit<'a>(&'a self, _: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        self.answer(())
    }
    fn history<'a>(
        &'a self,
        item: &'a ItemId,
        _: u32,
        _: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<Vec<Transition>, StoreError>> {
        let transition = |from, to, reason, minutes: u64, sentence: &str| Transition {
            item: item.clone(),
            from,
            to,
            reason,
            at: NOW - Span::from_secs(60 * minutes),
            cause: Cause::Evaluation,
            root_cause: None,
            sentence: sentence.to_owned(),
        };
        self.answer(vec![
            transition(Some(State::Pass), State::Fail, Some(Reason::Refused), 12, HOSTILE),
            transition(Some(State::Unknown), State::Pass, None, 4000, "logged in as readiness in 11ms"),
            transition(None, State::Unknown, Some(Reason::Pending), 4001, ""),
        ])
    }
    fn evidence<'a>(&'a self, item: &'a ItemId) -> BoxFuture<'a, Result<Vec<Evidence>, StoreError>> {
        let run = |minutes: u64, outcome, reason, sentence: &str| Evidence {
            item: item.clone(),
            leg: "primary".into(),
            at: NOW - Span::from_secs(60 * minutes),
            duration: Span(31),
            outcome,
            reason,
            sentence: sentence.into(),
            facts: r#"{"outcome":"refused","peer":"10.2.0.11:5432","connect_s":0.0004}"#.into(),
            trace: ["resolved db.parallax.example to 10.2.0.11".to_owned(), "connecting".to_owned()].into(),
        };
        self.answer(vec![
            run(0, Outcome::Fail, Some(Reason::Refused), HOSTILE),
            run(1, Outcome::Fail, Some(Reason::Refused), "expected a login, the connection was refused"),
            run(14, Outcome::Pass, None, "logged in as readiness in 11ms"),
        ])
    }
    fn prune(&self, _: Retention, _: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.answer(0)
    }
    fn health(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.answer(())
    }
}
