//! A server with its store, the operators that it reads, and the customers that call it.

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use simgauge_operators::{Catalog, Definition};
use simgauge_process::{self as process, Server};
use simgauge_simulator::{Simulator, UNKNOWN_PREFIX};
use simgauge_store::Store;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// More lanes at one operator, so that there is enough to do at once.
const MORE_LANES: (&str, usize) = ("cisco_control_center", 7);
/// One card of so many is a cloud eSIM with two profiles, and one is unknown to its operator. Neither is a
/// multiple of the number of customers, so that each customer has some of both.
const CLOUD_ESIM_EVERY: u64 = 9;
const UNKNOWN_EVERY: u64 = 201;
/// What the operator simulator accepts. A search for the key finds the secret too, since that begins with it.
const OPERATOR_USER: &str = "sim-user";
const OPERATOR_SECRET: &str = "sim-secret";
const OPERATOR_KEY: &str = "sim-secre";
/// Name and password of the admin at the console.
pub(super) const ADMIN: (&str, &str) = ("ann", "correct-horse-battery-4711");

/// Settings that differ from the defaults. Customers call without a quota, except the last one. Lanes refuse
/// what they could not do within a minute and give up after another one, so that little is left when the load
/// stops. The receiver is on this machine.
const SETTINGS: &str = r#"
[log]
filter = "info,simgauge=debug,simgauge_operators=debug"
[refresh]
max_wait_seconds = 60
deadline_seconds = 60
[api]
quota_per_second = 0
[notify]
allow_private = true
allow_http = true
timeout_seconds = 2.0
pauses_seconds = [1, 2, 5, 10]
"#;

#[derive(Debug)]
pub(super) struct Customer {
    pub(super) account: &'static str,
    pub(super) appkey: String,
    pub(super) secret: String,
    pub(super) sims: Vec<String>,
    pub(super) cloud_esims: Vec<String>,
}

/// The customers. The second one gets notifications, the last one has a quota.
const ACCOUNTS: [&str; 4] = ["acme", "notified", "other", "hasty"];
const NOTIFIED: usize = 1;
pub(super) const HASTY: usize = 3;

/// Everything that runs.
pub(super) struct World {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
    pub(super) customers: Vec<Customer>,
    /// The operators, as the simulator names them.
    pub(super) operators: Vec<String>,
    pub(super) simulator_address: SocketAddr,
    pub(super) store: Store,
    _simulator: Server,
    metrics: SocketAddr,
    config: PathBuf,
    key: String,
    dir: PathBuf,
}

struct Lane<'a> {
    name: String,
    operator: String,
    definition: &'a Definition,
    /// Allowed readings a second, times a thousand.
    capacity: u64,
}

impl World {
    /// Starts everything.
    pub(super) fn create(
        dir: &Path,
        store_url: Option<&str>,
        card_count: u64,
        receiver: &str,
    ) -> anyhow::Result<Self> {
        let catalog = Catalog::builtin()?;
        let lanes = lanes(&catalog)?;
        let [address, metrics, simulator_address] =
            [process::free_address()?, process::free_address()?, process::free_address()?];
        let url =
            store_url.map_or_else(|| format!("sqlite://{}", dir.join("soak.db").display()), str::to_owned);
        let config = dir.join("simgauge.toml");
        let mut text = format!(
            "[server]\nlisten = \"{address}\"\n[metrics]\nlisten = \"{metrics}\"\n\
             [store]\nurl = \"{url}\"\n{SETTINGS}"
        );
        for lane in &lanes {
            lane.write(&mut text, simulator_address);
        }
        std::fs::write(&config, text)?;
        let key = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        let command = || command(&config, &key);

        let mut customers = Vec::new();
        for account in ACCOUNTS {
            process::run(command()?.args(["account", "create", account]))?;
            let created = process::run(command()?.args(["--json", "app", "create", "--account", account]))?;
            customers.push(Customer::new(account, &created)?);
        }
        process::run(command()?.args(["account", "notify", ACCOUNTS[NOTIFIED], "--url", receiver]))?;
        process::run(command()?.args(["account", "quota", ACCOUNTS[HASTY], "--per-second", "2"]))?;
        create_admin(command()?)?;
        let csv = dir.join("cards.csv");
        std::fs::write(&csv, cards(card_count, &lanes, &mut customers))?;
        process::run(command()?.args(["card", "import", "--keep-rounded"]).arg(&csv))?;

        let mut simulator = Command::new(process::program()?);
        simulator.args(["simulate-operator", "--latency", "20", "--listen", &simulator_address.to_string()]);
        let mut simulator = Server::start("simulator", &mut simulator, dir)?;
        simulator.wait_until(|| process::get(simulator_address, "/_sim").is_ok())?;
        let mut server = Server::start("simgauge", command()?.arg("serve"), dir)?;
        server.wait_until(|| process::get(address, "/readyz").is_ok())?;
        let operators = lanes.iter().map(|lane| lane.operator.clone()).collect();
        let store = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(Store::connect(&url, 2))
        })?;
        Ok(Self {
            server,
            address,
            customers,
            operators,
            simulator_address,
            store,
            _simulator: simulator,
            metrics,
            config,
            key,
            dir: dir.to_owned(),
        })
    }

    /// The secret of the notifications' sign.
    pub(super) fn notified_secret(&self) -> &str {
        &self.customers[NOTIFIED].secret
    }

    /// The account that gets notifications.
    pub(super) fn notified_account(&self) -> &'static str {
        self.customers[NOTIFIED].account
    }

    /// The program with the server's configuration.
    pub(super) fn command(&self) -> anyhow::Result<Command> {
        command(&self.config, &self.key)
    }

    /// The sum of the metric of that name over its labels.
    pub(super) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = process::get(self.metrics, "/metrics")?;
        let mut sum = None;
        for line in text.lines() {
            let Some((key, value)) = line.rsplit_once(' ') else { continue };
            if key.split('{').next() == Some(name) {
                *sum.get_or_insert(0.0) += value.parse::<f64>()?;
            }
        }
        sum.with_context(|| format!("there is no metric {name}"))
    }

    /// Whether every refresh has ended and every notification was accepted.
    pub(super) async fn is_drained(&self) -> anyhow::Result<bool> {
        if self.metric("simgauge_lane_waiting")? > 0.0 || self.store.count_notifications_waiting(1).await? > 0
        {
            return Ok(false);
        }
        Ok(self.refreshes().await?.iter().all(|refresh| refresh.state.is_ended()))
    }

    pub(super) async fn refreshes(&self) -> anyhow::Result<Vec<simgauge_store::RefreshView>> {
        const PAGE: i64 = 5_000;
        let mut all: Vec<simgauge_store::RefreshView> = Vec::new();
        loop {
            let after = all.last().map_or(String::new(), |last| last.id.to_string());
            let page = self.store.refreshes_after(&after, PAGE).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Sets a fault of an operator. `order` is what the simulator accepts.
    pub(super) fn set_fault(&self, order: &Value) -> anyhow::Result<()> {
        process::send(self.simulator_address, "POST", "/_sim/faults", &order.to_string()).map(drop)
    }

    /// Ends all faults.
    pub(super) fn clear_faults(&self) -> anyhow::Result<()> {
        process::send(self.simulator_address, "DELETE", "/_sim/faults", "").map(drop)
    }

    /// Everything that must not appear in a log.
    pub(super) fn secrets(&self) -> Vec<String> {
        let secrets = self.customers.iter().map(|customer| customer.secret.clone());
        let basic = "c2ltLXVzZXI6c2ltLXNlY3JldA"; // user:secret of the operators, as in a header
        let others = [OPERATOR_KEY, basic, ADMIN.1, &self.key];
        secrets.chain(others.map(str::to_owned)).collect()
    }

    /// The log of the server.
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("simgauge.log")
    }
}

impl Customer {
    fn new(account: &'static str, created: &str) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Created {
            appkey: String,
            secret: String,
        }
        let Created { appkey, secret } = serde_json::from_str(created)?;
        Ok(Self { account, appkey, secret, sims: Vec::new(), cloud_esims: Vec::new() })
    }
}

impl Lane<'_> {
    fn write(&self, toml: &mut String, simulator: SocketAddr) {
        let Self { name, operator, definition, .. } = self;
        let secrets: Vec<String> = definition
            .secret_names()
            .map(|secret| {
                let identifies = definition.secret_identifies(secret);
                let end = match Simulator::accepted_secret(definition.name(), secret, identifies) {
                    OPERATOR_USER => "USER",
                    OPERATOR_SECRET => "SECRET",
                    _ => "KEY",
                };
                format!("{secret} = {{ env = \"SIMGAUGE_SOAK_{end}\" }}")
            })
            .collect();
        let settings: Vec<String> = definition
            .settings()
            .iter()
            .filter(|(_, setting)| setting.default.is_none() && !setting.follows_base_url)
            .map(|(setting, _)| format!("{setting} = \"sim\""))
            .collect();
        // Writing into a String cannot fail.
        let _ = write!(
            toml,
            "[[operator_account]]\nname = \"{name}\"\ndefinition = \"{}\"\n\
             base_url = \"http://{simulator}/{operator}\"\n\
             allow_http = true\nsecrets = {{ {} }}\nsettings = {{ {} }}\n",
            definition.name(),
            secrets.join(", "),
            settings.join(", "),
        );
    }
}

/// One lane for each operator definition, and some more.
fn lanes(catalog: &Catalog) -> anyhow::Result<Vec<Lane<'_>>> {
    let (name, count) = MORE_LANES;
    let more = catalog.get(name).context("the definition is missing")?;
    let lane = |definition, number: usize| Lane {
        name: format!("{}-{number}", definition_name(definition)),
        operator: format!("{}@{number}", definition_name(definition)),
        definition,
        capacity: capacity(definition),
    };
    let first = catalog.iter().map(|definition| lane(definition, 0));
    Ok(first.chain((1..=count).map(|number| lane(more, number))).collect())
}

fn definition_name(definition: &Definition) -> &str {
    definition.name()
}

fn capacity(definition: &Definition) -> u64 {
    let limits = definition.limits();
    let of = |bucket: &simgauge_domain::limits::Bucket| {
        u64::from(bucket.limit) * 1000 / u64::from(bucket.per_seconds.max(1))
    };
    let slowest = limits
        .buckets
        .iter()
        .filter(|bucket| {
            matches!(
                bucket.scope,
                simgauge_domain::limits::Scope::Credential | simgauge_domain::limits::Scope::Host
            )
        })
        .map(of)
        .min();
    slowest.unwrap_or(1000) / u64::from(definition.calls_per_reading().max(1))
}

/// A file of cards, spread evenly over the customers, and over the lanes by their capacity.
fn cards(count: u64, lanes: &[Lane<'_>], customers: &mut [Customer]) -> String {
    let all: u64 = lanes.iter().map(|lane| lane.capacity).sum();
    let mut csv = String::from("iccid,eid,account,operator_account\n");
    let mut n = 0;
    for lane in lanes {
        for _ in 0..(count * lane.capacity / all).max(10) {
            n += 1;
            let at = usize::try_from(n).unwrap_or(0) % customers.len();
            let customer = &mut customers[at];
            let account = customer.account;
            if n % CLOUD_ESIM_EVERY == 0 {
                let eid = format!("8986000000000000{n:016}");
                for profile in 0..2 {
                    let _ = writeln!(csv, "8985{profile}{n:014},{eid},{account},{}", lane.name);
                }
                customer.cloud_esims.push(eid);
            } else {
                let iccid = match (n / UNKNOWN_EVERY, n % UNKNOWN_EVERY) {
                    (unknown @ ..100, 1) => format!("{UNKNOWN_PREFIX}{unknown:02}"),
                    _ => format!("8986{n:015}"),
                };
                let _ = writeln!(csv, "{iccid},,{account},{}", lane.name);
                customer.sims.push(iccid);
            }
        }
    }
    csv
}

fn command(config: &Path, key: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(process::program()?);
    command.arg("--config").arg(config).env("SIMGAUGE_KEY", key);
    command
        .env("SIMGAUGE_SOAK_USER", OPERATOR_USER)
        .env("SIMGAUGE_SOAK_SECRET", OPERATOR_SECRET)
        .env("SIMGAUGE_SOAK_KEY", OPERATOR_KEY);
    Ok(command)
}

fn create_admin(mut command: Command) -> anyhow::Result<()> {
    let (name, password) = ADMIN;
    let mut child =
        command.args(["admin", "create", name]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    writeln!(child.stdin.take().context("no standard input")?, "{password}")?;
    ensure!(child.wait()?.success(), "the admin could not be created");
    Ok(())
}

/// A fault order for the simulator.
pub(super) fn fault(operator: &str, fault: &Value, seconds: u64) -> Value {
    let mut order = json!({ "operator": operator, "seconds": seconds });
    if let (Some(order), Some(fault)) = (order.as_object_mut(), fault.as_object()) {
        order.extend(fault.clone());
    }
    order
}
