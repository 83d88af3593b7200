//! Callers ask for four times as much as can be accepted, for a minute. Memory must stay flat, accepted calls
//! must be answered soon, others must get 503, and every accepted refresh must end. Each caller waits for its
//! answer before it calls again.

use super::bench::Bench;
use crate::client::{self, Schedule};
use crate::contender::{Contender, Embedded, embedded};
use crate::operators::{self, Allowed, Operators};
use crate::report::Bound;
use crate::stats::Series;
use anyhow::ensure;
use simgauge_process as process;
use simgauge_process::mb;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LANES: usize = 50;
/// Two thousand readings a second in all. They compete with the calls for the machine.
const ALLOWED: Allowed = Allowed { rate: 40, at_once: 4 };
const OVERLOAD_FACTOR: f64 = 4.0;
/// Callers that wait for an answer at once.
const CONNECTIONS: usize = 4000;
/// The greatest ratio of the memory in the last third to that in the second. In the first third, bounded
/// caches fill.
const MAX_GROWTH: f64 = 1.1;

pub(super) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (total, seconds) = if bench.quick { (1_000_000, 6) } else { (6_000_000, 60) };
    bench.report.begin("overload", bench.quick.then(|| format!("quick: {seconds} s")));
    let lanes = operators::lanes(LANES);
    let dir = bench.folder("overload")?;
    let operators = Operators::start(&dir)?;
    let template = dir.join("template.db");
    embedded::seed(&template, total, &dir, &bench.app, &lanes)?;
    let mut ours =
        Embedded::with_operators(dir, template.clone(), &bench.app, operators.accounts(&lanes, ALLOWED));

    // The maximum while lanes work.
    let share = total / 10;
    let requests = bench.requests("max", 0..share, total, 0)?;
    let address = ours.start()?;
    std::fs::remove_file(template)?;
    process::settle()?;
    let max = bench.load(address, &requests, if bench.quick { 2 } else { 5 }, false)?.rate();

    let rate = max * OVERLOAD_FACTOR;
    let planned = (rate * seconds as f64) as u64;
    let requests = bench.requests("overload", share..(share + planned).min(total), total, 0)?;
    let schedule =
        Schedule { rate: Some(rate), connections: CONNECTIONS, most: Duration::from_secs(seconds) };
    let (mut answers, memory) = watched(&ours, || client::send(address, &requests, schedule))?;
    eprintln!("bench: answers by code: {:?}", answers.codes);
    let accepted = answers.of("200");
    let refused = answers.of("503");

    let drained = drain(&ours, &operators, accepted)?;
    ours.stop()?;
    operators.stop()?;

    let one = |value: f64| {
        let mut series = Series::default();
        series.push(value);
        series
    };
    let per_second = |count: u64| one(count as f64 / answers.took.as_secs_f64());
    bench.report.measurement("maximum rate while lanes work", &one(max), "/s");
    bench.report.measurement("offered", &per_second(answers.all()), "/s");
    bench.report.measurement(
        "offered / maximum",
        &one(answers.all() as f64 / answers.took.as_secs_f64() / max),
        "x",
    );
    bench.report.measurement("accepted", &per_second(accepted), "/s");
    bench.report.measurement("answered 503", &per_second(refused), "/s");
    let half = one(answers.since_sent.percentile(0.5));
    bench.report.measurement("accepted: median since the call was sent", &half, "ms");
    let half = one(answers.others_since_sent.percentile(0.5));
    bench.report.measurement("others: median since the call was sent", &half, "ms");
    bench.report.measurement("resident memory", &memory.all, "MB");
    bench.report.measurement("until all of it had ended", &one(drained.took.as_secs_f64()), "s");
    let p99 = one(answers.since_sent.percentile(0.99));
    bench.report.target("accepted: p99 since the call was sent", &p99, "ms", Bound::AtMost(100.0));
    let others = answers.all() - accepted - refused;
    bench.report.target("neither accepted nor 503", &one(others as f64), "", Bound::AtMost(0.0));
    bench.report.target(
        "memory: last third / second third",
        &memory.growth(),
        "x",
        Bound::AtMost(MAX_GROWTH),
    );
    bench.report.target("accepted and ended", &one(drained.share), "x", Bound::AtLeast(1.0));
    Ok(())
}

struct Memory {
    all: Series,
    thirds: [Series; 3],
}

impl Memory {
    fn growth(&self) -> Series {
        let mut growth = Series::default();
        growth.push(self.thirds[2].max() / self.thirds[1].max());
        growth
    }
}

/// Does something and looks at the server's memory meanwhile.
fn watched<T>(ours: &Embedded, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Memory)> {
    let server = ours.server()?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(250));
                seen.push(mb(server.resident()?));
            }
            anyhow::Ok(seen)
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        let seen = watcher.join().map_err(|_| anyhow::anyhow!("the watcher died"))??;
        let mut memory = Memory { all: Series::default(), thirds: Default::default() };
        for (at, memory_mb) in seen.iter().enumerate() {
            memory.all.push(*memory_mb);
            memory.thirds[at * 3 / seen.len()].push(*memory_mb);
        }
        Ok((result?, memory))
    })
}

struct Drained {
    took: Duration,
    /// Of all accepted refreshes, how many ended.
    share: f64,
}

/// Waits until everything accepted has ended, or nothing ends any more. Counting is work for the store, so
/// the refreshes are counted only when the operators have answered as often.
fn drain(ours: &Embedded, operators: &Operators, accepted: u64) -> anyhow::Result<Drained> {
    const STANDSTILL: Duration = Duration::from_secs(30);
    let began = Instant::now();
    let all = ours.kept()?.all;
    ensure!(all >= accepted, "{accepted} refreshes were accepted and {all} are kept");
    let (mut before, mut last_change) = (0, Instant::now());
    loop {
        let readings = operators.all_readings()?;
        let kept =
            if readings >= all || last_change.elapsed() > STANDSTILL { Some(ours.kept()?) } else { None };
        if let Some(kept) = kept
            && (kept.ended == kept.all || last_change.elapsed() > STANDSTILL)
        {
            return Ok(Drained { took: began.elapsed(), share: kept.ended as f64 / kept.all as f64 });
        }
        if readings != before {
            (before, last_change) = (readings, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
