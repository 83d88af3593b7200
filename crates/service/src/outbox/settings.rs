//! What delivery works with.

use super::delivery_attempt::Sender;
use super::retry_schedule::RetrySchedule;
use crate::clock::Clock;
use crate::lease::LeaseSettings;
use crate::secrets::Sealer;
use crate::telemetry::Telemetry;
use serde::Deserialize;
use simgauge_domain::target_policy::TargetPolicy;
use simgauge_store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// What delivery works with.
pub struct NotifySettings {
    pub store: Store,
    pub clock: Clock,
    /// Opens the secrets that sign.
    pub sealer: Sealer,
    /// Notified when refreshes ended in this process: their notifications may be due.
    pub refreshes_ended: Arc<Notify>,
    pub lease: LeaseSettings,
    pub telemetry: Telemetry,
    pub config: NotifyConfig,
}

impl NotifySettings {
    pub(super) fn retry_schedule(&self) -> RetrySchedule {
        RetrySchedule::new(&self.config.pauses_seconds, self.config.give_up_hours)
    }

    pub(super) fn sender(&self) -> Result<Sender, reqwest::Error> {
        Sender::new(self.config.target_policy(), Duration::from_secs_f64(self.config.timeout_seconds))
    }
}

/// `[notify]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyConfig {
    pub allow_private: bool,
    pub allow_http: bool,
    pub timeout_seconds: f64,
    pub poll_seconds: f64,
    pub pauses_seconds: Vec<f64>,
    pub give_up_hours: f64,
    pub max_in_flight: usize,
    pub keep_delivered_days: u32,
    pub keep_dead_days: u32,
}

impl NotifyConfig {
    /// Where notifications may go.
    #[must_use]
    pub fn target_policy(&self) -> TargetPolicy {
        TargetPolicy { allow_private: self.allow_private, allow_http: self.allow_http }
    }
}
