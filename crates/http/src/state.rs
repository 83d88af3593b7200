//! What all operations of the open API share.

use crate::held_answers::HeldAnswers;
use crate::overload_delay::OverloadDelay;
use crate::read_share::ReadShares;
use crate::replay::ReplayGuard;
use simgauge_domain::origin::Proxies;
use simgauge_protocol::CodeTable;
use simgauge_service::services::Services;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The state of the open API. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

/// The parts of [`ApiState`].
pub struct Inner {
    pub services: Services,
    /// The proxies whose report of a caller's address is believed.
    pub proxies: Proxies,
    /// How far the timestamp of a call may be off, either way.
    pub timestamp_window: Duration,
    /// The codes of answers.
    pub codes: CodeTable,
    /// So long after its acceptance every refresh has ended; none: it may wait without end.
    pub longest_refresh: Option<Duration>,
    /// Set when the process stops.
    pub stopping: CancellationToken,
    /// One permit for each call in flight.
    pub slots: Arc<Semaphore>,
    /// Delays the answer to callers that are refused as overload.
    pub overload_delay: OverloadDelay,
    pub(crate) replay: ReplayGuard,
    pub(crate) read_shares: ReadShares,
    pub(crate) held_answers: HeldAnswers,
    pub(crate) request_ids: RequestIds,
}

/// The settings of the open API.
pub struct ApiSettings {
    pub proxies: Proxies,
    pub timestamp_window: Duration,
    /// The codes of answers.
    pub codes: CodeTable,
    /// So long after its acceptance every refresh has ended; none: it may wait without end.
    pub longest_refresh: Option<Duration>,
    /// Calls in flight at once. Further ones are refused as overload.
    pub max_in_flight: usize,
    /// The store's connections; reads of callers get a part of them.
    pub store_connections: usize,
    /// Refused callers whose answers are delayed at once.
    pub max_delayed: usize,
}

/// Makes ids of calls: a random prefix of this process and a count.
pub(crate) struct RequestIds {
    process: u32,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn next(&self) -> String {
        format!("{:08x}-{:x}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl ApiState {
    #[must_use]
    pub fn new(services: Services, settings: ApiSettings, stopping: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            services,
            replay: ReplayGuard::new(settings.timestamp_window * 2, Instant::now()),
            read_shares: ReadShares::new(settings.store_connections, settings.max_in_flight),
            held_answers: HeldAnswers::new(settings.max_in_flight),
            proxies: settings.proxies,
            timestamp_window: settings.timestamp_window,
            codes: settings.codes,
            longest_refresh: settings.longest_refresh,
            stopping,
            slots: Arc::new(Semaphore::new(settings.max_in_flight)),
            overload_delay: OverloadDelay::new(settings.max_delayed, OverloadDelay::MEAN),
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
