//! Taking turns: every account with waiting work gets one turn before any account gets a second.

use std::collections::VecDeque;

/// Accounts that take turns in one lane.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    order: VecDeque<String>,
}

impl RoundRobin {
    /// Adds an account that has work, at the end, unless it is there already.
    pub fn join(&mut self, account: &str) {
        if !self.order.iter().any(|known| known == account) {
            self.order.push_back(account.to_owned());
        }
    }

    /// The account whose turn it is among those for which `ready` holds; it goes to the end. Accounts that are not ready
    /// keep their place.
    pub fn next(&mut self, mut ready: impl FnMut(&str) -> bool) -> Option<String> {
        let index = self.order.iter().position(|account| ready(account))?;
        let account = self.order.remove(index)?;
        self.order.push_back(account.clone());
        Some(account)
    }

    /// Removes an account that has no more work.
    pub fn leave(&mut self, account: &str) {
        self.order.retain(|known| known != account);
    }
}

/// How many turns pass until the next new task of `own` is done: each other account takes at most as many turns as it has
/// tasks, and no more than `own` takes.
#[must_use]
pub fn rounds_ahead(own: u64, others: impl IntoIterator<Item = u64>) -> u64 {
    let turns = own.saturating_add(1);
    others.into_iter().fold(turns, |sum, waiting| sum.saturating_add(waiting.min(turns)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_newcomer_is_among_the_next_two() {
        let mut turns = RoundRobin::default();
        turns.join("a");
        assert_eq!(turns.next(|_| true).as_deref(), Some("a"));
        turns.join("b");
        let next = [turns.next(|_| true), turns.next(|_| true)];
        assert!(next.contains(&Some("b".to_owned())), "{next:?}");
    }

    #[test]
    fn turns_ahead_by_hand() {
        assert_eq!(rounds_ahead(0, [10_000]), 2);
        assert_eq!(rounds_ahead(10_000, [1]), 10_002);
        assert_eq!(rounds_ahead(0, []), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Between two turns of an account that always has work, no other account has more than one.
        #[test]
        fn nobody_gets_two_turns_to_ones_one(work in proptest::collection::btree_map("[a-e]", 1_u32..40, 1..5)) {
            let mut left: BTreeMap<String, u32> = work;
            let mut turns = RoundRobin::default();
            for account in left.keys() {
                turns.join(account);
            }
            let mut since: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
            while let Some(account) = turns.next(|_| true) {
                for (other, seen) in &mut since {
                    if *other != account {
                        let count = seen.entry(account.clone()).or_default();
                        *count += 1;
                        prop_assert!(*count <= 1, "{account} had {count} turns to none of {other}");
                    }
                }
                since.insert(account.clone(), BTreeMap::new());
                let waiting = left.get_mut(&account).expect("known");
                *waiting -= 1;
                if *waiting == 0 {
                    turns.leave(&account);
                    since.remove(&account);
                }
            }
            prop_assert!(left.values().all(|waiting| *waiting == 0));
        }
    }
}
