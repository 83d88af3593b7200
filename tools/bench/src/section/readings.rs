//! How fast lanes read operators in the background, from the task to the booked reading. The simulator
//! answers over real sockets.

use super::bench::Bench;
use crate::contender::{Contender, Embedded, embedded};
use crate::operators::{self, Allowed, Operators};
use crate::report::Bound;
use crate::stats::Series;
use anyhow::ensure;
use simgauge_process as process;
use std::time::{Duration, Instant};

const LANES: usize = 50;
/// The limits of the built-in definition of Cisco's Control Center.
const AS_DOCUMENTED: Allowed = Allowed { rate: 5, at_once: 1 };
/// Somewhat more than enough for 1,000 readings a second at 0.95 of the allowed rate.
const FAST: Allowed = Allowed { rate: 24, at_once: 8 };
/// Time before the measurement, to open connections and to start the lanes.
const WARM_UP: Duration = Duration::from_secs(3);

pub(super) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let window = Duration::from_secs(if bench.quick { 5 } else { 20 });
    bench.report.begin("readings", None);
    let (documented, _) = read(bench, AS_DOCUMENTED, window)?;
    let (fast, cost) = read(bench, FAST, window)?;
    bench.report.measurement(format!("of 50 lanes at {}/s: share of the rate", FAST.rate), &fast.busy, "x");
    bench.report.measurement("the server's processor time of one reading", &cost, "us");
    let name = format!("share of its rate that a lane keeps busy (50 at {}/s)", AS_DOCUMENTED.rate);
    bench.report.target(name, &documented.busy, "x", Bound::AtLeast(0.95));
    bench.report.target("readings over 50 lanes", &fast.rate, "/s", Bound::AtLeast(1000.0));
    Ok(())
}

struct Seen {
    /// Readings a second, of all lanes together.
    rate: Series,
    /// Of each lane: readings a second divided by the allowed rate.
    busy: Series,
}

/// Lets every lane read for a while at the allowed rate. Also returns the processor time of one reading, in
/// microseconds.
fn read(bench: &mut Bench, allowed: Allowed, window: Duration) -> anyhow::Result<(Seen, Series)> {
    let lanes = operators::lanes(LANES);
    let dir = bench.folder("readings")?;
    let operators = Operators::start(&dir)?;
    // More than can be read until the window ends.
    let seconds = window.as_secs() + WARM_UP.as_secs() + 3;
    let total = u64::from(allowed.rate) * seconds * LANES as u64;
    let template = bench.dir.path().join("lanes.db");
    embedded::seed(&template, total, &dir, &bench.app, &lanes)?;
    let mut ours =
        Embedded::with_operators(dir, template.clone(), &bench.app, operators.accounts(&lanes, allowed));
    ours.copy_template()?;
    ours.accept_all(total)?;
    process::settle()?;
    ours.start_as_it_is()?;
    std::thread::sleep(WARM_UP);

    let (before, worked_before, began) = (operators.readings()?, ours.server()?.worked()?, Instant::now());
    std::thread::sleep(window);
    let (after, worked, took) = (operators.readings()?, ours.server()?.worked()?, began.elapsed());

    while operators.all_readings()? < total {
        ensure!(began.elapsed() < window * 10, "the rest of the readings does not end");
        std::thread::sleep(Duration::from_millis(100));
    }
    // The last ones still have to be written.
    ours.wait_for_ends(total)?;
    ours.stop()?;
    operators.stop()?;
    std::fs::remove_file(template)?;

    let mut seen = Seen { rate: Series::default(), busy: Series::default() };
    let mut all = 0;
    for (lane, readings) in &after {
        let read = readings - before.get(lane).copied().unwrap_or(0);
        seen.busy.push(read as f64 / took.as_secs_f64() / f64::from(allowed.rate));
        all += read;
    }
    seen.rate.push(all as f64 / took.as_secs_f64());
    let mut cost = Series::default();
    cost.push((worked - worked_before).as_secs_f64() * 1e6 / all as f64);
    Ok((seen, cost))
}
