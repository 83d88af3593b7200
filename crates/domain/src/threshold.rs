//! When to notify that usage has reached a percentage of a total: once for each time it is reached.
//!
//! The usage is that of one package (its period is then its code and never changes) or that of a card as a
//! whole (its period is the operator's). A percentage is notified again only after usage was below it: in a
//! new period, after a top-up, or after a correction. A percentage that is added to an account's list later
//! is notified with the next reading if it is reached already.

use serde::{Deserialize, Serialize};

/// The percentages of an account, ascending, without repetition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u16>", into = "Vec<u16>")]
pub struct Percentages(Vec<u16>);

impl Percentages {
    /// The largest percentage. One above 100 concerns usage beyond the total.
    pub const MOST: u16 = 1000;

    /// Sorts the list; `None` where a percentage is not between 1 and [`Self::MOST`].
    #[must_use]
    pub fn new(mut list: Vec<u16>) -> Option<Self> {
        list.sort_unstable();
        list.dedup();
        list.iter().all(|percentage| (1..=Self::MOST).contains(percentage)).then_some(Self(list))
    }

    /// The percentages, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        &self.0
    }
}

impl TryFrom<Vec<u16>> for Percentages {
    type Error = &'static str;

    fn try_from(list: Vec<u16>) -> Result<Self, Self::Error> {
        Self::new(list).ok_or("a percentage is 1 to 1000")
    }
}

impl From<Percentages> for Vec<u16> {
    fn from(list: Percentages) -> Self {
        list.0
    }
}

/// Which percentages were notified already, and in which period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifiedState {
    /// The key of the period.
    #[serde(rename = "p", default, skip_serializing_if = "String::is_empty")]
    pub period: String,
    /// The percentages that were notified, ascending.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub percentages: Vec<u16>,
}

/// Usage before and after a reading, or before and after a change of the total (then both are equal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The key of the period in which `after` is counted.
    pub period: &'a str,
    /// Bytes used before, in the same period. It does not matter where the period is new.
    pub before: u64,
    /// Bytes used now.
    pub after: u64,
    /// The total in bytes, now; `None` means unlimited, of which no percentage is ever reached.
    pub total: Option<u64>,
}

impl NotifiedState {
    /// The percentages to notify now, ascending, and the new state.
    #[must_use]
    pub fn advance(&self, percentages: &Percentages, change: Change<'_>) -> (Vec<u16>, Self) {
        let reached = |used: u64, percentage: u16| is_reached(used, change.total, percentage);
        // With the present total: usage can reach a percentage again with the first reading after a top-up.
        let notified_before = |percentage: u16| {
            self.period == change.period
                && self.percentages.contains(&percentage)
                && reached(change.before, percentage)
        };
        let now: Vec<u16> =
            percentages.0.iter().copied().filter(|percentage| reached(change.after, *percentage)).collect();
        let fired = now.iter().copied().filter(|percentage| !notified_before(*percentage)).collect();
        (fired, Self { period: change.period.to_owned(), percentages: now })
    }
}

/// Exact in 128 bits. No percentage of a total of 0 is ever reached.
fn is_reached(used: u64, total: Option<u64>, percentage: u16) -> bool {
    total.is_some_and(|total| {
        total > 0 && u128::from(used) * 100 >= u128::from(total) * u128::from(percentage)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(percentages: &[u16]) -> Percentages {
        Percentages::new(percentages.to_vec()).expect("in range")
    }

    /// The percentages that are notified at each step of (period, before, after, total).
    fn notified(percentages: &[u16], steps: &[(&str, u64, u64, Option<u64>)]) -> Vec<Vec<u16>> {
        let mut state = NotifiedState::default();
        steps
            .iter()
            .map(|(period, before, after, total)| {
                let change = Change { period, before: *before, after: *after, total: *total };
                let (fired, next) = state.advance(&list(percentages), change);
                state = next;
                fired
            })
            .collect()
    }

    const NONE: Vec<u16> = Vec::new();
    const FULL: Option<u64> = Some(1000);

    #[test]
    fn once_ascending_and_exact() {
        let steps =
            [("a", 0, 799, FULL), ("a", 799, 800, FULL), ("a", 800, 850, FULL), ("a", 850, 1200, FULL)];
        assert_eq!(notified(&[100, 80, 120], &steps), [NONE, vec![80], NONE, vec![100, 120]]);
        assert_eq!(notified(&[50, 80], &[("a", 0, 900, FULL)]), [[50, 80]]);
    }

    #[test]
    fn armed_again_by_period_top_up_and_correction() {
        assert_eq!(notified(&[80], &[("a", 0, 900, FULL), ("b", 900, 850, FULL)]), [[80], [80]]);
        let top_up = [("a", 0, 900, FULL), ("a", 900, 900, Some(2000)), ("a", 900, 1600, Some(2000))];
        assert_eq!(notified(&[80], &top_up), [vec![80], NONE, vec![80]]);
        let in_one = [("a", 0, 900, FULL), ("a", 900, 1600, Some(2000))];
        assert_eq!(notified(&[80], &in_one), [[80], [80]], "top-up and usage seen together");
        let corrected = [("a", 0, 900, FULL), ("a", 900, 700, FULL), ("a", 700, 800, FULL)];
        assert_eq!(notified(&[80], &corrected), [vec![80], NONE, vec![80]]);
        let not_below = [("a", 0, 900, FULL), ("a", 900, 850, FULL), ("a", 850, 900, FULL)];
        assert_eq!(notified(&[80], &not_below), [vec![80], NONE, NONE]);
    }

    #[test]
    fn unlimited_and_nothing_never_fire() {
        assert_eq!(notified(&[1], &[("a", 0, u64::MAX, None), ("a", 0, u64::MAX, Some(0))]), [NONE, NONE]);
        assert_eq!(notified(&[100], &[("a", 0, u64::MAX, Some(u64::MAX))]), [[100]]);
    }

    #[test]
    fn compact_and_checked_in_json() {
        let state = NotifiedState { period: "2026-05".into(), percentages: vec![50, 80] };
        let text = serde_json::to_string(&state).expect("plain data");
        assert_eq!(text, r#"{"p":"2026-05","f":[50,80]}"#);
        assert_eq!(serde_json::from_str::<NotifiedState>(&text).expect("its own text"), state);
        assert_eq!(
            serde_json::from_str::<NotifiedState>("{}").expect("nothing notified"),
            NotifiedState::default()
        );
        assert!(serde_json::from_str::<Percentages>("[0]").is_err());
        assert_eq!(serde_json::from_str::<Percentages>("[80,50,80]").expect("in range"), list(&[50, 80]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Between two notifications of a percentage, usage was below it or the period changed. Whenever
        /// usage reaches a percentage within a period, it is notified. The same step a second time notifies
        /// nothing.
        #[test]
        fn at_most_once_and_at_least_once_per_crossing(
            percentages in proptest::collection::vec(1_u16..200, 0..5),
            steps in proptest::collection::vec(
                ("[ab]{1}", 0_u64..300, proptest::option::weighted(0.9, 0_u64..200)),
                1..40,
            ),
        ) {
            let percentages = list(&percentages);
            let mut state = NotifiedState::default();
            let mut quiet: std::collections::BTreeMap<u16, bool> = std::collections::BTreeMap::new();
            let (mut last_period, mut before) = (String::new(), 0);
            for (period, after, total) in steps {
                let change = Change { period: &period, before, after, total };
                let (fired, next) = state.advance(&percentages, change);
                prop_assert!(fired.is_sorted());
                for percentage in percentages.as_slice() {
                    let reached = |used: u64| total.is_some_and(|total| {
                        total > 0 && used * 100 >= total * u64::from(*percentage)
                    });
                    let was_quiet = quiet.entry(*percentage).or_default();
                    if period != last_period || !reached(before) {
                        *was_quiet = false;
                    }
                    prop_assert_eq!(fired.contains(percentage), reached(after) && !*was_quiet);
                    *was_quiet = reached(after);
                }
                let again = Change { before: after, ..change };
                prop_assert_eq!(next.advance(&percentages, again), (vec![], next.clone()));
                (state, last_period, before) = (next, period, after);
            }
        }
    }
}
