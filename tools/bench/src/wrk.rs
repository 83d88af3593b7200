//! Load by wrk, as fast as possible: a fixed number of connections, each of which sends its next request when
//! the last one is answered.

use crate::cards::Requests;
use anyhow::{Context as _, ensure};
use serde::Deserialize;
use simgauge_process as process;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// One thread is enough to keep a server on two cores busy, and leaves more of the machine to the server than
/// two would.
const THREADS: u64 = 1;

/// The result of wrk.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    micros: u64,
    failed: u64,
    statuses: u64,
    ran_out: bool,
    /// In microseconds.
    p99: u64,
}

impl Seen {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 * 1e6 / self.micros as f64
    }

    /// The latency in milliseconds that 99 % of the answers do not exceed.
    pub(crate) fn p99(&self) -> f64 {
        self.p99 as f64 / 1000.0
    }
}

/// Sends requests for some seconds. Where they run out, it starts anew with `again`, and fails otherwise.
///
/// # Errors
/// A request failed, was not answered with HTTP 200, or there were too few requests.
pub(crate) fn load(
    address: SocketAddr,
    requests: &Requests,
    connections: u64,
    seconds: u64,
    again: bool,
) -> anyhow::Result<Seen> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("load/requests.lua");
    let output = process::run(
        Command::new("wrk")
            .args([format!("-t{THREADS}"), format!("-c{connections}"), format!("-d{seconds}s")])
            .arg("--timeout=10s")
            .arg("-s")
            .arg(script)
            .arg(format!("http://{address}/"))
            .arg("--")
            .arg(&requests.path)
            .args([requests.bytes.to_string(), requests.count.to_string(), THREADS.to_string()])
            .arg(if again { "1" } else { "0" }),
    )?;
    let result =
        output.lines().find_map(|line| line.strip_prefix("RESULT ")).context("wrk printed no result")?;
    let seen: Seen = serde_json::from_str(result)?;
    ensure!(!seen.ran_out, "there were too few requests ({}) for {seconds} s", requests.count);
    ensure!(seen.failed == 0 && seen.statuses == 0, "not every request was answered with HTTP 200: {seen:?}");
    Ok(seen)
}
