//! The two databases behind one type, and the few helpers that let most SQL be written once.

use crate::checkpoint::MainFile;
use crate::error::StoreError;
use crate::hot::Hot;
use crate::log::Log;
use crate::turn::Writer;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for a connection, and for another process's write to end.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long PostgreSQL lets a transaction wait for its next statement: ours never wait for anything but the network. Less
/// than a lease, so that a lane's lock is free when its lease is.
const IDLE_TRANSACTION_MS: &str = "5000";
/// Our joins are of some rows with their like by key. Without statistics that are up to date (a table just filled), PostgreSQL
/// would rather read whole tables into hashes.
const BY_KEY: [(&str, &str); 2] = [("enable_hashjoin", "off"), ("enable_mergejoin", "off")];
/// SQLite's page cache of one connection, in KiB (negative: KiB instead of pages). There are several, and behind them is the
/// system's cache. The hot writer has a larger one.
const SQLITE_CACHE_KIB: &str = "-2048";
/// Pages in the write-ahead log before whoever commits has to write them back: far more than the checkpointer of a server
/// ever lets come together.
pub(crate) const WAL_PAGES: u32 = 262_144;

/// An open database.
#[derive(Clone, Debug)]
pub(crate) enum Db {
    /// SQLite has one writer at a time, so one connection writes and the others read beside it (WAL).
    Sqlite { read: SqlitePool, write: Writer, hot: Hot, main: Arc<MainFile> },
    /// PostgreSQL, or a service that speaks it.
    Postgres(PgPool),
}

/// The file of an SQLite store; nothing for other stores, and where the URL is none.
#[must_use]
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    let options = url.starts_with("sqlite:").then(|| SqliteConnectOptions::from_str(url).ok())??;
    Some(options.get_filename().to_owned())
}

impl Db {
    pub(crate) async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
                .pragma("cache_size", SQLITE_CACHE_KIB)
                .pragma("wal_autocheckpoint", WAL_PAGES.to_string())
                .pragma("temp_store", "memory");
            let pool = |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(BUSY_TIMEOUT);
            // The writer first: it creates the file and sets its journal mode.
            let log = Arc::new(Log::of(options.get_filename()));
            let write = Writer::new(pool(1).connect_with(options.clone()).await?, Arc::clone(&log));
            let hot = Hot::new(options.get_filename().to_owned(), log, write.clone());
            let main = Arc::new(MainFile::new(options.get_filename()));
            let read = pool(connections.max(1)).connect_with(options).await?;
            Ok(Self::Sqlite { read, write, hot, main })
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            // A node that is frozen or cut off in the middle of a transaction must not keep its locks: the others would wait
            // for it as long as it lasts.
            let options = PgConnectOptions::from_str(url)?
                .application_name("simgauge")
                .options([("idle_in_transaction_session_timeout", IDLE_TRANSACTION_MS)])
                .options(BY_KEY);
            let pool = PgPoolOptions::new()
                .max_connections(connections.max(2))
                .acquire_timeout(BUSY_TIMEOUT)
                .connect_with(options)
                .await?;
            Ok(Self::Postgres(pool))
        } else {
            Err(StoreError::UnknownScheme)
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { read, write, hot, .. } => {
                hot.close().await;
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// One statement in both dialects.
#[derive(Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl Sql {
    /// A statement that both understand (both take `$1`).
    pub(crate) const fn both(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// A statement over many rows that come as one JSON array of objects in `$1`: the place marked by the column list becomes
/// a derived table of those columns. One round trip and one prepared statement, however many rows.
macro_rules! bulk {
    ($before:expr, [$($column:ident $type:ident),+], $after:expr) => {
        $crate::db::Sql {
            sqlite: concat!(
                $before,
                "(SELECT ", $("value->>'$.", stringify!($column), "' AS ", stringify!($column), ", ",)+ "0 AS ignored_ ",
                "FROM json_each($1))",
                $after
            ),
            postgres: concat!(
                $before,
                "(SELECT ", $(stringify!($column), ", ",)+ "0 AS ignored_ ",
                "FROM json_to_recordset($1::json) AS rows_(", $(stringify!($column), " ", stringify!($type), ", ",)+ "ignored_ int))",
                $after
            ),
        }
    };
}
pub(crate) use bulk;

/// Runs `$body` with a read connection pool; `$sql` picks a statement's dialect.
macro_rules! reading {
    ($store:expr, |$pool:ident, $sql:ident| $body:expr) => {
        match &$store.db {
            $crate::db::Db::Sqlite { read: $pool, .. } => {
                let $sql = |statement: $crate::db::Sql| statement.sqlite;
                $body
            }
            $crate::db::Db::Postgres($pool) => {
                let $sql = |statement: $crate::db::Sql| statement.postgres;
                $body
            }
        }
    };
}
pub(crate) use reading;

/// Runs `$body` in a write transaction that commits when it is done; an early return rolls back.
macro_rules! writing {
    ($store:expr, |$tx:ident, $sql:ident| $body:block) => {
        match &$store.db {
            $crate::db::Db::Sqlite { write, .. } => {
                let $sql = |statement: $crate::db::Sql| statement.sqlite;
                let mut $tx = $crate::turn::SqliteTx::begin(write).await?;
                let result = $body;
                $tx.commit().await?;
                result
            }
            $crate::db::Db::Postgres(pool) => {
                let $sql = |statement: $crate::db::Sql| statement.postgres;
                let mut $tx = pool.begin().await?;
                let result = $body;
                $tx.commit().await?;
                result
            }
        }
    };
}
pub(crate) use writing;

/// What [`rows`] makes of no rows at all.
pub(crate) const NO_ROWS: &str = "[]";

/// Rows as the one parameter of a [`bulk!`] statement.
pub(crate) fn rows<T: serde::Serialize>(rows: &[T]) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Bytes as the database holds them: signed, and no operator has given out 9 exabytes.
pub(crate) fn to_db(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Bytes as they were put in.
pub(crate) fn from_db(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}
