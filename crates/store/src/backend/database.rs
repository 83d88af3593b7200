//! Either database, chosen by the URL.

use super::postgres::database::{PostgresDatabase, PostgresReader, PostgresTx};
use super::postgres::url;
use super::row::Row;
use super::sql::{Param, Sql};
use super::sqlite::database::SqliteDatabase;
use super::sqlite::file::resolve;
use super::sqlite::readers::Reader;
use super::sqlite::writer::SqliteTx;
use super::tx::Tx;
use crate::error::StoreError;
use percent_encoding::percent_decode_str;
use std::path::PathBuf;
use std::sync::Arc;

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Sqlite(Arc<SqliteDatabase>),
    Postgres(PostgresDatabase),
}

/// A write transaction. One that is dropped is rolled back.
pub(crate) enum Transaction {
    Sqlite(SqliteTx),
    Postgres(PostgresTx),
}

/// A connection for several reads.
pub(crate) enum ReadSession {
    Sqlite(Reader),
    Postgres(PostgresReader),
}

/// A connection for reads that are all of one moment.
pub(crate) enum Snapshot {
    Sqlite(Reader),
    Postgres(PostgresTx),
}

/// The file of an SQLite store, without symbolic links. Nothing for other stores, and where the URL names
/// none.
#[must_use]
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    let named = parse_sqlite(url)?.ok()?;
    Some(resolve(&named).unwrap_or(named))
}

/// Whether an URL can name a store at all.
///
/// # Errors
/// Its scheme is unknown, it names no file, or it has an option that is not known.
pub fn check_url(url: &str) -> Result<(), StoreError> {
    match parse_sqlite(url) {
        Some(file) => file.map(|_| ()),
        None if is_postgres(url) => url::check(url),
        None => Err(StoreError::UnknownScheme),
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres:") || url.starts_with("postgresql:")
}

/// The file that an URL names, where its scheme is SQLite's.
fn parse_sqlite(url: &str) -> Option<Result<PathBuf, StoreError>> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.contains('?') {
        return Some(Err(StoreError::Url(
            "has options after a question mark; sqlite:// takes a file only".into(),
        )));
    }
    if path.is_empty() || path == ":memory:" {
        return Some(Err(StoreError::Url("names no file; it is sqlite://FILE".into())));
    }
    let decoded = percent_decode_str(path).decode_utf8();
    Some(
        decoded
            .map(|path| PathBuf::from(path.as_ref()))
            .map_err(|_| StoreError::Url("holds an escape (%..) that is no UTF-8".into())),
    )
}

impl Database {
    /// Opens `sqlite://FILE` (created where it is missing) or `postgres://USER@HOST/DATABASE`.
    pub(crate) async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        if let Some(file) = parse_sqlite(url) {
            return Ok(Self::Sqlite(Arc::new(SqliteDatabase::open(&file?, connections.max(2))?)));
        }
        if is_postgres(url) {
            url::check(url)?;
            return Ok(Self::Postgres(PostgresDatabase::connect(url, connections).await?));
        }
        Err(StoreError::UnknownScheme)
    }

    /// Begins a write transaction.
    pub(crate) async fn write(&self) -> Result<Transaction, StoreError> {
        Ok(match self {
            Self::Sqlite(database) => Transaction::Sqlite(database.write().await?),
            Self::Postgres(database) => Transaction::Postgres(database.write().await?),
        })
    }

    /// A connection for several reads.
    pub(crate) async fn read(&self) -> Result<ReadSession, StoreError> {
        Ok(match self {
            Self::Sqlite(database) => ReadSession::Sqlite(database.read().await?),
            Self::Postgres(database) => ReadSession::Postgres(database.read().await?),
        })
    }

    /// A connection for several reads that are all of one moment.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(match self {
            Self::Sqlite(database) => Snapshot::Sqlite(database.read().await?.of_one_moment()?),
            Self::Postgres(database) => Snapshot::Postgres(database.snapshot().await?),
        })
    }

    /// A connection for a read that may take as long as it likes: for people at a command line.
    pub(crate) async fn read_whole(&self) -> Result<Snapshot, StoreError> {
        Ok(match self {
            Self::Sqlite(database) => Snapshot::Sqlite(database.read().await?.without_limit()),
            Self::Postgres(database) => Snapshot::Postgres(database.write().await?),
        })
    }

    /// The rows that one reading statement answers with.
    pub(crate) async fn all<R: Row>(&self, sql: Sql, params: &[Param<'_>]) -> Result<Vec<R>, StoreError> {
        self.read().await?.all(sql, params).await
    }

    /// The first row that one reading statement answers with.
    pub(crate) async fn one<R: Row>(&self, sql: Sql, params: &[Param<'_>]) -> Result<Option<R>, StoreError> {
        self.read().await?.one(sql, params).await
    }

    /// Runs one writing statement in a transaction of its own; answers how many rows it changed.
    pub(crate) async fn run(&self, sql: Sql, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let changed = tx.run(sql, params).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Closes every connection, once what runs on it is done.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            Self::Postgres(database) => database.close().await,
        }
    }
}

impl Transaction {
    /// Commits onto the disk.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => Ok(tx.commit().await?),
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await,
            Self::Postgres(tx) => Ok(tx.rollback().await?),
        }
    }

    /// Runs the text of many statements; the one of its dialect.
    pub(crate) async fn batch(&mut self, sql: Sql) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.batch(sql.sqlite),
            Self::Postgres(tx) => {
                sqlx::raw_sql(sql.postgres).execute(&mut **tx).await?;
                Ok(())
            }
        }
    }
}

macro_rules! either {
    ($($type:ty),+) => {
        $(impl Tx for $type {
            async fn all<R: Row>(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Vec<R>, StoreError> {
                match self {
                    Self::Sqlite(tx) => tx.all(sql, params).await,
                    Self::Postgres(tx) => tx.all(sql, params).await,
                }
            }

            async fn one<R: Row>(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<Option<R>, StoreError> {
                match self {
                    Self::Sqlite(tx) => tx.one(sql, params).await,
                    Self::Postgres(tx) => tx.one(sql, params).await,
                }
            }

            async fn run(&mut self, sql: Sql, params: &[Param<'_>]) -> Result<u64, StoreError> {
                match self {
                    Self::Sqlite(tx) => tx.run(sql, params).await,
                    Self::Postgres(tx) => tx.run(sql, params).await,
                }
            }
        })+
    };
}

either!(Transaction, ReadSession, Snapshot);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_an_url() {
        let file = |url| Some(parse_sqlite(url)?.ok()?.display().to_string());
        assert_eq!(file("sqlite://simgauge.db").as_deref(), Some("simgauge.db"));
        assert_eq!(file("sqlite:///var/lib/a%20b.db").as_deref(), Some("/var/lib/a b.db"));
        assert_eq!(file("sqlite:x.db").as_deref(), Some("x.db"));
        for url in ["sqlite://", "sqlite::memory:", "sqlite://x.db?mode=ro", "sqlite://%ff", "postgres://h/d"]
        {
            assert_eq!(file(url), None, "{url}");
        }
        assert_eq!(sqlite_file("sqlite://x.db"), std::env::current_dir().ok().map(|dir| dir.join("x.db")));
        for (url, is_good) in [("sqlite://x.db", true), ("postgresql://h/d", true), ("sqlit://x.db", false)] {
            assert_eq!(check_url(url).is_ok(), is_good, "{url}");
        }
    }
}
