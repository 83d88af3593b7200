//! What many cards cost: rate of accepting, memory, time to start.

use super::bench::Bench;
use crate::client::{self, CONNECTIONS, Schedule};
use crate::contender::{Contender, Embedded};
use crate::report::Bound;
use crate::stats::Series;
use anyhow::ensure;
use simgauge_process as process;
use simgauge_process::mb;
use std::time::{Duration, Instant};

const FEW: u64 = 100_000;
/// Requests of one measurement.
const REQUESTS: u64 = 90_000;
/// How long the store of many cards is under load before its memory is measured.
const LOAD: Duration = Duration::from_secs(600);
/// The load is made in parts. The requests of a part are signed just before, because signs are valid for five
/// minutes.
const PART_SECONDS: u64 = 60;

pub(super) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (many, load) = if bench.quick { (1_000_000, Duration::from_secs(5)) } else { (10_000_000, LOAD) };
    let few_store = bench.seeded(FEW)?;
    let many_store = bench.seeded(many)?;
    let mut few_cards = Embedded::new(bench.folder("few")?, few_store, &bench.app);
    let mut many_cards = Embedded::new(bench.folder("many")?, many_store, &bench.app);
    bench
        .report
        .begin("growth", bench.quick.then(|| format!("quick: {many} cards, {} s of load", load.as_secs())));

    let (mut few_rates, mut many_rates, mut starts) =
        (Series::default(), Series::default(), Series::default());
    many_cards.copy_template()?;
    for round in 0..bench.rounds {
        few_cards.copy_template()?;
        let requests = bench.requests("few", 0..REQUESTS, FEW, round)?;
        let (rate, _) = rate_of(&mut few_cards, &requests)?;
        few_rates.push(rate);
        // The copy is too large to be made anew, so each round uses other cards of it.
        let slice = round * REQUESTS..(round + 1) * REQUESTS;
        let requests = bench.requests("many", slice, many, round)?;
        let (rate, started) = rate_of(&mut many_cards, &requests)?;
        many_rates.push(rate);
        starts.push(started.as_secs_f64());
    }
    bench.report.measurement("accepted at 100 k cards", &few_rates, "/s");
    bench.report.measurement(format!("accepted at {} M cards", many / 1_000_000), &many_rates, "/s");
    let memory = memory_under_load(bench, &mut many_cards, many, load, bench.rounds * REQUESTS)?;
    let name = format!("rate at {} M cards / rate at 100 k", many / 1_000_000);
    bench.report.target(name, &many_rates.over(&few_rates), "x", Bound::AtLeast(0.5));
    bench.report.target("resident memory after load", &memory, "MB", Bound::AtMost(300.0));
    bench.report.target("start", &starts, "s", Bound::AtMost(1.0));
    Ok(())
}

/// Accepts all requests as fast as possible. Returns the rate, and how long the server took to start.
fn rate_of(ours: &mut Embedded, requests: &crate::cards::Requests) -> anyhow::Result<(f64, Duration)> {
    process::settle()?;
    let (address, started) = ours.start_as_it_is()?;
    let fast = Schedule { rate: None, connections: CONNECTIONS, most: Duration::from_secs(120) };
    let answers = client::send(address, requests, fast)?;
    ours.stop()?;
    ensure!(answers.of("200") == requests.count, "not every card was accepted: {:?}", answers.codes);
    Ok((answers.all() as f64 / answers.took.as_secs_f64(), started))
}

/// Keeps the server under the highest load. Returns its largest memory.
fn memory_under_load(
    bench: &Bench,
    ours: &mut Embedded,
    total: u64,
    load: Duration,
    accepted: u64,
) -> anyhow::Result<Series> {
    let mut memory = Series::default();
    let (address, _) = ours.start_as_it_is()?;
    let began = Instant::now();
    let mut next = accepted;
    while began.elapsed() < load {
        let seconds = PART_SECONDS.min((load - began.elapsed()).as_secs().max(1));
        // More than can be sent in that time.
        let requests = bench.requests("load", next..next + seconds * 60_000, total, next)?;
        next += bench.load(address, &requests, seconds, false)?.requests + bench.connections;
        memory.push(mb(ours.server()?.resident()?));
    }
    ours.stop()?;
    let mut largest = Series::default();
    largest.push(memory.max());
    Ok(largest)
}
