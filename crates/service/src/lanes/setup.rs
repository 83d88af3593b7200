//! An operator account with what its lane needs.

use super::pacer::Pacer;
use super::registry::LaneEntry;
use simgauge_domain::limits::Limits;
use simgauge_domain::period::{BillingDay, TimeZone};
use simgauge_operators::Operator;
use std::sync::Arc;
use std::time::Duration;

/// An operator account, ready to be called.
pub struct LaneSetup {
    /// Its name, which is the lane's.
    pub name: String,
    pub operator: Arc<Operator>,
    /// Its limits: the definition's, unless the account has its own.
    pub limits: Limits,
    /// How old an answer can be by the operator's documentation.
    pub declared_lag_seconds: Option<u64>,
    /// HTTP calls that one reading takes, log-ins not counted.
    pub calls_per_reading: u32,
    /// Time zone of its billing cycle.
    pub zone: TimeZone,
    /// The day its billing cycle begins, where its answers do not say.
    pub billing_day: Option<BillingDay>,
}

impl LaneSetup {
    /// What the registry of lanes has to know of it.
    #[must_use]
    pub fn registry_entry(&self) -> LaneEntry {
        // Where the operator states no rate, its concurrency and a guess of two readings a second each bound
        // it.
        let unstated = f64::from(self.limits.max_concurrent) * 2.0;
        LaneEntry {
            lane: self.name.clone(),
            readings_per_second: Pacer::readings_per_second(&self.limits, self.calls_per_reading)
                .unwrap_or(unstated),
            least_interval: Duration::from_secs(self.limits.min_refresh_seconds.into()),
            declared_lag_seconds: self.declared_lag_seconds,
        }
    }
}
