//! Standing back from an operator that keeps failing.

use crate::time::UnixMs;
use std::time::Duration;

/// When a lane stops asking and how it finds out that it may again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRule {
    /// So many failures of the operator in a row open the breaker.
    pub failures: u32,
    /// How long it stays open before one probe is let through; doubles with each failed probe.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
}

/// A lane's breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    rule: BreakerRule,
    failures: u32,
    state: State,
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
        Self { rule, failures: 0, state: State::Closed }
    }

    /// Whether a reading may start now; if not, when to look again (`None`: when the probe under way ends).
    ///
    /// # Errors
    /// The time to look again.
    pub fn admit(&mut self, now: UnixMs) -> Result<(), Option<UnixMs>> {
        match self.state {
            State::Closed => Ok(()),
            State::Open { until, pause } if now >= until => {
                self.state = State::Probing { pause };
                Ok(())
            }
            State::Open { until, .. } => Err(Some(until)),
            State::Probing { .. } => Err(None),
        }
    }

    /// An answer that shows the operator works (also one that only blames the SIM).
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.state = State::Closed;
    }

    /// A failure of the operator.
    pub fn failed(&mut self, now: UnixMs) {
        self.failures = self.failures.saturating_add(1);
        match self.state {
            State::Closed if self.failures >= self.rule.failures => self.open(now, self.rule.first_pause),
            State::Probing { pause } => self.open(now, (pause * 2).min(self.rule.longest_pause)),
            // Answers to readings that began before it opened change nothing.
            State::Closed | State::Open { .. } => {}
        }
    }

    fn open(&mut self, now: UnixMs, pause: Duration) {
        self.state = State::Open { until: now.after(pause), pause };
    }

    /// When the next probe is let through, where it is open.
    #[must_use]
    pub const fn opens_at(&self) -> Option<UnixMs> {
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
        assert_eq!(breaker.opens_at(), Some(UnixMs(5_000)));
        assert_eq!(breaker.admit(UnixMs(5_000)), Ok(()), "the probe");
        assert_eq!(breaker.admit(UnixMs(5_000)), Err(None), "one probe only");
        breaker.failed(UnixMs(5_100));
        assert_eq!(breaker.admit(UnixMs(15_099)), Err(Some(UnixMs(15_100))), "twice the pause");
        assert_eq!(breaker.admit(UnixMs(15_100)), Ok(()));
        breaker.failed(UnixMs(15_100));
        assert_eq!(breaker.admit(UnixMs(15_100)), Err(Some(UnixMs(30_100))), "the longest pause");
        assert_eq!(breaker.admit(UnixMs(30_100)), Ok(()));
        breaker.succeeded();
        assert_eq!(breaker.admit(UnixMs(30_100)), Ok(()));
        assert_eq!(breaker.name(), "closed");
    }
}
