//! Limits, counted in sliding windows by the time of arrival.

use crate::sync::lock;
use simgauge_domain::limits::{Bucket, Limits, Scope};
use simgauge_domain::time::UnixMs;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The latest arrivals of one bucket. A sliding window needs only as many as the limit allows.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    limit: usize,
    per: Duration,
    arrivals: VecDeque<UnixMs>,
}

/// What is left of a bucket after a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// When the next call is allowed (where none is left), or when the window is empty again.
    pub(crate) reset: UnixMs,
}

impl Window {
    pub(crate) fn new(bucket: &Bucket) -> Self {
        Self {
            limit: bucket.limit.max(1) as usize,
            per: Duration::from_secs(u64::from(bucket.per_seconds)),
            arrivals: VecDeque::new(),
        }
    }

    /// Whether it counts by this bucket.
    pub(crate) fn is_of(&self, bucket: &Bucket) -> bool {
        self.limit == bucket.limit.max(1) as usize
            && self.per == Duration::from_secs(u64::from(bucket.per_seconds))
    }

    /// Counts an arrival. `Err` is the time to wait where it is one too many. Refused calls count as well:
    /// the documented limits speak of calls, not of successes, and a client that goes on calling stays
    /// refused.
    pub(crate) fn arrive(&mut self, now: UnixMs) -> Result<(), Duration> {
        // Threads may note their arrivals slightly out of order. The queue has to stay sorted.
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

    pub(crate) fn budget(&self, now: UnixMs) -> Budget {
        let gone = self.arrivals.partition_point(|at| now.since(*at) >= self.per);
        let inside = self.arrivals.len() - gone;
        let frees = if inside >= self.limit { self.arrivals.get(gone) } else { self.arrivals.back() };
        Budget {
            limit: self.limit as u32,
            remaining: (self.limit - inside) as u32,
            reset: frees.map_or(now, |at| at.after(self.per)),
        }
    }

    pub(crate) fn describe(&self) -> String {
        format!("{} per {} s", self.limit, self.per.as_secs())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) note: String,
    /// How long to wait. `None` where another call is in progress, since nobody knows when that ends.
    pub(crate) wait: Option<Duration>,
}

/// Admits and counts the calls of one operator account.
#[derive(Debug)]
pub(crate) struct Gate {
    windows: Mutex<Windows>,
    in_progress: AtomicU32,
    max_seen: AtomicU32,
}

#[derive(Debug)]
struct Windows {
    limits: Limits,
    calls: Vec<Window>,
    logins: Vec<Window>,
}

#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) violation: Option<Violation>,
    /// What is left of every bucket that concerns the call.
    pub(crate) budgets: Vec<Budget>,
    /// The bucket in which calls about one SIM are counted, where there is one.
    pub(crate) per_sim: Option<Bucket>,
    _in_progress: Option<CallInProgress>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Login,
    Call,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Self {
        let windows = Mutex::new(Windows::new(limits));
        Self { windows, in_progress: AtomicU32::new(0), max_seen: AtomicU32::new(0) }
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        *lock(&self.windows) = Windows::new(limits);
    }

    /// Counts an arrival in every bucket that concerns it. A call is in progress until the admission is
    /// dropped.
    pub(crate) fn arrive(self: &Arc<Self>, arrival: Arrival, now: UnixMs) -> Admission {
        let mut windows = lock(&self.windows);
        let Windows { limits, calls, logins } = &mut *windows;
        let concerned = if arrival == Arrival::Login { logins } else { calls };
        let mut violation = None;
        for window in concerned.iter_mut() {
            if let Err(wait) = window.arrive(now) {
                violation = Some(Violation { note: format!("over {}", window.describe()), wait: Some(wait) });
            }
        }
        let in_progress = (arrival == Arrival::Call).then(|| {
            let at_once = self.in_progress.fetch_add(1, Ordering::AcqRel) + 1;
            self.max_seen.fetch_max(at_once, Ordering::AcqRel);
            if at_once > limits.max_concurrent {
                let note = format!("{at_once} calls at once, {} allowed", limits.max_concurrent);
                violation.get_or_insert(Violation { note, wait: None });
            }
            CallInProgress(Arc::clone(self))
        });
        let per_sim = limits.buckets.iter().find(|bucket| bucket.scope == Scope::Iccid).cloned();
        let budgets = concerned.iter().map(|window| window.budget(now)).collect();
        Admission { violation, budgets, per_sim, _in_progress: in_progress }
    }

    pub(crate) fn max_seen(&self) -> u32 {
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

#[derive(Debug)]
struct CallInProgress(Arc<Gate>);

impl Drop for CallInProgress {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::AcqRel);
    }
}
