//! How many refreshes are refused in a second because their cards are cooling down.

use super::bench::Bench;
use crate::client::{self, CONNECTIONS, Schedule};
use crate::contender::{Bare, Contender, Embedded};
use crate::report::Bound;
use crate::stats::Series;
use anyhow::ensure;
use simgauge_process as process;
use std::time::Duration;

/// Cards that cool down. They are so many that their state does not fit a processor's cache.
const COOLING: u64 = 50_000;

pub(super) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let total = bench.cards();
    let mut bare = Bare::new(bench.folder("bare")?, &bench.app);
    let mut ours = Embedded::new(bench.folder("embedded")?, bench.seeded(total)?, &bench.app);
    bench.report.begin("refuse", None);
    let (mut bare_rates, mut our_rates) = (Series::default(), Series::default());
    for round in 0..bench.rounds {
        let accepted = bench.requests("accepted", 0..COOLING, total, round)?;
        // The same cards with other nonces, so other signs.
        let refused = bench.requests("refused", 0..COOLING, total, round + 1)?;

        let address = bare.start()?;
        process::settle()?;
        bare_rates.push(bench.load(address, &refused, bench.seconds, true)?.rate());
        bare.stop()?;

        let address = ours.start()?;
        let fast = Schedule { rate: None, connections: CONNECTIONS, most: Duration::from_secs(60) };
        let answers = client::send(address, &accepted, fast)?;
        ensure!(answers.of("200") == COOLING, "not every card was accepted: {:?}", answers.codes);
        process::settle()?;
        our_rates.push(bench.load(address, &refused, bench.seconds, true)?.rate());
        let kept = ours.stop()?;
        ensure!(
            kept == COOLING,
            "{kept} refreshes are in the store and not {COOLING}: something was not refused"
        );
    }
    bench.report.measurement(bare.name(), &bare_rates, "/s");
    bench.report.measurement(ours.name(), &our_rates, "/s");
    bench.report.target("refused / bare handler", &our_rates.over(&bare_rates), "x", Bound::AtLeast(0.85));
    Ok(())
}
