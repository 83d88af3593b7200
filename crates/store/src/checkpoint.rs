//! Writing an embedded store's log back into its file, beside those who read and write: whoever commits would otherwise do
//! it in between and keep every caller waiting.

use crate::Store;
use crate::db::Db;
use crate::error::StoreError;
use sqlx::{SqliteExecutor, query_as};

/// So few pages are written back while everybody waits.
const FEW: i64 = 512;
/// How often the log is followed while others write to it.
const TRIES: u32 = 4;

/// How a checkpoint stands: pages in the log, and how many of them are in the file as well.
type Pages = (i64, i64);

impl Store {
    /// Pages in the log of an embedded store; nothing on PostgreSQL.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn log_pages(&self) -> Result<Option<i64>, StoreError> {
        let Db::Sqlite { read, .. } = &self.db else { return Ok(None) };
        let (log, _) = pragma(read, "PRAGMA wal_checkpoint(NOOP)").await?;
        Ok(Some(log))
    }

    /// Writes the log of an embedded store back, so that the next write begins it anew. There is nothing to do on
    /// PostgreSQL.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let Db::Sqlite { read, write, .. } = &self.db else { return Ok(()) };
        for _ in 0..TRIES {
            let (log, done) = pragma(read, "PRAGMA wal_checkpoint(PASSIVE)").await?;
            if log - done < FEW {
                break;
            }
        }
        // With nobody writing, the rest.
        write.with(async |connection| pragma(connection, "PRAGMA wal_checkpoint(PASSIVE)").await).await?;
        Ok(())
    }
}

async fn pragma<'e>(on: impl SqliteExecutor<'e>, statement: &'static str) -> Result<Pages, StoreError> {
    let (_busy, log, done): (i64, i64, i64) = query_as(statement).fetch_one(on).await?;
    Ok((log, done))
}
