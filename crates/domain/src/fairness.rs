//! Fair order of accounts in a lane: every account with waiting tasks is served once before any account is
//! served twice.

use std::collections::VecDeque;

/// The accounts with waiting tasks in one lane, in the order in which they are served.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    order: VecDeque<String>,
}

impl RoundRobin {
    /// Adds an account that has waiting tasks, at the end, unless it is in the list already.
    pub fn join(&mut self, account: &str) {
        if !self.order.iter().any(|known| known == account) {
            self.order.push_back(account.to_owned());
        }
    }

    /// The next account for which `ready` holds. It moves to the end. Accounts that are not ready keep their
    /// place.
    pub fn next(&mut self, mut ready: impl FnMut(&str) -> bool) -> Option<String> {
        let index = self.order.iter().position(|account| ready(account))?;
        let account = self.order.remove(index)?;
        self.order.push_back(account.clone());
        Some(account)
    }

    /// Removes an account that has no more waiting tasks.
    pub fn leave(&mut self, account: &str) {
        self.order.retain(|known| known != account);
    }
}

/// How many tasks are done until a new task of an account is done, that task included. The account has `own`
/// tasks waiting before it; `others` holds how many each other account has waiting. Each other account is
/// served at most as often as it has tasks, and no more often than this one.
#[must_use]
pub fn tasks_until_done(own: u64, others: impl IntoIterator<Item = u64>) -> u64 {
    let rounds = own.saturating_add(1);
    others.into_iter().fold(rounds, |sum, waiting| sum.saturating_add(waiting.min(rounds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_new_account_is_among_the_next_two() {
        let mut order = RoundRobin::default();
        order.join("a");
        assert_eq!(order.next(|_| true).as_deref(), Some("a"));
        order.join("b");
        let next = [order.next(|_| true), order.next(|_| true)];
        assert!(next.contains(&Some("b".to_owned())), "{next:?}");
    }

    #[test]
    fn tasks_until_done_by_hand() {
        assert_eq!(tasks_until_done(0, [10_000]), 2);
        assert_eq!(tasks_until_done(10_000, [1]), 10_002);
        assert_eq!(tasks_until_done(0, []), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Between two tasks of an account that always has some waiting, no other account has more than one.
        #[test]
        fn no_account_is_served_twice_between(
            work in proptest::collection::btree_map("[a-e]", 1_u32..40, 1..5),
        ) {
            let mut left: BTreeMap<String, u32> = work;
            let mut order = RoundRobin::default();
            for account in left.keys() {
                order.join(account);
            }
            let mut since: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
            while let Some(account) = order.next(|_| true) {
                for (other, seen) in &mut since {
                    if *other != account {
                        let count = seen.entry(account.clone()).or_default();
                        *count += 1;
                        prop_assert!(*count <= 1, "{account} was served {count} times and {other} not once");
                    }
                }
                since.insert(account.clone(), BTreeMap::new());
                let waiting = left.get_mut(&account).expect("known");
                *waiting -= 1;
                if *waiting == 0 {
                    order.leave(&account);
                    since.remove(&account);
                }
            }
            prop_assert!(left.values().all(|waiting| *waiting == 0));
        }
    }
}
