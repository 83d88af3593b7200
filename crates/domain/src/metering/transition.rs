//! Whether an operator's count began anew between two readings.

use crate::reading::{Period, PeriodKind};
use crate::time::UnixMs;
use std::time::Duration;

/// How the period of a reading relates to that of the reading before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodTransition {
    /// The same count continues. Less usage is a correction.
    Same,
    /// A new count, which began at zero.
    Next,
    /// A count that had ended when the last one began: the operator shows an old answer.
    Earlier,
    /// The answers do not show it. The usage decides; see [`fell_to_a_new_count`].
    Unknown,
}

/// How far two billing cycles may overlap and still follow each other: some operators give the last day as
/// the end, in time zones of their own.
const SLACK: Duration = Duration::from_hours(24);

/// Compares the periods of two readings, the newer of which was taken at `at`.
///
/// - A lifetime count never begins anew. Periods with equal keys, or with equal known starts, are the same.
/// - Months and billing cycles with different keys are different periods. There are two exceptions: the dates
///   of two cycles overlap (the configured billing day was changed), or one key is empty (a billing day was
///   configured or removed). The operator's count then continued, whatever the period is called, so the
///   answers do not show it.
/// - A bundle period with another key is not a new count by itself: a top-up changes the set of bundles, but
///   the bytes used so far stay in the usage. It is a new count only where the dates do not overlap.
/// - Periods of different kinds cannot be compared (the definition was changed).
#[must_use]
pub fn transition(last: &Period, new: &Period, at: UnixMs) -> PeriodTransition {
    let kind = new.kind;
    if kind != last.kind {
        return PeriodTransition::Unknown;
    }
    let same_key = !new.key.is_empty() && new.key == last.key;
    let same_start = new.start.is_some() && new.start == last.start;
    if kind == PeriodKind::Lifetime || same_key || same_start {
        return PeriodTransition::Same;
    }
    match (last.start, new.start) {
        (Some(last_start), Some(new_start)) if kind == PeriodKind::CalendarMonth => {
            if new_start < last_start { PeriodTransition::Earlier } else { PeriodTransition::Next }
        }
        (Some(last_start), Some(_)) if new.end.is_some_and(|end| end <= last_start) => {
            PeriodTransition::Earlier
        }
        (Some(last_start), Some(new_start)) => {
            let cycle = kind == PeriodKind::BillingCycle;
            let slack = if cycle { SLACK } else { Duration::ZERO };
            let follows =
                last.end.map_or(cycle && new_start > last_start, |end| new_start.after(slack) >= end);
            if follows { PeriodTransition::Next } else { PeriodTransition::Unknown }
        }
        _ if kind == PeriodKind::Bundle => undated(last, new),
        _ if !new.key.is_empty() && !last.key.is_empty() => PeriodTransition::Next,
        // The end of the last cycle has passed, and the new one has a later end.
        _ if kind == PeriodKind::BillingCycle
            && last.end.is_some_and(|end| end <= at)
            && last.end < new.end =>
        {
            PeriodTransition::Next
        }
        _ => undated(last, new),
    }
}

/// Periods with the same end are the same count. A different end shows nothing, since bundles are prolonged.
fn undated(last: &Period, new: &Period) -> PeriodTransition {
    if new.end.is_some() && new.end == last.end { PeriodTransition::Same } else { PeriodTransition::Unknown }
}

/// Decides by the usage: a fall to less than half is a new count, a smaller fall is a correction. A
/// correction takes back some of the usage. A count that began anew is near zero unless it was read very
/// late.
#[must_use]
pub const fn fell_to_a_new_count(last: u64, new: u64) -> bool {
    new < last && new < last - new
}

/// How usage that fell counts, where the answers do not show whether the count began anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFall {
    /// By the size of the fall ([`fell_to_a_new_count`]).
    BySize,
    /// As a new count.
    NewCount,
    /// As the same count: a correction.
    SameCount,
}

impl AfterFall {
    /// Whether usage that went from `last` to `new` is a new count.
    #[must_use]
    pub const fn is_new_count(self, last: u64, new: u64) -> bool {
        match self {
            Self::BySize => fell_to_a_new_count(last, new),
            Self::NewCount => new < last,
            Self::SameCount => false,
        }
    }
}
