//! Calendar months and billing cycles of answers that carry no dates: which one an instant lies in.
//!
//! The caller chooses the instant: the operator's own time of the figure where there is one, otherwise the time of asking
//! less the lag the operator declares. Asked with the plain time of asking, an operator that is late at the turn of a
//! month puts last month's figure under the new month's key until its next answer corrects it.
//!
//! Periods are half-open, `start <= instant < end`, and tile time: one's end is the next one's start. They begin with the
//! first instant of a local day, also where daylight saving makes that day begin at 01:00 or have its midnight twice.

use crate::reading::{Period, PeriodKind};
use crate::time::UnixMs;
use jiff::civil::Date;
pub use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// The day of the month an operator's billing cycle begins on, 1 to 31; in shorter months, their last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "i8", into = "i8")]
pub struct BillingDay(i8);

impl BillingDay {
    /// The day, where there is such a day.
    #[must_use]
    pub const fn new(day: i8) -> Option<Self> {
        if matches!(day, 1..=31) { Some(Self(day)) } else { None }
    }

    /// The day as configured, 1 to 31.
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

/// The calendar month of `zone` that `at` lies in; key `2026-05`. `None` only at the end of the calendar (year 9999).
#[must_use]
pub fn calendar_month(at: UnixMs, zone: &TimeZone) -> Option<Period> {
    let first = |date: Date| Some(date.first_of_month());
    let mut period = around(at, zone, PeriodKind::CalendarMonth, first)?;
    // A key is `year-month-day` with a day of two digits.
    period.key.truncate(period.key.len().saturating_sub(3));
    Some(period)
}

/// The billing cycle that `at` lies in, for cycles that begin on `day` of each month of `zone`; key: the date of its first
/// day, `2026-05-15`. `None` only at the end of the calendar (year 9999).
#[must_use]
pub fn billing_cycle(at: UnixMs, zone: &TimeZone, day: BillingDay) -> Option<Period> {
    around(at, zone, PeriodKind::BillingCycle, |date| day.in_month_of(date))
}

/// `told` with key and dates filled in where the operator tells none of them and they can be derived: months always, cycles
/// where the billing day is configured.
#[must_use]
pub fn dated(told: Period, at: UnixMs, zone: &TimeZone, day: Option<BillingDay>) -> Period {
    if !told.key.is_empty() || told.start.is_some() || told.end.is_some() {
        return told;
    }
    let derived = match (told.kind, day) {
        (PeriodKind::CalendarMonth, _) => calendar_month(at, zone),
        (PeriodKind::BillingCycle, Some(day)) => billing_cycle(at, zone, day),
        (PeriodKind::BillingCycle, None) | (PeriodKind::Bundle | PeriodKind::Lifetime, _) => None,
    };
    derived.unwrap_or(told)
}

/// The calendar day of `zone` that `at` lies in.
#[must_use]
pub fn local_day(at: UnixMs, zone: &TimeZone) -> Date {
    // Times beyond the calendar are put at its ends: a wrong day there is better than no booking.
    let (first, last) = (Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
    let at = Timestamp::from_millisecond(at.0.clamp(first, last)).unwrap_or(Timestamp::MAX);
    at.to_zoned(zone.clone()).date()
}

/// The period around `at` among those that begin once a month, on the day `begin` names for a date's month.
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
    // Chosen by instants and not by local dates: where clocks go back over midnight a date comes twice, and the second time
    // the next period has begun.
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
