//! Queries. A row that cannot be understood is left out, never fatal: one bad row must not hide
//! the history of all other items.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use crate::model::{ItemId, ItemMemory, Span, Timestamp, Transition};
use crate::store::{Evidence, Restored, rows};

pub(super) async fn memories(pool: &SqlitePool) -> Result<Restored, sqlx::Error> {
    let mut restored = Restored::default();
    let mut stream = sqlx::query("SELECT item, memory FROM item_memory").fetch(pool);
    while let Some(row) = stream.try_next().await? {
        match memory(&row) {
            Some(memory) => restored.memories.push(memory),
            None => restored.unreadable = restored.unreadable.saturating_add(1),
        }
    }
    Ok(restored)
}

pub(super) async fn history(
    pool: &SqlitePool,
    item: &ItemId,
    limit: u32,
    before: Option<Timestamp>,
) -> Result<Vec<Transition>, sqlx::Error> {
    let sql = "SELECT item, at, from_state, to_state, reason, cause, root_cause, sentence FROM transition \
               WHERE item = ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?";
    let rows = sqlx::query(sql)
        .bind(item.as_str())
        .bind(before.map_or(i64::MAX, |before| before.0))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    Ok(rows.iter().filter_map(transition).collect())
}

pub(super) async fn evidence(pool: &SqlitePool, item: &ItemId) -> Result<Vec<Evidence>, sqlx::Error> {
    let sql = "SELECT item, leg, at, duration, outcome, reason, sentence, facts, trace FROM evidence \
               WHERE item = ? ORDER BY at DESC, id DESC";
    let rows = sqlx::query(sql).bind(item.as_str()).fetch_all(pool).await?;
    Ok(rows.iter().filter_map(run).collect())
}

fn memory(row: &SqliteRow) -> Option<(ItemId, ItemMemory)> {
    let item = ItemId::parse(text(row, 0)?)?;
    Some((item, rows::read_memory(text(row, 1)?).ok()?))
}

fn transition(row: &SqliteRow) -> Option<Transition> {
    let from = text(row, 2)?;
    let root_cause = text(row, 6)?;
    Some(Transition {
        item: ItemId::parse(text(row, 0)?)?,
        at: Timestamp(row.try_get(1).ok()?),
        from: if from.is_empty() { None } else { Some(rows::state(from).ok()?) },
        to: rows::state(text(row, 3)?).ok()?,
        reason: rows::reason(text(row, 4)?),
        cause: rows::cause(text(row, 5)?).ok()?,
        root_cause: if root_cause.is_empty() { None } else { Some(ItemId::parse(root_cause)?) },
        sentence: text(row, 7)?.to_owned(),
    })
}

fn run(row: &SqliteRow) -> Option<Evidence> {
    let duration: i64 = row.try_get(3).ok()?;
    Some(Evidence {
        item: ItemId::parse(text(row, 0)?)?,
        leg: text(row, 1)?.into(),
        at: Timestamp(row.try_get(2).ok()?),
        duration: Span(u64::try_from(duration).ok()?),
        outcome: rows::outcome(text(row, 4)?).ok()?,
        reason: rows::reason(text(row, 5)?),
        sentence: text(row, 6)?.into(),
        facts: text(row, 7)?.into(),
        trace: serde_json::from_str::<Vec<String>>(text(row, 8)?).ok()?.into(),
    })
}

fn text(row: &SqliteRow, column: usize) -> Option<&str> {
    row.try_get(column).ok()
}
