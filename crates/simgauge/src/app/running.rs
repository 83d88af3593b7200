//! A running server: the order in which it starts, and how it stops.

use super::background::Background;
use super::listeners::{self, Listeners};
use super::services::build_services;
use super::store::{check_key_file, open_store_to_serve};
use super::workers::{self, Node};
use crate::config::Config;
use crate::operators::{operator_facts, operators_of};
use anyhow::Context as _;
use axum::Router;
use simgauge_http::server::{CallerRuntime, Tls};
use simgauge_service::clock::Clock;
use simgauge_service::lanes::LaneSetup;
use simgauge_service::secrets::Sealer;
use simgauge_service::services::Services;
use simgauge_service::telemetry::Telemetry;
use simgauge_store::{ServingLock, Store};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a stop waits for the last refreshes to be durable, and for the last traces to be delivered.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// A running server.
pub struct App {
    address: SocketAddr,
    background: Background,
    callers: CallerRuntime,
    services: Services,
    stop_timeout: Duration,
    /// Locked as long as this process serves an SQLite store.
    database_lock: Option<ServingLock>,
}

impl App {
    /// Starts serving. The server is ready when this returns.
    ///
    /// # Errors
    /// The configuration cannot be used, the store cannot be reached or is newer than this program, or
    /// another process serves the same SQLite file.
    pub async fn start(config: &Config, listener: TcpListener, clock: Clock) -> anyhow::Result<Self> {
        Self::start_with_routes(Router::new(), config, listener, clock).await
    }

    /// The same with more routes on the listener of the open API.
    ///
    /// # Errors
    /// As of [`Self::start`].
    pub async fn start_with_routes(
        more_routes: Router,
        config: &Config,
        listener: TcpListener,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let setups = operators_of(config, &clock)?;
        let operator_facts = operator_facts(config, &setups);
        let (store, database_lock) = open_store_to_serve(config).await?;
        check_key_file(config, &store).await?;
        let sealer = config.sealer()?;
        let tls = config.server.tls.files().map(Tls::load).transpose().context("server.tls")?;
        let address = listener.local_addr()?;
        let console_listener = listeners::bind_console(config).await?;
        clock.correct_by(&store).await?;
        let callers = CallerRuntime::start().context("the runtime for callers")?;
        let services = build_services(config, &setups, store, &sealer, clock, callers.handle()).await?;
        let background = Background::new(CancellationToken::new());
        let stop_timeout = Duration::from_secs(config.server.stop_timeout_seconds);
        let mut app = Self { address, background, callers, services, stop_timeout, database_lock };
        if let Err(error) = app.start_workers(config, setups, &sealer) {
            // The error says more than that something did not end in time.
            let _ = app.stop().await;
            return Err(error);
        }
        let listeners = Listeners { listener, console_listener, more_routes, tls, sealer, operator_facts };
        listeners.start(&mut app.background, config, &app.services, app.callers.handle());
        Ok(app)
    }

    fn start_workers(
        &mut self,
        config: &Config,
        setups: Vec<LaneSetup>,
        sealer: &Sealer,
    ) -> anyhow::Result<()> {
        let node = Node::new(self.database_lock.is_some());
        workers::start_upkeep(&mut self.background, config, &self.services, &node)?;
        workers::start_lanes(&mut self.background, config, &self.services, setups, sealer, &node)
    }

    /// The address of the open API.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.services.store
    }

    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.services.telemetry
    }

    /// Serves the metrics on a listener of their own until the server stops.
    pub fn serve_metrics(&mut self, listener: TcpListener) {
        let telemetry = self.services.telemetry.clone();
        let serving = simgauge_http::metrics_listener::serve(telemetry, listener, self.background.stopping());
        self.background.start("metrics listener", async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the metrics are no longer served");
            }
        });
    }

    /// Finishes what is in flight. What waits is in the store.
    ///
    /// # Errors
    /// A service was still running when the time for stopping was over.
    pub async fn stop(self) -> anyhow::Result<()> {
        let stopped = self.background.stop(self.stop_timeout).await;
        self.services.accepter.stop(FLUSH_TIMEOUT).await;
        self.services.telemetry.traces.close(FLUSH_TIMEOUT).await;
        self.services.store.close().await;
        stopped.map_err(|late| {
            anyhow::anyhow!(
                "not everything ended in time ({}); what was accepted is kept and goes on at the next start",
                late.join(", ")
            )
        })
    }
}
