//! The connections that read beside the writer.

use super::connection::{BUSY_TIMEOUT, blocking, open_reader};
use crate::error::StoreError;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// A pool of connections, opened when they are needed first.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    file: Arc<PathBuf>,
    most: u32,
    free: Arc<Semaphore>,
    /// Connections that nobody uses.
    idle: Arc<Mutex<Vec<Connection>>>,
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
        let connection = match idle {
            Some(connection) => connection,
            None => blocking(|| open_reader(&self.file))?,
        };
        Ok(Reader { connection: Some(connection), idle: Arc::clone(&self.idle), _permit: permit })
    }

    /// Waits until nobody reads; nobody does as long as the answer is kept.
    pub(super) async fn all(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let all = timeout(BUSY_TIMEOUT, self.free.acquire_many(self.most)).await;
        all.map_err(|_| StoreError::busy())?.map_err(|_| StoreError::Closed)
    }

    /// Closes the connections that nobody uses, after `before`.
    pub(super) fn close_idle(
        &self,
        before: impl Fn(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let idle = std::mem::take(&mut *lock(&self.idle));
        idle.iter().try_for_each(before)
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

fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that reads, given back when dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    /// There until it is dropped.
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// SQLite itself.
    pub(crate) fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or(StoreError::Closed)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        lock(&self.idle).extend(self.connection.take());
    }
}
