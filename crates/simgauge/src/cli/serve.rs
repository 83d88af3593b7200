//! `simgauge serve`: the server, until it is told to stop.

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Role};
use crate::logging;
use anyhow::Context as _;
use clap::Args;
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
    let listener = listen(&config).await?;
    let app = App::start(&config, listener, Clock::default()).await?;
    tracing::info!(address = %app.address(), role = ?config.server.role, store = app.store().dialect(), "serving");
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
