//! How operators write amounts and dates.

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};
use serde_json::{Number, Value};
use simgauge_domain::time::UnixMs;

/// A megabyte in powers of ten.
pub(crate) const MB: u64 = 1_000_000;
/// A megabyte in powers of two.
pub(crate) const MIB: u64 = 1_048_576;
/// A kilobyte in powers of two.
pub(crate) const KIB: u64 = 1_024;
/// Hours that China is ahead of UTC. It has had no summer time since 1991.
pub(crate) const CHINA: i8 = 8;

/// `bytes` in `unit`s with exactly `decimals` decimals, rounded down.
pub(crate) fn fixed(bytes: u64, unit: u64, decimals: u32) -> String {
    let scale = 10_u128.pow(decimals);
    let scaled = u128::from(bytes) * scale / u128::from(unit);
    let (whole, fraction) = (scaled / scale, scaled % scale);
    match decimals {
        0 => whole.to_string(),
        _ => format!("{whole}.{fraction:0width$}", width = decimals as usize),
    }
}

/// The same without trailing zeros, but with at least one decimal.
pub(crate) fn trimmed(bytes: u64, unit: u64, decimals: u32) -> String {
    let text = fixed(bytes, unit, decimals);
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

/// The same as a JSON number. Whole numbers have no fraction.
pub(crate) fn number(bytes: u64, unit: u64, decimals: u32) -> Value {
    if bytes.is_multiple_of(unit) {
        return Value::from(bytes / unit);
    }
    fraction(bytes, unit, decimals)
}

/// The same as a JSON number that always has a fraction.
pub(crate) fn fraction(bytes: u64, unit: u64, decimals: u32) -> Value {
    fixed(bytes, unit, decimals).parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// The total of a plan that gets another package whenever it is used up.
pub(crate) fn topped_up(used: u64, package: u64) -> u64 {
    (used / package).saturating_add(1).saturating_mul(package)
}

/// An instant in a zone that is `hours` ahead of UTC.
pub(crate) fn at(now: UnixMs, hours: i8) -> Zoned {
    let offset = Offset::from_hours(hours).unwrap_or(Offset::UTC);
    Timestamp::from_millisecond(now.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::fixed(offset))
}

pub(crate) fn month_start(moment: &Zoned) -> Zoned {
    moment.first_of_month().and_then(|first| first.start_of_day()).unwrap_or_else(|_| moment.clone())
}

/// The first instant of the month that is `months` away.
pub(crate) fn month_away(moment: &Zoned, months: i32) -> Zoned {
    let start = month_start(moment);
    start.checked_add(months.months()).unwrap_or(start)
}

/// The first instant of the year that is `years` later. Bundles begin and end there, so that they stay the
/// same for as long as a simulator is likely to run.
pub(crate) fn year_start(moment: &Zoned, years: i32) -> Zoned {
    let start =
        moment.first_of_year().and_then(|first| first.start_of_day()).unwrap_or_else(|_| moment.clone());
    start.checked_add(years.years()).unwrap_or(start)
}

/// `2026-05-01 10:00:00`.
pub(crate) fn plain_date(moment: &Zoned) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-05-01T10:00:00Z`.
pub(crate) fn rfc3339(moment: &Zoned) -> String {
    moment.with_time_zone(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-05-01T10:00:00.000Z`.
pub(crate) fn rfc3339_millis(moment: &Zoned) -> String {
    moment.with_time_zone(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Every day from `first` to `last`, both included, but at most 200.
pub(crate) fn days(first: Date, last: Date) -> impl Iterator<Item = Date> {
    first.series(1.day()).take_while(move |day| *day <= last).take(200)
}

/// What this month's usage comes to on one of its days. All days up to today have the same share, and the
/// first has what is left over.
pub(crate) fn day_share(used: u64, day: Date, today: Date) -> u64 {
    if day.first_of_month() != today.first_of_month() || day > today {
        return 0;
    }
    let days = u64::from(today.day().unsigned_abs());
    if day.day() == 1 { used - used / days * (days - 1) } else { used / days }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_operators_do() {
        assert_eq!(fixed(1_500_000, MB, 6), "1.500000");
        assert_eq!(fixed(1_999_999, MB, 2), "1.99");
        assert_eq!(trimmed(150_500_000, MB, 6), "150.5");
        assert_eq!(trimmed(500_000_000, MB, 6), "500.0");
        assert_eq!(number(410_250_000, MB, 6).to_string(), "410.25");
        assert_eq!(number(512_000_000, MB, 6).to_string(), "512");
        assert_eq!(fraction(30 * MIB, MIB, 2).to_string(), "30.0");
        assert_eq!(fixed(u64::MAX, 1, 6), "18446744073709551615.000000");
    }

    #[test]
    fn the_days_of_a_month_share_its_usage() {
        let today = Date::constant(2026, 5, 3);
        let shares = days(Date::constant(2026, 4, 30), Date::constant(2026, 5, 4));
        assert_eq!(shares.map(|day| day_share(100, day, today)).collect::<Vec<_>>(), [0, 34, 33, 33, 0]);
    }

    #[test]
    fn dates_are_written_as_operators_do() {
        // 2026-04-30T20:00:00Z is May already in China.
        let now = UnixMs(1_777_579_200_000);
        assert_eq!(plain_date(&month_start(&at(now, CHINA))), "2026-05-01 00:00:00");
        assert_eq!(rfc3339(&month_start(&at(now, 0))), "2026-04-01T00:00:00Z");
        assert_eq!(rfc3339_millis(&month_away(&at(now, 0), 2)), "2026-06-01T00:00:00.000Z");
    }
}
