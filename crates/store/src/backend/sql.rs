//! Statements in both dialects, and their parameters.

use crate::error::StoreError;
use simgauge_domain::id::RefreshId;
use simgauge_domain::ids::{CardId, ProfileId};
use simgauge_domain::time::UnixMs;

/// One statement in both dialects. Parameters are `$1`, `$2`, ... in both.
#[derive(Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl Sql {
    /// A statement that both databases understand.
    pub(crate) const fn both(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }

    /// A statement that is never run on PostgreSQL.
    pub(crate) const fn sqlite(text: &'static str) -> Self {
        Self { sqlite: text, postgres: "" }
    }

    /// A statement that is never run on SQLite.
    pub(crate) const fn postgres(text: &'static str) -> Self {
        Self { sqlite: "", postgres: text }
    }
}

/// A statement over many rows that come as one JSON array of objects in `$1`. The place marked by the column
/// list becomes a derived table of those columns. So there is one round trip and one prepared statement,
/// however many rows.
macro_rules! bulk {
    ($before:expr, [$($column:ident $type:ident),+ $(,)?], $after:expr) => {
        $crate::backend::Sql {
            sqlite: concat!(
                $before,
                "(SELECT ", $("value->>'$.", stringify!($column), "' AS ", stringify!($column), ", ",)+
                "0 AS ignored_ FROM json_each($1))",
                $after
            ),
            postgres: concat!(
                $before,
                "(SELECT ", $(stringify!($column), ", ",)+ "0 AS ignored_ ",
                "FROM json_to_recordset($1::json) AS rows_(",
                $(stringify!($column), " ", stringify!($type), ", ",)+ "ignored_ int))",
                $after
            ),
        }
    };
}
pub(crate) use bulk;

/// What [`rows`] makes of no rows at all.
pub(crate) const NO_ROWS: &str = "[]";

/// Rows as the first parameter of a [`bulk!`] statement.
pub(crate) fn rows<T: serde::Serialize>(rows: &[T]) -> Result<String, StoreError> {
    to_json(rows)
}

/// What cannot be written as JSON is an error of the caller's, never an empty text.
pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// One column of rows that only name something: `[{"k": ...}, ...]`.
pub(crate) fn keys<T: serde::Serialize>(keys: impl IntoIterator<Item = T>) -> Result<String, StoreError> {
    #[derive(serde::Serialize)]
    struct Key<T> {
        k: T,
    }
    rows(&keys.into_iter().map(|k| Key { k }).collect::<Vec<_>>())
}

/// A parameter. Nothing has a type too, since PostgreSQL fixes a parameter's type when it prepares the
/// statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Param<'a> {
    Int(Option<i64>),
    Text(Option<&'a str>),
    Blob(Option<&'a [u8]>),
}

macro_rules! param_from {
    ($($type:ty, $value:ident => $param:expr;)+) => {
        $(impl<'a> From<$type> for Param<'a> {
            fn from($value: $type) -> Self {
                $param
            }
        })+
    };
}

param_from! {
    i64, value => Self::Int(Some(value));
    Option<i64>, value => Self::Int(value);
    u32, value => Self::Int(Some(value.into()));
    Option<u32>, value => Self::Int(value.map(i64::from));
    bool, value => Self::Int(Some(value.into()));
    UnixMs, value => Self::Int(Some(value.0));
    Option<UnixMs>, value => Self::Int(value.map(|at| at.0));
    CardId, value => Self::Int(Some(value.0));
    ProfileId, value => Self::Int(Some(value.0));
    &'a str, value => Self::Text(Some(value));
    Option<&'a str>, value => Self::Text(value);
    &'a String, value => Self::Text(Some(value));
    &'a Option<String>, value => Self::Text(value.as_deref());
    &'a RefreshId, value => Self::Text(Some(value.as_str()));
    &'a [u8], value => Self::Blob(Some(value));
    &'a Vec<u8>, value => Self::Blob(Some(value));
    Option<&'a [u8]>, value => Self::Blob(value);
}
