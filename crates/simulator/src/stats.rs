//! What one operator has been asked.

use crate::instance::Instance;
use crate::ledger::ViolationNote;
use serde::Serialize;
use simgauge_domain::time::UnixMs;
use std::sync::Arc;

/// What an operator has seen so far.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// The operator, with its tag where it has one.
    pub operator: String,
    /// Calls of every kind.
    pub requests: u64,
    /// Calls that ask for usage, whatever the answer.
    pub data_requests: u64,
    /// Usage calls answered with usage.
    pub readings: u64,
    /// Log-ins, good or bad.
    pub logins: u64,
    /// Calls that broke a limit, refused or not.
    pub violations: u64,
    /// The latest violations.
    pub violation_notes: Vec<ViolationNote>,
    /// The most calls in progress at once, log-ins aside.
    pub max_concurrent_seen: u32,
    /// SIMs touched by a call or by hand.
    pub sims_touched: usize,
    pub first_request: Option<UnixMs>,
    pub last_request: Option<UnixMs>,
    /// The ICCIDs of the latest 20,000 usage calls, in order of arrival.
    #[serde(skip)]
    pub asked: Vec<Arc<str>>,
    #[serde(skip)]
    instance: Arc<Instance>,
}

impl Stats {
    pub(crate) fn of(instance: &Arc<Instance>) -> Self {
        let state = &instance.state;
        let counts = state.ledger.counts();
        Self {
            operator: instance.name.clone(),
            requests: counts.requests,
            data_requests: counts.data_requests,
            readings: counts.readings,
            logins: counts.logins,
            violations: counts.violations,
            violation_notes: counts.notes.into(),
            max_concurrent_seen: state.gate.max_seen(),
            sims_touched: state.sims.touched(),
            first_request: counts.first_request,
            last_request: counts.last_request,
            asked: counts.asked.into(),
            instance: Arc::clone(instance),
        }
    }

    /// How many usage calls about this SIM have arrived up to now, also after these statistics were taken.
    #[must_use]
    pub fn count_for(&self, iccid: &str) -> u32 {
        self.instance.calls_about(iccid)
    }
}

impl std::fmt::Debug for Stats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stats")
            .field("operator", &self.operator)
            .field("requests", &self.requests)
            .field("data_requests", &self.data_requests)
            .field("readings", &self.readings)
            .field("logins", &self.logins)
            .field("violations", &self.violations)
            .field("violation_notes", &self.violation_notes)
            .field("max_concurrent_seen", &self.max_concurrent_seen)
            .finish_non_exhaustive()
    }
}
