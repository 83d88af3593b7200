//! Writing the write-ahead log back into the file, beside those who read and write.

use super::connection::blocking;
use super::log::Log;
use super::readers::Readers;
use super::writer::Writer;
use crate::error::StoreError;
use rusqlite::Connection;

/// So few pages are written back while everybody waits.
const FEW: i64 = 512;
/// How often the log is followed while others write to it.
const TRIES: u32 = 4;

/// How a checkpoint stands: pages in the log, and how many of them are in the file as well.
type Pages = (i64, i64);

/// Pages in the log.
pub(crate) async fn log_pages(readers: &Readers) -> Result<i64, StoreError> {
    let reader = readers.get().await?;
    let (log, _) = blocking(|| pages(reader.connection()?, "PRAGMA wal_checkpoint(NOOP)"))?;
    Ok(log)
}

/// Writes the log back, so that the next write starts at its beginning.
///
/// SQLite syncs the database file itself only where nobody has written meanwhile. Without a sync of ours, all
/// of it would be synced while the writer is held.
pub(crate) async fn checkpoint(readers: &Readers, writer: &Writer, log: &Log) -> Result<(), StoreError> {
    log.check()?;
    let reader = readers.get().await?;
    blocking(|| {
        let connection = reader.connection()?;
        for _ in 0..TRIES {
            pages(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
            log.sync_main()?;
            let (total, done) = pages(connection, "PRAGMA wal_checkpoint(NOOP)")?;
            if total - done < FEW {
                break;
            }
        }
        Ok::<_, StoreError>(())
    })?;
    drop(reader);
    // The rest, while nobody writes.
    writer.exclusively(|connection| pages(connection, "PRAGMA wal_checkpoint(PASSIVE)")).await?;
    Ok(())
}

fn pages(connection: &Connection, pragma: &str) -> Result<Pages, StoreError> {
    Ok(connection.query_row(pragma, [], |row| Ok((row.get(1)?, row.get(2)?)))?)
}

/// Writes the whole log back, onto the disk, and empties it.
pub(super) fn write_back_all(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let pragma = "PRAGMA wal_checkpoint(TRUNCATE)";
    let held_up: bool = connection.query_row(pragma, [], |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    if held_up { Err(StoreError::busy()) } else { Ok(()) }
}
