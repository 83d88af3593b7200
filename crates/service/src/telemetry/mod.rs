//! What a process makes known of itself: metrics, traces of refreshes, and log lines about what took long.

mod lane;
mod metrics;
mod process;
mod service;
mod settings;
mod slow;
mod trace;

pub use lane::LaneMetrics;
pub use metrics::Metrics;
pub use service::{Parts, Telemetry};
pub use settings::{SlowThresholds, TelemetrySettings, TraceConfig};
pub use slow::{Held, SlowLog};
pub(crate) use trace::Span;
pub use trace::Traces;
