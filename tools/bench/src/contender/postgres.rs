//! simgauge on PostgreSQL.

use super::api::Contender;
use super::ours::{App, IDLE_LANE, IDLE_LANE_NAME, Setup};
use crate::cards::ACCOUNT;
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
        let root = cluster()?;
        recreate(&root, TEMPLATE, "template1")?;
        let postgres = Self { dir, root, running: None };
        let setup = Setup::new(&postgres.dir, &postgres.url(TEMPLATE), IDLE_LANE)?;
        setup.create_app(app)?;
        setup.import(ACCOUNT, 0..total, &[IDLE_LANE_NAME.to_owned()])?;
        process::run(Command::new("vacuumdb").arg("--analyze").arg(postgres.url(TEMPLATE)))?;
        Ok(postgres)
    }

    fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.root)
    }
}

/// Makes a database without tables. Returns its URL.
pub(crate) fn empty_database(name: &str) -> anyhow::Result<String> {
    let root = cluster()?;
    recreate(&root, name, "template1")?;
    Ok(format!("{root}/{name}"))
}

/// The cluster's URL, without a database.
fn cluster() -> anyhow::Result<String> {
    let url = std::env::var(CLUSTER).with_context(|| format!("{CLUSTER} is not set; see scripts/bench"))?;
    let (root, _) = url.rsplit_once('/').context("the cluster's URL names no database")?;
    Ok(root.to_owned())
}

fn recreate(root: &str, database: &str, template: &str) -> anyhow::Result<()> {
    let tool = |name: &str| {
        let mut command = Command::new(name);
        command.arg("--maintenance-db").arg(format!("{root}/postgres"));
        command
    };
    process::run(tool("dropdb").args(["--if-exists", "--force", database]))?;
    process::run(tool("createdb").args(["--strategy=file_copy", "--template", template, database]))?;
    Ok(())
}

impl Contender for Postgres {
    fn name(&self) -> &'static str {
        "simgauge (PostgreSQL)"
    }

    fn start(&mut self) -> anyhow::Result<SocketAddr> {
        recreate(&self.root, DATABASE, TEMPLATE)?;
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
