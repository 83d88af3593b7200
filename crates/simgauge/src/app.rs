//! The server put together: started with a configuration and a listener, stopped gracefully.

use simgauge_http::ApiState;
use simgauge_service::apps::AppDirectory;
use simgauge_domain::origin::Proxies;
use simgauge_http::health_router;
use simgauge_http::router;
use simgauge_service::clock::Clock;
use crate::config::Config;
use simgauge_console;
use simgauge_console::ConsoleState;
use simgauge_console::OperatorFacts;
use simgauge_service::lanes;
use simgauge_service::lanes::LaneRegistry;
use simgauge_service::lanes::LaneSettings;
use simgauge_service::lanes::LaneSetup;
use simgauge_service::outbox;
use simgauge_service::outbox::NotifySettings;
use simgauge_service::activity;
use simgauge_service::intake::Accepter;
use simgauge_service::intake::CadenceWatch;
use simgauge_service::waiters::Waiters;
use simgauge_service::retention;
use simgauge_service::secrets::Sealer;
use simgauge_http::server;
use simgauge_http::server::Front;
use simgauge_http::server::Tls;
use simgauge_service::telemetry;
use simgauge_service::telemetry::Live;
use simgauge_service::telemetry::Telemetry;
use simgauge_service::checkpoint;
use anyhow::{Context as _, bail};
use axum::Router;
use simgauge_store::Store;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// How long a stop waits for the last spans to be delivered.
const FLUSH_TIME: Duration = Duration::from_secs(2);

/// A running server.
pub struct App {
    address: SocketAddr,
    stopping: CancellationToken,
    server: JoinHandle<()>,
    _front: Front,
    lanes: JoinSet<()>,
    store: Store,
    telemetry: Telemetry,
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
        let setups = lanes::operators_of(config, &clock)?;
        let only_server = match config.sqlite_file() {
            Some(file) => Some(lock_database(&file)?),
            None => None,
        };
        let sealer = Sealer::load(config)?;
        let tls = config.server.tls.files().map(Tls::load).transpose().context("server.tls")?;
        let store = open_store(config).await?;
        clock.correct_by(&store).await?;
        let apps = AppDirectory::load(store.clone(), sealer.clone(), config.api.account_quota()).await?;
        let registry = registry_of(config, &setups);
        let waiters = Waiters::default();
        let stopping = CancellationToken::new();
        let rules = config.card_rules();
        let front = Front::start().context("the runtime for callers")?;
        let runtimes = vec![Handle::current(), front.handle().clone()];
        let telemetry = Telemetry::new(config, store.dialect(), runtimes)?;
        store.remember_open().await?;
        let accepter = Accepter::start(
            store.clone(),
            registry.clone(),
            rules,
            clock.clone(),
            telemetry.clone(),
            config.refresh.accept_queue,
        )?;
        tokio::spawn(
            apps.clone()
                .keep_fresh(Duration::from_secs(config.api.app_reload_seconds.max(1)), stopping.clone()),
        );
        tokio::spawn(clock.clone().keep_correct(store.clone(), stopping.clone()));
        tokio::spawn(upkeep::shorten_log(store.clone(), stopping.clone()));
        if config.server.role.works() {
            tokio::spawn(retention::prune_daily(
                store.clone(),
                clock.clone(),
                config.zone()?,
                config.usage.keep_readings_days,
                stopping.clone(),
            ));
        }
        let settings = LaneSettings {
            store: store.clone(),
            clock: clock.clone(),
            registry: registry.clone(),
            waiters: waiters.clone(),
            node: format!("{}-{:08x}", std::process::id(), rand::random::<u32>()),
            lease: Duration::from_secs(config.lanes.lease_seconds),
            poll: Duration::from_secs_f64(config.lanes.poll_seconds),
            retry: config.retry_rule(),
            breaker: config.breaker_rule(),
            alone: only_server.is_some(),
            telemetry: telemetry.clone(),
        };
        let mut lanes = lanes::watch(&settings, &stopping);
        lanes.spawn(pulse::keep(
            store.clone(),
            clock.clone(),
            settings.node.clone(),
            accepter.clone(),
            waiters.clone(),
            stopping.clone(),
        ));
        let facts = OperatorFacts::of(config, &setups);
        if config.server.role.works() {
            let mut working = lanes::start(setups, &settings, &stopping)?;
            lanes.spawn(async move { while working.join_next().await.is_some() {} });
            lanes
                .spawn(notify::deliver(notify_settings(config, &settings, sealer.clone()), stopping.clone()));
        }
        let state = ApiState::new(
            clock,
            store.clone(),
            apps,
            accepter,
            waiters,
            registry,
            CadenceWatch::new(config.refresh.steady_beat),
            Proxies::new(config.server.trusted_proxies.clone(), config.server.forwarded_by),
            rules,
            config.zone()?,
            Duration::from_secs(config.api.timestamp_window_seconds),
            stopping.clone(),
            telemetry.clone(),
            config.server.max_in_flight,
            config.server.max_connections / 4 * 3,
        );
        telemetry.metrics.ask(Live {
            registry: state.registry.clone(),
            accept_waiting: state.accepter.depth(),
            clock: state.clock.clone(),
            slots: Arc::clone(&state.slots),
            all_slots: config.server.max_in_flight,
        });
        let address = listener.local_addr()?;
        let mut more = more;
        if config.console.enabled && config.server.role.answers() {
            let console =
                console::router(ConsoleState::new(state.clone(), sealer, config.console.clone(), facts));
            match config.console.own_listener()? {
                None => more = more.merge(console),
                Some(address) => {
                    let listener = TcpListener::bind(address)
                        .await
                        .with_context(|| format!("the console cannot listen on {address}"))?;
                    let limits = config.server.limits();
                    lanes.spawn(server::serve(listener, tls.clone(), console, limits, stopping.clone()));
                }
            }
        }
        let routes = if config.server.role.answers() {
            router(state, config.docs.enabled)
        } else {
            health_router(state)
        };
        let limits = config.server.limits();
        if let Some(tls) = &tls {
            tokio::spawn(tls.clone().keep_fresh(stopping.clone()));
        }
        let server =
            front.handle().spawn(server::serve(listener, tls, routes.merge(more), limits, stopping.clone()));
        Ok(Self {
            address,
            stopping,
            server,
            _front: front,
            lanes,
            store,
            telemetry,
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
        &self.store
    }

    /// What it tells of itself.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Serves the metrics on a listener of their own, as long as the rest is served.
    pub fn serve_metrics(&mut self, listener: TcpListener) {
        let serving = telemetry::serve(self.telemetry.clone(), listener, self.stopping.clone());
        self.lanes.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the metrics are no longer served");
            }
        });
    }

    /// Finishes what runs and keeps what waits in the store.
    ///
    /// # Errors
    /// Something was still running when the time for stopping was up.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stopping.cancel();
        let wind_up = async {
            let _ = (&mut self.server).await;
            while self.lanes.join_next().await.is_some() {}
        };
        let in_time = tokio::time::timeout(self.stop_timeout, wind_up).await;
        self.telemetry.traces.flush(FLUSH_TIME).await;
        self.store.close().await;
        in_time
            .ok()
            .context("not everything ended in time; what was accepted is kept and goes on at the next start")
    }
}

/// Opens the store and brings its schema up to date.
///
/// # Errors
/// It cannot be reached, or is newer than this program.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    // Database errors can carry the URL, and with it a password: they are named here and never printed whole.
    let store = Store::connect(&config.store.url, config.store.connections).await.map_err(|error| {
        anyhow::anyhow!("the store cannot be opened: {}", without_url(&error, &config.store.url))
    })?;
    store.migrate().await.map_err(|error| anyhow::anyhow!("{}", without_url(&error, &config.store.url)))?;
    Ok(store)
}

/// Opens a store that is there already: in the wrong folder, or without its configuration, most commands would otherwise make
/// an empty one and find nothing wrong with it.
///
/// # Errors
/// As [`open_store`], and where an SQLite file is missing.
pub async fn open_existing_store(config: &Config) -> anyhow::Result<Store> {
    let file = simgauge_store::sqlite_file(&config.store.url);
    if let Some(file) = file.filter(|file| !file.is_file()) {
        anyhow::bail!(
            "there is no store at {} (store.url): name the server's configuration with --config, or begin with `simgauge account create`",
            std::path::absolute(&file).unwrap_or(file).display()
        );
    }
    open_store(config).await
}

fn without_url(error: &simgauge_store::StoreError, url: &str) -> String {
    error.to_string().replace(url, "(store.url)")
}

fn notify_settings(config: &Config, lanes: &LaneSettings, sealer: Sealer) -> NotifySettings {
    NotifySettings {
        store: lanes.store.clone(),
        clock: lanes.clock.clone(),
        sealer,
        bell: lanes.waiters.any_ended(),
        node: lanes.node.clone(),
        lease: lanes.lease,
        alone: lanes.alone,
        telemetry: lanes.telemetry.clone(),
        config: config.notify.clone(),
    }
}

fn registry_of(config: &Config, setups: &[LaneSetup]) -> LaneRegistry {
    let entries = setups.iter().map(LaneSetup::registry_entry).collect();
    let max_wait = config.refresh.max_wait_seconds;
    LaneRegistry::new(entries, (max_wait > 0).then(|| Duration::from_secs(max_wait)))
}

/// Makes sure that no other process serves this SQLite file: a lane's lease left by a crash can then be taken at once.
fn lock_database(database: &Path) -> anyhow::Result<File> {
    let mut name = database.file_name().context("store.url names no file")?.to_owned();
    name.push(".lock");
    let path = database.with_file_name(name);
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty() && !dir.exists()) {
        bail!("the folder of the store, {}, does not exist", dir.display());
    }
    let file = File::create(&path).with_context(|| format!("{} cannot be created", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!("another simgauge serves {} already", database.display())
        }
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}
