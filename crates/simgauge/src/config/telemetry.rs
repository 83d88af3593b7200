//! `[log]`, `[metrics]` and `[trace]`

use anyhow::bail;
use serde::Deserialize;
use simgauge_service::telemetry::{SlowThresholds, TraceConfig};
use std::net::SocketAddr;

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    pub format: LogFormat,
    pub filter: String,
    pub slow_call_ms: u64,
    pub slow_reading_ms: u64,
    pub slow_commit_ms: u64,
}

impl LogConfig {
    #[must_use]
    pub fn slow_thresholds(&self) -> SlowThresholds {
        SlowThresholds {
            call_ms: self.slow_call_ms,
            reading_ms: self.slow_reading_ms,
            commit_ms: self.slow_commit_ms,
        }
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[metrics]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    #[serde(deserialize_with = "address_or_none")]
    pub listen: Option<SocketAddr>,
}

/// An address; `None` where the text is empty.
fn address_or_none<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| serde::de::Error::custom("metrics.listen must be ADDRESS:PORT, or empty"))
}

pub(super) fn check_trace(trace: &TraceConfig) -> anyhow::Result<()> {
    if !(0.0..=1.0).contains(&trace.share) {
        bail!("trace.share must be between 0 and 1");
    }
    Ok(())
}
