//! What all lanes of a process share.

use super::registry::LaneRegistry;
use crate::clock::Clock;
use crate::telemetry::Telemetry;
use crate::waiters::Waiters;
use simgauge_domain::breaker::BreakerRule;
use simgauge_domain::retry::RetryRule;
use simgauge_store::Store;
use std::time::Duration;

/// What all lanes of a process share.
#[derive(Clone)]
pub struct LaneSettings {
    /// The store.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// What is known of the lanes.
    pub registry: LaneRegistry,
    /// Who waits for the end of a refresh.
    pub waiters: Waiters,
    /// Names this process in leases.
    pub node: String,
    /// How long a lease lasts without a sign of life.
    pub lease: Duration,
    /// How often a lane looks for work that nobody told it of.
    pub poll: Duration,
    /// When failed readings are tried again.
    pub retry: RetryRule,
    /// When a lane stands back.
    pub breaker: BreakerRule,
    /// Whether this is the only process of its store, so that a lease left by a crash is taken at once.
    pub alone: bool,
    /// Where it is told how the lanes do.
    pub telemetry: Telemetry,
}
