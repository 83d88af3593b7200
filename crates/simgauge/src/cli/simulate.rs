//! `simgauge simulate-operator`: the operator simulator as a server of its own.

use super::serve::stop_signal;
use anyhow::Context as _;
use clap::Args;
use simgauge_service::clock::Clock;
use simgauge_simulator::{Simulator, SimulatorConfig};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;

/// Options of the simulator.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// How fast every SIM's usage grows, in bytes per second.
    #[arg(long, default_value_t = SimulatorConfig::default().growth_bytes_per_second)]
    growth: u64,
    /// How long every answer takes at least, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency: u64,
    /// Count calls over an operator's limits, but answer them.
    #[arg(long)]
    lenient: bool,
}

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(args: SimulateArgs) -> anyhow::Result<ExitCode> {
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let config = SimulatorConfig {
        growth_bytes_per_second: args.growth,
        latency: Duration::from_millis(args.latency),
        enforce_limits: !args.lenient,
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::start(listener, config, Clock::default().as_fn()).await?;
    println!("An operator's base URL is {}/NAME; NAME is one of:", simulator.url());
    for name in Simulator::operators() {
        println!("  {name}");
    }
    println!(
        "It takes the user `sim-user` and the secret `sim-secret` (`sim-secre` as the key of \
         china_telecom_m2m); {}/_sim tells how to set faults.",
        simulator.url()
    );
    println!("ready {}", simulator.url());
    stop_signal().await?;
    simulator.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
