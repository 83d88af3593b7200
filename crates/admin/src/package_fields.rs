//! The fields of a package as people write them: totals, times, codes and names. Errors say what a field must
//! be.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use simgauge_domain::names;
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
use simgauge_operators::units::{Base, Unit, split_unit};

const TOTAL_MUST: &str = "must be bytes, an amount such as 10GB or 1.5GiB, or unlimited";
const TIME_MUST: &str = "must be a time such as 2026-05-01, 2026-05-01 08:30:00 or 2026-05-01T00:00:00+08:00";

/// What to write in place of an amount that can be read in two ways.
const TOTAL_PLAIN: &str = "write the bytes (1500000000), or an amount with at most two decimals \
                           such as 1.5GB (1 GB = 1,000,000,000 bytes) or 1.5GiB";

/// Bytes in a package; none: unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total(pub Option<u64>);

/// Reads an amount: bytes, decimal units (10GB), binary ones (10GiB), or `unlimited`.
pub fn total(text: &str) -> Result<Total, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("unlimited") {
        return Ok(Total(None));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let bytes = text.parse::<i64>().map_err(|_| too_much())?;
        return Ok(Total(u64::try_from(bytes).ok()));
    }
    unambiguous(text)?;
    let wrong = || TOTAL_MUST.to_owned();
    let base = if text.to_ascii_lowercase().ends_with("ib") { Base::Binary } else { Base::Decimal };
    let (number, unit) = split_unit(text, base).map_err(|_| wrong())?;
    let unit: Unit = unit.ok_or_else(wrong)?;
    if number.is_negative() {
        return Err(wrong());
    }
    let bytes = number.times(unit.bytes(base)).and_then(|bytes| bytes.to_bytes()).map_err(|_| too_much())?;
    Ok(Total(Some(bytes)))
}

/// Refuses amounts that can be read in two ways: `1.000 MB` is one MB or a thousand of them, and `1Gb` may be
/// bits.
///
/// # Errors
/// It can. The error says why, and what to write.
fn unambiguous(text: &str) -> Result<(), String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c.is_whitespace());
    let unit = text[number.len()..].trim();
    if unit.len() > 1 && unit.ends_with('b') && unit.starts_with(|c: char| c.is_ascii_uppercase()) {
        let bytes = unit.trim_end_matches('b');
        return Err(format!("is ambiguous: {unit} may be bits; write {bytes}B where bytes are meant"));
    }
    let grouped = |mark: char| {
        let mut groups = number.split(mark).skip(1).peekable();
        groups.peek().is_some()
            && groups.all(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit()))
    };
    if grouped('.') || grouped(',') || grouped(' ') || grouped('\'') {
        return Err(format!(
            "is ambiguous: {number} may have thousands apart or three decimals; {TOTAL_PLAIN}"
        ));
    }
    Ok(())
}

/// Reads the amount of a new package, which has at least one byte.
pub fn filled_total(text: &str) -> Result<Total, String> {
    match total(text)? {
        Total(Some(0)) => Err("must not be 0: a package has at least one byte".to_owned()),
        total => Ok(total),
    }
}

fn too_much() -> String {
    format!("must be at most {} bytes; a package without limit is unlimited", i64::MAX)
}

/// Reads when a package becomes valid: RFC 3339, or a local date and time, or a local day, which is its first
/// instant.
///
/// # Errors
/// It is none of these. The error says what to write.
pub fn valid_from(text: &str, zone: &TimeZone) -> Result<UnixMs, String> {
    match written(text)? {
        Written::Day(day) => start_of(day, zone),
        Written::Local(local) => instant(local.to_zoned(zone.clone()).map_err(wrong_time)?.timestamp()),
        Written::Instant(at) => instant(at),
    }
}

/// Reads when a package ends, written as for [`valid_from`]. A day means the whole of that day: the package
/// ends with the first instant of the day after it.
///
/// # Errors
/// As of [`valid_from`].
pub fn valid_to(text: &str, zone: &TimeZone) -> Result<UnixMs, String> {
    match written(text)? {
        Written::Day(day) => start_of(day.tomorrow().map_err(wrong_time)?, zone),
        Written::Local(_) | Written::Instant(_) => valid_from(text, zone),
    }
}

/// The day whose first instant this is.
#[must_use]
pub fn first_instant_of(at: UnixMs, zone: &TimeZone) -> Option<Date> {
    let local = Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone());
    (local.start_of_day().ok()? == local).then(|| local.date())
}

/// The day with the whole of which a package ends that ends at this instant.
#[must_use]
pub fn last_day(to: UnixMs, zone: &TimeZone) -> Option<Date> {
    first_instant_of(to, zone)?.yesterday().ok()
}

enum Written {
    Instant(Timestamp),
    Local(DateTime),
    Day(Date),
}

fn wrong_time<E>(_: E) -> String {
    TIME_MUST.to_owned()
}

fn written(text: &str) -> Result<Written, String> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Written::Instant(at));
    }
    match local(text) {
        // Spreadsheets write a date as the midnight at its beginning.
        Ok(local) if local.time() == Time::midnight() => Ok(Written::Day(local.date())),
        Ok(local) => Ok(Written::Local(local)),
        Err(_) => Date::strptime("%Y-%m-%d", text).map(Written::Day).map_err(wrong_time),
    }
}

/// The first instant of a day. It is not always midnight: clocks that go forward then skip that.
fn start_of(day: Date, zone: &TimeZone) -> Result<UnixMs, String> {
    instant(day.to_zoned(zone.clone()).map_err(wrong_time)?.timestamp())
}

fn instant(at: Timestamp) -> Result<UnixMs, String> {
    if at < Timestamp::UNIX_EPOCH {
        return Err("must not be before 1970".to_owned());
    }
    Ok(UnixMs(at.as_millisecond()))
}

fn local(text: &str) -> Result<DateTime, jiff::Error> {
    DateTime::strptime("%Y-%m-%d %H:%M:%S", text)
        .or_else(|_| DateTime::strptime("%Y-%m-%dT%H:%M:%S", text))
        .or_else(|_| DateTime::strptime("%Y-%m-%d %H:%M", text))
}

/// Checks a code: 1 to 64 characters without white space, so that it can be written in a command.
pub fn code(text: &str) -> Result<String, String> {
    let good = |c: char| !c.is_whitespace() && !c.is_control();
    if (1..=64).contains(&text.chars().count()) && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 characters without white space".to_owned())
    }
}

/// Checks a name to show.
pub fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    names::label(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (text, bytes) in [
            ("0", 0),
            ("1073741824", 1_073_741_824),
            ("10GB", 10_000_000_000),
            ("10 gb", 10_000_000_000),
            ("1.5G", 1_500_000_000),
            ("10GiB", 10_737_418_240),
            ("512MiB", 536_870_912),
            ("1e3B", 1_000),
            ("9223372036854775807", 9_223_372_036_854_775_807),
        ] {
            assert_eq!(total(text), Ok(Total(Some(bytes))), "{text}");
        }
        assert_eq!(total("Unlimited"), Ok(Total(None)));
        for wrong in ["", "x", "1.5", "-1", "-1GB", "10XB", "GB", "1,5GB", "９"] {
            assert_eq!(total(wrong), Err(TOTAL_MUST.to_owned()), "{wrong}");
        }
        for huge in ["9223372036854775808", "10000000TB", "1e40GB"] {
            assert!(total(huge).is_err(), "{huge}");
        }
        assert!(filled_total("0").is_err() && filled_total("0.1B").is_err() && filled_total("1").is_ok());
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for (text, says) in [
            ("1.000 MB", "thousands apart"),
            ("1.000MB", "thousands apart"),
            ("1,000 MB", "thousands apart"),
            ("1.000.000 B", "thousands apart"),
            ("1 000 MB", "thousands apart"),
            ("1Gb", "write GB"),
            ("100 Mb", "write MB"),
            ("1Gib", "write GiB"),
        ] {
            let error = total(text).expect_err(text);
            assert!(error.starts_with("is ambiguous") && error.contains(says), "{text}: {error}");
        }
        for (text, bytes) in [("1.5 GB", 1_500_000_000), ("0.25GB", 250_000_000), ("1gb", 1_000_000_000)] {
            assert_eq!(total(text), Ok(Total(Some(bytes))), "{text}");
        }
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("zone")
    }

    #[test]
    fn times() {
        let shanghai = zone("Asia/Shanghai");
        // 2026-05-01T00:00:00+08:00.
        let may = 1_777_564_800_000;
        for text in [
            "2026-05-01",
            "2026-05-01 00:00:00",
            "2026-05-01T00:00:00",
            " 2026-05-01 00:00 ",
            "2026-05-01T00:00:00+08:00",
            "2026-04-30T16:00:00Z",
            "2026-04-30 16:00:00Z",
        ] {
            assert_eq!(valid_from(text, &shanghai), Ok(UnixMs(may)), "{text}");
        }
        // The whole of the last day of April, and a time that was written as one.
        for text in ["2026-04-30", "2026-04-30 00:00:00", "2026-04-30T16:00:00Z", "2026-05-01T00:00:00+08:00"]
        {
            assert_eq!(valid_to(text, &shanghai), Ok(UnixMs(may)), "{text}");
        }
        let noon = UnixMs(may + 12 * 3_600_000);
        assert_eq!(valid_to("2026-05-01 12:00", &shanghai), Ok(noon));
        for wrong in ["", "2026-05", "2026-02-30", "2026-05-01 25:00:00", "2026-05-01x", "05/01/2026"] {
            assert_eq!(valid_from(wrong, &shanghai), Err(TIME_MUST.to_owned()), "{wrong}");
            assert_eq!(valid_to(wrong, &shanghai), Err(TIME_MUST.to_owned()), "{wrong}");
        }
        assert!(valid_from("1969-12-31", &shanghai).is_err());
    }

    /// Days of 23 and 25 hours, days that begin at 01:00, and midnights that come twice.
    #[test]
    fn days_of_zones_with_daylight_saving_are_whole() {
        for (name, day, from, to) in [
            ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
            ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            // Clocks go from 24:00 to 01:00, so the day begins at 01:00.
            ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"),
            // They go back at 24:00, so that hour comes twice, on the day before.
            ("Asia/Beirut", "2026-10-24", "2026-10-23T21:00:00Z", "2026-10-24T22:00:00Z"),
            ("Asia/Shanghai", "2026-05-31", "2026-05-30T16:00:00Z", "2026-05-31T16:00:00Z"),
            ("UTC", "2026-12-31", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            let zone = zone(name);
            let at = |text: &str| UnixMs(text.parse::<Timestamp>().expect(text).as_millisecond());
            assert_eq!(valid_from(day, &zone), Ok(at(from)), "{name} {day}");
            assert_eq!(valid_to(day, &zone), Ok(at(to)), "{name} {day}");
            let shown = |date: Option<Date>| date.map(|date| date.to_string());
            assert_eq!(shown(first_instant_of(at(from), &zone)).as_deref(), Some(day), "{name}");
            assert_eq!(shown(last_day(at(to), &zone)).as_deref(), Some(day), "{name}");
            assert_eq!(last_day(UnixMs(at(to).0 - 1), &zone), None, "a time is no day");
        }
    }

    #[test]
    fn codes_and_names() {
        assert!(code("cn-10gb_30d").is_ok() && code("流量包").is_ok());
        for wrong in ["", "a b", "a\n", &"x".repeat(65)] {
            assert!(code(wrong).is_err(), "{wrong}");
        }
        assert!(name("China 10 GB").is_ok() && name("  ").is_err() && name("a\tb").is_err());
    }
}
