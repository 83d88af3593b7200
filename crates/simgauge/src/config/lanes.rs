//! `[lanes]`

use super::check;
use anyhow::bail;
use serde::Deserialize;
use simgauge_domain::breaker::BreakerRule;
use std::time::Duration;

/// `[lanes]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanesConfig {
    pub lease_seconds: u64,
    pub poll_seconds: f64,
    pub breaker_failures: u32,
    pub breaker_pause_seconds: f64,
    pub breaker_longest_pause_seconds: f64,
}

impl LanesConfig {
    #[must_use]
    pub fn breaker_rule(&self) -> BreakerRule {
        BreakerRule {
            failures: self.breaker_failures.max(1),
            first_pause: Duration::from_secs_f64(self.breaker_pause_seconds),
            longest_pause: Duration::from_secs_f64(self.breaker_longest_pause_seconds),
        }
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        check::spans(&[
            ("lanes.poll_seconds", self.poll_seconds),
            ("lanes.breaker_pause_seconds", self.breaker_pause_seconds),
            ("lanes.breaker_longest_pause_seconds", self.breaker_longest_pause_seconds),
        ])?;
        if self.lease_seconds < 2 {
            bail!("lanes.lease_seconds must be at least 2");
        }
        Ok(())
    }
}
