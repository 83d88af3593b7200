//! Mirrored packages: the operator's bundles are the card's packages.
//!
//! A bundle is known by the operator's id of it. Its numbers follow the answers. A bundle that is no longer
//! in an answer has ended and keeps its last numbers as history. A top-up that makes a bundle larger changes
//! its total; one that adds a bundle adds a package. Neither counts bytes twice. Where an operator uses the
//! same id for one bundle after another, the next bundle is a new run of that code, and the run before keeps
//! its numbers.

use crate::metering::transition::{AfterFall, PeriodTransition, transition};
use crate::reading::{Bundle, Period, PeriodKind};
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// One bundle of a profile as last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirrored {
    /// The operator's numbers, in bytes.
    pub bundle: Bundle,
    /// Which of the bundles with this code it is, from 0. Code and run identify a package of the profile.
    pub run: u32,
    /// When an answer was first without it, or had its successor; `None` while the operator lists it.
    pub ended_at: Option<UnixMs>,
}

impl Mirrored {
    /// Bytes left; `None` where it is unlimited.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.bundle.total.map(|total| total.saturating_sub(self.bundle.used))
    }
}

/// The bundles of a profile after an answer of the time `at` that lists `listed`. Known bundles keep their
/// order; new ones follow.
#[must_use]
pub fn mirror(known: &[Mirrored], listed: &[Bundle], at: UnixMs) -> Vec<Mirrored> {
    mirror_after(known, listed, at, AfterFall::BySize).0
}

/// The same, where it is decided what a fall without a date means. The second part: whether a bundle was
/// taken for the next one of its code only since its usage fell.
pub(super) fn mirror_after(
    known: &[Mirrored],
    listed: &[Bundle],
    at: UnixMs,
    fall: AfterFall,
) -> (Vec<Mirrored>, bool) {
    let listed = merged(listed);
    let mut states = known.to_vec();
    let mut assumed = false;
    for state in &mut states {
        if !listed.iter().any(|bundle| bundle.code == state.bundle.code) {
            state.ended_at.get_or_insert(at);
        }
    }
    for bundle in listed {
        let latest =
            states.iter_mut().filter(|state| state.bundle.code == bundle.code).max_by_key(|state| state.run);
        let Some(latest) = latest else {
            states.push(Mirrored { bundle, run: 0, ended_at: None });
            continue;
        };
        let (succession, by_fall) = succession(&latest.bundle, &bundle, at, fall);
        assumed |= by_fall;
        match succession {
            PeriodTransition::Next => {
                latest.ended_at.get_or_insert(at);
                let run = latest.run.saturating_add(1);
                states.push(Mirrored { bundle, run, ended_at: None });
            }
            PeriodTransition::Same | PeriodTransition::Unknown => {
                latest.bundle = bundle;
                latest.ended_at = None;
            }
            // The operator shows the run before the latest once more. Its numbers are history already.
            PeriodTransition::Earlier => {}
        }
    }
    (states, assumed)
}

/// Bytes used of all bundles that were ever seen, ended ones included.
#[must_use]
pub fn used(states: &[Mirrored]) -> u64 {
    sum(states.iter().map(|state| state.bundle.used))
}

/// A sum that stops at the end of the range. No SIM reaches it.
pub(super) fn sum(bytes: impl IntoIterator<Item = u64>) -> u64 {
    bytes.into_iter().fold(0, u64::saturating_add)
}

/// Whether `new` is another bundle with the code of `last`: by their dates, otherwise by their usage. The
/// second part: whether the usage decided so.
fn succession(last: &Bundle, new: &Bundle, at: UnixMs, fall: AfterFall) -> (PeriodTransition, bool) {
    let period = |bundle: &Bundle| Period {
        kind: PeriodKind::Bundle,
        key: String::new(),
        start: bundle.start,
        end: bundle.end,
    };
    match transition(&period(last), &period(new), at) {
        PeriodTransition::Unknown if fall.is_new_count(last.used, new.used) => (PeriodTransition::Next, true),
        other => (other, false),
    }
}

/// One bundle per code. An operator that lists one id twice means its parts.
fn merged(listed: &[Bundle]) -> Vec<Bundle> {
    let mut all: Vec<Bundle> = Vec::with_capacity(listed.len());
    for bundle in listed {
        match all.iter_mut().find(|known| known.code == bundle.code) {
            None => all.push(bundle.clone()),
            Some(known) => {
                known.used = known.used.saturating_add(bundle.used);
                known.total = known.total.zip(bundle.total).map(|(one, other)| one.saturating_add(other));
                known.start = known.start.zip(bundle.start).map(|(one, other)| one.min(other));
                known.end = known.end.zip(bundle.end).map(|(one, other)| one.max(other));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
