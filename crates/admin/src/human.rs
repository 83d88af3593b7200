//! Amounts, times and spans as people read them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const UNITS: [(&str, u64); 6] = [
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("EB", 1_000_000_000_000_000_000),
];

/// Bytes in decimal units with one place: `1.2 GB`.
#[must_use]
pub fn bytes(amount: u64) -> String {
    if amount < 1_000 {
        return format!("{amount} B");
    }
    // Rounded first: 999,960 bytes are 1.0 MB, not 1000.0 kB.
    let tenths = |unit: u64| (u128::from(amount) * 10 + u128::from(unit) / 2) / u128::from(unit);
    let (name, unit) = UNITS
        .into_iter()
        .find(|(name, unit)| tenths(*unit) < 10_000 || *name == "EB")
        .unwrap_or(("kB", 1_000));
    let tenths = tenths(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// Bytes in human units and exactly: `1.2 GB (1,234,567,890 bytes)`.
#[must_use]
pub fn bytes_exact(amount: u64) -> String {
    if amount < 1_000 {
        return format!("{amount} bytes");
    }
    format!("{} ({} bytes)", bytes(amount), count(amount))
}

/// How an amount has changed: `+3.1 MB (+3,123,456 bytes)`.
#[must_use]
pub fn change(before: u64, after: u64) -> String {
    let sign = match after.cmp(&before) {
        std::cmp::Ordering::Equal => return "none".to_owned(),
        std::cmp::Ordering::Greater => '+',
        std::cmp::Ordering::Less => '-',
    };
    let amount = after.abs_diff(before);
    if amount < 1_000 {
        return format!("{sign}{amount} bytes");
    }
    format!("{sign}{} ({sign}{} bytes)", bytes(amount), count(amount))
}

/// A number with its thousands apart: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Unix seconds in UTC and, where that differs, in local time.
#[must_use]
pub fn time(unix_seconds: i64) -> String {
    time_in(unix_seconds, &TimeZone::system())
}

fn time_in(unix_seconds: i64, zone: &TimeZone) -> String {
    let Ok(timestamp) = Timestamp::from_second(unix_seconds) else {
        return format!("{unix_seconds} (not a date)");
    };
    let utc = timestamp.to_zoned(TimeZone::UTC);
    let local = timestamp.to_zoned(zone.clone());
    let shown = utc.strftime("%Y-%m-%d %H:%M:%S UTC");
    if local.offset() == utc.offset() {
        return shown.to_string();
    }
    let clock = if local.date() == utc.date() { "%H:%M:%S %:z" } else { "%Y-%m-%d %H:%M:%S %:z" };
    format!("{shown} ({})", local.strftime(clock))
}

/// A span: `4 min 58 s`, `2 h 5 min`, `3 d 4 h`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{large} {large_unit}")
        } else {
            format!("{large} {large_unit} {small} {small_unit}")
        }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// A time and how far it is from `now`: `2026-05-01 00:00:00 UTC (4 min ago)`.
#[must_use]
pub fn time_and_distance(unix_seconds: i64, now: i64) -> String {
    let distance = SignedDuration::from_secs(unix_seconds.saturating_sub(now));
    let span = duration(distance.unsigned_abs().as_secs());
    let shown = time(unix_seconds);
    match distance.signum() {
        1 => format!("{shown}, in {span}"),
        -1 => format!("{shown}, {span} ago"),
        _ => format!("{shown}, now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (amount, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_249, "1.2 kB"),
            (1_250, "1.3 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (1_234_567_890, "1.2 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(amount), expected, "{amount}");
        }
        assert_eq!(bytes_exact(1_234_567_890), "1.2 GB (1,234,567,890 bytes)");
        assert_eq!(bytes_exact(12), "12 bytes");
        assert_eq!(change(1_000, 4_123_456), "+4.1 MB (+4,122,456 bytes)");
        assert_eq!(change(500, 1), "-499 bytes");
        assert_eq!(change(5, 5), "none");
        assert_eq!(
            [count(0), count(999), count(1_000), count(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn times() {
        let china = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(time_in(1_721_032_086, &china), "2024-07-15 08:28:06 UTC (16:28:06 +08:00)");
        assert_eq!(time_in(1_721_062_086, &china), "2024-07-15 16:48:06 UTC (2024-07-16 00:48:06 +08:00)");
        assert_eq!(time_in(1_721_032_086, &TimeZone::UTC), "2024-07-15 08:28:06 UTC");
        assert_eq!(time_in(i64::MAX, &TimeZone::UTC), format!("{} (not a date)", i64::MAX));
        assert_eq!(
            [0, 59, 60, 298, 7_500, 86_400, 273_600].map(duration),
            ["0 s", "59 s", "1 min", "4 min 58 s", "2 h 5 min", "1 d", "3 d 4 h"]
        );
        assert!(time_and_distance(100, 160).ends_with(", 1 min ago"));
        assert!(time_and_distance(160, 100).ends_with(", in 1 min"));
    }
}
