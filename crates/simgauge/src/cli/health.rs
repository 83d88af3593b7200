//! `simgauge health`: whether a server is ready, for what has no other way to ask (a container without a
//! shell).

use anyhow::Context as _;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

/// How long a server may take to say so; it gives its database two seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Options of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The server's address.
    #[arg(long, env = "SIMGAUGE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// Prints what the server says; 0 if it is ready.
pub(super) async fn run(args: &HealthArgs) -> anyhow::Result<ExitCode> {
    // The first to ask decides; any later one finds it decided.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).no_proxy().build()?;
    let url = format!("{}/readyz", args.url.trim_end_matches('/'));
    let response = client.get(url).send().await.context("the server cannot be reached")?;
    let ready = response.status().is_success();
    let words = response.text().await.context("the server's answer broke off")?;
    println!("{}", words.trim_end());
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
