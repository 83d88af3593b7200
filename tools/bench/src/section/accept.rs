//! How many refreshes are accepted in a second. Each is signed, is about another card, and is durable before
//! its answer.

use super::bench::Bench;
use crate::contender::{Bare, Contender, Embedded, Gateway, Postgres};
use crate::machine;
use crate::report::Bound;
use crate::stats::Series;
use crate::wrk::Seen;
use anyhow::ensure;
use simgauge_process as process;

/// Seconds of load before the measurement, to open connections and to load pages into memory.
const WARM_UP_SECONDS: u64 = 1;

/// The embedded store against the bare handler and the gateway.
pub(super) fn embedded(bench: &mut Bench) -> anyhow::Result<()> {
    let total = bench.cards();
    let template = bench.seeded(total)?;
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Bare::new(bench.folder("bare")?, &bench.app)),
        Box::new(Gateway::new(bench.folder("gateway")?, &bench.app)),
        Box::new(Embedded::new(bench.folder("embedded")?, template, &bench.app)),
    ];
    bench.report.begin("accept", bench.fewer_cards());
    let rates = race(bench, &mut contenders, total)?;
    if let [bare, gateway, ours] = &rates[..] {
        bench.report.target("SQLite / bare handler", &ours.over(bare), "x", Bound::AtLeast(0.5));
        bench.report.target("SQLite / gateway", &ours.over(gateway), "x", Bound::AtLeast(2.0));
    }
    Ok(())
}

/// PostgreSQL against the bare handler.
pub(super) fn postgres(bench: &mut Bench) -> anyhow::Result<()> {
    let total = bench.cards();
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Bare::new(bench.folder("bare")?, &bench.app)),
        Box::new(Postgres::new(bench.folder("postgres")?, &bench.app, total)?),
    ];
    bench.report.begin("postgres", bench.fewer_cards());
    let rates = race(bench, &mut contenders, total)?;
    if let [bare, ours] = &rates[..] {
        bench.report.target("PostgreSQL / bare handler", &ours.over(bare), "x", Bound::AtLeast(0.2));
    }
    Ok(())
}

/// Lets the contenders accept distinct requests one after the other, for several rounds. Returns the rates of
/// each.
fn race(bench: &mut Bench, contenders: &mut [Box<dyn Contender>], total: u64) -> anyhow::Result<Vec<Series>> {
    let mut rates = vec![Series::default(); contenders.len()];
    let mut latencies = rates.clone();
    let mut disk = Series::default();
    for round in 0..bench.rounds {
        for (at, contender) in contenders.iter_mut().enumerate() {
            disk.push(machine::fsync(bench.dir.path())?);
            let seen = one(bench, contender.as_mut(), total, round)?;
            eprintln!("bench: round {}: {} {:.0}/s", round + 1, contender.name(), seen.rate());
            rates[at].push(seen.rate());
            latencies[at].push(seen.p99());
        }
    }
    for ((contender, rates), latencies) in contenders.iter().zip(&rates).zip(&latencies) {
        bench.report.measurement(contender.name(), rates, "/s");
        bench.report.measurement(format!("{}: p99 meanwhile", contender.name()), latencies, "ms");
    }
    bench.report.measurement("disk: fdatasync of 4 KiB, before each", &disk, "ms");
    Ok(rates)
}

fn one(bench: &Bench, contender: &mut dyn Contender, total: u64, round: u64) -> anyhow::Result<Seen> {
    // The warm-up gets its share of the requests, like one more second of load.
    let share = total * WARM_UP_SECONDS / (WARM_UP_SECONDS + bench.seconds);
    let warm_up = bench.requests("warm-up", 0..share, total, round)?;
    let requests = bench.requests("load", share..total, total, round)?;
    let address = contender.start()?;
    process::settle()?;
    let before = bench.load(address, &warm_up, WARM_UP_SECONDS, contender.forgets())?;
    let seen = bench.load(address, &requests, bench.seconds, contender.forgets())?;
    let kept = contender.stop()?;
    // A call in progress when wrk stopped may have been accepted although wrk did not read the answer.
    let answered = before.requests + seen.requests;
    ensure!(
        (answered..=answered + 2 * bench.connections).contains(&kept),
        "{} answered {answered} requests and kept {kept}",
        contender.name()
    );
    Ok(seen)
}
