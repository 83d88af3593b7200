//! What a running process offers to whoever answers people and programs: the open API, the console,
//! administration.

use crate::apps::AppDirectory;
use crate::clock::Clock;
use crate::intake::{Accepter, CadenceWatch};
use crate::lanes::LaneRegistry;
use crate::telemetry::Telemetry;
use crate::waiters::Waiters;
use simgauge_domain::period::TimeZone;
use simgauge_store::{CardRules, Store};
use std::sync::Arc;

/// The services of a process. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct Services {
    pub clock: Clock,
    /// The store, for reads and administration.
    pub store: Store,
    /// Who may call.
    pub apps: AppDirectory,
    pub accepter: Accepter,
    pub waiters: Waiters,
    pub registry: LaneRegistry,
    /// Which programs refresh a card at a steady cadence.
    pub cadence: Arc<CadenceWatch>,
    /// Cooldowns.
    pub rules: CardRules,
    /// The time zone of days.
    pub zone: TimeZone,
    pub telemetry: Telemetry,
}
