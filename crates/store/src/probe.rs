//! Whether a refresh could be accepted now, tried with a small write.

use crate::backend::{Database, Sql, Tx as _};
use crate::error::{FileFault, StoreError};
use crate::store::Store;
use rusqlite::ErrorCode;
use std::io::ErrorKind;

/// How long PostgreSQL waits for a lock that somebody else holds.
const LOCK_TIMEOUT: Sql = Sql::postgres("SET LOCAL lock_timeout = '1500ms'");
/// What accepting locks, so that a table that somebody locked is noticed.
const TABLES: Sql = Sql::postgres("LOCK TABLE card, refresh, task IN ROW EXCLUSIVE MODE");
/// One row that is no lease of anything. It gets another text each time: SQLite writes no page that stays as
/// it is.
const WRITE: Sql = Sql::both(
    "INSERT INTO lease (kind, name, holder, epoch, lease_until, status) \
     VALUES ('probe', 'write', '', 0, 0, $1) ON CONFLICT (kind, name) \
     DO UPDATE SET status = CASE WHEN lease.status = $1 THEN $2 ELSE $1 END",
);
/// More than a group of a few refreshes needs, in bytes: where space is short, less may still fit.
const LARGE: usize = 32 * 1024;

impl Store {
    /// Writes something that changes nothing, and waits until it is on the disk. `is_large`: as much as
    /// refreshes need.
    ///
    /// # Errors
    /// Nothing can be written. [`StoreError::in_plain_words`] says why.
    pub async fn probe_write(&self, is_large: bool) -> Result<(), StoreError> {
        let mut tx = self.db.write().await?;
        if let Database::Postgres(_) = self.db {
            tx.run(LOCK_TIMEOUT, &[]).await?;
            tx.run(TABLES, &[]).await?;
        }
        let length = if is_large { LARGE } else { 1 };
        let (one, other) = ("-".repeat(length), "+".repeat(length));
        tx.run(WRITE, &[(&one).into(), (&other).into()]).await?;
        tx.commit().await
    }
}

impl StoreError {
    /// Why the store takes no writes, in words that may be shown to anyone.
    #[must_use]
    pub fn in_plain_words(&self) -> &'static str {
        match self {
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "the disk is full",
                Some(ErrorCode::ReadOnly) => "the database is read-only",
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    "another program keeps the database locked"
                }
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "the database is damaged",
                Some(ErrorCode::SystemIoFailure) => "the disk cannot be written",
                Some(ErrorCode::CannotOpen) => "the database cannot be opened",
                _ => "the database failed",
            },
            Self::Untrusted(FileFault::SyncFailed(kind), _) => match kind {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full",
                ErrorKind::ReadOnlyFilesystem => "the disk is read-only",
                _ => "what is written cannot be brought onto the disk",
            },
            Self::Untrusted(FileFault::Moved | FileFault::CutOff, _) => {
                "a file of the database is missing, replaced or cut off"
            }
            Self::File(..) => "a file of the database cannot be opened",
            Self::Database(error) => postgres_words(error),
            Self::Busy => "no connection to the database became free in time",
            Self::Closed => "the store is closed",
            Self::Corrupt(_) | Self::Damaged(_) => "the database is damaged",
            _ => "the store failed",
        }
    }
}

/// By PostgreSQL's codes, which are listed in appendix A of its manual.
fn postgres_words(error: &sqlx::Error) -> &'static str {
    let code = error.as_database_error().and_then(|error| error.code());
    match (code.as_deref(), error) {
        (Some("25006"), _) => "the database is read-only",
        (Some("53100"), _) => "the database's disk is full",
        (Some("55P03"), _) => "a table of the database is locked",
        (Some("53300"), _) => "the database takes no more connections",
        (Some("42501"), _) => "the database's user may not write",
        (Some("57P01" | "57P02" | "57P03"), _) => "the database is starting or stopping",
        (Some(_), _) => "the database failed",
        (None, sqlx::Error::PoolTimedOut) => "no connection to the database became free in time",
        (None, sqlx::Error::Io(_) | sqlx::Error::Tls(_)) => "the database cannot be reached",
        (None, _) => "the database failed",
    }
}
