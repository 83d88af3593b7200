//! Lanes: the one queue towards each operator account, worked by one node at a time.

mod board;
mod finisher;
mod lane;
mod pacer;
mod scribe;
mod setup;
mod status;
mod watch;
mod window;

pub use board::{Board, Queue};
pub use setup::{LaneSetup, operators_of};
pub use status::{LaneError, LaneStatus};

use crate::clock::Clock;
use crate::refresh::Waiters;
use crate::telemetry::Telemetry;
use lane::LaneContext;
use pacer::HostPaces;
use scribe::Scribe;
use simgauge_domain::breaker::BreakerRule;
use simgauge_domain::retry::RetryRule;
use simgauge_store::Store;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What all lanes of a process share.
#[derive(Clone)]
pub struct LaneSettings {
    /// The store.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// What is known of the lanes.
    pub board: Board,
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

/// Counts the queues that other nodes work; every node that answers calls needs it for its estimates.
pub fn watch(settings: &LaneSettings, stopping: &CancellationToken) -> JoinSet<()> {
    let mut running = JoinSet::new();
    running.spawn(watch::count(settings.clone(), stopping.clone()));
    running
}

/// Starts every lane; the set ends once `stopping` is set and what was running is finished.
///
/// # Errors
/// The system gives no thread.
pub fn start(
    lanes: Vec<LaneSetup>,
    settings: &LaneSettings,
    stopping: &CancellationToken,
) -> std::io::Result<JoinSet<()>> {
    let hosts = HostPaces::default();
    let scribe = Scribe::start(settings.store.clone())?;
    let mut running = JoinSet::new();
    running.spawn(watch::listen(settings.clone(), stopping.clone()));
    for setup in lanes {
        let context = LaneContext::new(setup, settings.clone(), &hosts, scribe.clone());
        running.spawn(lane::run(context, stopping.clone()));
    }
    Ok(running)
}
