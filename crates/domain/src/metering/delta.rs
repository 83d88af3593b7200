//! From the last state of a profile and a new reading to the bytes that were used in between.

use crate::metering::mirror::{self, Mirrored, mirror_after};
use crate::metering::transition::{AfterFall, PeriodTransition, transition};
use crate::reading::{Period, PeriodKind, Reading};
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// Usage above 8 EiB counts as this much, so that every difference fits a signed number.
const MOST: u64 = i64::MAX.unsigned_abs();

/// What is kept of a profile's readings to compute the next difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// The period of the last reading that counted.
    pub period: Period,
    /// The bytes used in that period, by that reading.
    pub used: u64,
    /// The newest time of usage that the operator gave; never later than the reading that it came with.
    pub as_of: Option<UnixMs>,
    /// When that reading began.
    pub began_at: UnixMs,
    /// How many times the operator's count began anew since the first reading.
    pub cycle: u32,
    /// Bytes counted since it last began anew: the sum of the differences of this cycle. It equals `used`,
    /// except where a profile is counted by its bundles: then it is the sum over all bundles that were ever
    /// seen.
    pub counted: u64,
    /// The profile's bundles, ended ones included.
    pub bundles: Vec<Mirrored>,
    /// Where the present count was taken for a new one only since the usage fell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<Box<Assumed>>,
}

/// A new count that the operator did not tell of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumed {
    /// When the reading began that was taken for its first.
    pub at: UnixMs,
    /// What that reading was compared with.
    pub before: Last,
}

/// What a reading means for the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingKind {
    /// The first one of its profile: all of its usage counts.
    First,
    /// The same period, with more bytes or as many.
    SamePeriod,
    /// The count began anew, or a bundle was added: all of the new usage counts.
    NewPeriod,
    /// The count was taken for a new one, since the usage fell and the operator does not tell when its count
    /// begins: all of the usage counts.
    AssumedPeriod,
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
            Self::AssumedPeriod => "assumed_period",
            Self::Correction => "correction",
            Self::Late => "late",
        }
    }

    /// The kind with this name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::First, Self::SamePeriod, Self::NewPeriod, Self::AssumedPeriod, Self::Correction, Self::Late]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// The effect of one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes to book; negative where the operator took bytes back.
    pub delta: i64,
    /// The profile's state from now on.
    pub last: Last,
    /// What the reading means for the count.
    pub kind: ReadingKind,
}

impl Step {
    /// Whether the reading was taken for the first of a new count only since the usage fell.
    #[must_use]
    pub fn assumes(&self) -> bool {
        let assumed = self.last.assumed.as_deref();
        self.kind != ReadingKind::Late && assumed.is_some_and(|assumed| assumed.at == self.last.began_at)
    }
}

/// The time of a reading's usage: the operator's own time where it gives one, otherwise when the reading
/// began. Usage is never newer than the start of its reading. Otherwise an operator whose clock is ahead
/// would make every later reading look old.
#[must_use]
pub fn moment(as_of: Option<UnixMs>, began_at: UnixMs) -> UnixMs {
    as_of.map_or(began_at, |as_of| as_of.min(began_at))
}

/// Counts a reading that began at `began_at`.
///
/// - Same period: the difference is the new usage less the last. Where it is negative, it is a correction.
/// - New period: the difference is all of the new usage. Bytes used between the last reading of a period and
///   its end are never seen.
/// - A reading that is older than the last one changes nothing, whatever its period. What is older is decided
///   by the operator's times where both have one and they differ, otherwise by when the readings began.
/// - Where the answers do not show whether the count began anew ([`PeriodTransition::Unknown`], for instance
///   billing cycles without a known start), a fall to less than half is a new count and a smaller fall is a
///   correction.
/// - A profile in a bundle period whose bundles the operator lists is counted bundle by bundle. A bundle that
///   is added counts from zero. A bundle that disappears takes nothing back.
#[must_use]
pub fn step(last: Option<&Last>, reading: &Reading, began_at: UnixMs) -> Step {
    step_after(last, reading, began_at, AfterFall::BySize)
}

/// The same, where it is decided what a fall means that the answers do not explain.
#[must_use]
pub fn step_after(last: Option<&Last>, reading: &Reading, began_at: UnixMs, fall: AfterFall) -> Step {
    let as_of = reading.as_of.map(|as_of| as_of.min(began_at));
    let Some(last) = last else { return first(reading, as_of, began_at) };
    if is_late(last, as_of, began_at) {
        return late(last);
    }
    let used = counted_usage(reading);
    let (bundles, another_run) = mirror_after(&last.bundles, &reading.bundles, began_at, fall);
    let (delta, anew, assumed) = if by_bundle(last, reading) {
        let added = bundles.len() > last.bundles.len();
        (difference(mirror::used(&last.bundles), mirror::used(&bundles)), added, another_run)
    } else {
        match transition(&last.period, &reading.period, moment(as_of, began_at)) {
            PeriodTransition::Earlier => return late(last),
            PeriodTransition::Next => (difference(0, used), true, false),
            PeriodTransition::Unknown if fall.is_new_count(last.used, used) => {
                (difference(0, used), true, !is_another_set(&last.period, &reading.period))
            }
            PeriodTransition::Same | PeriodTransition::Unknown => (difference(last.used, used), false, false),
        }
    };
    let restarted = anew && !by_bundle(last, reading);
    let counted = if restarted { used } else { last.counted.saturating_add_signed(delta) };
    Step {
        delta,
        kind: match (anew, delta) {
            (_, ..0) => ReadingKind::Correction,
            (true, 0..) if assumed => ReadingKind::AssumedPeriod,
            (true, 0..) => ReadingKind::NewPeriod,
            (false, 0..) => ReadingKind::SamePeriod,
        },
        last: Last {
            period: reading.period.clone(),
            used,
            // Kept from earlier where this answer has no time: a reading older than that is still late.
            as_of: as_of.max(last.as_of),
            began_at,
            cycle: last.cycle.saturating_add(u32::from(restarted)),
            counted,
            bundles,
            assumed: match (assumed, restarted) {
                (true, _) => {
                    Some(Box::new(Assumed { at: began_at, before: Last { assumed: None, ..last.clone() } }))
                }
                (false, true) => None,
                (false, false) => last.assumed.clone(),
            },
        },
    }
}

/// Whether the operator counts another set of bundles: one ended or was added.
pub(crate) fn is_another_set(last: &Period, new: &Period) -> bool {
    [last.kind, new.kind] == [PeriodKind::Bundle; 2] && last.key != new.key
}

fn first(reading: &Reading, as_of: Option<UnixMs>, began_at: UnixMs) -> Step {
    let used = counted_usage(reading);
    let (bundles, _) = mirror_after(&[], &reading.bundles, began_at, AfterFall::BySize);
    let period = reading.period.clone();
    let last = Last { period, used, as_of, began_at, cycle: 0, counted: used, bundles, assumed: None };
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

/// Whether the difference is that of the bundles. When bundles first appear on a profile that was counted as
/// a whole they are only recorded: their bytes are in its last usage already.
pub(crate) fn by_bundle(last: &Last, reading: &Reading) -> bool {
    let kinds = [last.period.kind, reading.period.kind];
    let known = !last.bundles.is_empty() || last.used == 0;
    let listed = !reading.bundles.is_empty() || reading.used == 0;
    kinds == [PeriodKind::Bundle; 2] && known && listed
}

/// The usage that a reading counts as. Of bundles it is their sum, which differs from the operator's own sum
/// by rounding.
pub(crate) fn counted_usage(reading: &Reading) -> u64 {
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
