//! Dates as operators write them.

use crate::units::Decimal;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use simgauge_domain::time::UnixMs;

/// 2000-01-01T00:00:00Z. No operator's figure is older: a date before it is no date, or in another unit.
const EARLIEST: UnixMs = UnixMs(946_684_800_000);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateFormat {
    /// RFC 3339, also with an offset without colon (`+0000`). Without any offset the declared zone counts.
    Rfc3339,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
    /// A strftime pattern, read in the declared zone unless it has an offset of its own.
    Pattern(String),
}

impl DateFormat {
    /// The format of that name, or the pattern itself where it has a `%`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "rfc3339" => Self::Rfc3339,
            "unix_s" => Self::UnixSeconds,
            "unix_ms" => Self::UnixMillis,
            pattern if pattern.contains('%') => Self::Pattern(pattern.to_owned()),
            _ => return None,
        })
    }

    /// The time that `text` means. A date without an offset is read in `zone`. `None` where it cannot be
    /// read, or is before the year 2000.
    #[must_use]
    pub fn read(&self, text: &str, zone: &TimeZone) -> Option<UnixMs> {
        self.read_any(text.trim(), zone).filter(|at| *at >= EARLIEST)
    }

    fn read_any(&self, text: &str, zone: &TimeZone) -> Option<UnixMs> {
        match self {
            Self::UnixSeconds => since_1970(text, 1000),
            Self::UnixMillis => since_1970(text, 1),
            Self::Rfc3339 => {
                if let Ok(at) = text.parse::<Timestamp>() {
                    return Some(UnixMs(at.as_millisecond()));
                }
                Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text)
                    .map(|at| UnixMs(at.as_millisecond()))
                    .ok()
                    .or_else(|| in_zone(text.parse::<DateTime>().ok()?, zone))
            }
            Self::Pattern(pattern) => {
                let broken_down = jiff::fmt::strtime::parse(pattern, text).ok()?;
                if let Ok(at) = broken_down.to_timestamp() {
                    return Some(UnixMs(at.as_millisecond()));
                }
                let civil = broken_down.to_datetime().or_else(|_| broken_down.to_date().map(DateTime::from));
                in_zone(civil.ok()?, zone)
            }
        }
    }

    /// `at` in this format and `zone`. `None` for a pattern that jiff cannot print.
    #[must_use]
    pub fn write(&self, at: UnixMs, zone: &TimeZone) -> Option<String> {
        match self {
            Self::UnixSeconds => Some(at.seconds().to_string()),
            Self::UnixMillis => Some(at.0.to_string()),
            Self::Rfc3339 => {
                let stamp = Timestamp::from_second(at.seconds()).ok()?;
                if *zone == TimeZone::UTC {
                    return Some(stamp.to_string());
                }
                let zoned = stamp.to_zoned(zone.clone());
                Some(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
            }
            Self::Pattern(pattern) => jiff::fmt::strtime::format(pattern, &zoned(at, zone)?).ok(),
        }
    }
}

/// Also `1793491200.0` and `1.7934912e9`.
fn since_1970(text: &str, millis_per_unit: u64) -> Option<UnixMs> {
    let millis = Decimal::parse(text).and_then(|number| number.times(millis_per_unit)?.to_bytes()).ok()?;
    let at = Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()?;
    Some(UnixMs(at.as_millisecond()))
}

fn in_zone(civil: DateTime, zone: &TimeZone) -> Option<UnixMs> {
    zone.to_ambiguous_zoned(civil).compatible().ok().map(|at| UnixMs(at.timestamp().as_millisecond()))
}

fn zoned(at: UnixMs, zone: &TimeZone) -> Option<Zoned> {
    Timestamp::from_millisecond(at.0).ok().map(|stamp| stamp.to_zoned(zone.clone()))
}

/// The zone of that name: `UTC`, an IANA name or a fixed offset such as `+08:00`.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("utc") {
        return Some(TimeZone::UTC);
    }
    if name.starts_with(['+', '-']) {
        return TimeZone::posix(&posix_offset(name)?).ok();
    }
    TimeZone::get(name).ok()
}

/// POSIX writes offsets with the opposite sign and a name before them.
fn posix_offset(offset: &str) -> Option<String> {
    let (sign, digits) = offset.split_at(1);
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None => (digits.get(..2)?, digits.get(2..).unwrap_or("")),
    };
    let hours: u8 = hours.parse().ok()?;
    let minutes: u8 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    if hours > 14 || minutes > 59 {
        return None;
    }
    Some(format!("<{sign}{hours:02}>{}{hours:02}:{minutes:02}", if sign == "+" { "-" } else { "+" }))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// `2026-05`.
    pub key: String,
    /// Its first instant.
    pub start: UnixMs,
    /// The first instant after it.
    pub end: UnixMs,
}

/// The calendar month that `at` is in.
#[must_use]
pub fn month_of(at: UnixMs, zone: &TimeZone) -> Option<Month> {
    let now = zoned(at, zone)?;
    let first = now.date().first_of_month();
    let next = first.checked_add(1.month()).ok()?;
    Some(Month {
        key: format!("{:04}-{:02}", first.year(), first.month()),
        start: in_zone(first.into(), zone)?,
        end: in_zone(next.into(), zone)?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(format: &str, text: &str, zone_name: &str) -> Option<i64> {
        DateFormat::parse(format).unwrap().read(text, &zone(zone_name).unwrap()).map(UnixMs::seconds)
    }

    #[test]
    fn every_way_of_writing_the_same_second() {
        let at = Some(1_780_272_000);
        assert_eq!(read("rfc3339", "2026-06-01T00:00:00.000Z", "UTC"), at);
        assert_eq!(read("rfc3339", "2026-06-01T00:00:00.000+0000", "UTC"), at);
        assert_eq!(read("rfc3339", "2026-06-01T08:00:00+08:00", "UTC"), at);
        assert_eq!(read("rfc3339", "2026-06-01T08:00:00", "Asia/Shanghai"), at);
        assert_eq!(read("%Y-%m-%d %H:%M:%S", "2026-06-01 08:00:00", "Asia/Shanghai"), at);
        assert_eq!(read("%Y-%m-%d %H:%M:%S", "2026-06-01 08:00:00", "+08:00"), at);
        assert_eq!(read("%Y%m%d", "20260601", "UTC"), at);
        assert_eq!(read("rfc3339", "2026-06-01", "UTC"), at);
        assert_eq!(read("unix_s", "1780272000", "UTC"), at);
        assert_eq!(read("unix_ms", "1780272000000", "UTC"), at);
    }

    #[test]
    fn nonsense_is_none() {
        for text in ["", "soon", "2026-13-01 00:00:00", "99999999999999999999"] {
            assert_eq!(read("%Y-%m-%d %H:%M:%S", text, "UTC"), None, "{text}");
            assert_eq!(read("unix_s", text, "UTC"), None, "{text}");
        }
    }

    #[test]
    fn months_follow_the_zone() {
        let at = UnixMs::from_seconds(1_780_272_000 - 3600);
        assert_eq!(month_of(at, &TimeZone::UTC).unwrap().key, "2026-05");
        let shanghai = month_of(at, &zone("Asia/Shanghai").unwrap()).unwrap();
        assert_eq!((shanghai.key.as_str(), shanghai.start.seconds()), ("2026-06", 1_780_272_000 - 8 * 3600));
    }

    #[test]
    fn written_in_a_zone() {
        let at = UnixMs::from_seconds(1_780_272_000);
        let shanghai = zone("Asia/Shanghai").unwrap();
        let write = |format: &str| DateFormat::parse(format).unwrap().write(at, &shanghai).unwrap();
        assert_eq!(write("%Y%m%d%H%M%S"), "20260601080000");
        assert_eq!(write("rfc3339"), "2026-06-01T08:00:00+08:00");
    }
}
