//! A card's usage: the sum over its profiles.
//!
//! This is what a read operation shows for the current period. Packages are booked from differences and do
//! not depend on which profile is in use: a cloud eSIM that switches profiles keeps all of its bookings.

use crate::metering::mirror::sum;
use crate::reading::{Period, PeriodKind};
use crate::time::UnixMs;

/// The usage of one profile, by its last reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileUsage {
    /// The period of the reading.
    pub period: Period,
    /// Bytes used in the period.
    pub used: u64,
    /// Bytes allowed in the period; `None` where unknown or unlimited.
    pub total: Option<u64>,
    /// The time of the usage ([`super::delta::moment`]).
    pub moment: UnixMs,
}

/// A card's usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardUsage {
    /// Bytes used by all profiles that count.
    pub used: u64,
    /// Bytes allowed; `None` where that of one profile is unknown or unlimited.
    pub total: Option<u64>,
    /// The period from the earliest start to the latest end of the profiles' periods; `None` where their
    /// kinds differ. Its key is theirs where all are equal, otherwise empty.
    pub period: Option<Period>,
    /// The time of the oldest usage in the sum.
    pub moment: UnixMs,
}

/// Sums over the profiles of a card that were read; `None` where none was.
///
/// A profile that is no longer read (switched off on a cloud eSIM) counts until its period is over. The
/// period is over when another profile has a newer reading after its end. Without a newer reading, old usage
/// stays what the card shows, with its period and its age.
#[must_use]
pub fn card_usage(profiles: &[ProfileUsage]) -> Option<CardUsage> {
    let counts = counting(profiles);
    let current: Vec<&ProfileUsage> =
        profiles.iter().zip(counts).filter(|(_, counts)| *counts).map(|(profile, _)| profile).collect();
    Some(CardUsage {
        used: sum(current.iter().map(|profile| profile.used)),
        total: current.iter().map(|profile| profile.total).collect::<Option<Vec<u64>>>().map(sum),
        period: spanning(&current),
        moment: current.iter().map(|profile| profile.moment).min()?,
    })
}

/// Which of a card's profiles count at present; see [`card_usage`].
#[must_use]
pub fn counting(profiles: &[ProfileUsage]) -> Vec<bool> {
    let newest = profiles.iter().map(|profile| profile.moment).max();
    let is_over = |profile: &ProfileUsage| {
        profile.period.kind != PeriodKind::Lifetime
            && newest.is_some_and(|newest| {
                profile.moment < newest && profile.period.end.is_some_and(|end| end <= newest)
            })
    };
    profiles.iter().map(|profile| !is_over(profile)).collect()
}

fn spanning(profiles: &[&ProfileUsage]) -> Option<Period> {
    let (first, rest) = profiles.split_first()?;
    rest.iter().try_fold(first.period.clone(), |mut span, profile| {
        let period = &profile.period;
        if span.key != period.key {
            span.key.clear();
        }
        span.start = span.start.zip(period.start).map(|(one, other)| one.min(other));
        span.end = span.end.zip(period.end).map(|(one, other)| one.max(other));
        (span.kind == period.kind).then_some(span)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(kind: PeriodKind, key: &str, span: (i64, i64), used: u64, moment: i64) -> ProfileUsage {
        let period = Period { kind, key: key.into(), start: Some(UnixMs(span.0)), end: Some(UnixMs(span.1)) };
        ProfileUsage { period, used, total: Some(100), moment: UnixMs(moment) }
    }

    #[test]
    fn a_switched_off_profile_counts_until_its_period_is_over() {
        use PeriodKind::CalendarMonth;
        assert_eq!(card_usage(&[]), None);
        let old = profile(CalendarMonth, "4", (0, 10), 5, 6);
        let same_month = [old.clone(), profile(CalendarMonth, "4", (0, 10), 3, 9)];
        let usage = card_usage(&same_month).expect("two were read");
        assert_eq!((usage.used, usage.total, usage.moment), (8, Some(200), UnixMs(6)));
        assert_eq!(usage.period.expect("one kind").key, "4");
        let next_month = [old.clone(), profile(CalendarMonth, "5", (10, 20), 1, 11)];
        let usage = card_usage(&next_month).expect("two were read");
        assert_eq!((usage.used, usage.total, usage.moment), (1, Some(100), UnixMs(11)));
        assert_eq!(card_usage(&[old]).expect("one was read").used, 5, "nothing newer is known");
    }

    #[test]
    fn different_kinds_are_summed_but_have_no_common_period() {
        let month = profile(PeriodKind::CalendarMonth, "4", (0, 10), 5, 6);
        let mut lifetime = profile(PeriodKind::Lifetime, "", (0, 5), 7, 4);
        lifetime.total = None;
        let usage = card_usage(&[month, lifetime]).expect("two were read");
        assert_eq!((usage.used, usage.total, usage.period, usage.moment), (12, None, None, UnixMs(4)));
    }

    #[test]
    fn cycles_of_different_days_span() {
        let one = profile(PeriodKind::BillingCycle, "1", (0, 30), 5, 20);
        let other = profile(PeriodKind::BillingCycle, "15", (15, 45), 7, 21);
        let usage = card_usage(&[one, other]).expect("two were read");
        let period = usage.period.expect("one kind");
        assert_eq!((period.key.as_str(), period.start, period.end), ("", Some(UnixMs(0)), Some(UnixMs(45))));
    }
}
