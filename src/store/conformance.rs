//! What every store must do. Each case gets an empty store; `suite!` runs all of them.

use std::sync::Arc;

use crate::model::{Cause, ItemId, ItemMemory, Outcome, Reason, Span, State, Timestamp, Transition};
use crate::store::{Batch, Evidence, Retention, Store};

const DAY: u64 = 86_400_000;
pub(super) const RETENTION: Retention = Retention { transitions: Span(400 * DAY), tombstones: Span(30 * DAY) };

pub(super) fn item(name: &str) -> ItemId {
    ItemId::new("list", name)
}

pub(super) fn memory(evaluations: u64) -> ItemMemory {
    ItemMemory { evaluations, ..ItemMemory::default() }
}

pub(super) fn kept(name: &str, evaluations: u64) -> (ItemId, Arc<ItemMemory>) {
    (item(name), Arc::new(memory(evaluations)))
}

pub(super) fn transition(name: &str, at: i64) -> Transition {
    Transition {
        item: item(name),
        from: Some(State::Pass),
        to: State::Blocked,
        reason: Some(Reason::Dependency),
        at: Timestamp(at),
        cause: Cause::Dependency,
        root_cause: Some(item("root")),
        sentence: "waits for \"root\"".to_owned(),
    }
}

pub(super) fn evidence(name: &str, leg: &str, at: i64, outcome: Outcome) -> Evidence {
    Evidence {
        item: item(name),
        leg: leg.into(),
        at: Timestamp(at),
        duration: Span(7),
        outcome,
        reason: (outcome != Outcome::Pass).then_some(Reason::Status),
        sentence: "expected 200, saw \0\"500\u{1F980}".into(),
        facts: r#"{"status":500}"#.into(),
        trace: ["dialled".to_owned(), "sent \u{1F980}".to_owned()].into(),
    }
}

async fn restored(store: &dyn Store) -> Vec<(ItemId, ItemMemory)> {
    let restored = store.restore().await.unwrap();
    assert_eq!(restored.unreadable, 0);
    let mut memories = restored.memories;
    memories.sort_by(|a, b| a.0.cmp(&b.0));
    memories
}

async fn prune_all(store: &dyn Store, now: Timestamp) -> u64 {
    let mut deleted = 0;
    loop {
        match store.prune(RETENTION, now).await.unwrap() {
            0 => return deleted,
            some => deleted += some,
        }
    }
}

pub(super) async fn a_new_store_is_empty_and_healthy(store: &dyn Store) {
    assert!(restored(store).await.is_empty());
    assert!(store.history(&item("a"), 10, None).await.unwrap().is_empty());
    assert!(store.evidence(&item("a")).await.unwrap().is_empty());
    assert_eq!(store.prune(RETENTION, Timestamp(0)).await.unwrap(), 0);
    store.health().await.unwrap();
    store.commit(&Batch::default()).await.unwrap();
}

pub(super) async fn the_last_memory_of_an_item_wins(store: &dyn Store) {
    let memories = vec![kept("a", 1), kept("b", 2), kept("a", 3)];
    store.commit(&Batch { memories, ..Batch::default() }).await.unwrap();
    assert_eq!(restored(store).await, [(item("a"), memory(3)), (item("b"), memory(2))]);
    let memories = vec![kept("b", 4)];
    store.commit(&Batch { memories, ..Batch::default() }).await.unwrap();
    assert_eq!(restored(store).await, [(item("a"), memory(3)), (item("b"), memory(4))]);
}

pub(super) async fn history_is_paged_from_the_newest(store: &dyn Store) {
    let first = Transition { from: None, root_cause: None, reason: None, ..transition("a", 10) };
    let transitions = vec![first.clone(), transition("a", 20), transition("b", 25), transition("a", 30)];
    store.commit(&Batch { transitions, ..Batch::default() }).await.unwrap();
    let a = item("a");
    assert_eq!(store.history(&a, 2, None).await.unwrap(), [transition("a", 30), transition("a", 20)]);
    assert_eq!(store.history(&a, 2, Some(Timestamp(20))).await.unwrap(), [first]);
    assert!(store.history(&a, 0, None).await.unwrap().is_empty());
}

pub(super) async fn transitions_of_one_instant_keep_their_order(store: &dyn Store) {
    let back = Transition { from: Some(State::Blocked), to: State::Pass, ..transition("a", 10) };
    let transitions = vec![transition("a", 10), back.clone()];
    store.commit(&Batch { transitions, ..Batch::default() }).await.unwrap();
    assert_eq!(store.history(&item("a"), 9, None).await.unwrap(), [back, transition("a", 10)]);
}

pub(super) async fn a_batch_committed_twice_is_there_once(store: &dyn Store) {
    let batch = Batch {
        memories: vec![kept("a", 1)],
        transitions: vec![transition("a", 10)],
        evidence: vec![evidence("a", "http", 10, Outcome::Fail)],
        removed: Vec::new(),
    };
    store.commit(&batch).await.unwrap();
    store.commit(&batch).await.unwrap();
    assert_eq!(store.history(&item("a"), 10, None).await.unwrap(), batch.transitions);
    assert_eq!(store.evidence(&item("a")).await.unwrap(), batch.evidence);
}

pub(super) async fn evidence_keeps_five_runs_and_three_that_did_not_pass(store: &dyn Store) {
    let a = item("a");
    // Not passing: 1, 2, 3, 4; then passing.
    for at in 1..=20 {
        let outcome = match at {
            1 | 3 => Outcome::Fail,
            2 | 4 => Outcome::Indeterminate,
            _ => Outcome::Pass,
        };
        let runs = vec![evidence("a", "http", at, outcome), evidence("a", "tcp", at, Outcome::Pass)];
        store.commit(&Batch { evidence: runs, ..Batch::default() }).await.unwrap();
    }
    let kept = store.evidence(&a).await.unwrap();
    let times = |leg: &str| kept.iter().filter(|e| *e.leg == *leg).map(|e| e.at.0).collect::<Vec<_>>();
    assert_eq!(times("http"), [20, 19, 18, 17, 16, 4, 3, 2]);
    assert_eq!(times("tcp"), [20, 19, 18, 17, 16]);
    assert_eq!(kept.iter().find(|e| e.at.0 == 3).unwrap(), &evidence("a", "http", 3, Outcome::Fail));
}

pub(super) async fn a_removed_item_comes_back_within_its_time(store: &dyn Store) {
    let memories = vec![kept("a", 1), kept("b", 2)];
    store.commit(&Batch { memories, ..Batch::default() }).await.unwrap();
    let removed = vec![(item("a"), Timestamp(0)), (item("b"), Timestamp(0)), (item("never"), Timestamp(0))];
    let runs = vec![evidence("a", "http", 0, Outcome::Fail), evidence("b", "http", 0, Outcome::Fail)];
    store.commit(&Batch { removed, evidence: runs, ..Batch::default() }).await.unwrap();
    assert_eq!(restored(store).await.len(), 2);
    let back = vec![kept("a", 1)];
    store.commit(&Batch { memories: back, ..Batch::default() }).await.unwrap();

    let day_30 = Timestamp(0).plus(RETENTION.tombstones);
    assert_eq!(prune_all(store, day_30).await, 0);
    assert!(prune_all(store, Timestamp(day_30.0 + 1)).await > 0);
    assert_eq!(restored(store).await, [(item("a"), memory(1))]);
    assert_eq!(store.evidence(&item("a")).await.unwrap().len(), 1);
    assert!(store.evidence(&item("b")).await.unwrap().is_empty());
}

pub(super) async fn old_transitions_go_and_young_ones_stay(store: &dyn Store) {
    let transitions = (0..12_000).map(|at| transition("a", at)).collect();
    store.commit(&Batch { transitions, ..Batch::default() }).await.unwrap();
    let now = Timestamp(11_000).plus(RETENTION.transitions);
    let first = store.prune(RETENTION, now).await.unwrap();
    assert!((1..=10_000).contains(&first), "one call is bounded, deleted {first}");
    assert_eq!(first + prune_all(store, now).await, 11_000);
    let left = store.history(&item("a"), 20_000, None).await.unwrap();
    assert_eq!((left.len(), left.last().unwrap().at), (1000, Timestamp(11_000)));
}

/// `$store` makes an empty store and what must live as long as it does.
macro_rules! suite {
    ($store:expr; $($case:ident)*) => {
        mod conforms {
            $(
                #[tokio::test]
                async fn $case() {
                    let (store, _keep) = $store;
                    $crate::store::conformance::$case(&store).await;
                }
            )*
        }
    };
    ($store:expr) => {
        $crate::store::conformance::suite! { $store;
            a_new_store_is_empty_and_healthy
            the_last_memory_of_an_item_wins
            history_is_paged_from_the_newest
            transitions_of_one_instant_keep_their_order
            a_batch_committed_twice_is_there_once
            evidence_keeps_five_runs_and_three_that_did_not_pass
            a_removed_item_comes_back_within_its_time
            old_transitions_go_and_young_ones_stay
        }
    };
}

pub(super) use suite;
