//! `simgauge demo`: the whole thing on one machine and without an operator: embedded store, operator simulator, an account
//! with an app and about a hundred cards, the server.

use super::serve::{listen, stop_signal};
use crate::app::{App, open_store};
use crate::clock::Clock;
use crate::config::{Config, OperatorAccountConfig, SecretSource};
use crate::logging;
use crate::secrets::Sealer;
use anyhow::Context as _;
use clap::Args;
use simgauge_operators::simulator::{Simulator, SimulatorConfig};
use simgauge_operators::{Catalog, Definition};
use simgauge_protocol::Body;
use simgauge_protocol::sign::{self, Scope};
use simgauge_store::{CardKind, ImportRow, Store, StoreError};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::net::TcpListener;

/// The account and the appkey of the demo.
const DEMO: &str = "demo";
/// The secret of the demo's app.
const SECRET: &str = "demo-secret";
/// The documentation's own card.
const ICCID: &str = "8988308650100524999";
/// The documentation's own cloud eSIM.
const EID: &str = "11111111111111111111111111";
/// Cards beside those two.
const MORE_CARDS: u32 = 100;

/// Options of the demo.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep the data in this folder; without it the demo starts afresh each time.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs the demo until SIGTERM or SIGINT.
pub(super) async fn run(args: DemoArgs, mut config: Config) -> anyhow::Result<ExitCode> {
    logging::start(&config.log)?;
    let clock = Clock::default();
    let temporary = tempfile::TempDir::with_prefix("simgauge-demo-").context("no temporary folder")?;
    let data = args.data.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(data).with_context(|| format!("{} cannot be created", data.display()))?;
    config.server.listen = args.listen;
    config.store.url = format!("sqlite://{}", data.join("simgauge.db").display());
    config.secrets.key_file = data.join("simgauge.key");

    let simulator_listener = TcpListener::bind("127.0.0.1:0").await?;
    let simulator = Simulator::start(simulator_listener, SimulatorConfig::default(), clock.as_fn()).await?;
    config.operator_accounts = operator_accounts(&simulator)?;
    let listener = listen(&config).await?;
    let sealer = Sealer::load(&config)?;
    let store = open_store(&config).await?;
    furnish(&store, &sealer, &clock, &config).await?;
    store.close().await;

    let app = App::start(&config, listener, clock.clone()).await?;
    introduce(&app, &clock, &simulator, args.data.is_some());
    stop_signal().await?;
    let stopped = app.stop().await;
    simulator.shutdown().await;
    stopped?;
    Ok(ExitCode::SUCCESS)
}

/// A login at each operator that the simulator speaks and there is a definition for.
fn operator_accounts(simulator: &Simulator) -> anyhow::Result<Vec<OperatorAccountConfig>> {
    let catalog = Catalog::load(None)?;
    let spoken = Simulator::operators();
    let root = format!("{}/", simulator.url());
    let accounts = catalog
        .iter()
        .filter(|definition| spoken.contains(&definition.name()))
        .map(|definition| simulated_account(definition, &root))
        .collect();
    Ok(accounts)
}

/// A login at one operator of a simulator: `root` is its URL with a slash at the end.
#[must_use]
pub fn simulated_account(definition: &Definition, root: &str) -> OperatorAccountConfig {
    let base_url = format!("{root}{}", definition.name());
    let secrets = definition
        .secret_names()
        .map(|name| {
            let value = if definition.secret_identifies(name) { "sim-user" } else { "sim-secret" };
            (name.to_owned(), SecretSource::Given(value.into()))
        })
        .collect();
    // The simulator takes any value; what follows the base URL needs none.
    let settings = definition
        .settings()
        .iter()
        .filter(|(_, setting)| setting.default.is_none() && !setting.follows_base_url)
        .map(|(name, _)| (name.clone(), "sim".to_owned()))
        .collect();
    OperatorAccountConfig {
        name: format!("demo-{}", definition.name().replace('_', "-")),
        definition: definition.name().to_owned(),
        base_url: Some(base_url),
        allow_http: true,
        settings,
        secrets,
        limits: None,
        time_zone: None,
        billing_day: None,
        step_timeout_seconds: None,
        total_timeout_seconds: None,
    }
}

/// The account, its app and its cards; what is there from an earlier start stays.
async fn furnish(store: &Store, sealer: &Sealer, clock: &Clock, config: &Config) -> anyhow::Result<()> {
    let there = |result: Result<(), StoreError>| match result {
        Ok(()) | Err(StoreError::Exists(_)) => Ok(()),
        Err(error) => Err(error),
    };
    there(store.create_account(DEMO, "zh", clock.now()).await)?;
    there(store.create_app(DEMO, DEMO, "the demo's app", &sealer.seal(SECRET, DEMO)?, clock.now()).await)?;
    let main = config.operator_accounts.iter().find(|account| account.definition == "cisco_control_center");
    let main = main.context("the built-in definition cisco_control_center is missing")?.name.clone();
    let mut cards = vec![
        card(CardKind::Sim, ICCID, ICCID, &main, "the documentation's own example"),
        card(CardKind::CloudEsim, EID, "8988308650100525004", &main, "the documentation's own example"),
    ];
    for n in 0..MORE_CARDS {
        let operator = &config.operator_accounts[n as usize % config.operator_accounts.len()];
        let iccid = format!("89860000000000{n:05}");
        cards.push(card(CardKind::Sim, &iccid, &iccid, &operator.name, &format!("demo card {n}")));
    }
    let mut import = store.import().await?;
    for verdict in import.add(&cards).await? {
        verdict?;
    }
    import.commit().await?;
    Ok(())
}

fn card(kind: CardKind, number: &str, iccid: &str, operator_account: &str, label: &str) -> ImportRow {
    ImportRow {
        number: number.to_owned(),
        kind,
        account: DEMO.to_owned(),
        status: "ACTIVATED_NAME".to_owned(),
        label: label.to_owned(),
        iccid: iccid.to_owned(),
        operator_account: operator_account.to_owned(),
    }
}

fn introduce(app: &App, clock: &Clock, simulator: &Simulator, keeps_data: bool) {
    let url = format!("http://{}", app.address());
    let kept = if keeps_data {
        "kept in the folder you named"
    } else {
        "gone when the demo ends (--data DIR keeps it)"
    };
    println!("simgauge demo: account {DEMO}, appkey {DEMO}, secret {SECRET}; data {kept}");
    println!("cards: ICCID {ICCID}, EID {EID} and {MORE_CARDS} more (8986000000000000000 and up)");
    println!("operator simulator: {} (faults and usage by hand: {0}/_sim)", simulator.url());
    println!();
    println!("refresh the card (the sign is good for five minutes, and so is the cooldown):");
    println!("{}", curl(&url, "card/refreshUsage", "iccid", ICCID, clock));
    println!();
    println!("refresh the cloud eSIM:");
    println!("{}", curl(&url, "cloudesim/refreshUsage", "eid", EID, clock));
    println!();
    println!("look at the card:");
    println!("{}", curl(&url, "card/getCardsInfo", "iccid", ICCID, clock));
    println!();
    println!("or without signing by hand, in another terminal:");
    println!(
        "SIMGAUGE_URL={url} SIMGAUGE_APPKEY={DEMO} SIMGAUGE_SECRET={SECRET} simgauge refresh --iccid 8986000000000000000 --wait"
    );
    println!();
    println!("ready {url}");
}

/// A signed call as a line to paste.
fn curl(url: &str, operation: &str, field: &str, number: &str, clock: &Clock) -> String {
    let mut body = serde_json::json!({
        "appkey": DEMO,
        "timestamp": clock.now().seconds(),
        "nonce": rand::random_range(10_000..=99_999),
        field: number,
    });
    // Made here, so it parses.
    let text = body.to_string();
    let sign = Body::parse(text.as_bytes())
        .map(|body| sign::sign(&body, Scope::Request, SECRET))
        .unwrap_or_default();
    body["sign"] = sign.into();
    format!("curl -s {url}/api/v3/{operation} -H 'Content-Type: application/json' -d '{body}'")
}
