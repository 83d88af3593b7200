//! Running statements on a connection, prepared once.

use crate::backend::row::{Columns, Row};
use crate::backend::sql::Param;
use crate::error::StoreError;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Int(Some(value)) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Text(Some(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Blob(Some(bytes)) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Int(None) | Self::Text(None) | Self::Blob(None) => ToSqlOutput::Owned(Value::Null),
        })
    }
}

/// A statement that stays prepared. Every statement is prepared here, so that tests see all of them.
pub(crate) fn prepared<'c>(connection: &'c Connection, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
    #[cfg(debug_assertions)]
    crate::backend::watch::used("sqlite", sql, &[]);
    connection.prepare_cached(sql)
}

/// SQLite numbers `$3`, `$1` by their first use, so each is bound by the number in its name.
fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
    params: &[Param<'_>],
) -> Result<CachedStatement<'c>, StoreError> {
    let mut statement = prepared(connection, sql)?;
    for index in 1..=statement.parameter_count() {
        let number = statement.parameter_name(index).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let param = number.and_then(|number| params.get(number.checked_sub(1)?));
        let param = param.ok_or(rusqlite::Error::InvalidParameterCount(params.len(), index))?;
        statement.raw_bind_parameter(index, param)?;
    }
    Ok(statement)
}

pub(crate) fn all<R: Row>(
    connection: &Connection,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Vec<R>, StoreError> {
    let mut statement = prepare(connection, sql, params)?;
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(R::read(&Columns::Sqlite(row))?);
    }
    Ok(found)
}

pub(crate) fn one<R: Row>(
    connection: &Connection,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Option<R>, StoreError> {
    let mut statement = prepare(connection, sql, params)?;
    let mut rows = statement.raw_query();
    let row = rows.next()?;
    row.map(|row| R::read(&Columns::Sqlite(row))).transpose()
}

pub(crate) fn run(connection: &Connection, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
    let mut statement = prepare(connection, sql, params)?;
    let mut rows = statement.raw_query();
    // A statement that answers rows is done when the last one was fetched.
    while rows.next()?.is_some() {}
    drop(rows);
    drop(statement);
    Ok(connection.changes())
}
