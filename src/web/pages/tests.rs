//! What pages are made of, whatever the catalogue and the targets say.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::model::{Cause, Slot, State as ItemState, Transition};
use crate::snapshot::ItemView;
use crate::web::fixture;

/// Ends an attribute, a tag and a script.
const HOSTILE: &str = "x\" onload='y'></a></title></script><script>alert(1)</script><img src=//evil>&amp;";

fn board_page(snapshot: &Snapshot, query: &str) -> String {
    let reply = board_reply(snapshot, query, &Asked::default(), &Links::default(), fixture::NOW);
    assert_eq!(reply.status, StatusCode::OK, "{query}");
    reply.body()
}

fn item_page(snapshot: &Snapshot, slot: u32, past: Past) -> String {
    let links = Links::default();
    let detail = ItemDetail::new(snapshot, Slot(slot), past, &links, fixture::NOW).unwrap();
    page::item(&detail, &links, true).body()
}

fn transition(from: Option<ItemState>, to: ItemState, at: Timestamp) -> Transition {
    let item = ItemId::new("parallax", "x");
    Transition {
        item,
        from,
        to,
        reason: None,
        at,
        cause: Cause::Evaluation,
        root_cause: None,
        sentence: HOSTILE.into(),
    }
}

fn past() -> Past {
    let before = |seconds| fixture::NOW - crate::model::Span::from_secs(seconds);
    let changes = vec![
        transition(Some(ItemState::Pass), ItemState::Fail, before(60)),
        transition(None, ItemState::Pass, before(600)),
    ];
    Past { evidence: Ok(Vec::new()), history: Ok(changes) }
}

/// Every text that a catalogue or a person writes is hostile.
fn hostile() -> Snapshot {
    let mut snapshot = fixture::snapshot();
    let plan = Arc::make_mut(&mut snapshot.plan);
    for checklist in &mut plan.checklists {
        checklist.title = HOSTILE.into();
        checklist.sections.iter_mut().for_each(|section| section.title = HOSTILE.into());
        checklist.gates.iter_mut().for_each(|gate| gate.title = HOSTILE.into());
    }
    for waiver in &mut plan.waivers {
        (waiver.justification, waiver.approver, waiver.ticket) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
    }
    for attestation in &mut plan.attestations {
        (attestation.statement, attestation.attester, attestation.role) =
            (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
    }
    for (view, slot) in snapshot.items.iter_mut().zip(0_u32..) {
        let view: &mut ItemView = Arc::make_mut(view);
        let item = Arc::make_mut(&mut view.item);
        item.id = ItemId::new(item.id.checklist(), &format!("{}{HOSTILE}{slot}", item.id.item()));
        item.title = HOSTILE.into();
        item.team = HOSTILE.into();
        item.runbook_url = format!("https://x/{HOSTILE}").into();
        plan.items[slot as usize] = view.item.clone();
    }
    snapshot
}

/// `name` of each tag, and whether it opens.
fn tags(html: &str) -> Vec<(String, bool)> {
    let starts = html.split('<').skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'));
    let name = |rest: &str| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    starts.map(|rest| (name(rest.trim_start_matches('/')), !rest.starts_with('/'))).collect()
}

#[test]
fn no_text_from_outside_becomes_markup() {
    let plain: BTreeSet<_> = tags(&board_page(&fixture::snapshot(), ""))
        .into_iter()
        .chain(tags(&item_page(&fixture::snapshot(), 7, past())))
        .chain(tags(&item_page(&fixture::snapshot(), 17, past())))
        .collect();
    let snapshot = hostile();
    let encoded: String = form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    let mut pages: Vec<String> = ["checklist", "section", "gate", "team", "q"]
        .into_iter()
        .map(|key| board_page(&snapshot, &format!("{key}={encoded}&refresh=30")))
        .collect();
    pages.push(board_page(&snapshot, ""));
    pages.extend((0..8).chain([17]).map(|slot| item_page(&snapshot, slot, past())));
    for html in pages {
        assert!(html.contains("&#60;script&#62;alert(1)"), "the text is shown");
        for part in ["<script", "<img", "onload='", "\"></a></title>"] {
            assert!(!html.contains(part), "{part} in {html}");
        }
        let unknown: Vec<_> = tags(&html).into_iter().filter(|tag| !plain.contains(tag)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
    let refused = board_reply(&snapshot, &format!("{encoded}=1"), &Asked::default(), &Links::default(), fixture::NOW);
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(!refused.body().contains("<script"));
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let snapshot = fixture::snapshot();
    for html in [board_page(&snapshot, "state=fail"), item_page(&snapshot, 0, past())] {
        for part in ["<script", "style=\"", "<img", "<iframe", "url(", "@import", "javascript:", " onclick"] {
            assert!(!html.contains(part), "{part}");
        }
    }
}

#[test]
fn those_who_listen_get_the_same_as_those_who_look() {
    let snapshot = fixture::snapshot();
    for html in [board_page(&snapshot, ""), board_page(&snapshot, "state=pass"), item_page(&snapshot, 0, past())] {
        let ids: Vec<_> = html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id stands twice");
        for label in html.split("aria-labelledby=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(ids.contains(&label), "{label}");
        }
        let levels = tags(&html).into_iter().filter(|(_, opens)| *opens);
        let levels: Vec<u32> =
            levels.filter_map(|(name, _)| name.strip_prefix('h').and_then(|level| level.parse().ok())).collect();
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "a level is left out: {levels:?}");
        let tables = html.matches("<table").count();
        assert_eq!(html.matches("<caption").count(), tables, "each table says what it holds");
        assert_eq!(html.matches("<th ").count(), html.matches("<th scope=").count());
        assert!(html.contains("class=\"skip\" href=\"#main\"") && html.contains("<main id=\"main\""));
    }
}

#[test]
fn filters_in_force_are_marked_and_can_be_taken_back() {
    let snapshot = fixture::snapshot();
    let html = board_page(&snapshot, "state=fail&team=platform");
    assert!(html.contains("class=\"count fail active\" aria-current=\"true\""));
    assert!(html.contains("href=\"/?team=platform\"") && html.contains("href=\"/?state=fail\""));
    let empty = board_page(&snapshot, "state=fail&team=nobody");
    assert!(empty.contains("No item matches.") && empty.contains("<a href=\"/\">clear them all</a>"));
    assert!(!board_page(&snapshot, "").contains("No item matches."));
}

#[test]
fn a_store_that_is_down_costs_the_history_and_no_more() {
    let down = || Past { evidence: Err("the store did not answer".into()), history: Err("the disk is full".into()) };
    let html = item_page(&fixture::snapshot(), 0, down());
    assert!(html.contains("The evidence cannot be shown: the store did not answer."));
    assert!(html.contains("The history cannot be shown: the disk is full."));
    assert!(html.contains("the connection was refused") && !html.contains("States over time"));
}

#[test]
fn an_item_page_has_all_that_is_known_of_the_item() {
    let snapshot = fixture::snapshot();
    let root = item_page(&snapshot, 0, past());
    for shown in [
        "States over time",
        "class=\"bar over-time\"",
        "pass 90 %, fail 10 %",
        "What it blocks",
        "Line in the document",
    ] {
        assert!(root.contains(shown), "{shown}");
    }
    let query = "readiness_item_ready{checklist=&#34;parallax&#34;, item=&#34;core.database.postgres-reachable&#34;}";
    assert!(root.contains(query));
    let blocked = item_page(&snapshot, 1, past());
    assert!(blocked.contains("What blocks it") && blocked.contains(">root cause</span>"));
    let waived = item_page(&snapshot, 7, past());
    for shown in ["R. Haddad", "in force", "losing one means a new login", "https://tickets.example/OPS-4711"] {
        assert!(waived.contains(shown), "{shown}");
    }
    let attested = item_page(&snapshot, 17, past());
    assert!(attested.contains("M. Osei, security lead") && attested.contains(">expired</span>"));
}
