//! The store as a whole.

use crate::audit::actor::Actor;
use crate::backend::{Database, ServingLock, Sql, is_current, migrate};
use crate::error::StoreError;
use crate::readings::day_cache::DayCache;
use crate::results::memories::LaneMemories;
use simgauge_domain::time::UnixMs;

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) db: Database,
    /// Who acts through it; none: the server itself.
    pub(crate) actor: Option<Actor>,
    /// What cards' older readings add up to by day.
    pub(crate) days: DayCache,
    /// What is remembered of the lanes that this process works.
    pub(crate) lanes: LaneMemories,
}

const PING: Sql = Sql::both("SELECT CAST(1 AS BIGINT)");
const NOW: Sql = Sql::postgres("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)");

impl Store {
    /// Opens a store: `sqlite://FILE` (created where there is none and none was before) or
    /// `postgres://USER@HOST/DATABASE`.
    ///
    /// # Errors
    /// The URL is of no known scheme, or the database cannot be reached.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        let db = Database::connect(url, connections).await?;
        Ok(Self { db, actor: None, days: DayCache::default(), lanes: LaneMemories::default() })
    }

    /// Brings the schema up to this program's version; answers how many versions were applied.
    ///
    /// # Errors
    /// The database is newer than this program or one of the first edition, or a statement failed; then
    /// nothing changed.
    pub async fn migrate(&self) -> Result<usize, StoreError> {
        migrate(&self.db).await
    }

    /// Whether the schema is the one this program was made for, or a later one.
    ///
    /// # Errors
    /// The database cannot be reached, or is one of the first edition.
    pub async fn is_current(&self) -> Result<bool, StoreError> {
        is_current(&self.db).await
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.db.one::<i64>(PING, &[]).await?;
        Ok(())
    }

    /// The database server's time, where the store is one that many nodes share: what counts for all of them.
    /// Nothing for an embedded store, whose time is this machine's.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn server_time(&self) -> Result<Option<UnixMs>, StoreError> {
        if let Database::Sqlite(_) = self.db {
            return Ok(None);
        }
        Ok(self.db.one::<i64>(NOW, &[]).await?.map(UnixMs))
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn dialect(&self) -> &'static str {
        match self.db {
            Database::Sqlite(_) => "sqlite",
            Database::Postgres(_) => "postgres",
        }
    }

    /// Pages in the write-ahead log of an embedded store; nothing on PostgreSQL.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn log_pages(&self) -> Result<Option<i64>, StoreError> {
        match &self.db {
            Database::Sqlite(database) => Ok(Some(database.log_pages().await?)),
            Database::Postgres(_) => Ok(None),
        }
    }

    /// Writes the write-ahead log of an embedded store back, so that the next write starts at its beginning.
    /// On PostgreSQL there is nothing to do.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        match &self.db {
            Database::Sqlite(database) => database.checkpoint().await,
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Makes this process the one that serves an SQLite store, under any name of its file, for as long as the
    /// answer is kept; nothing on PostgreSQL, which any number of processes may serve.
    ///
    /// # Errors
    /// [`StoreError::Served`]
    pub fn lock_for_serving(&self) -> Result<Option<ServingLock>, StoreError> {
        match &self.db {
            Database::Sqlite(database) => Ok(Some(database.lock()?)),
            Database::Postgres(_) => Ok(None),
        }
    }

    /// Whether an SQLite store was not closed by the last process, or is used by another one now.
    #[must_use]
    pub fn was_not_closed(&self) -> bool {
        matches!(&self.db, Database::Sqlite(database) if database.was_left_open())
    }

    /// Compares the files of an SQLite store with those that were opened. On PostgreSQL there are none.
    ///
    /// # Errors
    /// [`StoreError::Untrusted`], now or since an earlier fault.
    pub fn check_files(&self) -> Result<(), StoreError> {
        match &self.db {
            Database::Sqlite(database) => database.check_files(),
            Database::Postgres(_) => Ok(()),
        }
    }

    /// The fault since which nothing is written, until [`Self::recover`] has succeeded. Looks at nothing: it
    /// says what is known.
    ///
    /// # Errors
    /// [`StoreError::Untrusted`]
    pub fn trusted(&self) -> Result<(), StoreError> {
        match &self.db {
            Database::Sqlite(database) => database.trusted(),
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Opens the files of an SQLite store again after a fault and checks them; then it is trusted again.
    /// There is nothing to do without a fault, and on PostgreSQL. `serve_damaged`: damage that the check
    /// finds does not matter.
    ///
    /// # Errors
    /// The files are not at their places, are damaged, or failed again.
    pub async fn recover(&self, serve_damaged: bool) -> Result<(), StoreError> {
        match &self.db {
            Database::Sqlite(database) => database.recover(serve_damaged).await,
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Waits until everything that was committed is on the disk, by other processes as well.
    ///
    /// # Errors
    /// The database cannot be reached, or its disk refused.
    pub async fn flush(&self) -> Result<(), StoreError> {
        match &self.db {
            Database::Sqlite(database) => database.sync_all(),
            Database::Postgres(database) => database.flush().await,
        }
    }

    /// Closes every connection, once what runs on it is done.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
