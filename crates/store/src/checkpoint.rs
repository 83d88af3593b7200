//! Writing an embedded store's log back into its file, beside those who read and write: whoever commits would otherwise do
//! it in between and keep every caller waiting.

use crate::Store;
use crate::db::Db;
use crate::error::StoreError;
use crate::hot::blocking;
use sqlx::{SqliteExecutor, query_as};
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// So few pages are written back while everybody waits.
const FEW: i64 = 512;
/// How often the log is followed while others write to it.
const TRIES: u32 = 4;

/// How a checkpoint stands: pages in the log, and how many of them are in the file as well.
type Pages = (i64, i64);

/// The file that the log is written back into, for having it brought onto the disk. SQLite does so itself only where nobody
/// has written meanwhile, so that without this everything would be brought there in the turn to write.
#[derive(Debug)]
pub(crate) struct MainFile {
    path: PathBuf,
    /// Never closed: whoever closes a file gives up all locks that his process has on it, SQLite's as well
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
        let Db::Sqlite { read, write, main, .. } = &self.db else { return Ok(()) };
        for _ in 0..TRIES {
            pragma(read, "PRAGMA wal_checkpoint(PASSIVE)").await?;
            let main = Arc::clone(main);
            blocking(move || Ok(main.sync()?)).await?;
            let (log, done) = pragma(read, "PRAGMA wal_checkpoint(NOOP)").await?;
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
