//! The SIMs that are asked about, found by any spelling of their numbers.

use simgauge_domain::identity::{canonical_iccid, other_spellings};
use std::borrow::Cow;
use std::collections::HashMap;

/// The SIMs of a batch. A number that is asked about twice, in whatever spellings, is one SIM.
pub(super) struct Asked {
    /// The canonical numbers.
    numbers: Vec<String>,
    /// The spelling in which each was asked about first.
    spelled: Vec<String>,
    by_number: HashMap<String, usize>,
    /// The SIM of each profile.
    sims: Vec<usize>,
}

/// Whom a number in an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    Nobody,
    Sim(usize),
    /// All of these, so none of them for certain.
    Ambiguous(Vec<usize>),
}

impl Asked {
    pub(super) fn new<'a>(iccids: impl Iterator<Item = &'a str>) -> Self {
        let (mut numbers, mut spelled, mut by_number, mut sims) =
            (Vec::new(), Vec::new(), HashMap::new(), Vec::new());
        for iccid in iccids {
            let number = canonical_iccid(iccid).into_owned();
            let sim = *by_number.entry(number.clone()).or_insert_with(|| {
                numbers.push(number);
                spelled.push(iccid.to_owned());
                numbers.len() - 1
            });
            sims.push(sim);
        }
        Self { numbers, spelled, by_number, sims }
    }

    pub(super) const fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The SIM of each profile, in the order asked.
    pub(super) fn sims(&self) -> &[usize] {
        &self.sims
    }

    /// The canonical number.
    pub(super) fn number(&self, sim: usize) -> &str {
        &self.numbers[sim]
    }

    pub(super) fn spelled(&self, sim: usize) -> &str {
        &self.spelled[sim]
    }

    /// Whom a canonical number means. Stricter than for callers: an operator may append the check digit to
    /// any number, so the longer of two could mean either as well.
    pub(super) fn meant_by(&self, number: &str) -> Meant {
        let spellings = std::iter::once(Cow::Borrowed(number)).chain(other_spellings(number));
        let mut found: Vec<usize> =
            spellings.filter_map(|spelling| self.by_number.get(&*spelling).copied()).collect();
        match (found.pop(), found.is_empty()) {
            (None, _) => Meant::Nobody,
            (Some(only), true) => Meant::Sim(only),
            (Some(last), false) => {
                found.push(last);
                Meant::Ambiguous(found)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_any_spelling() {
        let asked = Asked::new(["8988308650100524999", "898600d6991330004146"].into_iter());
        for spelling in ["8988308650100524999", "8988 3086-5010 0524 999F", "89883086501005249997"] {
            assert_eq!(asked.meant_by(&canonical_iccid(spelling)), Meant::Sim(0), "{spelling}");
        }
        assert_eq!(asked.meant_by("898600D6991330004146"), Meant::Sim(1));
        // A wrong check digit, another SIM, and a number with letters that is one longer.
        for other in ["89883086501005249990", "8988308650100524998", "898600D69913300041465", ""] {
            assert_eq!(asked.meant_by(other), Meant::Nobody, "{other}");
        }
    }

    #[test]
    fn a_number_that_could_be_two_is_neither() {
        let asked = Asked::new(["8986061000001000015", "89860610000010000159"].into_iter());
        for number in ["8986061000001000015", "89860610000010000159"] {
            assert!(matches!(asked.meant_by(number), Meant::Ambiguous(both) if both.len() == 2));
        }
    }

    #[test]
    fn a_number_asked_about_twice_is_one_sim() {
        let asked = Asked::new(["8986061000001000015", "8986 0610 0000 1000 015F"].into_iter());
        assert_eq!((asked.len(), asked.sims(), asked.spelled(0)), (1, &[0, 0][..], "8986061000001000015"));
    }
}
