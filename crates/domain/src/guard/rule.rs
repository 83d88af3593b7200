//! What the guard goes by.

use crate::reading::Reading;
use crate::time::UnixMs;
use std::sync::Arc;
use std::time::Duration;

/// The least time between two readings that settle a fall: upstream caches hold an answer for 20 minutes.
const LEAST_APART: Duration = Duration::from_secs(30 * 60);
/// A fall that no reading settled is booked after this time.
pub const SETTLES_WITHIN: Duration = Duration::from_hours(24);
/// A period may start so far ahead: time zones differ.
const AHEAD: Duration = Duration::from_hours(48);
/// Bytes that any growth may have.
const FREE: u64 = 10 << 30;
/// How long a count may have run of which nothing is known.
const LONGEST: Duration = Duration::from_hours(24 * 3652);

/// The speed that a bearer is taken to have where nothing else is configured, in bits per second.
pub const BEARER_BITS_PER_SECOND: u64 = 150_000_000;

/// The largest numbers of the usual types, and rows of nines: they stand for "unlimited" or "no value".
const LARGEST: [u64; 8] = [
    i32::MAX.unsigned_abs() as u64,
    u32::MAX as u64,
    999_999_999,
    9_999_999_999,
    99_999_999_999,
    999_999_999_999,
    i64::MAX.unsigned_abs(),
    u64::MAX,
];
/// The units that they come in.
const UNITS: [u64; 5] = [1, 1_000, 1_024, 1_000_000, 1 << 20];

/// What readings of one operator account are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardRule {
    /// What a SIM carries at most, in bits per second.
    pub bearer_bits_per_second: u64,
    /// Usages in bytes that mean "no value" at this operator, beside those that are known anyway.
    pub sentinels: Arc<[u64]>,
    /// How old the usage of an answer can be.
    pub lag: Duration,
}

impl Default for GuardRule {
    fn default() -> Self {
        Self {
            bearer_bits_per_second: BEARER_BITS_PER_SECOND,
            sentinels: Arc::default(),
            lag: Duration::ZERO,
        }
    }
}

impl GuardRule {
    /// How much younger a reading must be that settles a fall.
    #[must_use]
    pub fn apart(&self) -> Duration {
        self.lag.max(LEAST_APART)
    }

    /// Whether a usage stands for no usage at all.
    #[must_use]
    pub fn is_sentinel(&self, used: u64) -> bool {
        let known = |unit: u64| used.is_multiple_of(unit) && LARGEST.contains(&(used / unit));
        used >= i64::MAX.unsigned_abs() || self.sentinels.contains(&used) || UNITS.into_iter().any(known)
    }

    /// Whether usage can have grown by so many bytes since then. `since`: `None` where nothing is known.
    #[must_use]
    pub fn can_have_grown(&self, bytes: u64, since: Option<UnixMs>, at: UnixMs) -> bool {
        let span = since.map_or(LONGEST, |since| at.since(since).saturating_add(self.lag));
        let carried = u128::from(self.bearer_bits_per_second / 8) * span.as_millis() / 1000;
        u128::from(bytes) <= carried + u128::from(FREE)
    }
}

/// Whether a reading's period cannot be: it ends before it starts, or starts far ahead. (Bundles are bought
/// ahead of their start.)
#[must_use]
pub fn is_impossible_period(reading: &Reading, began_at: UnixMs) -> bool {
    use crate::reading::PeriodKind::Bundle;
    let period = &reading.period;
    let backwards = period.start.zip(period.end).is_some_and(|(start, end)| end < start);
    let ahead = period.kind != Bundle && period.start.is_some_and(|start| start > began_at.after(AHEAD));
    backwards || ahead
}
