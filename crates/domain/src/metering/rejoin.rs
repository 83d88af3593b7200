//! Taking back a new count that was only assumed: the operator's count went on.

use crate::metering::delta::{Last, ReadingKind, Step, step_after};
use crate::metering::transition::AfterFall;
use crate::reading::Reading;
use crate::time::UnixMs;

/// What follows where a count went on that was taken for a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejoined {
    /// What is left to be booked, and the profile's state from now on.
    pub step: Step,
    /// The cycle that there was not.
    pub from_cycle: u32,
    /// When the first reading of that cycle began. Its readings belong to the cycle of [`Rejoined::step`].
    pub since: UnixMs,
}

/// Joins an assumed count to the one before it, with a reading that is not older than the last one. `None`
/// where nothing was assumed, or the reading does not continue the count before.
#[must_use]
pub fn rejoin(last: &Last, reading: &Reading, began_at: UnixMs) -> Option<Rejoined> {
    let assumed = last.assumed.as_deref()?;
    let before = &assumed.before;
    let mut step = step_after(Some(before), reading, began_at, AfterFall::SameCount);
    if step.kind == ReadingKind::Late || step.last.cycle != before.cycle {
        return None;
    }
    let restarted = last.cycle != before.cycle;
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let counted_since = signed(last.counted) - if restarted { 0 } else { signed(before.counted) };
    step.delta = step.delta.saturating_sub(counted_since);
    step.kind = if step.delta < 0 { ReadingKind::Correction } else { ReadingKind::SamePeriod };
    Some(Rejoined { step, from_cycle: last.cycle, since: assumed.at })
}

/// The same without a new reading: by the usage that was last read.
#[must_use]
pub fn rejoin_by_last(last: &Last) -> Option<Rejoined> {
    let listed = last.bundles.iter().filter(|state| state.ended_at.is_none());
    let reading = Reading {
        period: last.period.clone(),
        used: last.used,
        total: None,
        as_of: last.as_of,
        status: None,
        raw_status: None,
        bundles: listed.map(|state| state.bundle.clone()).collect(),
    };
    rejoin(last, &reading, last.began_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Period, PeriodKind};

    fn reading(used: u64) -> Reading {
        let period = Period { kind: PeriodKind::BillingCycle, key: String::new(), start: None, end: None };
        Reading { period, used, total: None, as_of: None, status: None, raw_status: None, bundles: vec![] }
    }

    /// The state after these usages, one after another.
    fn after(usages: &[u64]) -> (Last, i64) {
        let mut last: Option<Last> = None;
        let mut sum = 0;
        for (at, used) in (0..).zip(usages) {
            let step = step_after(last.as_ref(), &reading(*used), UnixMs(at), AfterFall::NewCount);
            sum += step.delta;
            last = Some(step.last);
        }
        (last.expect("one at least"), sum)
    }

    #[test]
    fn an_assumed_count_that_was_none_is_taken_back() {
        let (last, sum) = after(&[2000, 0]);
        assert_eq!((last.cycle, sum), (1, 2000));
        let back = rejoin(&last, &reading(2000), UnixMs(9)).expect("assumed");
        assert_eq!(
            (back.step.delta, back.step.last.cycle, back.from_cycle, back.since),
            (0, 0, 1, UnixMs(1))
        );
        assert_eq!((back.step.last.counted, back.step.last.assumed), (2000, None));
        // 70 of the new count are booked; the count before stood at 2000 and is at 2100 now.
        let (last, sum) = after(&[2000, 50, 70]);
        assert_eq!(sum, 2070);
        assert_eq!(rejoin(&last, &reading(2100), UnixMs(9)).expect("assumed").step.delta, 30);
    }

    #[test]
    fn without_a_new_reading_the_fall_becomes_a_correction() {
        let (last, _) = after(&[2000, 50, 70]);
        let back = rejoin_by_last(&last).expect("assumed");
        assert_eq!((back.step.delta, back.step.kind), (-2000, ReadingKind::Correction));
        assert_eq!((back.step.last.counted, back.step.last.used), (70, 70));
        assert_eq!(rejoin_by_last(&back.step.last), None, "once");
    }
}
