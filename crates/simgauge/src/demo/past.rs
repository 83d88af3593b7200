//! What the demo's cards lived through before it started. Nothing of it is made up in the store: the server
//! itself runs with its clock in the past, some cards are refreshed twice a day over the open API, the
//! simulated operators' usage grows meanwhile, and every figure takes the way through lane, reading and
//! booking that it always takes.

use super::cards::{
    EID, EID_PROFILE, ICCID, MORE_CARDS, Place, TEST_CARDS, TEST_OPERATOR, Trouble, ordinary,
};
use super::operators::{common, simulated_operator};
use super::{DEMO, SECRET};
use crate::app::App;
use crate::config::Config;
use anyhow::Context as _;
use futures::future::try_join_all;
use simgauge_client::{Client, RefreshOptions};
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_operators::simulator::Simulator;
use simgauge_service::clock::Clock;
use simgauge_store::Store;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often cards are refreshed in it.
const EVERY: Duration = Duration::from_secs(12 * 3_600);
/// What a card uses at most between two refreshes, beside the steady growth of the simulator.
const BURST_MAX: u64 = 250_000_000;
/// How long an answer is held for the refresh to end; a simulated operator answers within milliseconds.
const WAIT_SECONDS: u8 = 8;
/// Operators whose count does not begin anew within it; the simulator's grows on over the turn of a month.
const STEADY: [&str; 2] = ["1nce", TEST_OPERATOR];

/// Lives through so much of it, in whole days. The clock stands at the beginning before, and at the present
/// after it.
///
/// # Errors
/// The server does not start, or a call fails.
pub async fn live_through(
    length: Duration,
    config: &Config,
    clock: &Clock,
    simulator: &Simulator,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let app = App::start(&in_the_past(length, config), listener, clock.clone()).await?;
    let refreshed = refresh_over_and_over(length, &app, &with_a_past(config), clock, simulator).await;
    let stopped = app.stop().await;
    clock.set_offset_ms(0);
    refreshed.context("the demo's past")?;
    stopped
}

/// The days pass faster than operators' limits allow for: the lanes do not pace themselves here, and one
/// reading of a card at a time stays within what each of the simulated operators counts by the moved clock.
fn in_the_past(length: Duration, config: &Config) -> Config {
    let limits = Limits {
        buckets: vec![Bucket { scope: Scope::Credential, limit: 1_000, per_seconds: 1 }],
        max_concurrent: 1,
        min_refresh_seconds: 0,
    };
    let mut config = config.clone();
    for account in &mut config.operator_accounts {
        account.limits = Some(limits.clone());
    }
    // The client signs with the time of the machine.
    config.api.timestamp_window_seconds = 2 * length.as_secs();
    config
}

async fn refresh_over_and_over(
    length: Duration,
    app: &App,
    sims: &[(String, String)],
    clock: &Clock,
    simulator: &Simulator,
) -> anyhow::Result<()> {
    let client = Client::builder(format!("http://{}", app.address()), DEMO, SECRET.into()).build()?;
    let steps = length.as_secs() / EVERY.as_secs();
    for step in 0..steps {
        let ago = length.as_secs() - step * EVERY.as_secs();
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

/// Simulated operator and ICCID of each.
fn with_a_past(config: &Config) -> Vec<(String, String)> {
    let of = |operator: &str, iccid: &str| (operator.to_owned(), iccid.to_owned());
    let mut sims = vec![of(TEST_OPERATOR, ICCID), of(TEST_OPERATOR, EID_PROFILE)];
    // The first ordinary cards are dealt out to the operators in turn.
    let first_ordinary = common(&config.operator_accounts).zip(0..MORE_CARDS);
    let steady = first_ordinary.filter(|(account, _)| STEADY.contains(&account.definition.as_str()));
    sims.extend(steady.map(|(account, n)| of(&account.definition, &ordinary(n))));
    let known = TEST_CARDS.iter().filter(|card| {
        matches!(card.place, Place::Common | Place::Own) && !matches!(card.trouble, Trouble::UnknownSim)
    });
    sims.extend(known.map(|card| of(&card.simulated_operator(), card.iccid)));
    sims
}

/// What a card uses in a step: different for each, and the same in every demo.
fn burst(iccid: &str, step: u64) -> u64 {
    let digits = iccid.bytes().fold(7_u64, |sum, digit| sum * 31 % 65_521 + u64::from(digit));
    (digits + step) * (digits + 3 * step + 1) % 97 * BURST_MAX / 97
}

/// After a restart with kept data the simulated operators go on from what was last read of them: what was
/// used by hand and by bursts is not in their steady growth.
///
/// # Errors
/// The store failed.
pub async fn resume(store: &Store, config: &Config, simulator: &Simulator) -> anyhow::Result<()> {
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
