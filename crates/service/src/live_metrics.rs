//! Metrics that are looked up whenever they are read, since somebody keeps them anyway.

use crate::clock::Clock;
use crate::lanes::LaneRegistry;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What is asked.
pub struct LiveMetrics {
    pub registry: LaneRegistry,
    /// How many calls are on their way to being durable.
    pub accept_waiting: Box<dyn Fn() -> usize + Send + Sync>,
    pub clock: Clock,
    /// One permit for each call under way.
    pub slots: Arc<Semaphore>,
    /// How many there are.
    pub all_slots: usize,
}

impl fmt::Debug for LiveMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveMetrics").finish_non_exhaustive()
    }
}

impl Collector for LiveMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let under_way = self.all_slots.saturating_sub(self.slots.available_permits());
        gauge(&mut encoder, "calls_under_way", "Calls of the open API under way", count(under_way))?;
        let waiting = count((self.accept_waiting)());
        gauge(&mut encoder, "accept_waiting", "Calls on their way to being durable", waiting)?;
        #[allow(clippy::cast_precision_loss)] // Milliseconds of a clock's error are few.
        let correction = self.clock.correction_ms() as f64 / 1000.0;
        let help = "What the store's time is ahead of this machine's";
        gauge(&mut encoder, "clock_correction_seconds", help, correction)?;

        let jumps = ConstCounter::new(self.clock.jumps());
        let help = "How often this machine's clock jumped by more than two seconds";
        jumps.encode(encoder.encode_descriptor("clock_jumps", help, None, MetricType::Counter)?)?;

        let errors = ConstCounter::new(simgauge_store::database_errors());
        let help = "Statements and connections that the database failed";
        errors.encode(encoder.encode_descriptor("store_errors", help, None, MetricType::Counter)?)?;

        let now = self.clock.now();
        let queues = self.registry.queues();
        let help = "Readings that wait for their turn";
        let mut of_lanes = encoder.encode_descriptor("lane_waiting", help, None, MetricType::Gauge)?;
        for queue in &queues {
            let label = [("lane", queue.lane.as_str())];
            #[allow(clippy::cast_precision_loss)] // Queues are counted up to far below 2^52.
            ConstGauge::new(queue.waiting as f64).encode(of_lanes.encode_family(&label)?)?;
        }
        let help = "How long the oldest reading has waited for its turn";
        let mut of_lanes =
            encoder.encode_descriptor("lane_oldest_waiting_seconds", help, None, MetricType::Gauge)?;
        for queue in &queues {
            let label = [("lane", queue.lane.as_str())];
            let age = queue.oldest.map_or(0.0, |at| now.since(at).as_secs_f64());
            ConstGauge::new(age).encode(of_lanes.encode_family(&label)?)?;
        }
        Ok(())
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> Result<(), fmt::Error> {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

#[allow(clippy::cast_precision_loss)] // Far below 2^52.
fn count(number: usize) -> f64 {
    number as f64
}
