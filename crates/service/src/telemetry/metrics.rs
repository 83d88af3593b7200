//! Metrics for Prometheus. Each handle is looked up once; where calls run, counting one is an atomic
//! addition.

use super::lane::{LaneFamilies, LaneMetrics};
use super::process::ProcessCollector;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use simgauge_protocol::{Code, OperationName};
use simgauge_store::Outcome;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;

/// What the names of all but the process's own metrics begin with.
const PREFIX: &str = "simgauge";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    operation: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    store: &'static str,
}

/// What a process counts and measures.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// By operation, then by code, in the order of their lists.
    calls: Vec<Vec<Counter>>,
    /// Refused from memory.
    pub refused_from_memory: Counter,
    /// From a call's entry into the queue to the end of its commit, in seconds.
    pub accept_seconds: Histogram,
    /// Calls in one commit.
    pub group_calls: Histogram,
    lanes: HashMap<String, LaneMetrics>,
    /// Calls at a steady cadence whose callers were warned.
    pub steady_warned: Counter,
    /// Calls refused for their steady cadence.
    pub steady_refused: Counter,
    results_set_aside: Counter,
    notifications_set_aside: Counter,
    delivered: Counter,
    failed: Counter,
    dead: Counter,
    /// Notifications in the outbox.
    pub notifications_waiting: Gauge,
    /// Spans that the collector took.
    pub spans_delivered: Counter,
    /// Spans that were lost.
    pub spans_dropped: Counter,
}

impl Metrics {
    pub(super) fn new<'a>(
        lanes: impl Iterator<Item = &'a str>,
        store: &'static str,
        runtimes: Vec<Handle>,
    ) -> Self {
        let mut root = Registry::default();
        root.register_collector(Box::new(ProcessCollector::new(runtimes)));
        let registry = root.sub_registry_with_prefix(PREFIX);
        let calls = Family::<CallLabels, Counter>::default();
        registry.register("calls", "Calls of the open API that were answered", calls.clone());
        let by_code = |operation: OperationName| {
            let one = |code: Code| {
                calls.get_or_create_owned(&CallLabels { operation: operation.short(), code: code.as_str() })
            };
            Code::ALL.into_iter().map(one).collect()
        };
        let families = LaneFamilies::register(registry);
        let steady = Family::<OutcomeLabel, Counter>::default();
        let help = "Calls of programs that refresh a card at a steady beat";
        registry.register("steady_beat_calls", help, steady.clone());
        let cadence = |outcome| steady.get_or_create_owned(&OutcomeLabel { outcome });
        let notifications = Family::<OutcomeLabel, Counter>::default();
        registry.register("notifications", "Attempts to deliver a notification", notifications.clone());
        let notified = |outcome| notifications.get_or_create_owned(&OutcomeLabel { outcome });
        let spans = Family::<OutcomeLabel, Counter>::default();
        registry.register("spans", "Spans of traces, by what became of them", spans.clone());
        let span = |outcome| spans.get_or_create_owned(&OutcomeLabel { outcome });
        let set_aside = Family::<KindLabel, Counter>::default();
        let help = "Rows that could not be written or read, and were left out so that the others go on";
        registry.register("rows_set_aside", help, set_aside.clone());
        let of_kind = |kind| set_aside.get_or_create_owned(&KindLabel { kind });
        let metrics = Self {
            results_set_aside: of_kind("result"),
            notifications_set_aside: of_kind("notification"),
            calls: OperationName::ALL.into_iter().map(by_code).collect(),
            refused_from_memory: Counter::default(),
            accept_seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 14)),
            group_calls: Histogram::new(exponential_buckets(1.0, 4.0, 6)),
            lanes: lanes.map(|lane| (lane.to_owned(), families.of(lane))).collect(),
            steady_warned: cadence("warned"),
            steady_refused: cadence("refused"),
            delivered: notified("delivered"),
            failed: notified("failed"),
            dead: notified("dead"),
            notifications_waiting: Gauge::default(),
            spans_delivered: span("delivered"),
            spans_dropped: span("dropped"),
            registry: Mutex::default(),
        };
        registry.register(
            "refused_from_memory",
            "Calls for a cooling card that were refused without asking the store",
            metrics.refused_from_memory.clone(),
        );
        registry.register(
            "accept_seconds",
            "From a refresh's entry into the queue to the end of its commit",
            metrics.accept_seconds.clone(),
        );
        registry.register("accept_group_calls", "Refreshes in one commit", metrics.group_calls.clone());
        registry.register(
            "notifications_waiting",
            "Notifications in the outbox, seen once a minute by the node that delivers",
            metrics.notifications_waiting.clone(),
        );
        let build = Info::new(BuildLabels { version: env!("CARGO_PKG_VERSION"), store });
        registry.register("build", "This program and its kind of store", build);
        *metrics.lock() = root;
        metrics
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more call was answered.
    pub fn call_ended(&self, operation: usize, code: Code) {
        let code = Code::ALL.iter().position(|known| *known == code);
        if let Some(counter) = code.and_then(|code| self.calls.get(operation)?.get(code)) {
            counter.inc();
        }
    }

    /// The metrics of a lane; those of one that is not configured are not shown.
    pub fn lane(&self, lane: &str) -> LaneMetrics {
        self.lanes.get(lane).cloned().unwrap_or_default()
    }

    /// An attempt to deliver a notification ended.
    pub fn notified(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Delivered => &self.delivered,
            Outcome::Failed { .. } => &self.failed,
            Outcome::Dead { .. } => &self.dead,
        }
        .inc();
    }

    /// A result of a reading, or a task, could not be written or read.
    pub fn result_set_aside(&self) {
        self.results_set_aside.inc();
    }

    /// A notification could not be written or read.
    pub fn notification_set_aside(&self) {
        self.notifications_set_aside.inc();
    }

    /// Adds a collector, which is asked whenever the metrics are read.
    pub fn ask(&self, collector: impl Collector) {
        self.lock().sub_registry_with_prefix(PREFIX).register_collector(Box::new(collector));
    }

    /// Everything as OpenMetrics text.
    ///
    /// # Errors
    /// It cannot be written, which does not happen in memory.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.lock())?;
        Ok(text)
    }
}
