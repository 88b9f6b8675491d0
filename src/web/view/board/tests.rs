use std::sync::Arc;

use tokio::time::Instant;

use super::*;
use crate::families;
use crate::model::{ItemId, Span, State};
use crate::web::fixture;

fn board<'a>(snapshot: &'a Snapshot, query: &str) -> BoardView<'a> {
    BoardView::new(snapshot, &Filter::parse(query).unwrap(), &Links::default(), fixture::NOW)
}

fn sections<'a, 'b>(board: &'b BoardView<'a>) -> Vec<&'b sections::SectionView<'a>> {
    board.checklists.iter().flat_map(|checklist| &checklist.sections).collect()
}

#[test]
fn lost_passes_come_first_and_the_worst_of_them_before_the_rest() {
    let mut snapshot = fixture::snapshot();
    // The oldest, but the one that explains others.
    let long_ago = fixture::NOW - Span::from_secs(30 * 86_400);
    Arc::make_mut(&mut snapshot.items[0]).effective.regressed_since = Some(long_ago);
    let board = board(&snapshot, "");
    let regressed = &board.trouble.regressed.rows;
    assert_eq!(regressed.len(), 2);
    assert_eq!((regressed[0].priority, regressed[0].blocks), ("critical", 3));
    assert_eq!(regressed[0].regressed.as_ref().unwrap().relative, "30d ago");
    let failing = &board.trouble.failing.rows;
    assert!(failing.len() == 2 && failing.iter().all(|row| row.look.class == "fail" && row.regressed.is_none()));
    assert_eq!(failing[0].priority, "critical");
}

#[test]
fn every_item_is_on_the_board_once() {
    let snapshot = fixture::snapshot();
    let board = board(&snapshot, "");
    let rows: usize = sections(&board).iter().map(|s| s.open.len() + s.unset.len() + s.fine.len()).sum();
    assert_eq!((rows, board.cut), (snapshot.items.len(), 0));
    assert_eq!(board.counts.iter().map(|count| count.items).sum::<usize>(), board.total);
    assert_eq!(board.counts.iter().map(|count| count.width).sum::<usize>(), 1000);
    assert!(board.checklists.iter().any(|c| c.folded) && board.checklists.iter().any(|c| !c.folded));
    assert!(sections(&board).iter().all(|section| section.folded == section.open.is_empty()));
}

#[test]
fn counts_follow_the_rest_of_the_filter() {
    let snapshot = fixture::snapshot();
    let all = board(&snapshot, "section=core&state=fail");
    let count = |board: &BoardView<'_>, class| {
        let found = board.counts.iter().find(|count| count.look.class == class).unwrap();
        (found.items, found.active, found.href.clone())
    };
    assert_eq!(all.shown, 2);
    assert_eq!(count(&all, "fail"), (2, true, "/?section=core".to_owned()));
    assert_eq!(count(&all, "blocked"), (3, false, "/?state=blocked&section=core".to_owned()));
    assert_eq!(all.counts.iter().map(|count| count.items).sum::<usize>(), board(&snapshot, "section=core").shown);
    for count in &all.counts {
        let asked = if count.active { "section=core&state=fail" } else { count.href.trim_start_matches("/?") };
        assert_eq!(board(&snapshot, asked).shown, count.items, "{}: the address shows what was counted", count.href);
    }
}

#[test]
fn a_filter_of_outcomes_gets_rows_and_no_cards() {
    let snapshot = fixture::snapshot();
    let blocked = board(&snapshot, "state=blocked");
    assert!(blocked.filtered && blocked.trouble.is_empty() && blocked.gates.is_empty() && blocked.calm.is_empty());
    let sections = sections(&blocked);
    assert!(sections.iter().all(|section| !section.folded));
    assert!(sections.iter().flat_map(|s| &s.open).all(|row| row.look.class == "blocked"));
    let part = board(&snapshot, "checklist=parallax&priority=critical");
    assert!(!part.trouble.is_empty() && part.gates.is_empty());
    assert!(part.trouble.failing.rows.iter().all(|row| row.priority == "critical"));
}

#[test]
fn a_gate_names_its_blockers() {
    let snapshot = fixture::snapshot();
    let all = board(&snapshot, "");
    let closed = all.gates.iter().find(|gate| !gate.open).unwrap();
    assert!(closed.unset > 0 && closed.first.iter().all(|row| !row.unset));
    assert_eq!(closed.first.len() + closed.more + closed.unset, closed.blockers as usize);
    assert_eq!(closed.href, "/?state=fail,stale,unknown,blocked&gate=parallax%2Fgo-live");
    assert_eq!(closed.badge, "/badge/parallax/go-live.svg");
    let asked = board(&snapshot, closed.href.trim_start_matches("/?"));
    assert_eq!(asked.shown, closed.blockers as usize);
    assert_eq!(asked.gates.len(), 1, "the gate asked for stays in sight");
    assert_eq!(board(&snapshot, "checklist=self").gates.len(), 1);
}

#[test]
fn what_nobody_has_set_up_does_not_drown_what_broke() {
    let snapshot = fixture::snapshot();
    let board = board(&snapshot, "");
    let sections = sections(&board);
    assert!(sections.iter().flat_map(|s| &s.open).all(|row| !row.unset));
    let folded = sections.iter().flat_map(|s| &s.unset).count();
    let count = |class| board.counts.iter().find(|count| count.look.class == class).unwrap().items;
    assert!(folded > 0);
    assert_eq!((count("unset"), count("unknown")), (folded, 2));
}

#[test]
fn without_failures_it_says_how_much_that_means() {
    let mut snapshot = fixture::snapshot();
    snapshot.items.retain(|view| view.effective.state != State::Fail);
    let said = board(&snapshot, "").calm;
    assert!(said.starts_with("Nothing is failing. ") && said.contains("not set up"), "{said}");
    assert!(board(&snapshot, "team=nobody").calm.is_empty(), "nothing was looked at");
}

/// The fixture again and again, until there are `size` items.
fn large(size: usize) -> Snapshot {
    let mut snapshot = fixture::snapshot();
    let plan = Arc::make_mut(&mut snapshot.plan);
    let first = snapshot.items.clone();
    while snapshot.items.len() < size {
        let mut view = (*first[snapshot.items.len() % first.len()]).clone();
        let item = Arc::make_mut(&mut view.item);
        item.id = ItemId::new(item.id.checklist(), &format!("{}-{}", item.id.item(), plan.items.len()));
        plan.items.push(view.item.clone());
        snapshot.items.push(Arc::new(view));
    }
    snapshot.rows = families::rows(&snapshot.items);
    snapshot
}

#[test]
fn ten_thousand_items_make_a_page_that_can_be_read() {
    let snapshot = large(10_000);
    let started = Instant::now();
    let all = board(&snapshot, "");
    let html = crate::web::page::board(&all, &Links::default()).body();
    let took = started.elapsed();
    assert_eq!((all.shown, all.cut), (10_000, 10_000 - ROW_LIMIT));
    let sections = sections(&all);
    let rows: usize = sections.iter().map(|s| s.open.len() + s.unset.len() + s.fine.len()).sum();
    assert_eq!(rows, ROW_LIMIT, "the limit holds over all sections");
    assert_eq!(sections.iter().map(|s| s.tally.total()).sum::<usize>(), 10_000, "counts are of all");
    let cut: usize = sections.iter().map(|section| section.cut).sum();
    assert_eq!(cut, all.cut, "each section says what it leaves out");
    let unfolded: usize = sections.iter().filter(|s| !s.folded).map(|s| s.open.len()).sum();
    assert!(unfolded <= 200, "{unfolded} rows unfolded");
    assert!(sections.iter().all(|s| s.fine.is_empty()), "what fails is not left out for what passes");
    assert!(html.len() < 4_000_000, "{} bytes", html.len());
    assert!(took.as_secs() < 5, "{took:?}, unoptimized");
    println!("{} bytes in {took:?}", html.len());
}
