//! The bare handler.

use super::api::Contender;
use super::ours::App;
use anyhow::Context as _;
use simgauge_process::{self as process, Server};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

/// The bare handler, as a process of its own.
pub(crate) struct Bare {
    dir: PathBuf,
    app: Rc<App>,
    running: Option<(Server, SocketAddr)>,
}

impl Bare {
    pub(crate) fn new(dir: PathBuf, app: &Rc<App>) -> Self {
        Self { dir, app: Rc::clone(app), running: None }
    }
}

impl Contender for Bare {
    fn name(&self) -> &'static str {
        "bare axum handler"
    }

    fn forgets(&self) -> bool {
        true
    }

    fn start(&mut self) -> anyhow::Result<SocketAddr> {
        let address = process::free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", "--listen", &address.to_string()]).env("SIMGAUGE_SECRET", &self.app.secret);
        let mut server = Server::start("bare", &mut command, &self.dir)?;
        server.wait_until(|| process::get(address, "/readyz").is_ok())?;
        self.running = Some((server, address));
        Ok(address)
    }

    fn stop(&mut self) -> anyhow::Result<u64> {
        let (server, address) = self.running.take().context("not started")?;
        let verified = process::get(address, "/verified")?.trim().parse()?;
        server.stop()?;
        Ok(verified)
    }
}
