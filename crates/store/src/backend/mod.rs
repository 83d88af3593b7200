//! The two databases behind one trait. Everything else in the crate says what it wants in [`Sql`] and gets
//! rows.

pub(crate) mod counts;
mod database;
pub(crate) mod limit;
pub(crate) mod postgres;
mod row;
mod schema;
mod schema_texts;
mod sql;
pub(crate) mod sqlite;
mod tx;
mod values;
#[cfg(debug_assertions)]
mod watch;

pub(crate) use database::{Database, Snapshot, Transaction};
pub use database::{check_url, sqlite_file};
pub(crate) use row::{Columns, Row, row};
pub(crate) use schema::{is_current, is_first_edition, migrate};
pub(crate) use sql::{NO_ROWS, Param, Sql, bulk, keys, rows, to_json};
pub use sqlite::file::{ServingLock, had_database};
pub(crate) use tx::Tx;
pub(crate) use values::{count_from_db, from_db, maybe_from_db, refresh_id_from_db, to_db};
#[cfg(debug_assertions)]
pub use watch::watch_statements;
