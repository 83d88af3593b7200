//! `simgauge demo`: the whole thing on one machine and without an operator: embedded store, operator simulator, an account
//! with an app, cards that have a past, test cards, the server.

use super::serve::{listen, listen_for_metrics, stop_signal};
use crate::app::{App, open_store};
use crate::clock::Clock;
use crate::config::Config;
use crate::demo::{
    self, DEMO, DemoRoutes, EID, ICCID, MORE_CARDS, SECRET, SignedCalls, TEST_CARDS, furnish, live_through,
    operator_accounts, resume,
};
use crate::logging;
use crate::notify::check;
use crate::secrets::Sealer;
use anyhow::Context as _;
use clap::Args;
use simgauge_domain::threshold::Percentages;
use simgauge_domain::time::UnixMs;
use simgauge_operators::simulator::{Simulator, SimulatorConfig};
use simgauge_protocol::Language;
use simgauge_store::Store;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;

/// How fast every card's usage grows: a person sees it, and a package lasts for weeks.
const GROWTH_BYTES_PER_SECOND: u64 = 2_000;
/// How far a timestamp may be off where the clock can be moved: the caller's does not move along.
const TRAVELLERS_WINDOW_SECONDS: u64 = 86_400;

const DAY: Duration = Duration::from_secs(86_400);

/// Options of the demo.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep the data in this folder; without it the demo starts afresh each time.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How many days of readings some of the cards start with; it takes the start about a tenth of a second for each. Not
    /// where --data has those of an earlier demo.
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=90))]
    past: u32,
    /// Let the clock be moved: POST /demo/clock {"advanceSeconds": 300}. Timestamps up to a day off are taken then.
    #[arg(long, conflicts_with = "data")]
    time_travel: bool,
    /// Where the account is told of refreshes and of 80 % and 100 % of a package; also http and addresses of this network.
    #[arg(long, value_name = "URL")]
    notify_url: Option<String>,
    /// Serve metrics there, too.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
}

/// Runs the demo until SIGTERM or SIGINT.
pub(super) async fn run(args: DemoArgs, config_file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let mut config = Config::load_over(demo::DEFAULTS, config_file)?;
    logging::start(&config.log)?;
    let clock = Clock::default();
    let temporary = tempfile::TempDir::with_prefix("simgauge-demo-").context("no temporary folder")?;
    let data = args.data.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(data).with_context(|| format!("{} cannot be created", data.display()))?;
    config.server.listen = args.listen;
    config.store.url = format!("sqlite://{}", data.join("simgauge.db").display());
    config.secrets.key_file = data.join("simgauge.key");
    if args.time_travel {
        config.api.timestamp_window_seconds = TRAVELLERS_WINDOW_SECONDS;
    }
    let listener = listen(&config).await?;
    let store = open_store(&config).await?;
    let simulator = build_the_world(DAY * args.past, &mut config, &store, &clock).await?;
    for card in TEST_CARDS {
        card.set_up(&simulator);
    }
    if let Some(url) = &args.notify_url {
        let mut settings = store.notification_prefs(DEMO).await?;
        settings.url = Some(check(url, config.notify.target_policy())?.to_string());
        settings.thresholds = Percentages::new(vec![80, 100]).unwrap_or_default();
        store.set_notification_prefs(&settings).await?;
    }

    let calls = SignedCalls { url: format!("http://{}", listener.local_addr()?), clock: clock.clone() };
    let routes = demo::routes(DemoRoutes {
        calls: calls.clone(),
        simulator: simulator.clone(),
        store: store.clone(),
        operator_accounts: config.operator_accounts.clone(),
        deadline: Duration::from_secs(config.refresh.deadline_seconds),
        time_travel: args.time_travel,
        docs: config.docs.enabled,
    });
    let metrics = listen_for_metrics(args.metrics).await?;
    let mut app = App::start_beside(routes, &config, listener, clock).await?;
    if let Some(listener) = metrics {
        println!("metrics: http://{}/metrics", listener.local_addr()?);
        app.serve_metrics(listener);
    }
    introduce(&calls, &config, &simulator, &args);
    stop_signal().await?;
    let stopped = app.stop().await;
    simulator.shutdown().await;
    store.close().await;
    stopped?;
    Ok(ExitCode::SUCCESS)
}

/// The operators, and the account with its cards as they stand at present: after this past, or as they were left.
async fn build_the_world(
    past: Duration,
    config: &mut Config,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<Simulator> {
    let left = store.accounts().await?.into_iter().find(|account| account.name == DEMO);
    let began = match &left {
        Some(account) => UnixMs(account.created_at),
        None => UnixMs(clock.now().0 - i64::try_from(past.as_millis())?),
    };
    let world = SimulatorConfig {
        growth_bytes_per_second: GROWTH_BYTES_PER_SECOND,
        growth_since: Some(began),
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::start(TcpListener::bind("127.0.0.1:0").await?, world, clock.as_fn()).await?;
    config.operator_accounts = operator_accounts(&simulator)?;
    furnish(store, &Sealer::load(config)?, config, began).await?;
    match left {
        Some(_) => resume(store, config, &simulator).await?,
        None => live_through(past, config, clock, &simulator).await?,
    }
    Ok(simulator)
}

fn introduce(calls: &SignedCalls, config: &Config, simulator: &Simulator, args: &DemoArgs) {
    let url = &calls.url;
    let kept = if args.data.is_some() {
        "kept in the folder you named"
    } else {
        "gone when the demo ends (--data DIR keeps it)"
    };
    println!("simgauge demo: account {DEMO}, appkey {DEMO}, secret {SECRET}; data {kept}");
    println!("cards: ICCID {ICCID}, EID {EID} and {MORE_CARDS} more (8986000000000000000 and up)");
    println!("console: {url}/console (name {DEMO}, password {SECRET})");
    println!("operator simulator: {} (faults and usage by hand: {0}/_sim)", simulator.url());
    println!();
    let deadline = Duration::from_secs(config.refresh.deadline_seconds);
    println!(
        "test cards, each with a fixed end; attempts are made for {} s here ({url}/demo has more):",
        deadline.as_secs()
    );
    for card in TEST_CARDS {
        let when = card.takes.text(deadline, Language::En);
        println!("  {}  {:<11} {} ({when})", card.iccid, card.name, card.end.text());
    }
    println!();
    println!("refresh the card (the sign is good for five minutes, and so is the cooldown):");
    println!("{}", calls.curl("card/refreshUsage", "iccid", ICCID));
    println!();
    println!("refresh the cloud eSIM:");
    println!("{}", calls.curl("cloudesim/refreshUsage", "eid", EID));
    println!();
    println!("look at the card:");
    println!("{}", calls.curl("card/getCardsInfo", "iccid", ICCID));
    println!();
    println!("use up 100 MB at its operator, for the next refresh to read:");
    println!("{}", calls.add_usage(ICCID));
    println!();
    if args.time_travel {
        println!("move the clock on by five minutes (timestamps up to a day off are taken):");
        println!("{}", calls.advance());
        println!();
    }
    println!("or without signing by hand, in another terminal:");
    println!("{} simgauge refresh --iccid 8986000000000000000 --wait", calls.environment());
    println!();
    println!("ready {url}");
}
