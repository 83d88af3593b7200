//! How many calls an account or an app may make: token buckets, refilled all the time. Each node counts for
//! itself: a limit shared by all of them would cost every call a round trip.

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use simgauge_store::StoredQuota;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// A bucket of calls, without locks.
pub(super) struct Bucket {
    quota: StoredQuota,
    limiter: DefaultDirectRateLimiter,
}

impl Bucket {
    /// The bucket for a quota; none where it is no limit. `before`, where the quota is still the same, goes
    /// on as full as it is.
    pub(super) fn of(quota: Option<StoredQuota>, before: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        let quota = quota?;
        let per_second = NonZeroU32::new(quota.per_second)?;
        if let Some(before) = before.filter(|before| before.quota == quota) {
            return Some(Arc::clone(before));
        }
        let burst = NonZeroU32::new(quota.burst).unwrap_or(NonZeroU32::MIN);
        let limiter = RateLimiter::direct(Quota::per_second(per_second).allow_burst(burst));
        Some(Arc::new(Self { quota, limiter }))
    }

    /// Takes one call out, or says after how long there is one.
    pub(super) fn take(&self) -> Result<(), UsedUp> {
        self.limiter.check().map_err(|until| UsedUp {
            per_second: self.quota.per_second,
            wait: until.wait_time_from(DefaultClock::default().now()),
        })
    }
}

/// A quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// Calls a second.
    pub per_second: u32,
    /// After how long a call is allowed.
    pub wait: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(per_second: u32, burst: u32) -> Option<Arc<Bucket>> {
        Bucket::of(Some(StoredQuota { per_second, burst }), None)
    }

    #[test]
    fn a_burst_and_then_no_more() {
        let bucket = bucket(1, 3).expect("a limit");
        for _ in 0..3 {
            assert_eq!(bucket.take(), Ok(()));
        }
        let used_up = bucket.take().expect_err("used up");
        assert_eq!(used_up.per_second, 1);
        assert!(used_up.wait > Duration::ZERO && used_up.wait <= Duration::from_secs(1));
        let quota = bucket.quota;
        let same = Bucket::of(Some(quota), Some(&bucket)).expect("a limit");
        assert!(same.take().is_err(), "reading the apps again fills no bucket");
        let other = StoredQuota { burst: 4, ..quota };
        assert!(Bucket::of(Some(other), Some(&bucket)).expect("a limit").take().is_ok());
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(bucket(0, 3).is_none());
        assert!(Bucket::of(None, None).is_none());
    }
}
