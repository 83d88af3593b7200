//! Writing the write-ahead log back into the file, beside those who read and write.

use super::connection::blocking;
use super::readers::Readers;
use super::writer::Writer;
use crate::error::StoreError;
use rusqlite::Connection;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// So few pages are written back while everybody waits.
const FEW: i64 = 512;
/// How often the log is followed while others write to it.
const TRIES: u32 = 4;

/// How a checkpoint stands: pages in the log, and how many of them are in the file as well.
type Pages = (i64, i64);

/// The file that the log is written back into. It is synced here. SQLite does so itself only where
/// nobody has written meanwhile. Without this, all of it would be synced while the writer is held.
#[derive(Debug)]
pub(crate) struct MainFile {
    path: PathBuf,
    /// Never closed: closing a file releases all locks that the process has on it, SQLite's as well
    /// (<https://www.sqlite.org/howtocorrupt.html>, 2.2).
    open: OnceLock<ManuallyDrop<File>>,
}

impl MainFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: OnceLock::new() }
    }

    fn sync(&self) -> io::Result<()> {
        let file = match self.open.get() {
            Some(file) => file,
            // Without a handle for it, SQLite brings it onto the disk in the end.
            None => match File::open(&self.path) {
                Ok(opened) => {
                    let opened = ManuallyDrop::new(opened);
                    self.open.get_or_init(|| opened)
                }
                Err(_) => return Ok(()),
            },
        };
        file.sync_data()
    }
}

/// Pages in the log.
pub(crate) async fn log_pages(readers: &Readers) -> Result<i64, StoreError> {
    let reader = readers.get().await?;
    let (log, _) = blocking(|| pages(reader.connection()?, "PRAGMA wal_checkpoint(NOOP)"))?;
    Ok(log)
}

/// Writes the log back, so that the next write starts at its beginning.
pub(crate) async fn checkpoint(
    readers: &Readers,
    writer: &Writer,
    main: &MainFile,
) -> Result<(), StoreError> {
    let reader = readers.get().await?;
    blocking(|| {
        let connection = reader.connection()?;
        for _ in 0..TRIES {
            pages(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
            main.sync()?;
            let (log, done) = pages(connection, "PRAGMA wal_checkpoint(NOOP)")?;
            if log - done < FEW {
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
