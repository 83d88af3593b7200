//! The running counts of one operator's calls.

use crate::sync::lock;
use serde::Serialize;
use simgauge_domain::time::UnixMs;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// How many ICCIDs of the latest usage calls are remembered in order.
const MAX_REMEMBERED_CALLS: usize = 20_000;
/// How many violations are remembered with their text.
const MAX_NOTES: usize = 200;

/// A call that broke a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViolationNote {
    /// When the call arrived.
    pub at: UnixMs,
    /// Which limit it broke.
    pub note: String,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counts: Mutex<Counts>,
    /// Notified after every entry, for those who wait for one.
    pub(crate) changed: Notify,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) data_requests: u64,
    pub(crate) readings: u64,
    pub(crate) logins: u64,
    pub(crate) violations: u64,
    pub(crate) notes: VecDeque<ViolationNote>,
    pub(crate) first_request: Option<UnixMs>,
    pub(crate) last_request: Option<UnixMs>,
    pub(crate) asked: VecDeque<Arc<str>>,
}

/// One call, as it is on arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) at: UnixMs,
    pub(crate) login: bool,
    /// The SIMs that a usage call names. A listing names none.
    pub(crate) usage_of: Option<&'a [String]>,
    pub(crate) violation: Option<&'a str>,
}

impl Ledger {
    pub(crate) fn enter(&self, entry: &Entry<'_>) {
        let asked: Option<Vec<Arc<str>>> =
            entry.usage_of.map(|sims| sims.iter().map(|sim| Arc::from(sim.as_str())).collect());
        {
            let mut counts = lock(&self.counts);
            counts.requests += 1;
            counts.logins += u64::from(entry.login);
            counts.first_request.get_or_insert(entry.at);
            counts.last_request = Some(entry.at);
            if let Some(asked) = asked {
                counts.data_requests += 1;
                for sim in asked {
                    push_bounded(&mut counts.asked, sim, MAX_REMEMBERED_CALLS);
                }
            }
            if let Some(note) = entry.violation {
                counts.add_violation(entry.at, note);
            }
        }
        self.changed.notify_waiters();
    }

    /// A call that broke a rule which only the operator itself could see.
    pub(crate) fn violation(&self, at: UnixMs, note: &str) {
        lock(&self.counts).add_violation(at, note);
    }

    pub(crate) fn reading(&self) {
        lock(&self.counts).readings += 1;
        self.changed.notify_waiters();
    }

    pub(crate) fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }
}

impl Counts {
    fn add_violation(&mut self, at: UnixMs, note: &str) {
        self.violations += 1;
        push_bounded(&mut self.notes, ViolationNote { at, note: note.to_owned() }, MAX_NOTES);
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    if queue.len() >= max {
        queue.pop_front();
    }
    queue.push_back(item);
}
