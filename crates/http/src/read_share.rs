//! How many of the store's connections the reads of callers may take: all of them together, so that lanes,
//! readiness and accepting have a reserve, and each account, so that the slow reads of one do not hold up the
//! others.

use crate::answer::ApiError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Longest wait for a share.
const WAIT: Duration = Duration::from_secs(2);
/// A quarter of the connections is the share of an account, and another quarter the reserve.
const PARTS: usize = 4;
/// One account's calls that wait are at most an eighth of all calls in flight.
const WAITING_PART: usize = 8;

/// The shares of all accounts.
pub(crate) struct ReadShares {
    all: Arc<Semaphore>,
    /// Reads of one account at once.
    each: usize,
    /// Reads of one account that run or wait.
    most: usize,
    accounts: Mutex<HashMap<Arc<str>, Arc<Share>>>,
}

struct Share {
    free: Arc<Semaphore>,
    /// One permit for each read that may run or wait.
    line: Arc<Semaphore>,
}

/// The right to read; given back when dropped.
#[derive(Debug)]
pub(crate) struct ReadPermit {
    _line: OwnedSemaphorePermit,
    _share: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl ReadShares {
    /// `connections`: the store's. `in_flight`: calls at once.
    pub(crate) fn new(connections: usize, in_flight: usize) -> Self {
        let reserve = (connections / PARTS).max(1);
        let all = connections.saturating_sub(reserve).max(1);
        let each = (connections / PARTS).clamp(1, all);
        Self {
            all: Arc::new(Semaphore::new(all)),
            each,
            most: (in_flight / WAITING_PART).max(each),
            accounts: Mutex::default(),
        }
    }

    /// Waits until an account may read.
    pub(crate) async fn enter(&self, account: &Arc<str>) -> Result<ReadPermit, ApiError> {
        let share = self.share(account);
        let line = Arc::clone(&share.line).try_acquire_owned().map_err(|_| ApiError::Overloaded)?;
        let until = Instant::now() + WAIT;
        // The account's first: so of each account no more wait for the common ones than it has a share of.
        let own = acquire(&share.free, until).await?;
        let of_all = acquire(&self.all, until).await?;
        Ok(ReadPermit { _line: line, _share: own, _of_all: of_all })
    }

    fn share(&self, account: &Arc<str>) -> Arc<Share> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = accounts.get(account) {
            return Arc::clone(share);
        }
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        let share = Arc::new(Share { free: semaphore(self.each), line: semaphore(self.most) });
        accounts.insert(Arc::clone(account), Arc::clone(&share));
        share
    }
}

async fn acquire(permits: &Arc<Semaphore>, until: Instant) -> Result<OwnedSemaphorePermit, ApiError> {
    match timeout_at(until, Arc::clone(permits).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(ApiError::Overloaded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Arc<str> {
        name.into()
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_gets_a_quarter_and_others_are_not_held_up() {
        let shares = ReadShares::new(8, 4096);
        let slow = account("slow");
        let held = [shares.enter(&slow).await.expect("one"), shares.enter(&slow).await.expect("two")];
        let began = Instant::now();
        assert!(matches!(shares.enter(&slow).await, Err(ApiError::Overloaded)));
        assert_eq!(began.elapsed(), WAIT);
        shares.enter(&account("quick")).await.expect("at once");
        assert_eq!(began.elapsed(), WAIT, "others do not wait");
        drop(held);
        shares.enter(&slow).await.expect("again");
    }

    #[tokio::test(start_paused = true)]
    async fn all_accounts_together_leave_a_reserve() {
        let shares = ReadShares::new(8, 4096);
        let mut held = Vec::new();
        for name in ["a", "b", "c"] {
            for _ in 0..2 {
                held.push(shares.enter(&account(name)).await.expect("a share"));
            }
        }
        assert!(matches!(shares.enter(&account("d")).await, Err(ApiError::Overloaded)), "two are kept free");
    }

    #[tokio::test(start_paused = true)]
    async fn one_account_does_not_fill_the_calls_in_flight() {
        let shares = ReadShares::new(8, 16);
        let slow = account("slow");
        let held = [shares.enter(&slow).await.expect("one"), shares.enter(&slow).await.expect("two")];
        let began = Instant::now();
        assert!(matches!(shares.enter(&slow).await, Err(ApiError::Overloaded)));
        assert_eq!(began.elapsed(), Duration::ZERO, "no more than an eighth run or wait");
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_is_enough() {
        let shares = ReadShares::new(1, 1);
        drop(shares.enter(&account("a")).await.expect("it"));
        shares.enter(&account("b")).await.expect("it");
    }
}
