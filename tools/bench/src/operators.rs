//! Operators to read from: simgauge's simulator as a process of its own, and operator accounts that use it.

use anyhow::Context as _;
use serde::Deserialize;
use simgauge_process::{self as process, Server};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// The limits of each lane's operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// Calls a second.
    pub(crate) rate: u32,
    /// Calls at once.
    pub(crate) at_once: u32,
}

/// A running simulator. It counts calls over its own limits but answers them, because the lanes have limits
/// of their own.
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
    pub(crate) fn start(dir: &Path) -> anyhow::Result<Self> {
        let address = process::free_address()?;
        let mut command = Command::new(process::program()?);
        command.args(["simulate-operator", "--lenient", "--listen", &address.to_string()]);
        let mut server = Server::start("simulator", &mut command, dir)?;
        server.wait_until(|| process::get(address, "/_sim").is_ok())?;
        Ok(Self { server, address })
    }

    /// Operator accounts for these lanes, each at its own copy of the operator.
    pub(crate) fn accounts(&self, lanes: &[String], allowed: Allowed) -> String {
        let Allowed { rate, at_once } = allowed;
        lanes.iter().fold(String::new(), |mut toml, lane| {
            // Writing into a String cannot fail.
            let _ = write!(
                toml,
                "[[operator_account]]\nname = \"{lane}\"\ndefinition = \"cisco_control_center\"\n\
                 base_url = \"http://{}/cisco_control_center@{lane}\"\nallow_http = true\n\
                 [operator_account.secrets]\nusername = {{ env = \"SIMGAUGE_BENCH_USER\" }}\n\
                 api_key = {{ env = \"SIMGAUGE_BENCH_KEY\" }}\n\
                 [operator_account.limits]\nmax_concurrent = {at_once}\n\
                 buckets = [{{ scope = \"credential\", limit = {rate}, per_seconds = 1 }}]\n",
                self.address
            );
            toml
        })
    }

    /// How many readings each lane's operator has answered so far.
    pub(crate) fn readings(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let stats: Stats = serde_json::from_str(&process::get(self.address, "/_sim/stats")?)
            .context("the simulator's statistics cannot be read")?;
        Ok(stats.operators.into_iter().map(|one| (one.operator, one.readings)).collect())
    }

    /// The readings of all lanes together.
    pub(crate) fn all_readings(&self) -> anyhow::Result<u64> {
        Ok(self.readings()?.values().sum())
    }

    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.server.stop()
    }
}

pub(crate) fn lanes(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("lane-{n:02}")).collect()
}
