//! `[guard]`

use anyhow::bail;
use serde::Deserialize;
use simgauge_domain::guard::rule::GuardRule;
use std::time::Duration;

/// `[guard]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardConfig {
    pub bearer_mbit_per_second: u64,
    pub sentinels: Vec<u64>,
}

impl GuardConfig {
    #[must_use]
    pub fn rule(&self) -> GuardRule {
        GuardRule {
            bearer_bits_per_second: self.bearer_mbit_per_second.saturating_mul(1_000_000),
            sentinels: self.sentinels.clone().into(),
            lag: Duration::ZERO,
        }
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.bearer_mbit_per_second == 0 || self.sentinels.contains(&0) {
            bail!("guard.bearer_mbit_per_second must be at least 1, and 0 cannot be one of guard.sentinels");
        }
        Ok(())
    }
}
