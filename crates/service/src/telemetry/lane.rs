//! Metrics of one lane. The labels are the configured operator accounts and closed lists: no card ever is
//! one.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::guard::held::SuspectReason;
use simgauge_domain::lane_status::LaneStatus;
use simgauge_domain::time::UnixMs;
use std::collections::HashMap;
use std::time::Duration;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LaneLabel {
    lane: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    lane: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SuspectLabels {
    lane: String,
    reason: &'static str,
}

type Histograms = Family<LaneLabel, Histogram, fn() -> Histogram>;
type Gauges = Family<LaneLabel, Gauge>;
type Outcomes = Family<OutcomeLabels, Counter>;
type Suspects = Family<SuspectLabels, Counter>;

/// The metrics of all lanes, as the registry knows them.
pub(super) struct LaneFamilies {
    readings: Outcomes,
    refreshes: Outcomes,
    suspects: Suspects,
    reading_seconds: Histograms,
    call_seconds: Histograms,
    held: Gauges,
    running: Gauges,
    budget: Gauges,
    breaker: Gauges,
    paused: Gauges,
    limited_until: Gauges,
    last_success: Gauges,
}

impl LaneFamilies {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.01, 2.0, 13));
        let families = Self {
            readings: Family::default(),
            refreshes: Family::default(),
            suspects: Family::default(),
            reading_seconds: Family::new_with_constructor(seconds),
            call_seconds: Family::new_with_constructor(seconds),
            held: Family::default(),
            running: Family::default(),
            budget: Family::default(),
            breaker: Family::default(),
            paused: Family::default(),
            limited_until: Family::default(),
            last_success: Family::default(),
        };
        registry.register(
            "readings",
            "Attempts to read a profile, by how they ended",
            families.readings.clone(),
        );
        registry.register("refreshes_ended", "Refreshes, by how they ended", families.refreshes.clone());
        registry.register(
            "suspect_refreshes",
            "Refreshes that ended with a reading that is held back, by the reason",
            families.suspects.clone(),
        );
        registry.register(
            "reading_seconds",
            "One attempt to read a profile, waiting for the operator's limits included",
            families.reading_seconds.clone(),
        );
        registry.register(
            "operator_call_seconds",
            "One HTTP call to an operator, from its start to the end of its answer",
            families.call_seconds.clone(),
        );
        for (name, help, gauges) in [
            ("lane_held", "Whether this process works the lane", &families.held),
            ("lane_running", "Readings under way", &families.running),
            (
                "lane_budget_calls",
                "Calls that could start at once; -1 without a stated rate",
                &families.budget,
            ),
            (
                "lane_breaker",
                "0 closed, 1 probing, 2 open (paused after repeated failures)",
                &families.breaker,
            ),
            (
                "lane_limited_until_timestamp_seconds",
                "Until when the operator asked not to be called (Retry-After); 0 where it did not",
                &families.limited_until,
            ),
            ("lane_paused", "Whether an admin has paused the lane", &families.paused),
            (
                "lane_last_success_timestamp_seconds",
                "When a reading last ended well in this process; 0 before the first",
                &families.last_success,
            ),
        ] {
            registry.register(name, help, gauges.clone());
        }
        families
    }

    pub(super) fn of(&self, lane: &str) -> LaneMetrics {
        let label = LaneLabel { lane: lane.to_owned() };
        LaneMetrics {
            readings: ByOutcome::of(&self.readings, lane),
            refreshes: ByOutcome::of(&self.refreshes, lane),
            suspects: SuspectReason::ALL
                .into_iter()
                .map(|reason| {
                    let labels = SuspectLabels { lane: lane.to_owned(), reason: reason.as_str() };
                    (reason, self.suspects.get_or_create_owned(&labels))
                })
                .collect(),
            reading_seconds: Some(self.reading_seconds.get_or_create_owned(&label)),
            call_seconds: Some(self.call_seconds.get_or_create_owned(&label)),
            held: self.held.get_or_create_owned(&label),
            running: self.running.get_or_create_owned(&label),
            budget: self.budget.get_or_create_owned(&label),
            breaker: self.breaker.get_or_create_owned(&label),
            paused: self.paused.get_or_create_owned(&label),
            limited_until: self.limited_until.get_or_create_owned(&label),
            last_success: self.last_success.get_or_create_owned(&label),
        }
    }
}

/// One counter for success and one for each kind of failure.
#[derive(Clone, Debug, Default)]
struct ByOutcome {
    succeeded: Counter,
    failed: HashMap<FailureKind, Counter>,
}

impl ByOutcome {
    fn of(family: &Outcomes, lane: &str) -> Self {
        let of = |outcome| family.get_or_create_owned(&OutcomeLabels { lane: lane.to_owned(), outcome });
        Self {
            succeeded: of("succeeded"),
            failed: FailureKind::ALL.into_iter().map(|kind| (kind, of(kind.as_str()))).collect(),
        }
    }

    fn count(&self, failure: Option<FailureKind>) {
        let counter = match failure {
            None => Some(&self.succeeded),
            Some(kind) => self.failed.get(&kind),
        };
        if let Some(counter) = counter {
            counter.inc();
        }
    }
}

/// What a lane counts and measures. Cheap enough to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct LaneMetrics {
    readings: ByOutcome,
    refreshes: ByOutcome,
    suspects: HashMap<SuspectReason, Counter>,
    reading_seconds: Option<Histogram>,
    call_seconds: Option<Histogram>,
    held: Gauge,
    running: Gauge,
    budget: Gauge,
    breaker: Gauge,
    paused: Gauge,
    limited_until: Gauge,
    last_success: Gauge,
}

impl LaneMetrics {
    /// An attempt to read ended.
    pub fn reading_ended(
        &self,
        failure: Option<FailureKind>,
        took: Duration,
        calls: impl Iterator<Item = Duration>,
    ) {
        self.readings.count(failure);
        if let Some(seconds) = &self.reading_seconds {
            seconds.observe(took.as_secs_f64());
        }
        if let Some(seconds) = &self.call_seconds {
            calls.for_each(|call| seconds.observe(call.as_secs_f64()));
        }
    }

    /// A refresh ended.
    pub fn refresh_ended(&self, failure: Option<FailureKind>) {
        self.refreshes.count(failure);
    }

    /// A refresh ended with a reading that is held back.
    pub fn suspect(&self, reason: SuspectReason) {
        if let Some(counter) = self.suspects.get(&reason) {
            counter.inc();
        }
    }

    /// This process works the lane from now on, or no longer.
    pub fn set_held(&self, held: bool) {
        self.held.set(held.into());
        if !held {
            self.running.set(0);
            self.budget.set(0);
            self.breaker.set(0);
            self.paused.set(0);
            self.limited_until.set(0);
        }
    }

    /// How the lane is, and whether somebody paused it.
    pub fn show(&self, status: &LaneStatus, paused: bool) {
        self.paused.set(paused.into());
        self.limited_until.set(status.limited_until.map_or(0, |at| UnixMs(at).seconds()));
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.running.set(whole(status.running));
        self.budget.set(status.budget.map_or(-1, whole));
        self.breaker.set(match status.health.as_str() {
            "open" => 2,
            "probing" => 1,
            _ => 0,
        });
        if let Some(at) = status.last_success_at {
            self.last_success.set(at);
        }
    }
}
