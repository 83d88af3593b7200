//! How long accepting takes at half of the highest rate.

use super::bench::Bench;
use crate::client::{self, CONNECTIONS, Schedule};
use crate::contender::{Contender, Embedded};
use crate::report::Bound;
use crate::stats::Series;
use anyhow::ensure;
use simgauge_process as process;
use std::time::Duration;

pub(super) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let total = bench.cards();
    let mut ours = Embedded::new(bench.folder("embedded")?, bench.seeded(total)?, &bench.app);
    bench.report.begin("latency", bench.fewer_cards());
    let [mut rates, mut p50, mut p99, mut p999, mut longest] = [(); 5].map(|()| Series::default());
    for round in 0..bench.rounds {
        let max = bench.requests("max", 0..total / 2, total, round)?;
        let address = ours.start()?;
        process::settle()?;
        let half = bench.load(address, &max, bench.seconds.min(3), false)?.rate() / 2.0;
        rates.push(half);

        let most = Duration::from_secs(bench.seconds * 2);
        let count = (half * most.as_secs_f64()) as u64;
        let paced = bench.requests("paced", total / 2..(total / 2 + count).min(total), total, round)?;
        process::settle()?;
        let schedule = Schedule { rate: Some(half), connections: CONNECTIONS, most };
        let mut answers = client::send(address, &paced, schedule)?;
        ours.stop()?;
        ensure!(answers.of("200") == answers.all(), "not everything was accepted: {:?}", answers.codes);
        p50.push(answers.since_due.percentile(0.5));
        p99.push(answers.since_due.percentile(0.99));
        p999.push(answers.since_due.percentile(0.999));
        longest.push(answers.since_due.percentile(1.0));
    }
    bench.report.measurement("half of the maximum rate", &rates, "/s");
    bench.report.measurement("p50", &p50, "ms");
    bench.report.measurement("p99.9", &p999, "ms");
    bench.report.measurement("longest", &longest, "ms");
    bench.report.target("p99 at half of the maximum rate", &p99, "ms", Bound::AtMost(10.0));
    Ok(())
}
