//! How long a receiver that fails is asked again.

use simgauge_domain::time::UnixMs;
use std::time::Duration;

/// Pauses between attempts, and when it is enough.
#[derive(Clone, Debug)]
pub(super) struct RetrySchedule {
    pauses: Vec<Duration>,
    give_up: Duration,
}

impl RetrySchedule {
    pub(super) fn new(pauses_seconds: &[f64], give_up_hours: f64) -> Self {
        Self {
            pauses: pauses_seconds.iter().copied().map(Duration::from_secs_f64).collect(),
            give_up: Duration::from_secs_f64(give_up_hours * 3600.0),
        }
    }

    /// When to try again after the failed attempt number `attempts`; nothing: it is given up. `chance` in
    /// `0.0..1.0` spreads attempts: a pause is between three quarters and all of its length. The last attempt
    /// is when the time is up.
    pub(super) fn next(
        &self,
        attempts: u32,
        waiting_since: UnixMs,
        now: UnixMs,
        chance: f64,
    ) -> Option<UnixMs> {
        let last = waiting_since.after(self.give_up);
        if now >= last {
            return None;
        }
        let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let full = self.pauses.get(at).or(self.pauses.last()).copied().unwrap_or(Duration::from_secs(60));
        Some(now.after(full.mul_f64(0.75 + 0.25 * chance.clamp(0.0, 1.0))).min(last))
    }

    /// The latest time that an attempt which failed by now can be put off to.
    pub(super) fn latest(&self, now: UnixMs) -> UnixMs {
        now.after(self.pauses.iter().copied().max().unwrap_or(Duration::from_secs(60)))
    }

    /// What has waited since then or longer has had its time.
    pub(super) fn overdue(&self, now: UnixMs) -> UnixMs {
        UnixMs(now.0.saturating_sub(i64::try_from(self.give_up.as_millis()).unwrap_or(i64::MAX)))
    }

    /// A receiver that has failed for so long is not asked about each single one that has had its time.
    pub(super) fn long(&self) -> Duration {
        self.give_up / 24
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_with_the_time() {
        let retry_schedule = RetrySchedule::new(&[5.0, 10.0, 30.0], 24.0);
        let since = UnixMs(1_000);
        let pause =
            |attempts, now: i64| retry_schedule.next(attempts, since, UnixMs(now), 1.0).map(|at| at.0 - now);
        assert_eq!(
            [1, 2, 3, 4, 99].map(|attempts| pause(attempts, 1_000)),
            [5_000, 10_000, 30_000, 30_000, 30_000].map(Some)
        );
        assert_eq!(retry_schedule.next(1, since, since, 0.0), Some(UnixMs(4_750)));
        let day = 86_400_000;
        assert_eq!(pause(50, day), Some(1_000), "a last attempt when the time is up");
        assert_eq!(pause(51, day + 1_000), None);
        assert_eq!(retry_schedule.overdue(UnixMs(day + 1_000)), since);
    }
}
