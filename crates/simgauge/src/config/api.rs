//! `[api]`, `[docs]`, `[refresh]` and `[usage]`: what callers notice.

use super::check;
use anyhow::bail;
use serde::Deserialize;
use simgauge_domain::retry::RetryRule;
use simgauge_protocol::{Cause, Code, CodeStyle, CodeTable};
use simgauge_service::intake::SteadyBeat;
use simgauge_store::StoredQuota;
use std::collections::BTreeMap;
use std::time::Duration;

/// `[api]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    pub timestamp_window_seconds: u64,
    pub app_reload_seconds: u64,
    pub quota_per_second: u32,
    pub quota_burst: u32,
    pub codes: CodeStyle,
    #[serde(default)]
    pub code_overrides: BTreeMap<Cause, CodeText>,
}

/// A code, written as a text or as a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum CodeText {
    Text(String),
    Number(u32),
}

impl CodeText {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

impl ApiConfig {
    /// The quota of accounts that have none of their own.
    #[must_use]
    pub fn account_quota(&self) -> StoredQuota {
        StoredQuota { per_second: self.quota_per_second, burst: self.quota_burst }
    }

    /// The codes that answers carry.
    #[must_use]
    pub fn code_table(&self) -> CodeTable {
        let overrides = self.code_overrides.iter().map(|(cause, code)| (*cause, code.text()));
        CodeTable::new(self.codes, overrides.collect())
    }

    #[must_use]
    pub fn timestamp_window(&self) -> Duration {
        Duration::from_secs(self.timestamp_window_seconds)
    }

    #[must_use]
    pub fn app_reload(&self) -> Duration {
        Duration::from_secs(self.app_reload_seconds.max(1))
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        if !(1..=86_400).contains(&self.timestamp_window_seconds) {
            bail!("api.timestamp_window_seconds must be between 1 and 86400");
        }
        for (cause, code) in &self.code_overrides {
            let code = code.text();
            let digits = (1..=9).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
            if !digits || code == Code::Ok.as_str() {
                let name = serde_json::to_value(cause)?;
                let name = name.as_str().unwrap_or_default();
                bail!("api.code_overrides.{name} must be a code of 1 to 9 digits, and not 200");
            }
        }
        if self.quota_burst == 0 {
            bail!("api.quota_burst must be at least 1 (for no limit, set api.quota_per_second to 0)");
        }
        Ok(())
    }
}

/// `[docs]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocsConfig {
    pub enabled: bool,
}

/// `[refresh]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshConfig {
    pub sim_cooldown_seconds: u64,
    pub cloud_esim_cooldown_seconds: u64,
    pub deadline_seconds: u64,
    pub first_pause_seconds: f64,
    pub longest_pause_seconds: f64,
    pub max_wait_seconds: u64,
    pub begin_within_seconds: u64,
    pub accept_queue: usize,
    pub steady_beat: SteadyBeat,
}

impl RefreshConfig {
    #[must_use]
    pub fn retry_rule(&self) -> RetryRule {
        RetryRule {
            first_pause: Duration::from_secs_f64(self.first_pause_seconds),
            longest_pause: Duration::from_secs_f64(self.longest_pause_seconds),
            deadline: Duration::from_secs(self.deadline_seconds),
        }
    }

    /// The longest estimated wait with which a refresh is accepted; `None` where any is.
    #[must_use]
    pub fn max_wait(&self) -> Option<Duration> {
        (self.max_wait_seconds > 0).then(|| Duration::from_secs(self.max_wait_seconds))
    }

    /// How long after its acceptance a refresh must have begun; `None` where it waits for ever.
    #[must_use]
    pub fn begin_within(&self) -> Option<Duration> {
        (self.begin_within_seconds > 0).then(|| Duration::from_secs(self.begin_within_seconds))
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        check::spans(&[
            ("refresh.first_pause_seconds", self.first_pause_seconds),
            ("refresh.longest_pause_seconds", self.longest_pause_seconds),
        ])
    }
}

/// `[usage]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageConfig {
    pub time_zone: String,
    pub keep_readings_days: u32,
}
