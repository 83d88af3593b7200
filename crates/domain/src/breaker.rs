//! The circuit breaker of a lane: an operator that keeps failing is not asked for a while.

use crate::time::UnixMs;
use std::time::Duration;

/// When a lane stops asking its operator, and how it finds out that the operator works again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRule {
    /// This many failures of the operator in a row open the breaker.
    pub failures: u32,
    /// How long it stays open before one probe is allowed. It doubles with each failed probe.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

/// The circuit breaker of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    rule: BreakerRule,
    failures: u32,
    state: State,
    /// When it opened, unless an answer has closed it since.
    down_since: Option<UnixMs>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: UnixMs, pause: Duration },
    Probing { pause: Duration },
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub const fn new(rule: BreakerRule) -> Self {
        Self { rule, failures: 0, state: State::Closed, down_since: None }
    }

    /// Whether a reading may start now.
    ///
    /// # Errors
    /// When to ask again; `None` means when the probe under way has ended.
    pub fn admit(&mut self, now: UnixMs) -> Result<(), Option<UnixMs>> {
        match self.state {
            State::Closed => Ok(()),
            // Further ahead than the pause is long: the clock was put back.
            State::Open { until, pause } if now >= until || until > now.after(pause) => {
                self.state = State::Probing { pause };
                Ok(())
            }
            State::Open { until, .. } => Err(Some(until)),
            State::Probing { .. } => Err(None),
        }
    }

    /// Notes an answer that shows that the operator works, also one that only says something about the SIM.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.state = State::Closed;
        self.down_since = None;
    }

    /// A person says that the operator may work again: an open breaker allows its next probe now.
    pub fn retry_now(&mut self, now: UnixMs) {
        if let State::Open { until, .. } = &mut self.state {
            *until = (*until).min(now);
        }
    }

    /// Notes a failure of the operator.
    pub fn failed(&mut self, now: UnixMs) {
        self.failures = self.failures.saturating_add(1);
        match self.state {
            State::Closed if self.failures >= self.rule.failures => self.open(now, self.rule.first_pause),
            State::Probing { pause } => self.open(now, (pause * 2).min(self.rule.longest_pause)),
            // Readings that began before the breaker opened change nothing.
            State::Closed | State::Open { .. } => {}
        }
    }

    fn open(&mut self, now: UnixMs, pause: Duration) {
        self.state = State::Open { until: now.after(pause), pause };
        self.down_since.get_or_insert(now);
    }

    /// When it opened; `None` where the operator's last answer showed that it works, or too few have failed.
    #[must_use]
    pub const fn down_since(&self) -> Option<UnixMs> {
        self.down_since
    }

    /// Whether the last attempt was a failure of the operator.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// When the next probe is allowed, where the breaker is open.
    #[must_use]
    pub const fn probe_at(&self) -> Option<UnixMs> {
        match self.state {
            State::Open { until, .. } => Some(until),
            State::Closed | State::Probing { .. } => None,
        }
    }

    /// `closed`, `open` or `probing`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.state {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::Probing { .. } => "probing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: BreakerRule = BreakerRule {
        failures: 3,
        first_pause: Duration::from_secs(5),
        longest_pause: Duration::from_secs(15),
    };

    #[test]
    fn opens_probes_and_closes() {
        let mut breaker = Breaker::new(RULE);
        breaker.failed(UnixMs(0));
        breaker.failed(UnixMs(0));
        breaker.succeeded();
        for _ in 0..3 {
            assert_eq!(breaker.admit(UnixMs(0)), Ok(()));
            breaker.failed(UnixMs(0));
        }
        assert_eq!(breaker.admit(UnixMs(4_999)), Err(Some(UnixMs(5_000))));
        assert_eq!(breaker.probe_at(), Some(UnixMs(5_000)));
        assert_eq!(breaker.admit(UnixMs(5_000)), Ok(()), "the probe");
        assert_eq!(breaker.admit(UnixMs(5_000)), Err(None), "one probe only");
        breaker.failed(UnixMs(5_100));
        assert_eq!(breaker.admit(UnixMs(15_099)), Err(Some(UnixMs(15_100))), "twice the pause");
        assert_eq!(breaker.admit(UnixMs(15_100)), Ok(()));
        breaker.failed(UnixMs(15_100));
        assert_eq!(breaker.admit(UnixMs(15_100)), Err(Some(UnixMs(30_100))), "the longest pause");
        assert_eq!(breaker.down_since(), Some(UnixMs(0)), "the first failure that opened it");
        breaker.retry_now(UnixMs(20_000));
        assert_eq!(breaker.admit(UnixMs(20_000)), Ok(()), "a person asked for a probe");
        breaker.failed(UnixMs(20_100));
        assert_eq!(breaker.admit(UnixMs(35_100)), Ok(()));
        breaker.succeeded();
        assert_eq!((breaker.down_since(), breaker.is_failing()), (None, false));
        assert_eq!(breaker.admit(UnixMs(30_100)), Ok(()));
        assert_eq!(breaker.name(), "closed");
    }
}
