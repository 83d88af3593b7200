//! The fields of a package as people write them: totals, times, codes and names. Errors say what a field must
//! be.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use simgauge_domain::names;
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
use simgauge_operators::units::{Base, Unit, split_unit};

const TOTAL_MUST: &str = "must be bytes, an amount such as 10GB or 1.5GiB, or unlimited";
const TIME_MUST: &str = "must be a time such as 2026-05-01, 2026-05-01 08:30:00 or 2026-05-01T00:00:00+08:00";

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

/// Reads a time: RFC 3339, or local date (its first instant), or local date and time.
pub fn time(text: &str, zone: &TimeZone) -> Result<UnixMs, String> {
    let text = text.trim();
    let wrong = |_| TIME_MUST.to_owned();
    let at = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => local(text)
            .or_else(|_| Date::strptime("%Y-%m-%d", text).map(|date| date.at(0, 0, 0, 0)))
            .and_then(|local| local.to_zoned(zone.clone()))
            .map_err(wrong)?
            .timestamp(),
    };
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
    fn times() {
        let shanghai = TimeZone::get("Asia/Shanghai").expect("zone");
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
            assert_eq!(time(text, &shanghai), Ok(UnixMs(may)), "{text}");
        }
        for wrong in ["", "2026-05", "2026-02-30", "2026-05-01 25:00:00", "2026-05-01x", "05/01/2026"] {
            assert_eq!(time(wrong, &shanghai), Err(TIME_MUST.to_owned()), "{wrong}");
        }
        assert!(time("1969-12-31", &shanghai).is_err());
        // Midnight does not exist on this day: clocks go from 00:00 to 01:00.
        let beirut = TimeZone::posix("EET-2EEST,M3.5.0/0,M10.5.0/0").expect("zone");
        assert_eq!(time("2026-03-29", &beirut), time("2026-03-28T22:00:00Z", &beirut));
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
