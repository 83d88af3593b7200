//! From a profile's last state and a new reading to the bytes used in between.

use crate::metering::mirror::{self, Mirrored, mirror};
use crate::metering::transition::{PeriodTransition, fell_to_a_new_count, transition};
use crate::reading::{Period, PeriodKind, Reading};
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// Figures above 8 EiB are taken for this one, so that every difference of two fits a signed number.
const MOST: u64 = i64::MAX.unsigned_abs();

/// What is kept of a profile's readings to tell the next difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Period of the last reading that counted.
    pub period: Period,
    /// Its cumulative bytes in that period.
    pub used: u64,
    /// Newest time the operator gave for a figure; never later than the reading that told it.
    pub as_of: Option<UnixMs>,
    /// When that reading began.
    pub began_at: UnixMs,
    /// How often the operator's count began anew since the first reading.
    pub cycle: u32,
    /// Bytes counted since it last did: the sum of the differences of this cycle. Equals `used`, except for profiles
    /// counted by their bundles, where it is the sum over all bundles ever seen.
    pub counted: u64,
    /// The profile's bundles, ended ones included.
    pub bundles: Vec<Mirrored>,
}

/// What a reading turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingKind {
    /// The first of its profile: all of its figure counts.
    First,
    /// More bytes, or none, in the same period.
    SamePeriod,
    /// The count began anew, or a bundle was added: all of the new figure counts.
    NewPeriod,
    /// The operator took bytes back: a negative difference.
    Correction,
    /// Older than the last one: changes nothing.
    Late,
}

impl ReadingKind {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::SamePeriod => "same_period",
            Self::NewPeriod => "new_period",
            Self::Correction => "correction",
            Self::Late => "late",
        }
    }

    /// The meaning of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::First, Self::SamePeriod, Self::NewPeriod, Self::Correction, Self::Late]
            .into_iter()
            .find(|what| what.as_str() == name)
    }
}

/// One reading, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes to book; negative where the operator took some back.
    pub delta: i64,
    /// The profile's state from now on.
    pub last: Last,
    /// What the reading was.
    pub kind: ReadingKind,
}

/// The time a reading's figure is of: the operator's, where it gives one, otherwise when asking began. An operator's clock
/// that is ahead does not make its figures newer than the moment they were asked for: one date far in the future would
/// otherwise make every later reading look old.
#[must_use]
pub fn moment(as_of: Option<UnixMs>, began_at: UnixMs) -> UnixMs {
    as_of.map_or(began_at, |as_of| as_of.min(began_at))
}

/// Counts a reading that began at `began_at`.
///
/// - Same period: the new figure less the last. Less than before: a correction, and the difference is negative.
/// - New period: the whole figure. Bytes used between the last reading of a period and its end are never seen by anyone.
/// - Older than the last reading, by the operator's time where both have one and differ, otherwise by when asking began:
///   changes nothing, whatever its period.
/// - Where the answers do not say whether the count began anew ([`PeriodTransition::Unknown`]; for instance billing cycles without a
///   known start): a drop to less than half is a new count, a smaller drop a correction.
/// - A profile in a bundle period whose bundles the operator lists is counted bundle by bundle: a bundle that is added
///   counts from zero, one that vanishes takes nothing back.
#[must_use]
pub fn step(last: Option<&Last>, reading: &Reading, began_at: UnixMs) -> Step {
    let as_of = reading.as_of.map(|as_of| as_of.min(began_at));
    let Some(last) = last else { return first(reading, as_of, began_at) };
    if is_late(last, as_of, began_at) {
        return late(last);
    }
    let used = figure(reading);
    let bundles = mirror(&last.bundles, &reading.bundles, began_at);
    let (delta, anew) = if by_bundle(last, reading) {
        let added = bundles.len() > last.bundles.len();
        (difference(mirror::used(&last.bundles), mirror::used(&bundles)), added)
    } else {
        match transition(&last.period, &reading.period, moment(as_of, began_at)) {
            PeriodTransition::Earlier => return late(last),
            PeriodTransition::Next => (difference(0, used), true),
            PeriodTransition::Unknown if fell_to_a_new_count(last.used, used) => (difference(0, used), true),
            PeriodTransition::Same | PeriodTransition::Unknown => (difference(last.used, used), false),
        }
    };
    let restarted = anew && !by_bundle(last, reading);
    let counted = if restarted { used } else { last.counted.saturating_add_signed(delta) };
    Step {
        delta,
        kind: match (anew, delta) {
            (_, ..0) => ReadingKind::Correction,
            (true, 0..) => ReadingKind::NewPeriod,
            (false, 0..) => ReadingKind::SamePeriod,
        },
        last: Last {
            period: reading.period.clone(),
            used,
            // Kept from earlier where this answer gives none: what was older than that is still late.
            as_of: as_of.max(last.as_of),
            began_at,
            cycle: last.cycle.saturating_add(u32::from(restarted)),
            counted,
            bundles,
        },
    }
}

fn first(reading: &Reading, as_of: Option<UnixMs>, began_at: UnixMs) -> Step {
    let used = figure(reading);
    let bundles = mirror(&[], &reading.bundles, began_at);
    let last =
        Last { period: reading.period.clone(), used, as_of, began_at, cycle: 0, counted: used, bundles };
    Step { delta: difference(0, used), last, kind: ReadingKind::First }
}

fn late(last: &Last) -> Step {
    Step { delta: 0, last: last.clone(), kind: ReadingKind::Late }
}

fn is_late(last: &Last, as_of: Option<UnixMs>, began_at: UnixMs) -> bool {
    match (last.as_of, as_of) {
        (Some(last), Some(new)) if last != new => new < last,
        _ => began_at < last.began_at,
    }
}

/// Whether the difference is that of the bundles. The first time bundles appear on a profile that was counted as a whole
/// they are only taken down: their bytes are in the last figure already.
fn by_bundle(last: &Last, reading: &Reading) -> bool {
    let kinds = [last.period.kind, reading.period.kind];
    let known = !last.bundles.is_empty() || last.used == 0;
    let told = !reading.bundles.is_empty() || reading.used == 0;
    kinds == [PeriodKind::Bundle; 2] && known && told
}

/// What a reading counts as: of bundles their sum, which differs from the operator's own sum by rounding.
fn figure(reading: &Reading) -> u64 {
    let listed = reading.period.kind == PeriodKind::Bundle && !reading.bundles.is_empty();
    let used =
        if listed { mirror::sum(reading.bundles.iter().map(|bundle| bundle.used)) } else { reading.used };
    used.min(MOST)
}

fn difference(from: u64, to: u64) -> i64 {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    // Both are between zero and `i64::MAX`, so this cannot overflow.
    signed(to) - signed(from)
}

#[cfg(test)]
mod tests;
