//! Opening connections, and on which thread they are used.

use crate::error::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Longest wait for a connection, and for another process's write to end.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The writer's page cache, in KiB (negative: KiB instead of pages).
const WRITER_CACHE_KIB: i64 = -65_536;
/// A reader's. There are several, and behind them is the system's cache.
const READER_CACHE_KIB: i64 = -2048;
/// The most prepared statements that a connection keeps.
const STATEMENTS: usize = 128;
/// Pages in the write-ahead log after which a commit writes them back: far more than the checkpointer of a
/// server lets it grow to.
const WAL_PAGES: i64 = 262_144;

/// The connection that writes. The file has to exist; an empty one becomes a database.
pub(crate) fn open_writer(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(file, flags, WRITER_CACHE_KIB)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::WrongKind("a file system on which SQLite can have a write-ahead log"));
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    // Enough that a checkpoint never overtakes the log; commits are brought onto the disk by `Log::sync`.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // The first statement opens the log.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// A connection that reads. It can write the log back into the file, too, but change nothing.
pub(crate) fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(file, flags, READER_CACHE_KIB)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection to a file that it cannot write at all.
pub(crate) fn open_read_only(file: &Path) -> Result<Connection, StoreError> {
    open(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX, READER_CACHE_KIB)
}

fn open(file: &Path, flags: OpenFlags, cache_kib: i64) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", cache_kib)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    Ok(connection)
}

/// The connection will not write the log back when it is closed.
pub(super) fn leave_log(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// Does work that blocks on the thread that asks. Where that is a worker of a runtime, its other tasks are
/// moved to another thread first; a runtime with one thread has none to move them to.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}
