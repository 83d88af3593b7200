//! What an idle server costs.

use super::bench::Bench;
use crate::contender::{Contender, Embedded};
use crate::report::Bound;
use crate::stats::Series;
use std::time::Duration;

/// How long it is idle before its memory is measured.
const IDLE: Duration = Duration::from_secs(5);

pub(super) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let mut ours = Embedded::new(bench.folder("embedded")?, bench.seeded(bench.cards())?, &bench.app);
    bench.report.begin("idle", None);
    ours.start()?;
    std::thread::sleep(IDLE);
    let mut memory = Series::default();
    memory.push(simgauge_process::mb(ours.server()?.resident()?));
    ours.stop()?;
    bench.report.target("resident memory when idle", &memory, "MB", Bound::AtMost(30.0));
    Ok(())
}
