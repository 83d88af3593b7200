//! What the console works with.

use crate::pages::import::ImportJobs;
use crate::pages::overview::Ages;
use crate::throttle::Throttle;
use serde::Deserialize;
use simgauge_domain::limits::Limits;
use simgauge_service::secrets::Sealer;
use simgauge_service::services::Services;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// `[console]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleConfig {
    pub enabled: bool,
    pub listen: String,
    pub trusted_proxies: Vec<IpAddr>,
    pub session_idle_minutes: u64,
    pub session_hours: u64,
    pub import_max_mib: u64,
}

impl ConsoleConfig {
    /// Where the console listens, where that is not the open API's listener.
    ///
    /// # Errors
    /// It is no address.
    pub fn own_listener(&self) -> Result<Option<SocketAddr>, &'static str> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let address = self.listen.parse();
        address.map(Some).map_err(|_| "console.listen must be empty or ADDRESS:PORT")
    }
}

/// Log-ins that are checked at once: each takes some 20 MB.
const LOG_INS_AT_ONCE: usize = 2;
/// Pages that are kept up to date at once.
const LIVE_AT_ONCE: usize = 200;

/// What the console needs. Cheap to clone.
#[derive(Clone)]
pub struct ConsoleState(Arc<Inner>);

/// The parts of [`ConsoleState`].
pub struct Inner {
    pub(crate) services: Services,
    pub(crate) stopping: CancellationToken,
    pub(crate) sealer: Sealer,
    pub(crate) config: ConsoleConfig,
    /// The configured operator accounts.
    pub(crate) operators: BTreeMap<String, OperatorFacts>,
    pub(crate) throttle: Throttle,
    pub(crate) log_ins: Semaphore,
    pub(crate) live: Arc<Semaphore>,
    pub(crate) imports: ImportJobs,
    pub(crate) ages: Ages,
}

/// What is known of an operator account without asking it.
#[derive(Clone, Debug)]
pub struct OperatorFacts {
    pub definition: String,
    pub limits: Limits,
}

impl ConsoleState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        services: Services,
        stopping: CancellationToken,
        sealer: Sealer,
        config: ConsoleConfig,
        operators: BTreeMap<String, OperatorFacts>,
    ) -> Self {
        Self(Arc::new(Inner {
            services,
            stopping,
            sealer,
            config,
            operators,
            throttle: Throttle::default(),
            log_ins: Semaphore::new(LOG_INS_AT_ONCE),
            live: Arc::new(Semaphore::new(LIVE_AT_ONCE)),
            imports: ImportJobs::default(),
            ages: Ages::default(),
        }))
    }

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.config.session_idle_minutes.saturating_mul(60))
    }

    pub(crate) fn longest(&self) -> Duration {
        Duration::from_secs(self.config.session_hours.saturating_mul(3600))
    }
}

impl std::ops::Deref for ConsoleState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
