//! Whether an operator's count began anew between two readings.

use crate::reading::{Period, PeriodKind};
use crate::time::UnixMs;
use std::time::Duration;

/// How the period of a reading stands to that of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodTransition {
    /// The same count goes on; a smaller figure is a correction.
    Same,
    /// A new count: its figure counts from zero.
    Next,
    /// A count that was over when the last one began: an operator showing an old answer.
    Earlier,
    /// The answers do not say; the figures decide, see [`fell_to_a_new_count`].
    Unknown,
}

/// How far two billing cycles may overlap and still be neighbours: operators write the last day as the end, in zones of
/// their own.
const SLACK: Duration = Duration::from_hours(24);

/// Compares the periods of two readings, the newer of which was taken at `at`.
///
/// - Lifetime never begins anew. Equal keys, or equal known starts, are one period.
/// - Months and billing cycles with different keys are different periods. Only where the dates of two cycles overlap (the
///   configured billing day was changed) or one key is empty (a billing day was configured, or never) the answers do not
///   say: the operator's count went on, whatever we call the period.
/// - A bundle period with another key is not a new count by itself: a top-up changes the set of bundles while the bytes
///   used so far stay in the figure. Only dates that do not overlap say so.
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
        // A cycle's end that has passed and was replaced by a later one.
        _ if kind == PeriodKind::BillingCycle
            && last.end.is_some_and(|end| end <= at)
            && last.end < new.end =>
        {
            PeriodTransition::Next
        }
        _ => undated(last, new),
    }
}

/// An end that stayed where it was belongs to a count that did not begin anew. One that moved says nothing: bundles are
/// prolonged.
fn undated(last: &Period, new: &Period) -> PeriodTransition {
    if new.end.is_some() && new.end == last.end { PeriodTransition::Same } else { PeriodTransition::Unknown }
}

/// Decides where the answers do not say: a drop to less than half is a new count, a smaller drop a correction. Corrections
/// take back some usage; a count that began anew is near zero unless it was read very late.
#[must_use]
pub const fn fell_to_a_new_count(last: u64, new: u64) -> bool {
    new < last && new < last - new
}
