//! Bringing an embedded store's log onto the disk. SQLite itself does not wait for that
//! (`synchronous=NORMAL`). A commit first releases the right to write. Then it waits for the disk, together
//! with all other commits of that time.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The write-ahead log of one file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// Commits of this process so far.
    committed: AtomicU64,
    /// How many of them are on the disk.
    synced: Mutex<u64>,
}

impl Log {
    pub(crate) fn of(file: &Path) -> Self {
        let mut path = file.to_owned().into_os_string();
        path.push("-wal");
        Self { path: path.into(), committed: AtomicU64::new(0), synced: Mutex::new(0) }
    }

    /// Something was committed that [`Log::sync`] has to wait for.
    pub(crate) fn committed(&self) {
        self.committed.fetch_add(1, Ordering::AcqRel);
    }

    /// Waits, on the thread that asks, until everything committed so far is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let ours = self.committed.load(Ordering::Acquire);
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= ours {
            return Ok(());
        }
        let all = self.committed.load(Ordering::Acquire);
        // Opened each time: SQLite removes the log with the last connection, and creates another one with the
        // next.
        match File::open(&self.path) {
            Ok(log) => log.sync_data()?,
            // Written back into the file, which SQLite has synced then.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        *synced = all;
        Ok(())
    }
}
