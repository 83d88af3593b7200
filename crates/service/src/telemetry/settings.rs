//! What of telemetry can be set.

use serde::Deserialize;

/// `[trace]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceConfig {
    pub endpoint: String,
    pub share: f64,
}

impl std::fmt::Debug for TraceConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The endpoint can hold a key.
        f.debug_struct("TraceConfig").field("share", &self.share).finish_non_exhaustive()
    }
}

/// From how many milliseconds on something is worth a log line; 0: never.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlowThresholds {
    pub call_ms: u64,
    pub reading_ms: u64,
    pub commit_ms: u64,
}

/// What a process's telemetry is made of.
pub struct TelemetrySettings<'a> {
    /// The names of the configured lanes: the only ones that become labels.
    pub lanes: Vec<&'a str>,
    /// The kind of store, for the label of the build's metric.
    pub store: &'static str,
    pub slow: SlowThresholds,
    pub trace: &'a TraceConfig,
}
