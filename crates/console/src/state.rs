//! What the console works with.

use crate::config::ConsoleConfig;
use crate::data_age::DataAges;
use crate::import_jobs::ImportJobs;
use crate::text::Texts;
use crate::throttle::Throttle;
use crate::view::ViewContext;
use simgauge_domain::limits::Limits;
use simgauge_domain::origin::{ForwardedHeader, Proxies};
use simgauge_service::secrets::Sealer;
use simgauge_service::services::Services;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Passwords that are checked at once: each check takes some 20 MB.
const LOG_INS_AT_ONCE: usize = 2;
/// Open pages that are kept up to date at once.
const LIVE_AT_ONCE: usize = 200;

/// What the console needs. Cheap to clone.
#[derive(Clone)]
pub struct ConsoleState(Arc<Inner>);

/// The parts of [`ConsoleState`].
pub struct Inner {
    pub(crate) services: Services,
    pub(crate) stopping: CancellationToken,
    pub(crate) sealer: Sealer,
    pub(crate) proxies: Proxies,
    pub(crate) config: ConsoleConfig,
    /// The configured operator accounts, by name.
    pub(crate) operators: BTreeMap<String, OperatorFacts>,
    pub(crate) throttle: Throttle,
    pub(crate) log_ins: Semaphore,
    pub(crate) live: Arc<Semaphore>,
    pub(crate) imports: ImportJobs,
    /// What runs for them.
    pub(crate) import_tasks: TaskTracker,
    pub(crate) data_ages: DataAges,
}

/// What is known of an operator account without asking it.
#[derive(Clone, Debug)]
pub struct OperatorFacts {
    pub definition: String,
    pub limits: Limits,
}

impl ConsoleState {
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
            proxies: Proxies::new(config.trusted_proxies.clone(), ForwardedHeader::XForwardedFor),
            config,
            operators,
            throttle: Throttle::default(),
            log_ins: Semaphore::new(LOG_INS_AT_ONCE),
            live: Arc::new(Semaphore::new(LIVE_AT_ONCE)),
            imports: ImportJobs::default(),
            import_tasks: TaskTracker::new(),
            data_ages: DataAges::default(),
        }))
    }

    /// What a page of this moment is shown in.
    pub(crate) fn view(&self, t: Texts) -> ViewContext<'_> {
        ViewContext { t, now: self.services.clock.now(), zone: &self.services.zone }
    }

    /// Ends with the last import, once the process stops. An import under way then breaks off.
    pub async fn join_imports(self) {
        self.stopping.cancelled().await;
        self.import_tasks.close();
        self.import_tasks.wait().await;
    }
}

impl std::ops::Deref for ConsoleState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
