//! Notifications: the outbox delivered, signed, at least once, in order per card, by one node at a time.

mod address;
mod attempt;
mod crowd;
mod deliverer;
mod message;
mod patience;
mod resolve;
mod target;
mod tidy;

pub use deliverer::deliver;
pub use target::{TargetError, TargetPolicy, check, shown};

use crate::clock::Clock;
use crate::secrets::Sealer;
use crate::telemetry::Telemetry;
use attempt::Sender;
use patience::Patience;
use simgauge_store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// What delivery works with.
pub struct NotifySettings {
    /// The store.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Opens the secrets that sign.
    pub sealer: Sealer,
    /// Rings when there may be something to deliver.
    pub bell: Arc<Notify>,
    /// Names this process in the lease.
    pub node: String,
    /// How long the lease lasts without a sign of life.
    pub lease: Duration,
    /// Whether this is the only process of its store, so that a lease left by a crash is taken at once.
    pub alone: bool,
    /// Where it is told how deliveries went.
    pub telemetry: Telemetry,
    /// The section of the configuration.
    pub config: crate::config::Notify,
}

impl NotifySettings {
    fn patience(&self) -> Patience {
        Patience::new(&self.config.pauses_seconds, self.config.give_up_hours)
    }

    fn sender(&self) -> Result<Sender, reqwest::Error> {
        Sender::new(self.config.target_policy(), Duration::from_secs_f64(self.config.timeout_seconds))
    }
}
