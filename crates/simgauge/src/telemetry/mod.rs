//! What a process tells of itself: metrics, and log lines about what took long.

mod lane;
mod listener;
mod live;
mod metrics;
mod process;
mod slow;

pub use lane::LaneMetrics;
pub use listener::serve;
pub use live::Live;
pub use metrics::Metrics;
pub use slow::{Held, SlowLog};

use crate::config::Config;
use std::sync::Arc;

/// Everything that is told. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry(Arc<Parts>);

/// The parts of [`Telemetry`].
pub struct Parts {
    /// Counted and measured.
    pub metrics: Metrics,
    /// Said of what took long.
    pub slow: SlowLog,
}

impl Telemetry {
    /// For a process of this configuration.
    #[must_use]
    pub fn new(config: &Config, store: &'static str) -> Self {
        let lanes = config.operator_accounts.iter().map(|account| account.name.as_str());
        Self(Arc::new(Parts { metrics: Metrics::new(lanes, store), slow: SlowLog::new(&config.log) }))
    }
}

impl std::ops::Deref for Telemetry {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
