//! What one copy of an operator remembers.

use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::limits::{Gate, Window};
use crate::sims::{Sims, hash};
use crate::sync::lock;
use crate::tokens::Tokens;
use simgauge_domain::limits::{Bucket, Limits};
use simgauge_domain::time::UnixMs;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How many one-time values (transaction ids, signs) are remembered.
const MAX_ONE_TIME_VALUES: usize = 10_000;
/// By how much the ids of SIMs move each time. It is odd, so that they come back only after 2^64 times.
const RENUMBER_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug)]
pub(crate) struct OperatorState {
    pub(crate) gate: Arc<Gate>,
    pub(crate) sims: Sims,
    pub(crate) tokens: Tokens,
    pub(crate) faults: Faults,
    pub(crate) ledger: Ledger,
    one_time_values: Mutex<OneTimeValues>,
    /// Limits of some calls only, by what they are called.
    windows: Mutex<HashMap<&'static str, Window>>,
    /// SIM numbers by the operator's own numeric id.
    numbers: Mutex<HashMap<u64, Box<str>>>,
    /// How often the operator has given all SIMs other ids.
    renumbered: AtomicU64,
}

#[derive(Debug, Default)]
struct OneTimeValues {
    order: VecDeque<u64>,
    seen: HashSet<u64>,
}

impl OperatorState {
    pub(crate) fn new(limits: Limits, start: UnixMs, lists_sims: bool) -> Self {
        Self {
            gate: Arc::new(Gate::new(limits)),
            sims: Sims::new(start, lists_sims),
            tokens: Tokens::default(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            one_time_values: Mutex::default(),
            windows: Mutex::default(),
            numbers: Mutex::default(),
            renumbered: AtomicU64::new(0),
        }
    }

    /// Counts a usage call about a SIM. `Err` is the time to wait where it is one too many for this SIM.
    pub(crate) fn count_call(
        &self,
        iccid: &str,
        bucket: Option<&Bucket>,
        now: UnixMs,
    ) -> Result<(), Duration> {
        self.sims.with(iccid, |sim| {
            sim.calls = sim.calls.saturating_add(1);
            match bucket {
                Some(bucket) => {
                    // Limits may have been replaced since the last call.
                    let kept = sim.extra().window.take().filter(|window| window.is_of(bucket));
                    sim.extra().window.insert(kept.unwrap_or_else(|| Window::new(bucket))).arrive(now)
                }
                None => Ok(()),
            }
        })
    }

    /// Counts a call in a limit that concerns only the calls named `what`. `Err` says which limit it broke.
    pub(crate) fn count_named(&self, what: &'static str, bucket: &Bucket, now: UnixMs) -> Result<(), String> {
        let mut windows = lock(&self.windows);
        let window = windows.entry(what).or_insert_with(|| Window::new(bucket));
        window.arrive(now).map_err(|_| format!("{what} over {}", window.describe()))
    }

    /// Whether a one-time value is new here.
    pub(crate) fn is_new(&self, value: &str) -> bool {
        let key = hash(value);
        let mut values = lock(&self.one_time_values);
        if !values.seen.insert(key) {
            return false;
        }
        values.order.push_back(key);
        if values.order.len() > MAX_ONE_TIME_VALUES
            && let Some(oldest) = values.order.pop_front()
        {
            values.seen.remove(&oldest);
        }
        true
    }

    /// The operator's own numeric id of a SIM. It is small enough for every JSON reader.
    pub(crate) fn id_of(&self, number: &str) -> u64 {
        let shift = self.renumbered.load(Ordering::Relaxed).wrapping_mul(RENUMBER_STEP);
        self.remember(hash(number).wrapping_add(shift) >> 11, number)
    }

    /// Gives every SIM another id. Nobody is known by the ids before.
    pub(crate) fn change_ids(&self) {
        self.renumbered.fetch_add(1, Ordering::Relaxed);
        lock(&self.numbers).clear();
    }

    /// Remembers a SIM under an id of the operator's own form, and returns the id.
    pub(crate) fn remember(&self, id: u64, number: &str) -> u64 {
        lock(&self.numbers).entry(id).or_insert_with(|| number.into());
        id
    }

    pub(crate) fn number_of(&self, id: u64) -> Option<String> {
        lock(&self.numbers).get(&id).map(|number| number.to_string())
    }
}
