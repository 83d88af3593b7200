//! The history of the demo's cards.
//!
//! It is not written to the store directly. The server itself runs with its clock in the past, some cards are
//! refreshed twice a day over the open API, and the simulated operators' usage grows meanwhile. So all usage
//! goes through lane, reading and booking as always.

use super::names::{DEMO, EID, EID_PROFILE, ICCID, MORE_CARDS, SECRET, TEST_OPERATOR, ordinary_iccid};
use super::operators::{common_accounts, simulated_operator};
use super::test_cards::{Behavior, Place, TEST_CARDS};
use crate::app::App;
use crate::config::Config;
use anyhow::Context as _;
use futures::future::try_join_all;
use simgauge_client::{Client, RefreshOptions};
use simgauge_domain::limits::Limits;
use simgauge_operators::Catalog;
use simgauge_service::clock::Clock;
use simgauge_simulator::Simulator;
use simgauge_store::Store;
use std::time::Duration;
use tokio::net::TcpListener;

/// The time between two refreshes of a card.
const INTERVAL: Duration = Duration::from_secs(12 * 3_600);
/// The most that a card uses between two refreshes, in addition to the steady growth of the simulator.
const BURST_MAX: u64 = 250_000_000;
/// How long a call waits for its refresh to end. A simulated operator answers within milliseconds.
const WAIT_SECONDS: u8 = 8;
/// Operators whose count does not begin anew with a month. The simulator's usage keeps growing when a month
/// ends.
const STEADY: [&str; 2] = ["1nce", TEST_OPERATOR];

/// Makes a history of this length. The clock is at the present afterwards.
///
/// # Errors
/// The server does not start, or a call fails.
pub async fn make_history(
    length: Duration,
    config: &Config,
    clock: &Clock,
    simulator: &Simulator,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let app = App::start(&in_the_past(length, config)?, listener, clock.clone()).await?;
    let refreshed = refresh_over_and_over(length, &app, &sims_with_history(config), clock, simulator).await;
    let stopped = app.stop().await;
    clock.set_offset_ms(0);
    refreshed.context("the demo's history")?;
    stopped
}

/// The configuration of the server for its time in the past. The days pass faster than the operators' limits
/// allow, so each limit is a thousand times what it is. Their kinds and windows stay: what still counts when
/// the lanes are handed over to the present is then known, and no lane begins with its limits used up. With
/// one reading of a card at a time, each simulated operator still counts no violation by the moved clock.
fn in_the_past(length: Duration, config: &Config) -> anyhow::Result<Config> {
    let catalog = Catalog::load(config.definitions_dir())?;
    let mut config = config.clone();
    for account in &mut config.operator_accounts {
        let own = account.limits.clone().or_else(|| Some(catalog.get(&account.definition)?.limits().clone()));
        account.limits = own.map(|mut limits| {
            for bucket in &mut limits.buckets {
                bucket.limit = bucket.limit.saturating_mul(1_000);
            }
            Limits { max_concurrent: 1, min_refresh_seconds: 0, ..limits }
        });
    }
    // The client signs with the time of the machine.
    config.api.timestamp_window_seconds = 2 * length.as_secs();
    Ok(config)
}

async fn refresh_over_and_over(
    length: Duration,
    app: &App,
    sims: &[(String, String)],
    clock: &Clock,
    simulator: &Simulator,
) -> anyhow::Result<()> {
    let client = Client::builder(format!("http://{}", app.address()), DEMO, SECRET.into()).build()?;
    let steps = length.as_secs() / INTERVAL.as_secs();
    for step in 0..steps {
        let ago = length.as_secs() - step * INTERVAL.as_secs();
        clock.set_offset_ms(-i64::try_from(ago * 1_000)?);
        for (operator, iccid) in sims {
            simulator.inject(operator, iccid, burst(iccid, step));
        }
        let options = RefreshOptions { wait: Some(WAIT_SECONDS) };
        let esim = client.refresh_cloud_esim(EID, options);
        let cards = sims.iter().filter(|(_, iccid)| iccid != EID_PROFILE);
        let cards = cards.map(|(_, iccid)| client.refresh_sim(iccid, options));
        tokio::try_join!(try_join_all(cards), esim)?;
    }
    Ok(())
}

/// The simulated operator and the ICCID of each SIM that has a history.
fn sims_with_history(config: &Config) -> Vec<(String, String)> {
    let of = |operator: &str, iccid: &str| (operator.to_owned(), iccid.to_owned());
    let mut sims = vec![of(TEST_OPERATOR, ICCID), of(TEST_OPERATOR, EID_PROFILE)];
    // The ordinary cards are distributed over the operators in turn, so that each has one of the first.
    let first_ordinary = common_accounts(&config.operator_accounts).zip(0..MORE_CARDS);
    let steady = first_ordinary.filter(|(account, _)| STEADY.contains(&account.definition.as_str()));
    sims.extend(steady.map(|(account, n)| of(&account.definition, &ordinary_iccid(n))));
    let known = TEST_CARDS.iter().filter(|card| {
        matches!(card.place, Place::Common | Place::Own) && !matches!(card.behavior, Behavior::UnknownSim)
    });
    sims.extend(known.map(|card| of(&card.simulated_operator(), card.iccid)));
    sims
}

/// What a card uses in a step: different for each card, and the same in every demo.
fn burst(iccid: &str, step: u64) -> u64 {
    let digits = iccid.bytes().fold(7_u64, |sum, digit| sum * 31 % 65_521 + u64::from(digit));
    (digits + step) * (digits + 3 * step + 1) % 97 * BURST_MAX / 97
}

/// After a restart with kept data, sets the simulated operators' usage to what was last read. Usage by hand
/// and from the history is not part of their steady growth.
///
/// # Errors
/// The store failed.
pub async fn restore_usage(store: &Store, config: &Config, simulator: &Simulator) -> anyhow::Result<()> {
    const PAGE: i64 = 500;
    let mut after = String::new();
    loop {
        let cards = store.cards_after(Some(DEMO), &after, PAGE).await?;
        let Some(last) = cards.last() else { return Ok(()) };
        after.clone_from(&last.number);
        for profile in cards.iter().flat_map(|card| &card.profiles) {
            let account = config.operator_accounts.iter().find(|own| own.name == profile.operator_account);
            if let (Some(used), Some(operator)) = (profile.used, account.and_then(simulated_operator))
                && simulator.usage(operator, &profile.iccid) < used
            {
                simulator.set_usage(operator, &profile.iccid, used);
            }
        }
    }
}
