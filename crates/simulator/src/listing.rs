//! The SIMs of one operator account in the order of their numbers, for operators that list them.

use crate::sync::lock;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Mutex;

/// The numbers that were set by hand or named in a call.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    numbers: Mutex<BTreeSet<Box<str>>>,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) numbers: Vec<String>,
    /// Whether there are numbers after this page.
    pub(crate) has_more: bool,
}

impl Listing {
    pub(crate) fn add(&self, number: &str) {
        let mut numbers = lock(&self.numbers);
        if !numbers.contains(number) {
            numbers.insert(number.into());
        }
    }

    /// At most `size` of the shown numbers that come after `after`, without the first `skip` of them.
    pub(crate) fn page(
        &self,
        after: Option<&str>,
        skip: usize,
        size: usize,
        is_shown: impl Fn(&str) -> bool,
    ) -> Page {
        let numbers = lock(&self.numbers);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest =
            numbers.range::<str, _>((start, Bound::Unbounded)).filter(|number| is_shown(number)).skip(skip);
        let numbers = rest.by_ref().take(size).map(ToString::to_string).collect();
        Page { numbers, has_more: rest.next().is_some() }
    }

    pub(crate) fn count(&self, is_shown: impl Fn(&str) -> bool) -> usize {
        lock(&self.numbers).iter().filter(|number| is_shown(number)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_what_is_hidden() {
        let listing = Listing::default();
        for number in ["5", "1", "4", "2", "3", "1"] {
            listing.add(number);
        }
        let page = |after, skip, size| listing.page(after, skip, size, |number| number != "3");
        let of = |numbers: &[&str], has_more| Page {
            numbers: numbers.iter().map(ToString::to_string).collect(),
            has_more,
        };
        assert_eq!(page(None, 0, 2), of(&["1", "2"], true));
        assert_eq!(page(Some("2"), 0, 2), of(&["4", "5"], false));
        assert_eq!(page(None, 2, 1), of(&["4"], true));
        assert_eq!(page(None, 9, 1), of(&[], false));
        assert_eq!(listing.count(|number| number != "3"), 4);
    }
}
