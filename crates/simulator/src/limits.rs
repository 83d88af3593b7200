//! Limits, counted on sliding windows by the time of arrival.

use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_domain::time::UnixMs;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::sims::lock;

/// No limit at all, for operators that document none.
pub(super) fn unlimited() -> Limits {
    Limits { buckets: Vec::new(), max_concurrent: u32::MAX, min_refresh_seconds: 0 }
}

/// A bucket, written short.
pub(super) fn bucket(scope: Scope, limit: u32, per_seconds: u32) -> Bucket {
    Bucket { scope, limit, per_seconds }
}

/// The arrivals of one bucket: as many of the latest as the limit allows, which is all a sliding window needs.
#[derive(Clone, Debug)]
pub(super) struct Window {
    limit: usize,
    per: Duration,
    arrivals: VecDeque<UnixMs>,
}

/// What an operator may tell about a bucket after a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// When the next call finds room (where there is none left) or the window is empty again.
    pub(super) reset: UnixMs,
}

impl Window {
    pub(super) fn new(bucket: &Bucket) -> Self {
        Self {
            limit: bucket.limit.max(1) as usize,
            per: Duration::from_secs(u64::from(bucket.per_seconds)),
            arrivals: VecDeque::new(),
        }
    }

    /// Whether it counts what this bucket says.
    pub(super) fn is_of(&self, bucket: &Bucket) -> bool {
        self.limit == bucket.limit.max(1) as usize
            && self.per == Duration::from_secs(u64::from(bucket.per_seconds))
    }

    /// Counts an arrival. `Err` carries the time to wait when it is one too many. Refused calls count as well: the
    /// documented limits speak of calls, not of successes, and a client that hammers stays refused.
    pub(super) fn arrive(&mut self, now: UnixMs) -> Result<(), Duration> {
        // Arrivals on several threads may be noted a hair out of order; the ring has to stay sorted.
        let now = self.arrivals.back().map_or(now, |last| now.max(*last));
        let full = self.arrivals.len() == self.limit
            && self.arrivals.front().is_some_and(|oldest| now.since(*oldest) < self.per);
        if self.arrivals.len() == self.limit {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now);
        match (full, self.arrivals.front()) {
            (true, Some(oldest)) => Err(oldest.after(self.per).since(now)),
            _ => Ok(()),
        }
    }

    pub(super) fn budget(&self, now: UnixMs) -> Budget {
        let gone = self.arrivals.partition_point(|at| now.since(*at) >= self.per);
        let inside = self.arrivals.len() - gone;
        let frees = if inside >= self.limit { self.arrivals.get(gone) } else { self.arrivals.back() };
        Budget {
            limit: self.limit as u32,
            remaining: (self.limit - inside) as u32,
            reset: frees.map_or(now, |at| at.after(self.per)),
        }
    }

    fn describe(&self) -> String {
        format!("{} per {} s", self.limit, self.per.as_secs())
    }
}

/// A call over a limit.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) note: String,
    /// How long to wait; `None` when another call is under way, which ends when it ends.
    pub(super) wait: Option<Duration>,
}

/// Everything one operator account counts.
#[derive(Debug)]
pub(super) struct Gate {
    windows: Mutex<Windows>,
    under_way: AtomicU32,
    max_seen: AtomicU32,
}

#[derive(Debug)]
struct Windows {
    limits: Limits,
    calls: Vec<Window>,
    logins: Vec<Window>,
}

/// What the gate says to an arrival.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) violation: Option<Violation>,
    pub(super) budget: Option<Budget>,
    /// The bucket calls about one SIM are counted in, where there is one.
    pub(super) per_sim: Option<Bucket>,
    _under_way: Option<UnderWay>,
}

/// What kind of call arrives at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Login,
    Call,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        let windows = Mutex::new(Windows::new(limits));
        Self { windows, under_way: AtomicU32::new(0), max_seen: AtomicU32::new(0) }
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        *lock(&self.windows) = Windows::new(limits);
    }

    /// Counts an arrival in every bucket that concerns it; a call is under way until the admission is dropped.
    pub(super) fn arrive(self: &Arc<Self>, arrival: Arrival, now: UnixMs) -> Admission {
        let mut windows = lock(&self.windows);
        let Windows { limits, calls, logins } = &mut *windows;
        let concerned = if arrival == Arrival::Login { logins } else { calls };
        let mut violation = None;
        for window in concerned.iter_mut() {
            if let Err(wait) = window.arrive(now) {
                violation = Some(Violation { note: format!("over {}", window.describe()), wait: Some(wait) });
            }
        }
        let under_way = (arrival == Arrival::Call).then(|| {
            let at_once = self.under_way.fetch_add(1, Ordering::AcqRel) + 1;
            self.max_seen.fetch_max(at_once, Ordering::AcqRel);
            if at_once > limits.max_concurrent {
                let note = format!("{at_once} calls at once, {} allowed", limits.max_concurrent);
                violation.get_or_insert(Violation { note, wait: None });
            }
            UnderWay(Arc::clone(self))
        });
        let per_sim = limits.buckets.iter().find(|bucket| bucket.scope == Scope::Iccid).cloned();
        let budget = concerned.first().map(|window| window.budget(now));
        Admission { violation, budget, per_sim, _under_way: under_way }
    }

    pub(super) fn max_seen(&self) -> u32 {
        self.max_seen.load(Ordering::Acquire)
    }
}

impl Windows {
    fn new(limits: Limits) -> Self {
        let windows = |wanted: fn(Scope) -> bool| {
            limits.buckets.iter().filter(|bucket| wanted(bucket.scope)).map(Window::new).collect()
        };
        let calls = windows(|scope| matches!(scope, Scope::Credential | Scope::Host));
        let logins = windows(|scope| scope == Scope::Login);
        Self { calls, logins, limits }
    }
}

/// A call under way.
#[derive(Debug)]
struct UnderWay(Arc<Gate>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}
