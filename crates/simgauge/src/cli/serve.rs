//! `simgauge serve`: the server, until it is told to stop.

use crate::app::App;
use crate::config::{Config, Role};
use crate::logging;
use crate::operators::warn_of_guesses;
use anyhow::Context as _;
use clap::Args;
use simgauge_service::clock::Clock;
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Options of the server.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// What this node does; comes before the configuration's server.role.
    #[arg(long)]
    role: Option<Role>,
}

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(args: ServeArgs, mut config: Config) -> anyhow::Result<ExitCode> {
    config.server.role = args.role.unwrap_or(config.server.role);
    config.check()?;
    logging::start(&config.log)?;
    ignore_hangups()?;
    warn_of_guesses(&config)?;
    let listener = listen(&config).await?;
    let metrics = listen_for_metrics(config.metrics.listen).await?;
    let mut app = App::start(&config, listener, Clock::default()).await?;
    if let Some(listener) = metrics {
        tracing::info!(address = %listener.local_addr()?, "serving metrics");
        app.serve_metrics(listener);
    }
    let (role, store) = (config.server.role, app.store().dialect());
    tracing::info!(address = %app.address(), ?role, store, "serving");
    stop_signal().await?;
    tracing::info!("stopping: what runs is finished, what waits is kept");
    app.stop().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let address = config.server.listen;
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

pub(super) async fn listen_for_metrics(address: Option<SocketAddr>) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address} for metrics; set metrics.listen to another address, or to \"\" for \
             none"
        )
    })?;
    Ok(Some(listener))
}

/// Takes SIGHUP and does nothing on it: by itself it would end the process, and people and tools send it to
/// have files read again.
fn ignore_hangups() -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::warn!("SIGHUP is ignored; restart the process to read its configuration again");
        }
    });
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
pub(super) async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
