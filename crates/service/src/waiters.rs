//! The end of a refresh, told inside this process: to calls that wait for it, and to the outbox, whose
//! notifications may be due.

use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::RefreshState;
use simgauge_store::{Ended, RefreshView, Store, StoreError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How often a waiter looks by itself: another node may have ended the refresh.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Who waits for what. Cheap to clone.
#[derive(Clone, Default)]
pub struct Waiters {
    waiting: Arc<Mutex<HashMap<RefreshId, Entry>>>,
    any: Arc<Notify>,
    succeeded: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

struct Entry {
    notify: Arc<Notify>,
    count: usize,
}

impl Waiters {
    /// Wakes those who wait for these refreshes.
    pub fn ended(&self, ended: &[Ended]) {
        if !ended.is_empty() {
            self.any.notify_one();
        }
        let failed = ended.iter().filter(|one| one.state == RefreshState::Failed).count();
        // A usize has at most 64 bits.
        self.failed.fetch_add(failed as u64, Ordering::Relaxed);
        self.succeeded.fetch_add((ended.len() - failed) as u64, Ordering::Relaxed);
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for one in ended {
            if let Some(entry) = waiting.get(&one.id) {
                entry.notify.notify_waiters();
            }
        }
    }

    /// How many refreshes ended in this process since its start: well, and failed.
    #[must_use]
    pub fn ended_so_far(&self) -> (u64, u64) {
        (self.succeeded.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// Notified whenever refreshes ended.
    #[must_use]
    pub fn any_ended(&self) -> Arc<Notify> {
        Arc::clone(&self.any)
    }

    /// Waits until a refresh ended, for `at_most`; answers how it stands then.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn wait(
        &self,
        store: &Store,
        account: &str,
        id: &RefreshId,
        at_most: Duration,
    ) -> Result<Option<RefreshView>, StoreError> {
        let deadline = Instant::now() + at_most;
        let entry = self.join(id);
        loop {
            // Registered before the store is asked, so that an end in between is not missed.
            let notified = entry.notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            let refresh = store.refresh(account, id).await?;
            let now = Instant::now();
            if now >= deadline || refresh.as_ref().is_none_or(|refresh| refresh.state.is_ended()) {
                return Ok(refresh);
            }
            // Either way it looks again.
            let _ = timeout_at(deadline.min(now + LOOK_EVERY), notified).await;
        }
    }

    fn join(&self, id: &RefreshId) -> Waiting<'_> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = waiting.entry(*id).or_insert_with(|| Entry { notify: Arc::new(Notify::new()), count: 0 });
        entry.count += 1;
        Waiting { waiters: self, id: *id, notify: Arc::clone(&entry.notify) }
    }
}

/// Leaves the list when it is dropped, however the wait ended.
struct Waiting<'a> {
    waiters: &'a Waiters,
    id: RefreshId,
    notify: Arc<Notify>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiters.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = waiting.get_mut(&self.id) {
            entry.count -= 1;
            if entry.count == 0 {
                waiting.remove(&self.id);
            }
        }
    }
}
