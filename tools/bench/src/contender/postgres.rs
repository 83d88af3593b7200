//! simgauge on PostgreSQL.

use super::api::Contender;
use super::ours::{App, IDLE_LANE, IDLE_LANE_NAME, Setup};
use anyhow::Context as _;
use simgauge_process::{self as process, Server};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// The variable in which `scripts/with-postgres` names its cluster: a URL that ends in a database's name.
const CLUSTER: &str = "SIMGAUGE_TEST_POSTGRES";
const TEMPLATE: &str = "simgauge_bench_template";
const DATABASE: &str = "simgauge_bench";

/// simgauge on a PostgreSQL cluster of its own, with a new copy of a database full of cards.
pub(crate) struct Postgres {
    dir: PathBuf,
    root: String,
    running: Option<(Setup, Server)>,
}

impl Postgres {
    /// Makes a database with `total` cards.
    pub(crate) fn new(dir: PathBuf, app: &App, total: u64) -> anyhow::Result<Self> {
        let url =
            std::env::var(CLUSTER).with_context(|| format!("{CLUSTER} is not set; see scripts/bench"))?;
        let (root, _) = url.rsplit_once('/').context("the cluster's URL names no database")?;
        let postgres = Self { dir, root: root.to_owned(), running: None };
        postgres.recreate(TEMPLATE, "template1")?;
        let setup = Setup::new(&postgres.dir, &postgres.url(TEMPLATE), IDLE_LANE)?;
        setup.create_app(app)?;
        setup.import(total, &[IDLE_LANE_NAME.to_owned()])?;
        process::run(Command::new("vacuumdb").arg("--analyze").arg(postgres.url(TEMPLATE)))?;
        Ok(postgres)
    }

    fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.root)
    }

    /// A program of PostgreSQL, for this cluster.
    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.arg("--maintenance-db").arg(self.url("postgres"));
        command
    }

    fn recreate(&self, database: &str, template: &str) -> anyhow::Result<()> {
        process::run(self.tool("dropdb").args(["--if-exists", "--force", database]))?;
        process::run(self.tool("createdb").args(["--strategy=file_copy", "--template", template, database]))?;
        Ok(())
    }
}

impl Contender for Postgres {
    fn name(&self) -> &'static str {
        "simgauge (PostgreSQL)"
    }

    fn start(&mut self) -> anyhow::Result<SocketAddr> {
        self.recreate(DATABASE, TEMPLATE)?;
        process::settle()?;
        let setup = Setup::new(&self.dir, &self.url(DATABASE), IDLE_LANE)?;
        let (server, _) = setup.serve()?;
        let address = setup.address;
        self.running = Some((setup, server));
        Ok(address)
    }

    fn stop(&mut self) -> anyhow::Result<u64> {
        let (setup, server) = self.running.take().context("not started")?;
        server.stop()?;
        Ok(setup.count_refreshes()?.all)
    }
}
