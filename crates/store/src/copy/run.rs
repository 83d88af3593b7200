//! Copying a store page by page, and comparing both sides.

use super::check::{Row, checked};
use super::statements::Statements;
use super::table::Edition;
use crate::backend::sqlite::deferred;
use crate::backend::{Database, Param, Sql, Tx as _};
use crate::error::StoreError;
use crate::store::Store;
use crate::upgrade::first_edition;
use serde_json::Value;

/// Rows in one statement.
const PAGE: i64 = 5_000;

/// What became of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    pub name: &'static str,
    /// Rows in the source.
    pub rows: u64,
    /// Whether counts and sums agree on both sides.
    pub agrees: bool,
}

/// Called after each page with the table and how many of its rows were copied so far.
type Progress<'a> = &'a mut (dyn FnMut(&'static str, u64) + Send);

impl Store {
    /// Copies everything of this store into an empty (or half-copied) one, and compares counts and sums: from
    /// SQLite to PostgreSQL, and out of a store of the first edition from either to either. What is there
    /// already stays, so it can be run again. Nobody may write to either meanwhile.
    ///
    /// # Errors
    /// The stores are not of these kinds, one of them failed, or a row of the source is damaged.
    pub async fn copy_to(
        &self,
        target: &Store,
        progress: Progress<'_>,
    ) -> Result<Vec<CopiedTable>, StoreError> {
        let edition = if self.is_first_edition().await? { Edition::First } else { Edition::This };
        match (edition, &self.db, &target.db) {
            (Edition::First, ..) => first_edition::prepare(&self.db).await?,
            // On PostgreSQL cards' rows name their latest refreshes always.
            (Edition::This, Database::Sqlite(_), Database::Postgres(_)) => {
                self.db.run(deferred::WRITE_ALL, &[]).await?;
            }
            _ => {
                return Err(StoreError::WrongKind(
                    "an SQLite store to copy from and a PostgreSQL store to copy to",
                ));
            }
        }
        let tables = Statements::from(edition);
        for table in tables {
            copy(table, &self.db, &target.db, progress).await?;
        }
        finish(&self.db, &target.db, edition).await?;
        let mut copied = Vec::new();
        for table in tables {
            copied.push(compare(table, &self.db, &target.db).await?);
        }
        if edition == Edition::First {
            first_edition::respell(&target.db).await?;
        }
        Ok(copied)
    }
}

async fn copy(
    table: &'static Statements,
    source: &Database,
    target: &Database,
    progress: Progress<'_>,
) -> Result<(), StoreError> {
    let mut after: Option<Row> = None;
    let mut done = 0_u64;
    loop {
        let mut params = vec![PAGE.into()];
        if let Some(row) = &after {
            params.extend(table.table.key_columns().map(|column| param(row.get(column.name))));
        }
        let page: Vec<String> = source.read_whole().await?.all(table.page(after.is_none()), &params).await?;
        let mut last = None;
        for json in &page {
            last = Some(checked(table, json)?);
        }
        let Some(last) = last else { return Ok(()) };
        let rows = format!("[{}]", page.join(","));
        let mut tx = target.write().await?;
        if let Some(unlinked) = table.unlinked()
            && let Some(key) = tx.one::<String>(unlinked, &[(&rows).into()]).await?
        {
            let name = table.table.first;
            return Err(StoreError::Corrupt(format!(
                "{name} {key} names a card or a profile that does not exist"
            )));
        }
        tx.run(table.insert(), &[(&rows).into()]).await?;
        tx.commit().await?;
        // At most PAGE.
        done += page.len() as u64;
        progress(table.table.name, done);
        after = Some(last);
    }
}

/// A value of a key, which was checked.
fn param(value: Option<&Value>) -> Param<'_> {
    match value {
        Some(Value::String(text)) => text.into(),
        other => other.and_then(Value::as_i64).into(),
    }
}

/// Data that is not copied row by row.
async fn finish(source: &Database, target: &Database, edition: Edition) -> Result<(), StoreError> {
    let head = source.one::<(i64, String)>(Sql::both("SELECT seq, hash FROM audit_head"), &[]).await?;
    let (seq, hash) = head.ok_or_else(|| StoreError::Corrupt("audit_head has no row".to_owned()))?;
    let move_head = Sql::both("UPDATE audit_head SET seq = $1, hash = $2");
    target.run(move_head, &[seq.into(), (&hash).into()]).await?;
    if edition == Edition::First {
        first_edition::complete(source, target).await?;
    }
    if let Database::Postgres(_) = target {
        for next in NEXT_IDS {
            target.one::<i64>(next, &[]).await?;
        }
    }
    Ok(())
}

/// Ids that were copied are not given out again. SQLite sees to that itself.
const NEXT_IDS: [Sql; 3] = [
    Sql::both(
        "SELECT setval(pg_get_serial_sequence('card', 'id'), \
         COALESCE((SELECT max(id) FROM card), 0) + 1, false)",
    ),
    Sql::both(
        "SELECT setval(pg_get_serial_sequence('profile', 'id'), \
         COALESCE((SELECT max(id) FROM profile), 0) + 1, false)",
    ),
    Sql::both(
        "SELECT setval(pg_get_serial_sequence('notification', 'seq'), \
         COALESCE((SELECT max(seq) FROM notification), 0) + 1, false)",
    ),
];

async fn compare(
    table: &'static Statements,
    source: &Database,
    target: &Database,
) -> Result<CopiedTable, StoreError> {
    let ours = source.read_whole().await?.one::<String>(table.source_sums(), &[]).await?;
    let theirs = target.read_whole().await?.one::<String>(table.target_sums(), &[]).await?;
    let (ours, theirs) = (numbers(ours.as_deref())?, numbers(theirs.as_deref())?);
    let rows = ours.first().copied().and_then(|count| u64::try_from(count).ok());
    let rows = rows.ok_or_else(|| StoreError::Corrupt(format!("the count of {}", table.table.name)))?;
    Ok(CopiedTable { name: table.table.name, rows, agrees: ours == theirs })
}

fn numbers(sums: Option<&str>) -> Result<Vec<i64>, StoreError> {
    serde_json::from_str(sums.unwrap_or_default()).map_err(|error| StoreError::Corrupt(error.to_string()))
}
