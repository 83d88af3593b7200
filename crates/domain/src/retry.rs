//! When a failed reading is attempted again.

use crate::failure::FailureKind;
use crate::time::UnixMs;
use std::time::Duration;

/// The pauses between attempts, and when attempts end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryRule {
    /// The pause after the first failure. It doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// No attempt starts later than this after the first one. The time that a task waited before the first
    /// does not count.
    pub deadline: Duration,
}

/// What happens after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt, not before this time.
    RetryAt(UnixMs),
    /// The refresh ends as failed.
    GiveUp,
}

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct FailedAttempt {
    /// The kind of the failure.
    pub kind: FailureKind,
    /// The number of attempts, this one included.
    pub attempts: u32,
    /// When the first attempt began.
    pub first_attempt_at: UnixMs,
    /// How long the operator asked us to wait (`Retry-After`), where it did.
    pub retry_after: Option<Duration>,
}

impl RetryRule {
    /// Decides what happens after a failure. `chance` is a random number in `0.0..1.0`: a pause is between
    /// half and all of its full length, so that many cards that failed together are not attempted together
    /// again.
    #[must_use]
    pub fn next(&self, failed: &FailedAttempt, now: UnixMs, chance: f64) -> Next {
        if failed.kind.is_final() {
            return Next::GiveUp;
        }
        let doublings = failed.attempts.saturating_sub(1).min(20);
        let full = self.first_pause.saturating_mul(1 << doublings).min(self.longest_pause);
        let spread = full.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0));
        let at = now.after(spread.max(failed.retry_after.unwrap_or_default()));
        let last = failed.first_attempt_at.after(self.deadline);
        // A last attempt at the deadline is worth more than an early end.
        if at <= last {
            Next::RetryAt(at)
        } else if failed.retry_after.is_none_or(|wait| now.after(wait) <= last)
            && now.after(self.first_pause) < last
        {
            Next::RetryAt(last)
        } else {
            Next::GiveUp
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: RetryRule = RetryRule {
        first_pause: Duration::from_secs(2),
        longest_pause: Duration::from_secs(60),
        deadline: Duration::from_secs(300),
    };

    fn failed(kind: FailureKind, attempts: u32) -> FailedAttempt {
        FailedAttempt { kind, attempts, first_attempt_at: UnixMs(0), retry_after: None }
    }

    #[test]
    fn final_kinds_end_at_once() {
        for kind in FailureKind::ALL {
            let next = RULE.next(&failed(kind, 1), UnixMs(0), 0.5);
            let ends = matches!(
                kind,
                FailureKind::Auth
                    | FailureKind::NotFound
                    | FailureKind::Unsupported
                    | FailureKind::Internal
                    | FailureKind::OperatorDown
                    | FailureKind::OperatorPaused
                    | FailureKind::QueueTimeout
            );
            assert_eq!(next == Next::GiveUp, ends, "{kind}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pause = |attempts| match RULE.next(&failed(FailureKind::Temporary, attempts), UnixMs(0), 1.0) {
            Next::RetryAt(at) => at.0,
            Next::GiveUp => -1,
        };
        assert_eq!([1, 2, 3, 6, 7, 30].map(pause), [2_000, 4_000, 8_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn retry_after_is_honoured() {
        let mut attempt = failed(FailureKind::RateLimited, 1);
        attempt.retry_after = Some(Duration::from_secs(90));
        assert_eq!(RULE.next(&attempt, UnixMs(1000), 0.0), Next::RetryAt(UnixMs(91_000)));
        attempt.retry_after = Some(Duration::from_secs(301));
        assert_eq!(RULE.next(&attempt, UnixMs(0), 0.0), Next::GiveUp);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Whatever the chance, retries move on, none starts after the deadline, and they end.
        #[test]
        fn retries_end_at_the_deadline(
            chances in proptest::collection::vec(0.0..1.0_f64, 400),
            took in 0_i64..10_000,
        ) {
            let mut now = UnixMs(0);
            let mut attempts = 0;
            loop {
                attempts += 1;
                prop_assert!(attempts < 400);
                now = UnixMs(now.0 + took);
                let chance = chances[attempts as usize % 400];
                match RULE.next(&failed(FailureKind::Temporary, attempts), now, chance) {
                    Next::GiveUp => break,
                    Next::RetryAt(at) => {
                        prop_assert!(at > now && at.0 <= 300_000);
                        now = at;
                    }
                }
            }
            prop_assert!(now.0 >= 290_000 - took, "gave up early, at {}", now.0);
        }
    }
}
