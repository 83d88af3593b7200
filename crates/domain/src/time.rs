//! Points in time, as all crates pass them around.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A point in time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// The same point in whole Unix seconds, rounded down. They have 10 digits until the year 2286.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The first millisecond of a Unix second.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// This point plus a duration. It stops at the end of the range.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This point less a duration. It stops at the beginning of the range.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this point; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A time that lies further ahead than this was taken from a clock that was wrong. Clocks of nodes that agree
/// differ by milliseconds.
const AHEAD: Duration = Duration::from_secs(600);

impl UnixMs {
    /// Whether a time that something happened at was taken from a clock that was ahead, since put back.
    #[must_use]
    pub fn is_of_a_clock_ahead(self, now: Self) -> bool {
        self.since(now) > AHEAD
    }
}

impl fmt::Debug for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// A duration in whole seconds, rounded up, so that a wait of so many seconds is long enough.
#[must_use]
pub fn whole_seconds_up(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}
