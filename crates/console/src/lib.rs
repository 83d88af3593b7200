//! The console: pages for the people who run the platform, made on the server.
//!
//! A request's way: `router` -> `page` (who is it, headers, errors) -> one of `pages` -> `action` where anything changes.

mod action;
mod chart;
mod export;
mod fields;
mod live;
mod page;
mod pages;
pub mod password;
mod router;
mod session;
mod text;
mod throttle;
mod view;

pub use router::router;

use simgauge_http::ApiState;
use simgauge::config::Config;
use crate::Console;
use simgauge_service::lanes::LaneSetup;
use simgauge_service::secrets::Sealer;
use pages::import::ImportJobs;
use pages::overview::Ages;
use simgauge_domain::limits::Limits;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use throttle::Throttle;
use tokio::sync::Semaphore;

/// Log-ins that are checked at once: each takes some 20 MB.
const LOG_INS_AT_ONCE: usize = 2;
/// Pages that are kept up to date at once.
const LIVE_AT_ONCE: usize = 200;

/// What the console needs. Cheap to clone.
#[derive(Clone)]
pub struct ConsoleState(Arc<Inner>);

/// The parts of [`ConsoleState`].
pub struct Inner {
    api: ApiState,
    sealer: Sealer,
    config: Console,
    /// The configured operator accounts.
    operators: BTreeMap<String, OperatorFacts>,
    throttle: Throttle,
    log_ins: Semaphore,
    live: Arc<Semaphore>,
    imports: ImportJobs,
    ages: Ages,
}

/// What is known of an operator account without asking it.
#[derive(Clone, Debug)]
pub struct OperatorFacts {
    definition: String,
    limits: Limits,
}

impl OperatorFacts {
    /// The facts of every operator account, by name.
    #[must_use]
    pub fn of(config: &Config, setups: &[LaneSetup]) -> BTreeMap<String, Self> {
        let definition = |name: &str| {
            let account = config.operator_accounts.iter().find(|account| account.name == name);
            account.map(|account| account.definition.clone()).unwrap_or_default()
        };
        setups
            .iter()
            .map(|setup| {
                let facts = Self { definition: definition(&setup.name), limits: setup.limits.clone() };
                (setup.name.clone(), facts)
            })
            .collect()
    }
}

impl ConsoleState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        api: ApiState,
        sealer: Sealer,
        config: Console,
        operators: BTreeMap<String, OperatorFacts>,
    ) -> Self {
        Self(Arc::new(Inner {
            api,
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

    fn idle(&self) -> Duration {
        Duration::from_secs(self.config.session_idle_minutes.saturating_mul(60))
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(self.config.session_hours.saturating_mul(3600))
    }
}

impl std::ops::Deref for ConsoleState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
