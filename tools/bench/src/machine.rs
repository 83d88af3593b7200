//! Describes the machine.

use crate::stats::Series;
use simgauge_process as process;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

pub(crate) fn lines() -> anyhow::Result<Vec<String>> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).unwrap_or_default().1;
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok())
        .unwrap_or(0);
    let cores = std::thread::available_parallelism()?;
    let kernel = process::run(Command::new("uname").arg("-sr"))?;
    Ok(vec![format!("machine: {model}, {cores} cores, {} GiB, {}", kib / (1024 * 1024), kernel.trim())])
}

/// How long the disk of `dir` takes to make 4 KiB durable, in milliseconds. Every durable write waits for
/// this.
pub(crate) fn fsync(dir: &Path) -> anyhow::Result<f64> {
    let mut file = File::create(dir.join("fsync"))?;
    let mut series = Series::default();
    for _ in 0..20 {
        let began = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        series.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(series.median())
}
