//! How a lane does, for people.

use simgauge_domain::breaker::Breaker;
use simgauge_domain::lane_status::{ERRORS_KEPT, LaneError, LaneStatus};
use simgauge_domain::time::UnixMs;
use simgauge_operators::ReadError;

/// A status that says nothing.
const NO_STATUS: &str = "{}";

/// The status of a lane since its lease was taken.
pub(super) struct StatusTracker {
    status: LaneStatus,
}

/// What is counted when the status is shown.
pub(super) struct Counts {
    /// Waiting readings.
    pub(super) queue: u64,
    /// Readings under way.
    pub(super) running: usize,
    /// Calls that could start at once; nothing where the operator states no rate.
    pub(super) budget: Option<usize>,
}

impl StatusTracker {
    pub(super) fn new() -> Self {
        Self { status: LaneStatus { health: "ok".into(), ..LaneStatus::default() } }
    }

    pub(super) fn status(&self) -> &LaneStatus {
        &self.status
    }

    pub(super) fn into_status(self) -> LaneStatus {
        self.status
    }

    pub(super) fn succeeded(&mut self, now: UnixMs) {
        self.status.succeeded += 1;
        self.status.last_success_at = Some(now.seconds());
        "ok".clone_into(&mut self.status.health);
    }

    /// `breaker` knows of the failure already.
    pub(super) fn failed(&mut self, card: &str, error: &ReadError, breaker: &Breaker, now: UnixMs) {
        let status = &mut self.status;
        status.failed += 1;
        "failing".clone_into(&mut status.health);
        status.last_error = Some(format!("{}: {}", error.kind, error.detail));
        status.last_error_at = Some(now.seconds());
        status.errors.truncate(ERRORS_KEPT - 1);
        let error = LaneError {
            at: now.seconds(),
            kind: error.kind.to_string(),
            detail: error.detail.clone(),
            card: card.to_owned(),
        };
        status.errors.insert(0, error);
        self.show_breaker(breaker);
    }

    pub(super) fn update(&mut self, counts: &Counts, breaker: &Breaker, limited_until: Option<UnixMs>) {
        self.status.queue = counts.queue;
        self.status.running = counts.running;
        self.status.budget = counts.budget;
        self.status.probe_at = breaker.probe_at().map(UnixMs::seconds);
        self.status.is_failing = breaker.is_failing();
        self.status.down_since = breaker.down_since().map(|at| at.0);
        self.status.limited_until = limited_until.map(|at| at.0);
        if self.status.health == "limited" {
            let health = if breaker.is_failing() { "failing" } else { "ok" };
            health.clone_into(&mut self.status.health);
        }
        self.show_breaker(breaker);
        if limited_until.is_some() {
            "limited".clone_into(&mut self.status.health);
        }
    }

    fn show_breaker(&mut self, breaker: &Breaker) {
        if breaker.name() != "closed" {
            breaker.name().clone_into(&mut self.status.health);
        }
    }

    /// The status as it is shown.
    pub(super) fn to_json(&self, lane: &str, paused: bool) -> String {
        let mut shown = self.status.clone();
        if paused {
            "paused".clone_into(&mut shown.health);
        }
        serde_json::to_string(&shown).unwrap_or_else(|error| {
            tracing::error!(lane, %error, "the lane's status cannot be written; it is shown without one");
            NO_STATUS.to_owned()
        })
    }
}
