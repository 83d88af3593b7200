//! The process as the system sees it, under the names that all Prometheus clients use. Known on Linux only.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;

/// Clock ticks of a second in /proc: the kernel reports 100 whatever its own rate is.
const TICKS: f64 = 100.0;

#[derive(Debug)]
pub(super) struct ProcessCollector {
    started_at: f64,
    runtimes: Vec<Handle>,
}

impl ProcessCollector {
    /// Of a process that began just now and has these runtimes.
    pub(super) fn new(runtimes: Vec<Handle>) -> Self {
        let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { started_at, runtimes }
    }

    fn tasks(&self) -> Option<f64> {
        let tasks: usize = self.runtimes.iter().map(|runtime| runtime.metrics().num_alive_tasks()).sum();
        Some(f64::from(u32::try_from(tasks).ok()?))
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gauges = [
            ("process_start_time_seconds", "When the process started", Some(self.started_at)),
            ("process_resident_memory_bytes", "Memory in use", resident_bytes()),
            ("process_open_fds", "Open files and sockets", open_files()),
            ("process_max_fds", "Files and sockets it may open", most_files()),
            ("process_threads", "Threads", threads()),
            ("process_tasks", "Tasks of the asynchronous runtimes that have not ended", self.tasks()),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                ConstGauge::new(value).encode(encoder.encode_descriptor(
                    name,
                    help,
                    None,
                    MetricType::Gauge,
                )?)?;
            }
        }
        if let Some(seconds) = cpu_seconds() {
            let name = "process_cpu_seconds";
            let metric = encoder.encode_descriptor(name, "Processor time used", None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(metric)?;
        }
        Ok(())
    }
}

fn resident_bytes() -> Option<f64> {
    Some(status("VmRSS:")? * 1024.0)
}

fn threads() -> Option<f64> {
    status("Threads:")
}

/// The number behind a name in /proc/self/status.
fn status(name: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<f64> {
    // The one that lists them is among them.
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    Some(f64::from(u32::try_from(count).ok()?))
}

fn most_files() -> Option<f64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name, in brackets, may hold spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}
