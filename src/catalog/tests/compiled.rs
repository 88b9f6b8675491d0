//! What a valid catalogue becomes.

use super::{compiled, load_text};
use crate::model::{Applicability, Check, Coverage, Digests, Hysteresis, ItemId, Reason, Slot, Span};

const BASE: &str = r#"
targets:
  c.web: { address: "http://127.0.0.1:1" }
parameters:
  c: { limit: 5 }
checklists:
  c:
    title: C
    targets: { web: a, db: b }
    parameters: { limit: 10, host: null, codes: [200, 204], flag: true }
    defaults: { interval: 30s, timeout: 5s, team: platform }
    sections: { a: A, a.b: "A / B" }
    gates: { all: { title: All }, high: { title: High, priorities: [high] } }
    items:
"#;

fn with(items: &str) -> super::super::Compiled {
    let indented: String = items.lines().map(|line| format!("      {line}\n")).collect();
    compiled(&format!("{BASE}{indented}"))
}

fn only(item: &str) -> crate::model::Item {
    let compiled = with(&format!("a.x: {{ title: T, priority: high, {item} }}"));
    (*compiled.plan.items[0]).clone()
}

fn digests(item: &str) -> Digests {
    only(item).digests
}

#[test]
fn defaults_sections_and_gates() {
    let compiled = with(concat!(
        "a.b.one: { title: One, priority: high, depends_on: [a.two], check: { http: { target: web } } }\n",
        "a.two: { title: Two, priority: low, mode: derived, check: { item: a.three } }\n",
        "a.three: { title: Three, priority: low, check: { all_of: [ http: { url: 'http://x' }, http: { url: 'http://y' } ] } }",
    ));
    let plan = &compiled.plan;
    let ids: Vec<_> = plan.items.iter().map(|item| item.id.item().to_owned()).collect();
    assert_eq!(ids, ["a.two", "a.three", "a.b.one"], "checklist, section, file");
    let one = &plan.items[2];
    assert_eq!((one.section.as_str(), &*one.team, &*one.probe), ("a.b", "platform", "http"));
    assert_eq!(one.schedule.interval, Span::from_secs(30));
    assert_eq!(one.policy.fresh_for, Span::from_secs(65));
    assert_eq!(one.legs[0].timeout, Span::from_secs(5));
    assert_eq!(&*one.legs[0].target, "c.web");
    let two = &plan.items[0];
    assert_eq!((&*two.probe, two.policy.hysteresis), ("composite", Hysteresis::IMMEDIATE));
    let legs: Vec<_> = plan.items[1].legs.iter().map(|leg| leg.name.to_string()).collect();
    assert_eq!(legs, ["http", "http-2"]);
    let gates: Vec<_> = plan.checklists[0].gates.iter().map(|gate| gate.items.len()).collect();
    assert_eq!(gates, [3, 1]);
    assert_eq!(compiled.legs.len(), 3);
}

#[test]
fn what_is_not_configured_is_undecided_and_says_what_to_do() {
    let sentence = |item: &str| match only(item).check {
        Check::Undecided { reason, sentence } => (reason, sentence.to_string()),
        other => panic!("{other:?}"),
    };
    let cases = [
        (
            "check: { postgres: { target: db } }",
            Reason::Unconfigured,
            "target `db` is not configured: set `targets: { c.db: … }`",
        ),
        (
            "check: { http: { url: 'http://${host}/' } }",
            Reason::Unconfigured,
            "parameter `host` is not set: set `parameters: { c: { host: … } }`",
        ),
        (
            "check: { http: { target: web, bearer: token } }",
            Reason::Unconfigured,
            "credential `token` is not configured: set `credentials: { token: { file: … } }`",
        ),
        ("check: { unmapped: 'kubernetes: a budget' }", Reason::Unmapped, "not built yet: kubernetes: a budget"),
        ("team: x", Reason::Unmapped, "no check is defined for this item"),
    ];
    for (item, reason, expected) in cases {
        assert_eq!(sentence(item), (reason, expected.to_owned()));
    }
    assert_eq!(only("team: x").coverage, Coverage::Unmapped);
    assert_eq!(&*only("team: x").probe, "unmapped");
    assert_eq!(only("check: { postgres: { target: db } }").coverage, Coverage::Auto);
    assert_eq!(&*only("check: { postgres: { target: db } }").probe, "postgres");
}

#[test]
fn conditions_that_do_not_hold_leave_things_out() {
    let item = only("when: false, check: { http: { target: web } }");
    assert_eq!(item.applicability, Applicability::NotApplicable("false".into()));
    assert!(!item.is_scheduled());
    let item = only("check: { all_of: [ { http: { target: web }, when: false }, { http: { target: web } } ] }");
    assert_eq!(item.check, Check::AllOf(vec![Check::NotApplicable, Check::Leg(0)]));
}

#[test]
fn references_and_unmapped_checks_can_be_left_out() {
    let of = |flag: bool| {
        let when = if flag { "params.flag" } else { "'!params.flag'" };
        let compiled = with(&format!(
            "a.x: {{ title: T, priority: high, mode: derived, check: {{ all_of: [ {{ item: a.y, name: other, when: {when} }}, {{ unmapped: more, name: rest, when: {when} }} ] }} }}\na.y: {{ title: T, priority: high, check: {{ http: {{ target: web }} }} }}",
        ));
        compiled.plan.items.iter().map(|item| (**item).clone()).find(|item| item.id.item() == "a.x").unwrap()
    };
    let (there, left_out) = (of(true), of(false));
    let sentence = "not built yet: rest: more".into();
    let undecided = Check::Undecided { reason: Reason::Unmapped, sentence };
    assert_eq!(there.check, Check::AllOf(vec![Check::Item(Slot(1)), undecided]));
    assert_eq!(left_out.check, Check::AllOf(vec![Check::NotApplicable, Check::NotApplicable]));
    assert_eq!((there.coverage, left_out.coverage), (Coverage::Unmapped, Coverage::Derived));
    // The label does not change with a parameter.
    assert_eq!((&*there.probe, &*left_out.probe), ("composite", "composite"));
    assert_ne!(there.digests.probe, left_out.digests.probe);
}

#[test]
fn the_built_in_target_needs_no_declaration() {
    let compiled = with("a.x: { title: T, priority: high, check: { http: { target: self } } }");
    assert_eq!(&*compiled.legs[0].target.as_ref().unwrap().address, "http://127.0.0.1:10099");
}

#[test]
fn a_built_in_target_without_an_address_is_unconfigured() {
    let mut builtins = super::builtins();
    builtins.targets[0].address = "".into();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.yaml");
    let item = "      a.x: { title: T, priority: high, check: { http: { target: self } } }\n";
    std::fs::write(&path, format!("{BASE}{item}")).unwrap();
    let plan = super::load_with(super::KINDS, &path, &builtins, super::NOW).compiled.unwrap().plan;
    let Check::Undecided { reason, sentence } = &plan.items[0].check else { panic!("{:?}", plan.items[0].check) };
    assert_eq!(*reason, Reason::Unconfigured);
    assert!(sentence.contains("run the daemon"), "{sentence}");
}

#[test]
fn digests_tell_what_changed() {
    let first = digests("check: { http: { target: web, path: /a }, expect: 'status == 200' }");
    let spelling = digests("check: { expect: \"status == 200\", http: { path: '/a', target: web } }");
    assert_eq!(first, spelling);
    let probe = digests("check: { http: { target: web, path: /b }, expect: 'status == 200' }");
    assert_ne!(first.probe, probe.probe);
    assert_eq!((first.policy, first.schedule, first.meta), (probe.policy, probe.schedule, probe.meta));
    let timing =
        digests("interval: 1h, check: { http: { target: web, path: /a }, timeout: 1s, expect: 'status == 200' }");
    assert_eq!((first.probe, first.meta), (timing.probe, timing.meta));
    assert_ne!((first.schedule, first.policy), (timing.schedule, timing.policy));
    let meta = digests("line: 3, claimed: true, check: { http: { target: web, path: /a }, expect: 'status == 200' }");
    assert_eq!((first.probe, first.policy, first.schedule), (meta.probe, meta.policy, meta.schedule));
    assert_ne!(first.meta, meta.meta);
}

#[test]
fn a_changed_parameter_changes_the_checks_that_use_it() {
    let text = |limit: u32, expect: &str| {
        let item = format!(
            "      a.x: {{ title: T, priority: high, check: {{ http: {{ target: web }}, expect: '{expect}' }} }}\n"
        );
        let text = format!("{BASE}{item}").replace("limit: 5", &format!("limit: {limit}"));
        compiled(&text).plan.items[0].digests.probe
    };
    assert_ne!(text(5, "status <= params.limit"), text(6, "status <= params.limit"));
    assert_eq!(text(5, "status == 200"), text(6, "status == 200"));
}

#[test]
fn waivers_and_attestations_reach_the_plan_and_the_probe() {
    let records = concat!(
        "waivers:\n",
        "  - { id: w, items: [c/a.x], justification: j, approver: p, starts: 2026-11-01T00:00:00Z, expires: 2026-12-01T00:00:00+01:00 }\n",
        "attestations:\n",
        "  - { id: t, item: c/a.x, statement: s, attester: ann, role: dpo, evidence: 'https://x', attested_at: 2026-11-01T00:00:00Z, expires: 2027-01-01T00:00:00Z }\n",
    );
    let item = "      a.x: { title: T, priority: high, mode: attested, check: { attestation: { role: dpo } } }\n";
    let without = compiled(&format!("{BASE}{item}"));
    let with = compiled(&format!("{BASE}{item}{records}"));
    assert_eq!(with.plan.waivers[0].items, [ItemId::new("c", "a.x")]);
    assert_eq!(with.plan.waivers[0].expires.to_string(), "2026-11-30T23:00:00Z");
    assert_eq!(with.plan.attestations[0].item, ItemId::new("c", "a.x"));
    assert_ne!(with.plan.items[0].digests.probe, without.plan.items[0].digests.probe);
    assert_ne!(with.fingerprint, without.fingerprint);
}

#[test]
fn one_bad_item_does_not_hide_the_errors_of_another() {
    let text = format!("{BASE}      a.x: 5\n      a.y: {{ title: T }}\n      b.z: {{ title: T, priority: high }}\n");
    let codes: Vec<_> = load_text(text).report.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, ["RC0014", "RC0013", "RC0108"]);
}

/// No kind there is requires a parameter by its schema; one of the stand-ins does.
#[test]
fn a_parameter_that_a_kind_requires_is_asked_for() {
    let report =
        load_text(format!("{BASE}      a.x: {{ title: T, priority: high, check: {{ postgres: {{}} }} }}\n")).report;
    let found: Vec<_> = report.diagnostics.iter().map(|found| (found.code, found.message.as_str())).collect();
    assert_eq!(found, [("RC0013", "`postgres` needs the parameter `target`")]);
}

/// Their evidence must last until the next attempt is allowed.
#[test]
fn what_tries_credentials_is_planned_once_an_hour() {
    let hour = crate::model::CREDENTIAL_PERIOD;
    let tries = |more: &str| only(&format!("{more} check: {{ postgres: {{ target: web, sql: try to log in }} }}"));
    let item = tries("");
    assert_eq!((item.schedule.interval, item.schedule.retry), (hour, hour));
    assert_eq!(item.policy.fresh_for, hour.times(2) + Span::from_secs(5));
    let item = tries("interval: 1m, retry: 10s, fresh_for: 5m,");
    assert_eq!((item.schedule.interval, item.schedule.retry), (hour, hour));
    assert!(item.policy.fresh_for > hour);
    assert_eq!(tries("interval: 1d,").schedule.interval, Span::from_secs(86_400));
    let reads = only("interval: 1m, check: { postgres: { target: web, sql: select 1 } }");
    assert_eq!(reads.schedule.interval, Span::from_secs(60));
}

#[test]
fn a_source_leads_to_the_document_as_it_was() {
    let url = |source: &str| {
        let text = BASE.replace("title: C\n", &format!("title: C\n    source: {{ {source} }}\n"));
        let compiled = compiled(&format!("{text}      a.x: {{ title: T, priority: high, line: 7 }}\n"));
        let source = compiled.plan.items[0].source.clone().unwrap();
        (source.line, source.url.as_deref().unwrap_or_default().to_owned())
    };
    let at = |text: &str| (7, text.to_owned());
    let repository = "https://h/o/r/blob/5974612/d/R.md";
    assert_eq!(url("file: d/R.md, url: \"https://h/o/r\", commit: 5974612"), at(repository));
    assert_eq!(url("file: d/R.md, url: \"https://h/o/r.git/\", commit: \"5974612\""), at(repository));
    let whole = "https://h/o/r/src/main/d/R.md";
    assert_eq!(url(&format!("file: d/R.md, url: \"{whole}\", commit: 5974612")), at(whole));
    assert_eq!(url("file: d/R.md, url: \"https://wiki/page?id=1\", commit: a1"), at("https://wiki/page?id=1"));
    assert_eq!(url("file: d/R.md, url: \"https://h/o/r\""), at("https://h/o/r"));
    assert_eq!(url("file: d/R.md, commit: a1"), at(""));
}

/// Those of steps too, and with their credentials.
#[test]
fn targets_of_steps_are_resolved_and_checked() {
    let load = |step: &str, address: &str| {
        let base = BASE.replace(
            "c.web: { address: \"http://127.0.0.1:1\" }",
            &format!("c.web: {{ address: \"http://127.0.0.1:1\" }}\n{address}"),
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.yaml");
        let item = format!(
            "      a.x: {{ title: T, priority: high, check: {{ scenario: {{ target: web, name: two, leaves: nothing, steps: [ {{ name: s, {step} do: {{ http: {{}} }} }} ] }} }} }}\n"
        );
        std::fs::write(&path, format!("{base}{item}")).unwrap();
        std::fs::write(folder.path().join("key"), "k").unwrap();
        super::load_with(crate::probe::kinds::KINDS, &path, &super::builtins(), super::NOW)
    };
    let there = |port: u16| {
        format!(
            "  c.db: {{ address: \"http://127.0.0.1:{port}\", credential: key }}\ncredentials: {{ key: {{ file: key }} }}"
        )
    };
    let good = load("target: db,", &there(2));
    assert!(good.report.diagnostics.is_empty(), "{:?}", good.report.diagnostics);
    let good = good.compiled.unwrap();
    assert_eq!(&*good.legs[0].more_targets.as_ref().unwrap()["db"].address, "http://127.0.0.1:2");
    assert_eq!(&*good.plan.items[0].legs[0].target, "c.web");
    let digest = |loaded: super::super::Compiled| loaded.plan.items[0].digests.probe;
    let moved = digest(load("target: db,", &there(3)).compiled.unwrap());
    assert_ne!(digest(good), moved, "another address is another check");
    let unset = load("target: db,", "").compiled.unwrap();
    let Check::Undecided { reason, sentence } = &unset.plan.items[0].check else { panic!("{:?}", unset.plan.items[0]) };
    assert_eq!(*reason, Reason::Unconfigured);
    assert!(sentence.contains("target `db` is not configured"), "{sentence}");
    let unknown = load("target: dB,", "").report;
    assert!(unknown.diagnostics.iter().any(|one| one.message.contains("declares no target `dB`")), "{unknown:?}");
    assert!(load("", "").compiled.unwrap().legs[0].more_targets.is_none());
}
