//! Calendar months and billing cycles, for answers that carry no dates: in which one a time lies.
//!
//! The caller chooses the time: the operator's own time of the usage where it gives one, otherwise the time
//! of the request less the lag that the operator declares. With the plain time of the request, an operator
//! that is late at the end of a month would put last month's usage under the new month's key until its next
//! answer corrects it.
//!
//! Periods are half-open, `start <= time < end`, and leave no gap: the end of one is the start of the next.
//! They begin with the first instant of a local day. This also holds where daylight saving makes that day
//! begin at 01:00 or have its midnight twice.

use crate::reading::{Period, PeriodKind};
use crate::time::UnixMs;
use jiff::civil::Date;
pub use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// The day of the month on which an operator's billing cycle begins, 1 to 31. In a shorter month it is the
/// last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "i8", into = "i8")]
pub struct BillingDay(i8);

impl BillingDay {
    /// The billing day; `None` where it is not 1 to 31.
    #[must_use]
    pub const fn new(day: i8) -> Option<Self> {
        if matches!(day, 1..=31) { Some(Self(day)) } else { None }
    }

    /// The day, 1 to 31.
    #[must_use]
    pub const fn get(self) -> i8 {
        self.0
    }

    /// The day in the month of `date`.
    fn in_month_of(self, date: Date) -> Option<Date> {
        Date::new(date.year(), date.month(), self.0.min(date.days_in_month())).ok()
    }
}

impl TryFrom<i8> for BillingDay {
    type Error = &'static str;

    fn try_from(day: i8) -> Result<Self, Self::Error> {
        Self::new(day).ok_or("a billing day is 1 to 31")
    }
}

impl From<BillingDay> for i8 {
    fn from(day: BillingDay) -> Self {
        day.0
    }
}

/// The calendar month of `zone` in which `at` lies; its key is `2026-05`. `None` only at the end of the
/// calendar (year 9999).
#[must_use]
pub fn calendar_month(at: UnixMs, zone: &TimeZone) -> Option<Period> {
    let first = |date: Date| Some(date.first_of_month());
    let mut period = around(at, zone, PeriodKind::CalendarMonth, first)?;
    // A key is `year-month-day` with a day of two digits.
    period.key.truncate(period.key.len().saturating_sub(3));
    Some(period)
}

/// The billing cycle in which `at` lies, for cycles that begin on `day` of each month of `zone`; its key is
/// the date of its first day, `2026-05-15`. `None` only at the end of the calendar (year 9999).
#[must_use]
pub fn billing_cycle(at: UnixMs, zone: &TimeZone, day: BillingDay) -> Option<Period> {
    around(at, zone, PeriodKind::BillingCycle, |date| day.in_month_of(date))
}

/// `reported` with its key and dates filled in, where the operator gives none of them and they can be
/// derived: always for months, for cycles where the billing day is configured.
#[must_use]
pub fn dated(reported: Period, at: UnixMs, zone: &TimeZone, day: Option<BillingDay>) -> Period {
    if !reported.key.is_empty() || reported.start.is_some() || reported.end.is_some() {
        return reported;
    }
    let derived = match (reported.kind, day) {
        (PeriodKind::CalendarMonth, _) => calendar_month(at, zone),
        (PeriodKind::BillingCycle, Some(day)) => billing_cycle(at, zone, day),
        (PeriodKind::BillingCycle, None) | (PeriodKind::Bundle | PeriodKind::Lifetime, _) => None,
    };
    derived.unwrap_or(reported)
}

/// The calendar day of `zone` in which `at` lies.
#[must_use]
pub fn local_day(at: UnixMs, zone: &TimeZone) -> Date {
    // Times beyond the calendar count as its ends: a wrong day there is better than no booking.
    let (first, last) = (Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
    let at = Timestamp::from_millisecond(at.0.clamp(first, last)).unwrap_or(Timestamp::MAX);
    at.to_zoned(zone.clone()).date()
}

/// The period in which `at` lies, of those that begin once a month. `begin` gives the first day for the month
/// of a date.
fn around(
    at: UnixMs,
    zone: &TimeZone,
    kind: PeriodKind,
    begin: impl Fn(Date) -> Option<Date>,
) -> Option<Period> {
    let first = local_day(at, zone).first_of_month();
    let start = |months: i32| {
        let date = begin(first.checked_add(months.months()).ok()?)?;
        Some((date, start_of(date, zone)?))
    };
    // Chosen by instants and not by local dates: where clocks go back over midnight a date occurs twice, and
    // the second time the next period has begun.
    let starts: Vec<(Date, UnixMs)> = (-1..=2).filter_map(start).collect();
    let found = starts.windows(2).find_map(|pair| match pair {
        [start, end] if start.1 <= at && at < end.1 => Some((*start, *end)),
        _ => None,
    });
    let ((date, start), (_, end)) = found?;
    Some(Period { kind, key: date.to_string(), start: Some(start), end: Some(end) })
}

/// The first instant of a local day.
fn start_of(date: Date, zone: &TimeZone) -> Option<UnixMs> {
    let midnight = date.to_zoned(zone.clone()).ok()?;
    Some(UnixMs(midnight.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests;
