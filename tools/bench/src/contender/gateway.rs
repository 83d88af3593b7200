//! The gateway that could be built instead of simgauge: nginx with Lua, and a Redis that writes every call to
//! the disk.

use super::api::Contender;
use super::ours::App;
use crate::cards::APPKEY;
use anyhow::Context as _;
use simgauge_process::{self as process, Server};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

/// nginx and Redis with the configuration in `tools/bench/gateway`.
pub(crate) struct Gateway {
    dir: PathBuf,
    app: Rc<App>,
    running: Option<(Server, Server)>,
}

impl Gateway {
    pub(crate) fn new(dir: PathBuf, app: &Rc<App>) -> Self {
        Self { dir, app: Rc::clone(app), running: None }
    }

    fn redis(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(self.dir.join("redis.sock"));
        command
    }
}

impl Contender for Gateway {
    fn name(&self) -> &'static str {
        "nginx + Lua + Redis"
    }

    fn start(&mut self) -> anyhow::Result<SocketAddr> {
        let _ = std::fs::remove_dir_all(&self.dir);
        std::fs::create_dir_all(&self.dir)?;
        let address = process::free_address()?;
        let lua = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway");
        let configure = |name: &str| -> anyhow::Result<PathBuf> {
            let text = std::fs::read_to_string(lua.join(name))?
                .replace("@DIR@", &self.dir.display().to_string())
                .replace("@LUA@", &lua.display().to_string())
                .replace("@APPKEY@", APPKEY)
                .replace("@SECRET@", &self.app.secret)
                .replace("@ADDRESS@", &address.to_string());
            let file = self.dir.join(name);
            std::fs::write(&file, text)?;
            Ok(file)
        };
        let mut command = Command::new("redis-server");
        let mut redis = Server::start("redis", command.arg(configure("redis.conf")?), &self.dir)?;
        redis
            .wait_until(|| process::run(self.redis().arg("PING")).is_ok_and(|pong| pong.trim() == "PONG"))?;
        let mut command = Command::new("nginx");
        command.arg("-e").arg(self.dir.join("error.log")).arg("-c").arg(configure("nginx.conf")?);
        let mut nginx = Server::start("nginx", &mut command, &self.dir)?;
        nginx.wait_until(|| process::get(address, "/readyz").is_ok())?;
        self.running = Some((nginx, redis));
        Ok(address)
    }

    fn stop(&mut self) -> anyhow::Result<u64> {
        let (nginx, redis) = self.running.take().context("not started")?;
        nginx.stop()?;
        let queued = process::run(self.redis().args(["LLEN", "queue"]))?.trim().parse()?;
        redis.stop()?;
        Ok(queued)
    }
}
