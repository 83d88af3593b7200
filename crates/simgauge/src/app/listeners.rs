//! What is served, and on which listener: the open API, the pages, the console.

use super::background::Background;
use crate::config::Config;
use anyhow::Context as _;
use axum::Router;
use simgauge_console::{ConsoleState, OperatorFacts};
use simgauge_http::server::{self, Tls};
use simgauge_http::{ApiSettings, ApiState, health_router, router};
use simgauge_service::live_metrics::LiveMetrics;
use simgauge_service::secrets::Sealer;
use simgauge_service::services::Services;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

/// The listeners, and what is served there beside the open API.
pub(super) struct Listeners {
    pub(super) listener: TcpListener,
    /// The console's own listener, where it does not share that of the open API.
    pub(super) console_listener: Option<TcpListener>,
    pub(super) more_routes: Router,
    pub(super) tls: Option<Tls>,
    pub(super) sealer: Sealer,
    pub(super) operator_facts: BTreeMap<String, OperatorFacts>,
}

/// Binds the console's own listener, where it has one.
///
/// # Errors
/// The address is not available.
pub(super) async fn bind_console(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    let address = config.console.own_listener().map_err(anyhow::Error::msg)?;
    let Some(address) = address.filter(|_| has_console(config)) else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    Ok(Some(listener.with_context(|| format!("the console cannot listen on {address}"))?))
}

fn has_console(config: &Config) -> bool {
    config.console.enabled && config.server.role.answers()
}

impl Listeners {
    /// Starts serving. The open API is answered on the runtime `callers`.
    pub(super) fn start(
        self,
        background: &mut Background,
        config: &Config,
        services: &Services,
        callers: &Handle,
    ) {
        let stopping = background.stopping();
        let limits = config.server.connection_limits();
        let mut routes = api_routes(background, config, services).merge(self.more_routes);
        if has_console(config) {
            let state = ConsoleState::new(
                services.clone(),
                stopping.clone(),
                self.sealer,
                config.console.clone(),
                self.operator_facts,
            );
            background.start("console imports", state.clone().join_imports());
            let console = simgauge_console::router(state);
            match self.console_listener {
                None => routes = routes.merge(console),
                Some(listener) => {
                    let serving =
                        server::serve(listener, self.tls.clone(), console, limits, stopping.clone());
                    background.start("console listener", serving);
                }
            }
        }
        if let Some(tls) = &self.tls {
            background.start("TLS certificate", tls.clone().keep_fresh(stopping.clone()));
        }
        let serving = server::serve(self.listener, self.tls, routes, limits, stopping);
        background.start_on(callers, "listener", serving);
    }
}

/// The routes of the open API, or only the health checks on a node that does not answer it.
fn api_routes(background: &Background, config: &Config, services: &Services) -> Router {
    let settings = ApiSettings {
        proxies: config.server.proxies(),
        timestamp_window: config.api.timestamp_window(),
        codes: config.api.code_table(),
        longest_refresh: config.longest_refresh(),
        max_in_flight: config.server.max_in_flight,
        store_connections: usize::try_from(config.store.connections).unwrap_or(usize::MAX),
        max_delayed: config.server.max_connections / 4 * 3,
    };
    let state = ApiState::new(services.clone(), settings, background.stopping());
    services.telemetry.metrics.ask(LiveMetrics {
        registry: services.registry.clone(),
        accept_waiting: services.accepter.depth(),
        clock: services.clock.clone(),
        slots: Arc::clone(&state.slots),
        all_slots: config.server.max_in_flight,
    });
    if config.server.role.answers() { router(state, config.docs.enabled) } else { health_router(state) }
}
