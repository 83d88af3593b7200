//! What one operator has been asked.

use super::instance::Instance;
use super::sims::lock;
use serde::Serialize;
use simgauge_domain::time::UnixMs;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// How many of the latest asked ICCIDs are remembered in order.
const ORDER_KEPT: usize = 20_000;
/// How many violations are remembered word by word.
const NOTES_KEPT: usize = 200;

/// A call that broke a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViolationNote {
    /// When the call arrived.
    pub at: UnixMs,
    /// Which limit it broke.
    pub note: String,
}

/// What an operator has seen so far.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// The operator, with its tag where it has one.
    pub operator: String,
    /// Calls of every kind.
    pub requests: u64,
    /// Calls that ask for usage, answered well or not.
    pub data_requests: u64,
    /// Usage calls answered with a figure.
    pub readings: u64,
    /// Log-ins, good or bad.
    pub logins: u64,
    /// Calls that broke a limit, refused or not.
    pub violations: u64,
    /// The latest violations.
    pub violation_notes: Vec<ViolationNote>,
    /// The most calls (log-ins aside) under way at once.
    pub max_concurrent_seen: u32,
    /// SIMs touched by a call or by hand.
    pub sims_touched: usize,
    /// When the first call arrived.
    pub first_request: Option<UnixMs>,
    /// When the latest call arrived.
    pub last_request: Option<UnixMs>,
    /// The ICCIDs of the latest 20,000 usage calls, in order of arrival.
    #[serde(skip)]
    pub asked: Vec<Arc<str>>,
    #[serde(skip)]
    instance: Arc<Instance>,
}

impl Stats {
    /// How many usage calls about this SIM have arrived, up to this very moment.
    #[must_use]
    pub fn count_for(&self, iccid: &str) -> u32 {
        self.instance.asked_about(iccid)
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

/// The running counts behind [`Stats`].
#[derive(Debug, Default)]
pub(super) struct Ledger {
    counts: Mutex<Counts>,
    /// Told after every entry, for those who wait for one.
    pub(super) changed: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    requests: u64,
    data_requests: u64,
    readings: u64,
    logins: u64,
    violations: u64,
    notes: VecDeque<ViolationNote>,
    first: Option<UnixMs>,
    last: Option<UnixMs>,
    asked: VecDeque<Arc<str>>,
}

/// One call, as the ledger sees it on arrival.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) at: UnixMs,
    pub(super) login: bool,
    /// The SIM of a usage call.
    pub(super) usage_of: Option<&'a str>,
    pub(super) violation: Option<&'a str>,
}

impl Ledger {
    pub(super) fn enter(&self, entry: &Entry<'_>) {
        let asked: Option<Arc<str>> = entry.usage_of.map(Arc::from);
        {
            let mut counts = lock(&self.counts);
            counts.requests += 1;
            counts.logins += u64::from(entry.login);
            counts.first.get_or_insert(entry.at);
            counts.last = Some(entry.at);
            if let Some(asked) = asked {
                counts.data_requests += 1;
                push_bounded(&mut counts.asked, asked, ORDER_KEPT);
            }
            if let Some(note) = entry.violation {
                counts.violations += 1;
                let note = ViolationNote { at: entry.at, note: note.to_owned() };
                push_bounded(&mut counts.notes, note, NOTES_KEPT);
            }
        }
        self.changed.notify_waiters();
    }

    /// A call that broke a rule which only the operator itself could see.
    pub(super) fn violation(&self, at: UnixMs, note: &str) {
        let mut counts = lock(&self.counts);
        counts.violations += 1;
        push_bounded(&mut counts.notes, ViolationNote { at, note: note.to_owned() }, NOTES_KEPT);
    }

    pub(super) fn reading(&self) {
        lock(&self.counts).readings += 1;
        self.changed.notify_waiters();
    }

    pub(super) fn stats(&self, instance: &Arc<Instance>) -> Stats {
        let counts = lock(&self.counts);
        Stats {
            operator: instance.name.clone(),
            requests: counts.requests,
            data_requests: counts.data_requests,
            readings: counts.readings,
            logins: counts.logins,
            violations: counts.violations,
            violation_notes: counts.notes.iter().cloned().collect(),
            max_concurrent_seen: instance.gate.max_seen(),
            sims_touched: instance.sims.touched(),
            first_request: counts.first,
            last_request: counts.last,
            asked: counts.asked.iter().cloned().collect(),
            instance: Arc::clone(instance),
        }
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}
