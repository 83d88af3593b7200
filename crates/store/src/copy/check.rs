//! Rows on their way from one store to another. A damaged one is an error that names it.

use super::statements::Statements;
use super::table::{Column, Kind};
use crate::error::StoreError;
use serde_json::{Map, Value};

/// A row as it travels.
pub(super) type Row = Map<String, Value>;

/// Reads a row, and checks that every column holds what it can be used as.
pub(super) fn checked(statements: &Statements, json: &str) -> Result<Row, StoreError> {
    let row: Row = serde_json::from_str(json)
        .map_err(|error| StoreError::Corrupt(format!("a row of {}: {error}", statements.table.first)))?;
    for column in statements.columns() {
        let value = row.get(column.name).unwrap_or(&Value::Null);
        if !value.is_null() && !is_sound(column, value) {
            let key = key_in_words(statements, &row);
            let value = match column.kind {
                // These can be secrets.
                Kind::Text | Kind::Blob => String::new(),
                _ => format!(": {value}"),
            };
            return Err(StoreError::Corrupt(format!(
                "{} of {} {key}{value}",
                column.name, statements.table.first
            )));
        }
    }
    Ok(row)
}

fn is_sound(column: &Column, value: &Value) -> bool {
    match column.kind {
        Kind::Text | Kind::Blob => value.is_string(),
        Kind::Checked(check) => value.as_str().is_some_and(check),
        Kind::Int => value.is_i64(),
        Kind::Amount => value.as_i64().is_some_and(|amount| amount >= 0),
        // Numbers and ICCIDs in the first edition, ids in this one.
        Kind::Card | Kind::Profile | Kind::ProfileOrNone => value.is_string() || value.is_i64(),
        Kind::Profiles => value
            .as_str()
            .is_some_and(|list| list.chars().all(|one| one == ',' || one.is_ascii_alphanumeric())),
    }
}

/// The key of a row, for people.
fn key_in_words(statements: &Statements, row: &Row) -> String {
    let part = |column: &Column| match row.get(column.name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    statements.table.key_columns().map(part).collect::<Vec<_>>().join(" ")
}
