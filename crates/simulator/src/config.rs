//! How a simulator behaves as a whole.

use simgauge_domain::time::UnixMs;
use std::sync::Arc;
use std::time::Duration;

pub type Clock = Arc<dyn Fn() -> UnixMs + Send + Sync>;

/// Settings of a simulator. By default usage grows and the documented limits are enforced.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// How fast every SIM's usage grows. It grows on across months, whatever period the operator counts in.
    pub growth_bytes_per_second: u64,
    /// What every answered reading adds, so that two readings at the same instant differ.
    pub step_bytes: u64,
    /// The instant that growth counts from. `None` is the simulator's start. A fixed one makes usage survive
    /// a restart.
    pub growth_since: Option<UnixMs>,
    /// Whether a call over a limit is refused. Violations are counted in any case.
    pub enforce_limits: bool,
    /// The least time that every call takes.
    pub latency: Duration,
    pub token_ttl_seconds: u64,
    /// How long an operator that caches its answers (Airalo) repeats one. Usage set by hand shows at once.
    pub answer_cache_seconds: u64,
    /// How long `oapi` takes from an accepted refresh to the new usage.
    pub sync_delay: Duration,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            growth_bytes_per_second: 50_000,
            step_bytes: 1_000,
            growth_since: None,
            enforce_limits: true,
            latency: Duration::ZERO,
            token_ttl_seconds: 3_600,
            answer_cache_seconds: 1_200,
            sync_delay: Duration::ZERO,
        }
    }
}

impl SimulatorConfig {
    /// Usage changes only when it is set or injected, so that a test knows which bytes it will read.
    #[must_use]
    pub fn fixed() -> Self {
        Self { growth_bytes_per_second: 0, step_bytes: 0, ..Self::default() }
    }
}
