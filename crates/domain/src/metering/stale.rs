//! Whether usage is still old after a refresh.

use crate::metering::delta::moment;
use crate::time::UnixMs;
use std::time::Duration;

/// Whether a profile's usage is stale at the end of a refresh: it is at least `limit` old. Its age is by the
/// operator's own time (`as_of`) where it gives one, otherwise by when the last successful reading began
/// (`began_at`). Where both are `None` the profile was never read.
#[must_use]
pub fn is_stale(
    as_of: Option<UnixMs>,
    began_at: Option<UnixMs>,
    refreshed_at: UnixMs,
    limit: Duration,
) -> bool {
    let Some(began_at) = began_at else { return true };
    refreshed_at.since(moment(as_of, began_at)) >= limit
}

/// Whether to notify `usage.stale`: once when usage becomes stale, and again only after it was fresh.
#[must_use]
pub const fn became_stale(was: bool, is: bool) -> bool {
    is && !was
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_operators_time_where_it_gives_one() {
        const HOUR: i64 = 3_600_000;
        let stale = |as_of: Option<i64>, began: Option<i64>, now: i64| {
            is_stale(as_of.map(UnixMs), began.map(UnixMs), UnixMs(now), Duration::from_hours(24))
        };
        assert!(stale(None, None, 0), "never read");
        assert!(!stale(None, Some(100 * HOUR), 100 * HOUR + 1));
        assert!(stale(None, Some(76 * HOUR), 100 * HOUR), "exactly the limit: nothing newer than that");
        assert!(!stale(None, Some(76 * HOUR + 1), 100 * HOUR));
        assert!(stale(Some(70 * HOUR), Some(100 * HOUR), 100 * HOUR), "read now, usage of two days ago");
        assert!(stale(Some(500 * HOUR), Some(70 * HOUR), 100 * HOUR), "a time ahead does not help");
    }

    #[test]
    fn notified_once() {
        let notified: Vec<bool> =
            [false, true, true, false, true].windows(2).map(|pair| became_stale(pair[0], pair[1])).collect();
        assert_eq!(notified, [true, false, false, true]);
    }
}
