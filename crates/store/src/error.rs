//! What can go wrong in the store: a closed list. The texts are for logs; what a caller is told is decided
//! elsewhere.

use rusqlite::ffi;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Failures of the database since the process started.
static DATABASE_ERRORS: AtomicU64 = AtomicU64::new(0);

/// How often the database failed this process, for metrics.
#[must_use]
pub fn database_errors() -> u64 {
    DATABASE_ERRORS.load(Ordering::Relaxed)
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL's scheme is neither `sqlite` nor `postgres`.
    #[error("the store's URL must start with sqlite:// or postgres://")]
    UnknownScheme,
    /// The URL begins with `sqlite:` but names no file.
    #[error("the store's URL {0}")]
    Url(&'static str),
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
    #[error("database: the store is closed")]
    Closed,
    /// A file could not be opened, read or written.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, #[source] std::io::Error),
    /// What was written may not be on the disk, or not in the file of the store's name. Nothing is written
    /// until the files were opened again and checked. Names the file and the reason.
    #[error("the store is not trusted until its files were opened again and checked: {0}")]
    Untrusted(String),
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
    /// Somebody else holds the lease now; nothing was written.
    #[error("the lease of {0} was lost")]
    LeaseLost(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        DATABASE_ERRORS.fetch_add(1, Ordering::Relaxed);
        Self::Database(error)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        DATABASE_ERRORS.fetch_add(1, Ordering::Relaxed);
        Self::Sqlite(error)
    }
}

impl StoreError {
    /// Nobody else let go of a connection within the time limit.
    pub(crate) fn busy() -> Self {
        DATABASE_ERRORS.fetch_add(1, Ordering::Relaxed);
        Self::Busy
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

    /// Whether a foreign key was violated.
    pub(crate) fn is_foreign(&self) -> bool {
        match self {
            Self::Database(error) => {
                error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
            }
            _ => self.sqlite_code() == Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY),
        }
    }

    fn sqlite_code(&self) -> Option<std::ffi::c_int> {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => Some(error.extended_code),
            _ => None,
        }
    }
}
