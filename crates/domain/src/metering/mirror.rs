//! Mirrored packages: the operator's bundles are the card's packages.
//!
//! A bundle is known by the operator's id of it. Its figures follow the answers; when it is no longer in an answer it has
//! ended and keeps its last figures as history. A top-up that makes a bundle larger changes its total, one that adds a
//! bundle adds a package; neither counts bytes twice. Where an operator uses one id for bundle after bundle, the next one
//! is a new run of the code and the run before keeps its figures.

use crate::metering::transition::{PeriodTransition, fell_to_a_new_count, transition};
use crate::reading::{Bundle, Period, PeriodKind};
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// One bundle of a profile as last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirrored {
    /// The operator's figures, in bytes.
    pub bundle: Bundle,
    /// Which one of the bundles that had this code, from 0. Code and run name a package of the profile.
    pub run: u32,
    /// When an answer first lacked it, or had its successor; `None` while the operator lists it.
    pub ended_at: Option<UnixMs>,
}

impl Mirrored {
    /// Bytes left; `None` without limit.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.bundle.total.map(|total| total.saturating_sub(self.bundle.used))
    }
}

/// The bundles of a profile after an answer that was taken at `at` and lists `listed`. Known ones keep their order, new ones
/// come behind.
#[must_use]
pub fn mirror(known: &[Mirrored], listed: &[Bundle], at: UnixMs) -> Vec<Mirrored> {
    let listed = merged(listed);
    let mut states = known.to_vec();
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
        match succession(&latest.bundle, &bundle, at) {
            PeriodTransition::Next => {
                latest.ended_at.get_or_insert(at);
                let run = latest.run.saturating_add(1);
                states.push(Mirrored { bundle, run, ended_at: None });
            }
            PeriodTransition::Same | PeriodTransition::Unknown => {
                latest.bundle = bundle;
                latest.ended_at = None;
            }
            // The run before the latest, shown once more: its figures are history already.
            PeriodTransition::Earlier => {}
        }
    }
    states
}

/// Bytes of all bundles ever seen, ended ones included.
#[must_use]
pub fn used(states: &[Mirrored]) -> u64 {
    sum(states.iter().map(|state| state.bundle.used))
}

/// A sum that stops at the end of the range, which no SIM reaches.
pub(super) fn sum(bytes: impl IntoIterator<Item = u64>) -> u64 {
    bytes.into_iter().fold(0, u64::saturating_add)
}

/// Whether `new` is another bundle under the code of `last`: by their dates, else by the figures.
fn succession(last: &Bundle, new: &Bundle, at: UnixMs) -> PeriodTransition {
    let period = |bundle: &Bundle| Period {
        kind: PeriodKind::Bundle,
        key: String::new(),
        start: bundle.start,
        end: bundle.end,
    };
    match transition(&period(last), &period(new), at) {
        PeriodTransition::Unknown if fell_to_a_new_count(last.used, new.used) => PeriodTransition::Next,
        other => other,
    }
}

/// The bundles with one entry per code: an operator that lists one id twice means its parts.
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
