//! Everything that a process makes known of itself, in one value that all its parts share.

use super::metrics::Metrics;
use super::settings::TelemetrySettings;
use super::slow::SlowLog;
use super::trace::Traces;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Metrics, slow log and traces. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry(Arc<Parts>);

/// The parts of [`Telemetry`].
pub struct Parts {
    pub metrics: Metrics,
    pub slow: SlowLog,
    pub traces: Traces,
}

impl Telemetry {
    /// For a process with these runtimes; has to be called where tasks can be started.
    ///
    /// # Errors
    /// The endpoint for traces is no URL.
    pub fn new(settings: TelemetrySettings<'_>, runtimes: Vec<Handle>) -> anyhow::Result<Self> {
        let metrics = Metrics::new(settings.lanes.into_iter(), settings.store, runtimes);
        let traces =
            Traces::new(settings.trace, metrics.spans_delivered.clone(), metrics.spans_dropped.clone())?;
        Ok(Self(Arc::new(Parts { metrics, slow: SlowLog::new(settings.slow), traces })))
    }
}

impl std::ops::Deref for Telemetry {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
