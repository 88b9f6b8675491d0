use std::sync::Arc;

use super::*;
use crate::core::Rollups;
use crate::model::{
    Access, Applicability, Check, Checklist, ChecklistId, Claim, Class, Coverage, Digests, Effective, Gate, Item,
    ItemId, ItemMemory, LastRun, Leg, LegIndex, Mode, Outcome, Plan, Policy, Priority, Reason, Schedule, Section,
    SectionPath, Slot, Span, State, Timestamp, Waiver,
};
use crate::snapshot::{Health, ItemView, LoadStatus, Rows, Snapshot};

const NASTY: &str = "expected <a & \"b\"> | 'c', saw \u{1b}[31m`x`\n*y* \u{0}";

/// One checklist `c`: an item for each state, and one nobody evaluated.
pub(crate) fn snapshot() -> Snapshot {
    let rows: [(&str, State, Option<Reason>, Option<&str>); 9] = [
        ("db.pass", State::Pass, None, Some("answered")),
        ("db.fail", State::Fail, Some(Reason::Assertion), Some(NASTY)),
        ("db.unknown", State::Unknown, Some(Reason::Timeout), Some("no answer within 2 s")),
        ("db.stale", State::Stale, Some(Reason::Overdue), Some("answered")),
        ("db.blocked", State::Blocked, Some(Reason::Dependency), None),
        ("db.waived", State::Waived, Some(Reason::Waiver), Some("expected 2, saw 1")),
        ("db.inapplicable", State::NotApplicable, Some(Reason::Inapplicable), None),
        ("web.unmapped", State::Unknown, Some(Reason::Unmapped), None),
        ("web.pass", State::Pass, None, Some("answered")),
    ];
    let mut plan = Plan::default();
    let mut views = Vec::new();
    for (place, (name, state, reason, sentence)) in rows.into_iter().enumerate() {
        let item = Arc::new(item(name, state));
        plan.slots.insert(item.id.clone(), Slot(place as u32));
        plan.items.push(Arc::clone(&item));
        let run = sentence.map(|sentence| LastRun {
            outcome: match state {
                State::Pass | State::Stale => Outcome::Pass,
                State::Unknown => Outcome::Indeterminate,
                _ => Outcome::Fail,
            },
            reason: match state {
                State::Pass | State::Stale => None,
                State::Waived => Some(Reason::Assertion),
                _ => reason,
            },
            sentence: sentence.into(),
            measurements: Arc::from([]),
            duration: Span::from_millis(1500),
        });
        views.push(Arc::new(ItemView {
            item,
            effective: Effective {
                state,
                underlying: if state == State::Waived { State::Fail } else { state },
                reason,
                underlying_reason: (state == State::Waived).then_some(Reason::Assertion),
                since: Timestamp::from_secs(1_000_000),
                root_cause: (state == State::Blocked).then_some(Slot(1)),
                waiver: (state == State::Waived).then_some(0),
                soft: false,
                flapping: false,
                regressed_since: None,
                next_change_at: None,
            },
            memory: Arc::new(ItemMemory { last_run: run, ..ItemMemory::default() }),
        }));
    }
    let gate = |name: &str, items: &[u32]| Gate {
        name: name.into(),
        title: format!("gate {name}").into(),
        items: items.iter().map(|slot| Slot(*slot)).collect(),
    };
    plan.checklists.push(Checklist {
        id: ChecklistId::new("c"),
        title: "C".into(),
        sections: vec![Section { path: SectionPath::new("db"), title: "Database".into() }],
        gates: vec![gate("go-live", &[0, 1, 2, 5, 6]), gate("open", &[0, 5, 6]), gate("empty", &[6])],
    });
    plan.waivers.push(Waiver {
        id: "w1".into(),
        items: vec![ItemId::new("c", "db.waived")],
        justification: "known".into(),
        approver: "a".into(),
        ticket: "".into(),
        starts: Timestamp(0),
        expires: Timestamp::from_secs(2_000_000),
        reasons: Vec::new(),
    });
    Snapshot {
        generation: 1,
        taken_at: Timestamp::from_secs(1_000_100),
        plan: Arc::new(plan),
        rows: Rows::default(),
        items: views,
        rollups: Rollups::default(),
        load: LoadStatus::default(),
        health: Health::default(),
    }
}

fn item(name: &str, state: State) -> Item {
    let unmapped = name.ends_with("unmapped");
    let leg = Leg {
        index: LegIndex(0),
        name: "http".into(),
        kind: "http",
        class: Class::Network,
        access: Access::Read,
        timeout: Span::from_secs(2),
        expects: Box::default(),
        target: "".into(),
    };
    Item {
        id: ItemId::new("c", name),
        aliases: Box::default(),
        section: SectionPath::new(name.split('.').next().unwrap()),
        title: format!("Title of {name}").into(),
        priority: Priority::High,
        mode: Mode::Auto,
        coverage: if unmapped { Coverage::Unmapped } else { Coverage::Auto },
        claim: Claim::None,
        probe: "http".into(),
        team: "".into(),
        runbook_url: "".into(),
        source: None,
        check: if unmapped {
            let sentence = "kubernetes: not built".into();
            Check::AllOf(vec![Check::Undecided { reason: Reason::Unmapped, sentence }])
        } else {
            Check::Leg(0)
        },
        legs: if unmapped { Box::default() } else { Box::new([leg]) },
        policy: Policy::default(),
        schedule: Schedule::every(Span::from_secs(60)),
        depends_on: Box::default(),
        applicability: if state == State::NotApplicable {
            Applicability::NotApplicable("params.ha".into())
        } else {
            Applicability::Applicable
        },
        digests: Digests::default(),
    }
}

fn all() -> Selected {
    select(&snapshot(), &Selection::default()).unwrap()
}

fn gates(names: &[&str]) -> Selected {
    let gates = names.iter().map(|name| (*name).to_owned()).collect();
    select(&snapshot(), &Selection { gates, ..Selection::default() }).unwrap()
}

#[test]
fn every_state_has_a_sentence_that_says_why() {
    let rows = all().rows;
    let sentence = |name: &str| rows.iter().find(|row| row.id == format!("c/{name}")).unwrap().sentence.clone();
    assert_eq!(sentence("db.pass"), "answered");
    assert_eq!(sentence("db.stale"), "the evidence no longer holds: answered");
    assert_eq!(sentence("db.waived"), "accepted by a until 1970-01-24T03:33:20Z (waiver `w1`): expected 2, saw 1");
    assert!(sentence("db.blocked").starts_with("blocked by `c/db.fail`, which is fail: expected <a"));
    assert_eq!(sentence("db.inapplicable"), "does not apply: `params.ha` does not hold");
    assert_eq!(sentence("web.unmapped"), "kubernetes: not built");
}

#[test]
fn a_gate_selects_its_items_and_decides() {
    let open = gates(&["open"]);
    assert!(open.is_accepted());
    assert_eq!(open.rows.len(), 3);
    let closed = gates(&["c/go-live"]);
    assert!(!closed.is_accepted());
    assert_eq!(closed.gates[0].blockers, ["c/db.fail", "c/db.unknown"]);
    assert_eq!(closed.gates[0].items, 4);
    assert!(!gates(&["open", "go-live"]).is_accepted());
    assert!(!gates(&["empty"]).is_accepted(), "an empty gate proves nothing");
    assert!(!all().is_accepted());
    assert_eq!(all().gates.len(), 3);
}

#[test]
fn one_item_can_be_selected() {
    let selection = |items: &[&str]| Selection {
        items: items.iter().map(|item| (*item).to_owned()).collect(),
        ..Selection::default()
    };
    assert!(select(&snapshot(), &selection(&["c/web.pass"])).unwrap().is_accepted());
    assert!(!select(&snapshot(), &selection(&["c/db.inapplicable"])).unwrap().is_accepted());
    let both = select(&snapshot(), &selection(&["c/web.pass", "c/db.stale"])).unwrap();
    assert_eq!((both.rows.len(), both.is_accepted()), (2, false));
}

#[test]
fn names_that_do_not_exist_are_errors() {
    let selection = Selection {
        gates: vec!["go-lvie".into()],
        checklist: Some("x".into()),
        items: vec!["c/db.fial".into(), "nonsense".into()],
    };
    let errors = select(&snapshot(), &selection).unwrap_err();
    assert_eq!(errors.len(), 4);
    assert!(errors[1].contains("did you mean `c/db.fail`?"), "{errors:?}");
    let gate = Selection { gates: vec!["go-lvie".into()], ..Selection::default() };
    assert_eq!(
        select(&snapshot(), &gate).unwrap_err(),
        ["there is no gate `go-lvie`; did you mean `go-live`?".to_owned()]
    );
}

#[test]
fn the_table_is_readable_and_drives_no_terminal() {
    let text = table::check(&all(), false, Terminal::default());
    assert!(!text.contains('\u{1b}') && !text.contains('\u{0}'));
    let line = text.lines().find(|line| line.contains("c/db.unknown")).unwrap();
    for part in ["unknown", "timeout", "no answer within 2 s"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(text.contains("gate c/go-live: closed (2 of 4 items block)\n"));
    assert!(text.contains("gate c/open: open (0 of 2 items block)\n"));
    assert!(text.ends_with("9 items: 2 pass, 1 fail, 2 unknown, 1 stale, 1 blocked, 1 waived, 1 not_applicable\n"));
    let narrow = Terminal { width: Some(60), colour: false };
    assert!(table::check(&all(), false, narrow).lines().take(14).all(|line| line.chars().count() <= 60));
    assert!(table::list(&all(), Terminal::default()).contains("Title of db.pass"));
}

#[test]
fn colour_marks_states_and_changes_no_word() {
    let plain = table::check(&all(), false, Terminal::default());
    let coloured = table::check(&all(), false, Terminal { width: None, colour: true });
    assert!(coloured.contains(" \u{1b}[31mfail\u{1b}[0m "), "{coloured}");
    let codes = regex::Regex::new("\u{1b}\\[[0-9]+m").unwrap();
    assert_eq!(codes.find_iter(&coloured).count(), 2 * all().rows.len());
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&codes.replace_all(&coloured, "")), words(&plain));
}

#[test]
fn what_nobody_asked_about_shares_a_line() {
    let row = |n: usize, section: &str, reason, sentence: &str| {
        let mut row = all().rows[7].clone();
        (row.id, row.section, row.reason) = (format!("c/{section}.{n}"), section.to_owned(), Some(reason));
        row.sentence = sentence.to_owned();
        row
    };
    let rows = vec![
        row(1, "a", Reason::Unmapped, "no check"),
        row(2, "a", Reason::Unconfigured, "target `x`"),
        row(3, "a", Reason::Unmapped, "no check"),
        row(4, "a", Reason::Unconfigured, "target `y`"),
        row(5, "b", Reason::Unmapped, "no check"),
        row(6, "b", Reason::Timeout, "late"),
        row(7, "b", Reason::Timeout, "late"),
    ];
    let selected = Selected { rows, gates: Vec::new(), judged_by_gates: false };
    let items = |all| {
        let text = table::check(&selected, all, Terminal::default());
        text.lines().filter(|line| line.contains("c/")).map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    let folded = items(false);
    assert_eq!(folded.len(), 5, "{folded:#?}");
    assert!(folded[0].contains("c/a: 2 items") && folded[0].ends_with("no check"), "{folded:#?}");
    assert!(folded[1].contains("c/a: 2 items") && folded[1].ends_with("`--all` lists each."), "{folded:#?}");
    assert!(folded[2].contains("c/b.5"), "{folded:#?}");
    assert_eq!(items(true).len(), 7);
    assert!(table::check(&selected, false, Terminal::default()).ends_with("7 items: 7 unknown\n"));
}

#[test]
fn json_holds_everything() {
    let value: serde_json::Value = serde_json::from_str(&json::check(&gates(&["go-live"]), Timestamp(0))).unwrap();
    assert_eq!(value["accepted"], false);
    assert_eq!(value["gates"][0]["open"], false);
    assert_eq!(value["counts"]["fail"], 1);
    assert_eq!(value["counts"]["stale"], 0);
    assert_eq!(value["items"][1]["sentence"], NASTY);
    assert_eq!(value["items"][1]["reason"], "assertion");
    assert_eq!(value["items"][0]["reason"], serde_json::Value::Null);
    assert_eq!(value["items"][0]["duration_seconds"], 1.5);
    let list: serde_json::Value = serde_json::from_str(&json::list(&all())).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 9);
    assert!(list[0].get("state").is_none());
}

#[test]
fn junit_is_well_formed_and_maps_states() {
    let text = junit::check(&gates(&["go-live", "open"]), Timestamp(0));
    well_formed(&text);
    let text = junit::check(&all(), Timestamp(0));
    well_formed(&text);
    let head = "<testsuites name=\"readiness\" tests=\"9\" failures=\"1\" errors=\"4\" skipped=\"2\">";
    assert!(text.contains(head), "{text}");
    assert!(text.contains("<testcase classname=\"c.db\" name=\"c/db.pass\" time=\"1.500\"/>"));
    assert!(text.contains("<failure message=\"expected &lt;a &amp; &quot;b&quot;&gt; | &apos;c&apos;, saw  [31m`x`&#10;*y*  \" type=\"assertion\">"));
    assert!(text.contains("<error message=\"no answer within 2 s\" type=\"timeout\">"));
    assert_eq!(text.matches("<skipped ").count(), 2);
    let gates = junit::check(&gates(&["go-live"]), Timestamp(0));
    assert!(gates.contains("2 of 4 items block") && gates.contains("c/db.fail&#10;c/db.unknown"));
}

/// Tags nest, attributes are quoted, and no character is left that XML cannot hold.
fn well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let body = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    assert!(body.chars().all(|c| c == '\n' || !c.is_control()));
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        assert!(!text.contains('>') && tag.matches('"').count() % 2 == 0, "{piece}");
        for entity in piece.split('&').skip(1) {
            let name = entity.split_once(';').unwrap().0;
            assert!(["amp", "lt", "gt", "quot", "apos", "#10"].contains(&name), "{entity}");
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty());
}

#[test]
fn markdown_escapes_what_comes_from_outside() {
    let text = markdown::check(&all(), Timestamp(0));
    assert!(text.starts_with("# Readiness: not ready\n"));
    let line = text.lines().find(|line| line.contains("c/db.fail |")).unwrap();
    assert!(line.contains("&lt;a &amp; \"b\"&gt; \\| 'c'") && line.contains("\\*y\\*"), "{line}");
    assert!(text.contains("| c/go-live | **closed** | 2 | 4 |"));
    assert!(text.contains("## Not ready (5)") && text.contains("## Accepted (4)"));
    assert!(markdown::check(&gates(&["open"]), Timestamp(0)).starts_with("# Readiness: ready\n"));
}
