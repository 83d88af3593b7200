//! Operators to read from: simgauge's own simulator as a process of its own, and operator accounts that point to it.

use anyhow::Context as _;
use serde::Deserialize;
use simgauge_process::{self as process, Server};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// What each lane's operator allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// Calls a second.
    pub(crate) rate: u32,
    /// Calls at once.
    pub(crate) at_once: u32,
}

/// A running simulator. It counts calls over its own limits but answers them, since lanes here have limits of their own.
pub(crate) struct Operators {
    server: Server,
    address: SocketAddr,
}

#[derive(Deserialize)]
struct Stats {
    operators: Vec<OperatorStats>,
}

#[derive(Deserialize)]
struct OperatorStats {
    operator: String,
    readings: u64,
}

impl Operators {
    /// Starts the simulator.
    pub(crate) fn start(dir: &Path) -> anyhow::Result<Self> {
        let address = process::free_address()?;
        let mut command = Command::new(process::program()?);
        command.args(["simulate-operator", "--lenient", "--listen", &address.to_string()]);
        let mut server = Server::start("simulator", &mut command, dir)?;
        server.wait_until(|| process::get(address, "/_sim").is_ok())?;
        Ok(Self { server, address })
    }

    /// Operator accounts for these lanes, each at an operator of its own.
    pub(crate) fn accounts(&self, lanes: &[String], allowed: Allowed) -> String {
        let Allowed { rate, at_once } = allowed;
        lanes.iter().fold(String::new(), |mut toml, lane| {
            // Writing into a String cannot fail.
            let _ = write!(
                toml,
                "[[operator_account]]\nname = \"{lane}\"\ndefinition = \"cisco_control_center\"\n\
                 base_url = \"http://{}/cisco_control_center@{lane}\"\nallow_http = true\n\
                 secrets = {{ username = {{ env = \"SIMGAUGE_BENCH_USER\" }}, api_key = {{ env = \"SIMGAUGE_BENCH_KEY\" }} }}\n\
                 limits = {{ max_concurrent = {at_once}, buckets = [{{ scope = \"credential\", limit = {rate}, per_seconds = 1 }}] }}\n",
                self.address
            );
            toml
        })
    }

    /// How many readings each lane's operator has given out so far.
    pub(crate) fn readings(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let stats: Stats = serde_json::from_str(&process::get(self.address, "/_sim/stats")?)
            .context("the simulator's statistics cannot be read")?;
        Ok(stats.operators.into_iter().map(|one| (one.operator, one.readings)).collect())
    }

    /// Of all lanes.
    pub(crate) fn all_readings(&self) -> anyhow::Result<u64> {
        Ok(self.readings()?.values().sum())
    }

    /// Stops it.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.server.stop()
    }
}

/// Names of that many lanes.
pub(crate) fn lanes(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("lane-{n:02}")).collect()
}
