//! A running server: what it is made of, in the order in which it starts, and how it ends.

use super::background::Background;
use super::store::{lock_database, open_store};
use crate::config::Config;
use crate::operators::operators_of;
use anyhow::Context as _;
use axum::Router;
use simgauge_console::{ConsoleState, OperatorFacts};
use simgauge_domain::origin::Proxies;
use simgauge_http::server::{self, Front, Tls};
use simgauge_http::{ApiSettings, ApiState, health_router, router};
use simgauge_service::activity;
use simgauge_service::apps::AppDirectory;
use simgauge_service::checkpoint;
use simgauge_service::clock::Clock;
use simgauge_service::intake::{Accepter, CadenceWatch};
use simgauge_service::lanes::{self, LaneRegistry, LaneSettings, LaneSetup};
use simgauge_service::lease::LeaseSettings;
use simgauge_service::live_metrics::LiveMetrics;
use simgauge_service::outbox::{self, NotifySettings};
use simgauge_service::retention;
use simgauge_service::secrets::Sealer;
use simgauge_service::services::Services;
use simgauge_service::telemetry::{SlowThresholds, Telemetry, TelemetrySettings};
use simgauge_service::waiters::Waiters;
use simgauge_store::Store;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// How long a stop waits for the last refreshes to be durable, and for the last spans to be delivered.
const FLUSH_TIME: Duration = Duration::from_secs(2);

/// A running server.
pub struct App {
    address: SocketAddr,
    background: Background,
    _front: Front,
    services: Services,
    stop_timeout: Duration,
    /// Held as long as this process serves an embedded store.
    _only_server: Option<File>,
}

impl App {
    /// Starts serving; ready when it returns.
    ///
    /// # Errors
    /// The configuration does not fit, the store cannot be reached or is newer than this program, or another process serves
    /// the same SQLite file.
    pub async fn start(config: &Config, listener: TcpListener, clock: Clock) -> anyhow::Result<Self> {
        Self::start_beside(Router::new(), config, listener, clock).await
    }

    /// The same with more routes on its listener.
    ///
    /// # Errors
    /// As of [`Self::start`].
    pub async fn start_beside(
        more: Router,
        config: &Config,
        listener: TcpListener,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let setups = operators_of(config, &clock)?;
        let database = config.sqlite_file();
        let only_server = database.as_deref().map(lock_database).transpose()?;
        let sealer = config.sealer()?;
        let tls = config.server.tls.files().map(Tls::load).transpose().context("server.tls")?;
        let store = open_store(config).await?;
        clock.correct_by(&store).await?;
        let front = Front::start().context("the runtime for callers")?;
        let services = services(config, &setups, store, sealer.clone(), clock, &front).await?;
        let mut background = Background::new(CancellationToken::new());
        let node = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        let lane_settings = lane_settings(config, &services, node, only_server.is_some());
        start_upkeep(&mut background, config, &services, &lane_settings.lease.node)?;
        let facts = operator_facts(config, &setups);
        start_workers(&mut background, config, setups, &lane_settings, &sealer)?;
        let address = listener.local_addr()?;
        let routes = Routes { more, facts, sealer, tls };
        serve(&mut background, config, &services, listener, routes, &front).await?;
        Ok(Self {
            address,
            background,
            _front: front,
            services,
            stop_timeout: Duration::from_secs(config.server.stop_timeout_seconds),
            _only_server: only_server,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The store it serves.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.services.store
    }

    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.services.telemetry
    }

    /// Serves the metrics on a listener of their own, as long as the rest is served.
    pub fn serve_metrics(&mut self, listener: TcpListener) {
        let stopping = self.background.stopping().clone();
        let serving =
            simgauge_http::metrics_listener::serve(self.services.telemetry.clone(), listener, stopping);
        self.background.start("metrics listener", async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the metrics are no longer served");
            }
        });
    }

    /// Finishes what runs and keeps what waits in the store.
    ///
    /// # Errors
    /// Something was still running when the time for stopping was up.
    pub async fn stop(self) -> anyhow::Result<()> {
        let stopped = self.background.stop(self.stop_timeout).await;
        self.services.accepter.stop(FLUSH_TIME).await;
        self.services.telemetry.traces.close(FLUSH_TIME).await;
        self.services.store.close().await;
        stopped.map_err(|late| {
            anyhow::anyhow!(
                "not everything ended in time ({}); what was accepted is kept and goes on at the next start",
                late.join(", ")
            )
        })
    }
}

async fn services(
    config: &Config,
    setups: &[LaneSetup],
    store: Store,
    sealer: Sealer,
    clock: Clock,
    front: &Front,
) -> anyhow::Result<Services> {
    let apps = AppDirectory::load(store.clone(), sealer, config.api.account_quota()).await?;
    let max_wait = config.refresh.max_wait_seconds;
    let max_wait = (max_wait > 0).then(|| Duration::from_secs(max_wait));
    let registry = LaneRegistry::new(setups.iter().map(LaneSetup::registry_entry).collect(), max_wait);
    let telemetry = Telemetry::new(
        TelemetrySettings {
            lanes: config.operator_accounts.iter().map(|account| account.name.as_str()).collect(),
            store: store.dialect(),
            slow: SlowThresholds {
                call_ms: config.log.slow_call_ms,
                reading_ms: config.log.slow_reading_ms,
                commit_ms: config.log.slow_commit_ms,
            },
            trace: &config.trace,
        },
        vec![Handle::current(), front.handle().clone()],
    )?;
    store.remember_open().await?;
    let rules = config.card_rules();
    let accepter = Accepter::start(
        store.clone(),
        registry.clone(),
        rules,
        clock.clone(),
        telemetry.clone(),
        config.refresh.accept_queue,
    )?;
    Ok(Services {
        clock,
        store,
        apps,
        accepter,
        waiters: Waiters::default(),
        registry,
        cadence: Arc::new(CadenceWatch::new(config.refresh.steady_beat)),
        rules,
        zone: config.zone()?,
        telemetry,
    })
}

fn lane_settings(config: &Config, services: &Services, node: String, alone: bool) -> LaneSettings {
    LaneSettings {
        store: services.store.clone(),
        clock: services.clock.clone(),
        registry: services.registry.clone(),
        waiters: services.waiters.clone(),
        lease: LeaseSettings { node, duration: Duration::from_secs(config.lanes.lease_seconds), alone },
        poll: Duration::from_secs_f64(config.lanes.poll_seconds),
        retry: config.retry_rule(),
        breaker: config.breaker_rule(),
        telemetry: services.telemetry.clone(),
    }
}

/// What every node does beside answering.
fn start_upkeep(
    background: &mut Background,
    config: &Config,
    services: &Services,
    node: &str,
) -> anyhow::Result<()> {
    let stopping = background.stopping().clone();
    let Services { store, clock, apps, accepter, waiters, .. } = services.clone();
    let reload = Duration::from_secs(config.api.app_reload_seconds.max(1));
    background.start("app directory", apps.keep_fresh(reload, stopping.clone()));
    background.start("clock", clock.clone().keep_correct(store.clone(), stopping.clone()));
    background.start("write-ahead log", checkpoint::shorten_log(store.clone(), stopping.clone()));
    if config.server.role.works() {
        let days = config.usage.keep_readings_days;
        let pruning =
            retention::prune_daily(store.clone(), clock.clone(), config.zone()?, days, stopping.clone());
        background.start("retention", pruning);
    }
    background.start("activity", activity::keep(store, clock, node.to_owned(), accepter, waiters, stopping));
    Ok(())
}

/// Lanes and the outbox.
fn start_workers(
    background: &mut Background,
    config: &Config,
    setups: Vec<LaneSetup>,
    settings: &LaneSettings,
    sealer: &Sealer,
) -> anyhow::Result<()> {
    let stopping = background.stopping().clone();
    background.start("queue lengths", lanes::watch(settings.clone(), stopping.clone()));
    if !config.server.role.works() {
        return Ok(());
    }
    background.start("lanes", lanes::start(setups, settings, &stopping)?);
    let notify = NotifySettings {
        store: settings.store.clone(),
        clock: settings.clock.clone(),
        sealer: sealer.clone(),
        work_added: settings.waiters.any_ended(),
        lease: settings.lease.clone(),
        telemetry: settings.telemetry.clone(),
        config: config.notify.clone(),
    };
    background.start("outbox", outbox::deliver(notify, stopping));
    Ok(())
}

/// What is served beside the open API, and how.
struct Routes {
    more: Router,
    facts: BTreeMap<String, OperatorFacts>,
    sealer: Sealer,
    tls: Option<Tls>,
}

async fn serve(
    background: &mut Background,
    config: &Config,
    services: &Services,
    listener: TcpListener,
    routes: Routes,
    front: &Front,
) -> anyhow::Result<()> {
    let stopping = background.stopping().clone();
    let settings = ApiSettings {
        proxies: Proxies::new(config.server.trusted_proxies.clone(), config.server.forwarded_by),
        timestamp_window: Duration::from_secs(config.api.timestamp_window_seconds),
        max_in_flight: config.server.max_in_flight,
        max_delayed: config.server.max_connections / 4 * 3,
    };
    let state = ApiState::new(services.clone(), settings, stopping.clone());
    services.telemetry.metrics.ask(LiveMetrics {
        registry: services.registry.clone(),
        accept_waiting: services.accepter.depth(),
        clock: services.clock.clone(),
        slots: Arc::clone(&state.slots),
        all_slots: config.server.max_in_flight,
    });
    let Routes { mut more, facts, sealer, tls } = routes;
    let limits = config.server.limits();
    if config.console.enabled && config.server.role.answers() {
        let state =
            ConsoleState::new(services.clone(), stopping.clone(), sealer, config.console.clone(), facts);
        let console = simgauge_console::router(state);
        match config.console.own_listener().map_err(anyhow::Error::msg)? {
            None => more = more.merge(console),
            Some(address) => {
                let listener = TcpListener::bind(address)
                    .await
                    .with_context(|| format!("the console cannot listen on {address}"))?;
                let serving = server::serve(listener, tls.clone(), console, limits, stopping.clone());
                background.start("console listener", serving);
            }
        }
    }
    let api =
        if config.server.role.answers() { router(state, config.docs.enabled) } else { health_router(state) };
    if let Some(tls) = &tls {
        background.start("TLS certificate", tls.clone().keep_fresh(stopping.clone()));
    }
    let serving = server::serve(listener, tls, api.merge(more), limits, stopping);
    background.start_on(front.handle(), "listener", serving);
    Ok(())
}

fn operator_facts(config: &Config, setups: &[LaneSetup]) -> BTreeMap<String, OperatorFacts> {
    let accounts = config.operator_accounts.iter().zip(setups);
    accounts
        .map(|(account, setup)| {
            let definition = account.definition.clone();
            (account.name.clone(), OperatorFacts { definition, limits: setup.limits.clone() })
        })
        .collect()
}
