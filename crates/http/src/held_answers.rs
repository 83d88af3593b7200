//! How many answers may be held at once (`wait`): of all accounts together, so that calls that do not wait
//! find a place, and of each account, so that the waiting of one does not take the places of the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// All held answers together take at most half of the calls in flight.
const ALL_PART: usize = 2;
/// Those of one account take at most an eighth.
const EACH_PART: usize = 8;

/// The answers that are held.
pub(crate) struct HeldAnswers {
    all: usize,
    each: usize,
    held: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    accounts: HashMap<Arc<str>, usize>,
}

/// The right to hold an answer; given back when dropped.
pub(crate) struct HoldPermit<'a> {
    answers: &'a HeldAnswers,
    account: Arc<str>,
}

impl HeldAnswers {
    /// `in_flight`: calls at once.
    pub(crate) fn new(in_flight: usize) -> Self {
        let part = |part: usize| (in_flight / part).max(1);
        Self { all: part(ALL_PART), each: part(EACH_PART), held: Mutex::default() }
    }

    /// None where the account, or all together, hold as many as they may: the call is answered at once.
    pub(crate) fn enter(&self, account: &Arc<str>) -> Option<HoldPermit<'_>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.accounts.get(account).copied().unwrap_or_default();
        if own >= self.each || held.all >= self.all {
            return None;
        }
        held.all += 1;
        held.accounts.insert(Arc::clone(account), own + 1);
        Some(HoldPermit { answers: self, account: Arc::clone(account) })
    }
}

impl Drop for HoldPermit<'_> {
    fn drop(&mut self) {
        let mut held = self.answers.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= 1;
        if let Some(own) = held.accounts.get_mut(&self.account) {
            *own -= 1;
            if *own == 0 {
                held.accounts.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_holds_an_eighth_and_all_together_half() {
        let answers = HeldAnswers::new(32);
        let account = |name: &str| -> Arc<str> { name.into() };
        let mut held: Vec<_> = (0..4).map(|_| answers.enter(&account("a")).expect("its eighth")).collect();
        assert!(answers.enter(&account("a")).is_none());
        for name in ["b", "c", "d"] {
            held.extend((0..4).map(|_| answers.enter(&account(name)).expect("another's eighth")));
        }
        assert!(answers.enter(&account("e")).is_none(), "half of all");
        held.truncate(15);
        assert!(answers.enter(&account("a")).is_none());
        assert!(answers.enter(&account("e")).is_some());
        held.clear();
        assert!(answers.held.lock().expect("sound").accounts.is_empty(), "nothing stays behind");
    }

    #[test]
    fn one_call_at_once_may_wait() {
        let answers = HeldAnswers::new(1);
        assert!(answers.enter(&"a".into()).is_some());
    }
}
