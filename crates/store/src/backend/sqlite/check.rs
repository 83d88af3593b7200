//! Looking for damage in a database file.

use super::connection::open_read_only;
use super::statement;
use crate::backend::counts::COUNTS;
use crate::backend::schema_texts::sqlite_texts;
use crate::error::StoreError;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// At most so many findings of one kind are told.
const MOST_FINDINGS: usize = 20;
/// SQLite asks so seldom whether time is up: after so many steps of its own.
const STEPS: i32 = 10_000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileReport {
    /// Damage, one sentence each.
    pub(crate) findings: Vec<String>,
    /// Tables and indexes that are not those of this program.
    pub(crate) schema: Vec<String>,
    /// Rows of each table, as far as they were counted.
    pub(crate) rows: Vec<(String, i64)>,
    /// What was not looked at to its end, since time was up.
    pub(crate) unfinished: Vec<&'static str>,
}

/// Looks for damage. `is_full`: also whether indexes agree with their tables and rows with each other.
///
/// # Errors
/// The file cannot be opened or read at all.
pub(crate) fn check_file(
    file: &Path,
    is_full: bool,
    limit: Option<Duration>,
) -> Result<FileReport, StoreError> {
    let connection = open_read_only(file)?;
    if let Some(until) = limit.map(|limit| Instant::now() + limit) {
        connection.progress_handler(STEPS, Some(move || Instant::now() >= until))?;
    }
    let mut report = FileReport::default();
    // One moment for all parts.
    if part(&mut report, "schema", begin(&connection))?.is_none() {
        return Ok(report);
    }
    let differences = part(&mut report, "schema", schema(&connection))?;
    let pages = part(&mut report, "pages", pages(&connection, is_full))?;
    report.findings.extend(pages.unwrap_or_default());
    match differences {
        // With another schema there may be other tables.
        Some(differences) if !differences.is_empty() => report.schema = differences,
        _ => report.rows = part(&mut report, "counts", counts(&connection))?.unwrap_or_default(),
    }
    if is_full {
        let rows = part(&mut report, "references", references(&connection))?;
        report.findings.extend(rows.unwrap_or_default());
    }
    Ok(report)
}

/// The result of a part; nothing where it ended early, which is in the report then.
fn part<T>(
    report: &mut FileReport,
    name: &'static str,
    result: Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    match result {
        Ok(result) => Ok(Some(result)),
        Err(StoreError::TookTooLong) => {
            report.unfinished.push(name);
            Ok(None)
        }
        Err(error) => match error.or_damaged() {
            StoreError::Damaged(damage) => {
                report.findings.push(format!("{name}: {damage}"));
                Ok(None)
            }
            other => Err(other),
        },
    }
}

fn begin(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    Ok(())
}

/// Rows of each table.
pub(super) fn counts(connection: &Connection) -> Result<Vec<(String, i64)>, StoreError> {
    statement::all(connection, COUNTS.sqlite, &[])
}

/// Damage in the file's pages.
pub(super) fn pages(connection: &Connection, is_full: bool) -> Result<Vec<String>, StoreError> {
    let check = if is_full { "integrity_check" } else { "quick_check" };
    let found: Vec<String> = statement::all(connection, &format!("PRAGMA {check}({MOST_FINDINGS})"), &[])?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// Rows that refer to rows that do not exist.
fn references(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut check = connection.prepare("PRAGMA foreign_key_check")?;
    let found = check.query_map([], |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        let key: Option<i64> = row.get(1)?;
        let key = key.map_or_else(String::new, |key| format!(" {key}"));
        Ok(format!("row{key} of {table} refers to a row of {parent} that does not exist"))
    })?;
    found.take(MOST_FINDINGS).map(|line| Ok(line?)).collect()
}

/// Where tables and indexes are not those of this program.
fn schema(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let expected = Connection::open_in_memory()?;
    for text in sqlite_texts() {
        expected.execute_batch(text)?;
    }
    let (expected, found) = (parts(&expected)?, parts(connection)?);
    let missing = expected.iter().filter(|(name, text)| found.get(*name) != Some(text));
    let missing = missing.map(|(name, _)| format!("{name} is missing or another"));
    let unknown = found.keys().filter(|name| !expected.contains_key(*name));
    let unknown = unknown.map(|name| format!("{name} is not of this program"));
    Ok(missing.chain(unknown).collect())
}

/// The definitions of tables and indexes by their names. SQLite's own statistics do not count.
fn parts(connection: &Connection) -> Result<BTreeMap<String, String>, StoreError> {
    let select = "SELECT type || ' ' || name, sql FROM sqlite_schema \
                  WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    Ok(statement::all::<(String, String)>(connection, select, &[])?.into_iter().collect())
}
