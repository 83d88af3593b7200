//! What all lanes of a process share.

use super::registry::LaneRegistry;
use crate::clock::Clock;
use crate::lease::LeaseSettings;
use crate::telemetry::Telemetry;
use crate::waiters::Waiters;
use simgauge_domain::breaker::BreakerRule;
use simgauge_domain::guard::rule::GuardRule;
use simgauge_domain::retry::RetryRule;
use simgauge_store::Store;
use std::time::Duration;

/// What all lanes of a process share.
#[derive(Clone)]
pub struct LaneSettings {
    pub store: Store,
    pub clock: Clock,
    pub registry: LaneRegistry,
    pub waiters: Waiters,
    pub lease: LeaseSettings,
    /// How often a lane looks for work that other nodes added.
    pub poll: Duration,
    /// What has not begun so long after its refresh was accepted ends as failed; `None`: it waits for ever.
    pub begin_within: Option<Duration>,
    /// When failed readings are tried again.
    pub retry: RetryRule,
    /// When a lane pauses after repeated failures.
    pub breaker: BreakerRule,
    pub telemetry: Telemetry,
    /// What readings are believed by; each lane's own lag is added.
    pub guard: GuardRule,
}
