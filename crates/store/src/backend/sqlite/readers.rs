//! The connections that read beside the writer.

use super::connection::{BUSY_TIMEOUT, blocking, leave_log, open_reader};
use super::limit::Until;
use crate::backend::limit::READ_LIMIT;
use crate::error::StoreError;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// A pool of connections, opened when they are needed first.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    file: Arc<PathBuf>,
    most: u32,
    free: Arc<Semaphore>,
    /// Connections that nobody uses.
    idle: Arc<Mutex<Vec<Opened>>>,
}

/// A connection and until when its statement may run.
#[derive(Debug)]
struct Opened {
    connection: Connection,
    until: Until,
}

impl Opened {
    fn new(file: &Path) -> Result<Self, StoreError> {
        let connection = open_reader(file)?;
        Ok(Self { until: Until::of(&connection)?, connection })
    }
}

impl Readers {
    pub(crate) fn new(file: PathBuf, most: u32) -> Self {
        let free = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS);
        Self { file: Arc::new(file), most, free: Arc::new(Semaphore::new(free)), idle: Arc::default() }
    }

    /// Waits for a connection, at most as long as for the right to write.
    pub(crate) async fn get(&self) -> Result<Reader, StoreError> {
        let permit = timeout(BUSY_TIMEOUT, Arc::clone(&self.free).acquire_owned()).await;
        let permit = permit.map_err(|_| StoreError::busy())?.map_err(|_| StoreError::Closed)?;
        let idle = lock(&self.idle).pop();
        let opened = match idle {
            Some(opened) => opened,
            None => blocking(|| Opened::new(&self.file))?,
        };
        let idle = Arc::clone(&self.idle);
        Ok(Reader { opened: Some(opened), limit: Some(READ_LIMIT), idle, _permit: permit })
    }

    /// Waits until nobody reads; nobody does as long as the answer is kept.
    pub(super) async fn all(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let all = timeout(BUSY_TIMEOUT, self.free.acquire_many(self.most)).await;
        all.map_err(|_| StoreError::busy())?.map_err(|_| StoreError::Closed)
    }

    /// Closes the connections that nobody uses. None of them writes back the log that it has: one that was
    /// opened after a fault of the files may have another log than the writer.
    pub(super) fn close_idle(&self) -> Result<(), StoreError> {
        let idle = std::mem::take(&mut *lock(&self.idle));
        idle.iter().try_for_each(|opened| leave_log(&opened.connection))
    }

    /// Closes the connections, once what runs on them is done.
    pub(crate) async fn close(&self) {
        let all = self.free.acquire_many(self.most).await;
        self.free.close();
        drop(all);
        let idle = std::mem::take(&mut *lock(&self.idle));
        blocking(|| drop(idle));
    }
}

fn lock(idle: &Mutex<Vec<Opened>>) -> std::sync::MutexGuard<'_, Vec<Opened>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that reads, given back when dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    /// There until it is dropped.
    opened: Option<Opened>,
    /// How long each of its statements may take.
    limit: Option<Duration>,
    idle: Arc<Mutex<Vec<Opened>>>,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// SQLite itself.
    pub(crate) fn connection(&self) -> Result<&Connection, StoreError> {
        self.opened.as_ref().map(|opened| &opened.connection).ok_or(StoreError::Closed)
    }

    /// The same connection, whose statements may take as long as they like.
    pub(crate) fn without_limit(mut self) -> Self {
        self.limit = None;
        self
    }

    /// From the next statement on everything is of one moment, until it is dropped.
    pub(crate) fn of_one_moment(self) -> Result<Self, StoreError> {
        self.connection()?.prepare_cached("BEGIN")?.execute([])?;
        Ok(self)
    }

    /// Runs a statement within the limit.
    pub(super) fn read<T>(
        &self,
        statement: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let opened = self.opened.as_ref().ok_or(StoreError::Closed)?;
        opened.until.run(self.limit, || statement(&opened.connection))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(opened) = self.opened.take() else { return };
        // One that cannot end what it began is closed.
        if opened.connection.is_autocommit() || opened.connection.execute_batch("ROLLBACK").is_ok() {
            lock(&self.idle).push(opened);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sql::{Param, Sql};
    use crate::backend::sqlite::connection::open_writer;
    use crate::backend::tx::Tx as _;
    use tempfile::TempDir;

    /// Counts to a number: some seconds for a large one.
    const COUNT: Sql = Sql::sqlite(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT max(i) FROM n",
    );

    fn readers(dir: &TempDir) -> Readers {
        let file = dir.path().join("store.db");
        std::fs::write(&file, "").expect("made");
        open_writer(&file).expect("a database");
        Readers::new(file, 1)
    }

    #[tokio::test]
    async fn a_statement_that_takes_too_long_is_stopped() {
        let dir = tempfile::tempdir().expect("folder");
        let readers = readers(&dir);
        let mut reader = readers.get().await.expect("a reader");
        reader.limit = Some(Duration::from_millis(20));
        let many: Param<'_> = 20_000_000_i64.into();
        let stopped = reader.one::<i64>(COUNT, &[many]).await;
        assert!(matches!(stopped, Err(StoreError::TookTooLong)), "{stopped:?}");
        // The connection is as good as before.
        assert_eq!(reader.one::<i64>(COUNT, &[10_i64.into()]).await.expect("read"), Some(10));
        drop(reader);
        let mut reader = readers.get().await.expect("a reader").without_limit();
        assert_eq!(reader.one::<i64>(COUNT, &[100_000_i64.into()]).await.expect("read"), Some(100_000));
    }

    #[tokio::test]
    async fn what_is_of_one_moment_ends_when_it_is_dropped() {
        let dir = tempfile::tempdir().expect("folder");
        let readers = readers(&dir);
        let reader = readers.get().await.expect("a reader").of_one_moment().expect("begun");
        assert!(!reader.connection().expect("open").is_autocommit());
        drop(reader);
        assert!(readers.get().await.expect("a reader").connection().expect("open").is_autocommit());
    }
}
