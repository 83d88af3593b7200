//! What can go wrong in the store: a closed list. The texts are for logs; what a caller is told is decided elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};

/// Failures of the database since the process started.
static DATABASE_ERRORS: AtomicU64 = AtomicU64::new(0);

/// How often the database failed this process: for whoever watches it.
#[must_use]
pub fn database_errors() -> u64 {
    DATABASE_ERRORS.load(Ordering::Relaxed)
}

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL's scheme is neither `sqlite` nor `postgres`.
    #[error("the store's URL must start with sqlite:// or postgres://")]
    UnknownScheme,
    /// The database holds migrations that this program does not know: it was written by a newer version.
    #[error("the database is newer than this program (migration {0}); start a newer simgauge")]
    NewerDatabase(i64),
    /// Migrations could not be applied.
    #[error("migration failed: {0}")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database could not be reached, or refused.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// SQLite, asked directly, refused.
    #[error("database: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// What was committed could not be brought onto the disk; whether it outlives a power cut is unknown.
    #[error("the store's log cannot be brought onto the disk: {0}")]
    Disk(#[source] std::io::Error),
    /// A row holds what this program never writes.
    #[error("unexpected content in the database: {0}")]
    Corrupt(String),
    /// Something of that name is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// Something that is referred to is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// A sealed secret of an app cannot be opened.
    #[error("a secret of app {0} cannot be opened")]
    Sealed(String),
    /// The store is of a kind that cannot do this.
    #[error("this needs {0}")]
    WrongKind(&'static str),
    /// The lane is worked by somebody else now; nothing was written.
    #[error("the lease of lane {0} was lost")]
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

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        DATABASE_ERRORS.fetch_add(1, Ordering::Relaxed);
        Self::Disk(error)
    }
}

impl StoreError {
    /// Whether a unique key was violated.
    pub(crate) fn is_unique(error: &sqlx::Error) -> bool {
        error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }

    /// Whether a foreign key was violated.
    pub(crate) fn is_foreign(error: &sqlx::Error) -> bool {
        error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
    }
}
