//! What can go wrong in the store: a closed list. The texts are for logs; what a caller is told is decided
//! elsewhere.

use crate::backend::limit::READ_LIMIT;
use rusqlite::{ErrorCode, ffi};
use simgauge_domain::identity::AmbiguousNumber;
use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of the database since the process started.
static DATABASE_ERRORS: AtomicU64 = AtomicU64::new(0);

/// PostgreSQL's code of a statement that ran into its time limit.
const QUERY_CANCELED: &str = "57014";
/// Its code of a write where only reads are allowed.
const READ_ONLY: &str = "25006";

/// When PostgreSQL last refused a write because it takes none.
static REFUSED: Mutex<Option<Instant>> = Mutex::new(None);
/// Refusals that follow each other this fast count once: where the database really takes no writes, not each
/// attempt needs a connection of its own.
const REFUSED_AGAIN: Duration = Duration::from_secs(1);

/// Remembers that a server takes no writes. After a fail-over, connections of before still lead to the old
/// server, which may live on as one that is only read.
fn note_refusal() {
    let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    if refused.is_none_or(|before| before.elapsed() >= REFUSED_AGAIN) {
        *refused = Some(Instant::now());
    }
}

/// Whether a connection of some age was there when a server refused a write: it may lead to that server.
pub(crate) fn is_older_than_refusal(age: Duration) -> bool {
    REFUSED.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|refused| refused.elapsed() < age)
}

/// How often the database failed this process, for metrics.
#[must_use]
pub fn database_errors() -> u64 {
    DATABASE_ERRORS.load(Ordering::Relaxed)
}

/// What is wrong with a file of an SQLite store that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// It is no longer at its place.
    Moved,
    /// It is shorter than it was.
    CutOff,
    /// It could not be brought onto the disk.
    SyncFailed(io::ErrorKind),
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL's scheme is neither `sqlite` nor `postgres`.
    #[error("the store's URL must start with sqlite:// or postgres://")]
    UnknownScheme,
    /// The URL names no file, or says what means nothing.
    #[error("the store's URL {0}")]
    Url(Cow<'static, str>),
    /// The schema has a version that this program does not know: a newer program wrote it.
    #[error("the database is newer than this program (schema version {0}); start a newer simgauge")]
    NewerDatabase(i64),
    /// The store was written by the first edition, whose schema is another one.
    #[error(
        "the database is one of simgauge's first edition; copy it into a new one with \
         `simgauge migrate --from OLD --to NEW`"
    )]
    FirstEdition,
    /// PostgreSQL could not be reached, or refused.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// SQLite refused.
    #[error("database: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// No connection became free within the time limit.
    #[error("database: no connection became free in time")]
    Busy,
    /// A read took longer than a read may take.
    #[error("database: a read took longer than {} s and was stopped", READ_LIMIT.as_secs())]
    TookTooLong,
    #[error("database: the store is closed")]
    Closed,
    /// A file could not be opened, read or written.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, #[source] io::Error),
    /// What was written may not be on the disk, or not in the file of the store's name. Nothing is written
    /// until the files were opened again and checked. Names the file and the reason.
    #[error("the store is not trusted until its files were opened again and checked: {1}")]
    Untrusted(FileFault, String),
    /// The file of an SQLite store holds what no program wrote.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// An SQLite store is missing, or empty, where one was before.
    #[error(
        "there was a database at {}, and it is missing or empty: put it back or restore a back-up. \
         To begin with an empty one, remove {}",
        .database.display(), .marker.display()
    )]
    Gone { database: PathBuf, marker: PathBuf },
    /// What an SQLite store's URL names cannot hold a database.
    #[error("{} {why}", .path.display())]
    NoFile { path: PathBuf, why: &'static str },
    /// The file of an SQLite store has more than one name.
    #[error(
        "{} has more than one name (hard links), and SQLite keeps a log for each: what is written under one \
         name is lost to the others. Remove the other names, or copy the file",
        .0.display()
    )]
    ManyNames(PathBuf),
    /// Another process serves this SQLite store.
    #[error("another simgauge serves {} already", .0.display())]
    Served(PathBuf),
    /// A row holds what this program never writes. Names table and key.
    #[error("unexpected content in the database: {0}")]
    Corrupt(String),
    /// An amount of bytes that the database cannot hold.
    #[error("{0} bytes are more than the store can hold")]
    TooManyBytes(u64),
    #[error("{0} exists already")]
    Exists(String),
    #[error("{0} does not exist")]
    Missing(String),
    /// A sealed secret of an app cannot be opened.
    #[error("a secret of app {0} cannot be opened")]
    Sealed(String),
    /// The store is of a kind that cannot do this.
    #[error("this needs {0}")]
    WrongKind(&'static str),
    #[error(transparent)]
    AmbiguousNumber(#[from] Box<AmbiguousNumber>),
    /// Somebody else holds the lease now; nothing was written.
    #[error("the lease of {0} was lost")]
    LeaseLost(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        DATABASE_ERRORS.fetch_add(1, Ordering::Relaxed);
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        if code.as_deref() == Some(READ_ONLY) {
            note_refusal();
        }
        if code.as_deref() == Some(QUERY_CANCELED) { Self::TookTooLong } else { Self::Database(error) }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        DATABASE_ERRORS.fetch_add(1, Ordering::Relaxed);
        // Nothing but the limit interrupts a statement.
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Self::TookTooLong,
            _ => Self::Sqlite(error),
        }
    }
}

impl StoreError {
    /// Nobody else let go of a connection within the time limit.
    pub(crate) fn busy() -> Self {
        DATABASE_ERRORS.fetch_add(1, Ordering::Relaxed);
        Self::Busy
    }

    /// Whether the failure belongs to a row: it is damaged, or it refuses the change. Doing the same without
    /// that row may succeed; doing it once more does not. Anything else is the database's own failure (no
    /// connection, no room, no lease), after which the same may succeed later.
    #[must_use]
    pub fn is_of_a_row(&self) -> bool {
        match self {
            Self::Corrupt(_)
            | Self::TooManyBytes(_)
            | Self::Exists(_)
            | Self::Missing(_)
            | Self::AmbiguousNumber(_)
            | Self::Sealed(_) => true,
            Self::Sqlite(error) => is_of_a_sqlite_row(error),
            Self::Database(error) => is_of_a_postgres_row(error),
            Self::UnknownScheme
            | Self::Url(_)
            | Self::NewerDatabase(_)
            | Self::FirstEdition
            | Self::Busy
            | Self::TookTooLong
            | Self::Closed
            | Self::File(..)
            | Self::Untrusted(..)
            | Self::Damaged(_)
            | Self::Gone { .. }
            | Self::NoFile { .. }
            | Self::ManyNames(_)
            | Self::Served(_)
            | Self::WrongKind(_)
            | Self::LeaseLost(_) => false,
        }
    }

    /// Whether a unique key was violated.
    fn is_unique(&self) -> bool {
        match self {
            Self::Database(error) => {
                error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
            }
            _ => matches!(
                self.sqlite_code(),
                Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
            ),
        }
    }

    /// Where a unique key was violated: that this exists already.
    pub(crate) fn or_exists(self, what: impl std::fmt::Display) -> Self {
        if self.is_unique() { Self::Exists(what.to_string()) } else { self }
    }

    /// Where SQLite found damage in the file: what it says.
    pub(crate) fn or_damaged(self) -> Self {
        match self {
            Self::Sqlite(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
                ) =>
            {
                Self::Damaged(error.to_string())
            }
            other => other,
        }
    }

    /// Whether a foreign key was violated.
    pub(crate) fn is_foreign(&self) -> bool {
        match self {
            Self::Database(error) => {
                error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
            }
            _ => self.sqlite_code() == Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY),
        }
    }

    /// Whether it is about the rows that were asked for, so that other rows can still be read.
    #[must_use]
    pub fn is_about_rows(&self) -> bool {
        match self {
            Self::Corrupt(_) | Self::TooManyBytes(_) | Self::TookTooLong => true,
            // Its class 22: data that cannot be worked with, such as a sum that is too large.
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("22"))
            }
            Self::Database(error) => {
                matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
            }
            Self::Sqlite(error) => match error.sqlite_error_code() {
                // Unknown: SQLite's general code, which sums that overflow have.
                Some(code) => matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::Unknown),
                None => true,
            },
            _ => false,
        }
    }

    fn sqlite_code(&self) -> Option<std::ffi::c_int> {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => Some(error.extended_code),
            _ => None,
        }
    }
}

fn is_of_a_sqlite_row(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error {
        Error::SqliteFailure(error, _) => matches!(
            error.extended_code & 0xff,
            ffi::SQLITE_ERROR
                | ffi::SQLITE_CORRUPT
                | ffi::SQLITE_TOOBIG
                | ffi::SQLITE_CONSTRAINT
                | ffi::SQLITE_MISMATCH
                | ffi::SQLITE_RANGE
        ),
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..)
        | Error::InvalidColumnType(..)
        | Error::ToSqlConversionFailure(_) => true,
        _ => false,
    }
}

fn is_of_a_postgres_row(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            // Classes of SQLSTATE: cardinality, data, integrity, check option, program limits, what a trigger
            // raises, and damaged pages.
            let code = error.code().unwrap_or_default();
            ["21", "22", "23", "44", "54", "P0", "XX"].iter().any(|class| code.starts_with(class))
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_rows_and_of_the_database_are_told_apart() {
        let sqlite =
            |code| StoreError::Sqlite(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
        let of_rows = [
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CONSTRAINT_CHECK,
            ffi::SQLITE_CONSTRAINT_TRIGGER,
            ffi::SQLITE_TOOBIG,
        ];
        assert!(of_rows.into_iter().all(|code| sqlite(code).is_of_a_row()));
        let of_the_database = [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_NOMEM,
        ];
        assert!(!of_the_database.into_iter().any(|code| sqlite(code).is_of_a_row()));
        assert!(!StoreError::Busy.is_of_a_row() && !StoreError::LeaseLost("lane a".into()).is_of_a_row());
        assert!(!StoreError::Database(sqlx::Error::PoolTimedOut).is_of_a_row());
        assert!(StoreError::TooManyBytes(u64::MAX).is_of_a_row());
    }
}
