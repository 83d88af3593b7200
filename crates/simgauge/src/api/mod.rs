//! The open API over HTTP.

mod address;
mod answer;
mod breath;
mod card;
mod directory;
mod docs;
mod gate;
mod health;
mod history;
mod quota;
mod refresh;
mod replay;
mod router;
pub(crate) mod view;

pub use address::{Proxies, network, networks};
pub use breath::Breaths;
pub use directory::AppDirectory;
pub(crate) use gate::asked_language;
pub use router::{health_router, router};

use crate::clock::Clock;
use crate::lanes::Board;
use crate::refresh::{Accepter, Beats, Waiters};
use crate::telemetry::Telemetry;
use replay::ReplayGuard;
use simgauge_domain::period::TimeZone;
use simgauge_store::{CardRules, Store};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What the API needs. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

/// The parts of [`ApiState`].
pub struct Inner {
    /// The time.
    pub clock: Clock,
    /// The store, for reads.
    pub store: Store,
    /// Who may call.
    pub apps: AppDirectory,
    /// The way into the store for refreshes.
    pub accepter: Accepter,
    /// Calls that wait for the end of a refresh.
    pub waiters: Waiters,
    /// What is known of the lanes.
    pub board: Board,
    /// Who refreshes at a steady beat.
    pub beats: Beats,
    /// Whose word on a caller's address counts.
    pub proxies: Proxies,
    /// Cooldowns.
    pub rules: CardRules,
    /// The time zone of days.
    pub zone: TimeZone,
    /// How far a timestamp may be off.
    pub timestamp_window: Duration,
    /// Set once the process stops.
    pub stopping: CancellationToken,
    /// Where it is told how calls went.
    pub telemetry: Telemetry,
    /// One permit for each call under way.
    pub slots: Arc<Semaphore>,
    /// Callers that were turned away and are not told yet.
    pub breaths: Breaths,
    replay: ReplayGuard,
    request_ids: RequestIds,
}

/// Ids of calls: a prefix of this process and a count.
struct RequestIds {
    process: u32,
    next: AtomicU64,
}

impl ApiState {
    /// Puts the parts together.
    #[must_use]
    #[allow(clippy::too_many_arguments)] // Each part has a type of its own, so none can be mistaken for another.
    pub fn new(
        clock: Clock,
        store: Store,
        apps: AppDirectory,
        accepter: Accepter,
        waiters: Waiters,
        board: Board,
        beats: Beats,
        proxies: Proxies,
        rules: CardRules,
        zone: TimeZone,
        timestamp_window: Duration,
        stopping: CancellationToken,
        telemetry: Telemetry,
        max_in_flight: usize,
        max_breaths: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            replay: ReplayGuard::new(timestamp_window * 2),
            clock,
            store,
            apps,
            accepter,
            waiters,
            board,
            beats,
            proxies,
            rules,
            zone,
            timestamp_window,
            stopping,
            telemetry,
            slots: Arc::new(Semaphore::new(max_in_flight)),
            breaths: Breaths::new(max_breaths, Breaths::MEAN),
            request_ids: RequestIds { process: rand::random(), next: AtomicU64::new(1) },
        }))
    }
}

impl std::ops::Deref for ApiState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
