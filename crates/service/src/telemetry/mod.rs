//! What a process tells of itself: metrics, traces of refreshes, and log lines about what took long.

mod lane;
mod live;
mod metrics;
mod process;
pub mod settings;
mod slow;
mod trace;

pub use lane::LaneMetrics;
pub use live::Live;
pub use metrics::Metrics;
pub use settings::{SlowThresholds, TelemetrySettings, TraceConfig};
pub use slow::{Held, SlowLog};
pub(crate) use trace::Span;
pub use trace::Traces;

use std::sync::Arc;
use tokio::runtime::Handle;

/// Everything that is told. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry(Arc<Parts>);

/// The parts of [`Telemetry`].
pub struct Parts {
    /// Counted and measured.
    pub metrics: Metrics,
    /// Said of what took long.
    pub slow: SlowLog,
    /// What became of single refreshes.
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
