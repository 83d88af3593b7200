//! How fast `simgauge card import` imports one file into an empty store, until it is durable.

use super::bench::Bench;
use crate::contender::embedded;
use crate::report::Bound;
use crate::stats::Series;

/// Cards of a whole run, and of a quick one.
const WHOLE: u64 = 10_000_000;
const QUICK: u64 = 500_000;

pub(super) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let total = if bench.quick { QUICK } else { WHOLE };
    bench.report.begin("import", bench.quick.then(|| format!("quick: {} k cards", total / 1000)));
    let mut rates = Series::default();
    let file = bench.dir.path().join("import.db");
    rates.push(embedded::seed_idle(&file, total, bench.dir.path(), &bench.app)?);
    // The section `growth` uses it.
    std::fs::rename(&file, bench.seed_file(total))?;
    bench.report.target(
        format!("import of {} M cards", total as f64 / 1e6),
        &rates,
        "/s",
        Bound::AtLeast(150_000.0),
    );
    Ok(())
}
