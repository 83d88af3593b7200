//! The program under test: its configuration, its commands, its operators.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use simgauge_process::{self as process, Server};
use simgauge_protocol::Body;
use simgauge_protocol::sign::{self, Scope};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The customer and its app.
pub const ACCOUNT: &str = "acme";
/// The names of its operator accounts.
pub const LANES: [&str; 2] = ["one", "two"];
/// The folder of the store, below that of the disk, and the one with links to its files.
const REAL: &str = "real";
const LINKS: &str = "links";
/// What is in them.
pub const STORE: &str = "simgauge.db";
const KEY: &str = "simgauge.key";

/// A customer's app.
#[derive(Clone, Debug)]
pub struct App {
    pub appkey: String,
    pub secret: String,
    /// By how much its clock is off.
    clock_ms: i64,
}

impl App {
    /// The same with a clock that is off.
    #[must_use]
    pub fn shifted(&self, clock_ms: i64) -> Self {
        Self { clock_ms, ..self.clone() }
    }

    /// A signed body with these fields.
    #[must_use]
    pub fn body(&self, fields: &Value) -> String {
        // Counted, because random ones would repeat within a second.
        static NONCES: AtomicU32 = AtomicU32::new(0);
        let nonce = 10_000 + NONCES.fetch_add(1, Ordering::Relaxed) % 90_000;
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let timestamp = seconds.saturating_add_signed(self.clock_ms / 1000);
        let mut body = json!({ "appkey": self.appkey, "timestamp": timestamp, "nonce": nonce });
        if let (Some(body), Some(fields)) = (body.as_object_mut(), fields.as_object()) {
            body.extend(fields.clone());
        }
        if let Ok(parsed) = Body::parse(body.to_string().as_bytes()) {
            body["sign"] = sign::sign(&parsed, Scope::Request, &self.secret).into();
        }
        body.to_string()
    }

    /// Calls an operation. Answers its code and its data.
    ///
    /// # Errors
    /// The server cannot be reached, or the answer is not JSON.
    pub fn call(&self, address: SocketAddr, path: &str, fields: &Value) -> anyhow::Result<(String, Value)> {
        let (_, answer) = process::call(address, "POST", path, &self.body(fields))?;
        let mut answer: Value = serde_json::from_str(&answer).with_context(|| format!("{path}: {answer}"))?;
        let code = match &answer["code"] {
            Value::String(code) => code.clone(),
            other => other.to_string(),
        };
        Ok((code, answer["data"].take()))
    }
}

/// A disk with a store, and how the program is started on it.
#[derive(Clone, Debug)]
pub struct World {
    /// The folder that stands for the disk.
    pub disk: PathBuf,
    config: PathBuf,
    /// Where the server and its metrics answer.
    pub address: SocketAddr,
    /// What every process gets in its environment.
    environment: Vec<(String, String)>,
}

impl World {
    /// A configuration in `dir`, beside the folder `disk` in it. With links, the store and its key are
    /// reached through them. `settings` is added to the configuration.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn create(dir: &Path, links: bool, operators: SocketAddr, settings: &str) -> anyhow::Result<Self> {
        let disk = dir.join("disk");
        std::fs::create_dir_all(disk.join(REAL))?;
        if links {
            std::fs::create_dir_all(disk.join(LINKS))?;
            for name in [STORE, KEY] {
                let link = disk.join(LINKS).join(name);
                if link.symlink_metadata().is_err() {
                    std::os::unix::fs::symlink(format!("../{REAL}/{name}"), link)?;
                }
            }
        }
        let address = process::free_address()?;
        let folder = disk.join(if links { LINKS } else { REAL });
        let mut config = format!(
            "[server]\nlisten = \"{address}\"\n[metrics]\nlisten = \"\"\n\
             [store]\nurl = \"sqlite://{0}/{STORE}\"\n\
             [secrets]\nkey_file = \"{0}/{KEY}\"\n[api]\nquota_per_second = 0\n\
             [notify]\nallow_private = true\nallow_http = true\n{settings}\n",
            folder.display()
        );
        for lane in LANES {
            // Writing into a String cannot fail.
            let _ = write!(
                config,
                "[[operator_account]]\nname = \"{lane}\"\ndefinition = \"cisco_control_center\"\n\
                 base_url = \"http://{operators}/cisco_control_center@{lane}\"\nallow_http = true\n\
                 [operator_account.secrets]\n\
                 username = {{ env = \"FAULTS_USER\" }}\napi_key = {{ env = \"FAULTS_SECRET\" }}\n\
                 [operator_account.limits]\nmax_concurrent = 8\n\
                 buckets = [{{ scope = \"credential\", limit = 500, per_seconds = 1 }}]\n"
            );
        }
        let path = dir.join("simgauge.toml");
        std::fs::write(&path, config)?;
        Ok(Self { disk, config: path, address, environment: Vec::new() })
    }

    /// The same with more in the environment.
    #[must_use]
    pub fn with(&self, environment: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let more = environment.into_iter().map(|(name, value)| (name.to_owned(), value));
        let environment = self.environment.iter().cloned().chain(more).collect();
        Self { environment, ..self.clone() }
    }

    /// The store's own file.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.disk.join(REAL).join(STORE)
    }

    /// A file beside the store.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.disk.join(REAL).join(name)
    }

    /// The program with its configuration.
    ///
    /// # Errors
    /// It is not built.
    pub fn command(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(process::program()?);
        command.arg("--config").arg(&self.config);
        // What the operator simulator accepts.
        command.env("FAULTS_USER", "sim-user").env("FAULTS_SECRET", "sim-secret");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs a command of the program. Answers what it printed.
    ///
    /// # Errors
    /// It fails.
    pub fn run(&self, line: &[&str]) -> anyhow::Result<String> {
        process::run(self.command()?.args(line))
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// It does not get ready.
    pub fn serve(&self, dir: &Path) -> anyhow::Result<Server> {
        let mut server = Server::start("simgauge", self.command()?.arg("serve"), dir)?;
        server.wait_until(|| process::get(self.address, "/readyz").is_ok())?;
        Ok(server)
    }

    /// An account with an app.
    ///
    /// # Errors
    /// A command fails.
    pub fn create_app(&self) -> anyhow::Result<App> {
        self.run(&["account", "create", ACCOUNT])?;
        let created = self.run(&["--json", "app", "create", "--account", ACCOUNT])?;
        let created: Value = serde_json::from_str(&created)?;
        let text = |name: &str| created[name].as_str().map(str::to_owned).context("a field is missing");
        Ok(App { appkey: text("appkey")?, secret: text("secret")?, clock_ms: 0 })
    }

    /// Imports cards, spread over the lanes. Each of the first so many has a package of a megabyte.
    ///
    /// # Errors
    /// A command fails.
    pub fn import(&self, numbers: &[String], packages: usize) -> anyhow::Result<()> {
        self.import_on(numbers.iter().cloned().zip(LANES.into_iter().cycle()))?;
        let mut rows = String::from("card,code,name,total_bytes\n");
        for number in numbers.iter().take(packages) {
            let _ = writeln!(rows, "{number},basic,Basic,1000000");
        }
        if packages > 0 { self.import_csv("package", &rows) } else { Ok(()) }
    }

    /// Imports cards, each with its operator account.
    ///
    /// # Errors
    /// A command fails.
    pub fn import_on(&self, cards: impl IntoIterator<Item = (String, &'static str)>) -> anyhow::Result<()> {
        let mut rows = String::from("iccid,account,operator_account\n");
        for (number, lane) in cards {
            // Writing into a String cannot fail.
            let _ = writeln!(rows, "{number},{ACCOUNT},{lane}");
        }
        self.import_csv("card", &rows)
    }

    fn import_csv(&self, what: &str, rows: &str) -> anyhow::Result<()> {
        let file = self.config.with_extension("csv");
        std::fs::write(&file, rows)?;
        // Numbers with many zeros look as if a spreadsheet had rounded them.
        let rounded = (what == "card").then_some("--keep-rounded");
        process::run(self.command()?.args([what, "import"]).args(rounded).arg(&file)).map(drop)
    }
}

/// Numbers of cards.
#[must_use]
pub fn numbers(from: usize, count: usize) -> Vec<String> {
    (from..from + count).map(|n| format!("8986{n:015}")).collect()
}

/// Starts the operators that behave.
///
/// # Errors
/// They do not get ready.
pub fn simulator(dir: &Path, address: SocketAddr) -> anyhow::Result<Server> {
    let mut command = Command::new(process::program()?);
    command.args(["simulate-operator", "--lenient", "--listen", &address.to_string()]);
    let mut simulator = Server::start("simulator", &mut command, dir)?;
    simulator.wait_until(|| process::get(address, "/_sim").is_ok())?;
    Ok(simulator)
}

/// What starts a process under the layer for these files.
///
/// # Errors
/// The layer is not built.
pub fn shim(folder: &Path, record: Option<&Path>) -> anyhow::Result<Vec<(&'static str, String)>> {
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path is not UTF-8");
    let library = process::built("libsimgauge_shim.so")?;
    let folder = folder.canonicalize()?;
    ensure!(folder.is_dir(), "{} is no folder", folder.display());
    let mut environment = vec![("LD_PRELOAD", text(&library)?), ("SIMGAUGE_SHIM_FOLDER", text(&folder)?)];
    if let Some(record) = record {
        environment.push(("SIMGAUGE_SHIM_RECORD", text(record)?));
    }
    Ok(environment)
}
