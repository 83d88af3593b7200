//! What every part of a process may know of the lanes: how long their queues are and how fast they go.
//! Whoever adds work wakes its lane here.

use simgauge_domain::fairness::tasks_until_done;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_domain::waiting::{LaneFacts, OperatorCondition, QueueWait};
use simgauge_store::Admission;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// The lanes by operator account. Cheap to clone.
#[derive(Clone, Default)]
pub struct LaneRegistry {
    lanes: Arc<HashMap<String, LaneState>>,
    max_wait: Option<Duration>,
}

/// A lane as it is registered.
pub struct LaneEntry {
    /// The operator account.
    pub lane: String,
    /// Readings per second that its limits allow.
    pub readings_per_second: f64,
    /// Least time between two readings of one SIM.
    pub least_interval: Duration,
    /// How old an answer can be by the operator's documentation.
    pub declared_lag_seconds: Option<u64>,
}

/// A lane's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The operator account.
    pub lane: String,
    /// Waiting tasks.
    pub waiting: u64,
    /// When the refresh of the oldest was accepted.
    pub oldest: Option<UnixMs>,
}

/// A queue as it was counted in the store.
#[derive(Default)]
pub(super) struct Counted {
    /// Waiting tasks of each account.
    pub(super) waiting: BTreeMap<String, u64>,
    /// When the refresh of the oldest was accepted.
    pub(super) oldest: Option<UnixMs>,
}

struct LaneState {
    readings_per_second: f64,
    least_interval: Duration,
    declared_lag_seconds: Option<u64>,
    queues: Mutex<Queues>,
    work_added: Notify,
    /// Whether this process works the lane, and so counts its queue itself.
    held: AtomicBool,
}

#[derive(Default)]
struct Queues {
    /// Waiting tasks of each account, as far as is known.
    waiting: BTreeMap<String, u64>,
    /// When the refresh of the oldest was accepted, as of the last count.
    oldest: Option<UnixMs>,
    /// Accounts with new work since the lane last looked.
    pending: Vec<String>,
    /// What is known of the lane and its operator.
    facts: LaneFacts,
}

impl LaneRegistry {
    /// A registry of these lanes. A refresh that would wait longer than `max_wait` is not admitted.
    #[must_use]
    pub fn new(entries: Vec<LaneEntry>, max_wait: Option<Duration>) -> Self {
        let lanes = entries
            .into_iter()
            .map(|entry| {
                let lane = LaneState {
                    readings_per_second: entry.readings_per_second.max(1e-6),
                    least_interval: entry.least_interval,
                    declared_lag_seconds: entry.declared_lag_seconds,
                    queues: Mutex::default(),
                    work_added: Notify::new(),
                    held: AtomicBool::new(false),
                };
                (entry.lane, lane)
            })
            .collect();
        Self { lanes: Arc::new(lanes), max_wait }
    }

    /// Whether a lane takes one more task of an account.
    #[must_use]
    pub fn admit(&self, lane: &str, account: &str, now: UnixMs) -> Admission {
        let Some(state) = self.lanes.get(lane) else { return Admission::Unknown };
        let Some(max_wait) = self.max_wait else { return Admission::Taken };
        let (facts, queue) = state.look(account);
        match facts.admit(queue, max_wait, now) {
            Ok(()) => Admission::Taken,
            Err(behind) => Admission::TooFarBehind(behind),
        }
    }

    /// About how many seconds until the newest task of an account is read, given when its profile was read
    /// last; nothing where nobody knows.
    #[must_use]
    pub fn estimate(
        &self,
        lane: &str,
        account: &str,
        last_read_at: Option<UnixMs>,
        now: UnixMs,
    ) -> Option<u64> {
        let state = self.lanes.get(lane)?;
        let may_be_read = last_read_at.map_or(Duration::ZERO, |at| at.after(state.least_interval).since(now));
        let (facts, queue) = state.look(account);
        Some(whole_seconds_up(facts.estimate(queue.turn, now)?.max(may_be_read)))
    }

    /// How the operators of these lanes are: the worst of them.
    #[must_use]
    pub fn operator<'a>(
        &self,
        lanes: impl IntoIterator<Item = &'a str>,
        now: UnixMs,
    ) -> Option<OperatorCondition> {
        let known = lanes.into_iter().filter_map(|lane| self.lanes.get(lane));
        known.map(|state| state.lock().facts.condition(now)).max()
    }

    /// What the session of a lane that is worked here knows of it.
    pub(super) fn set_facts(&self, lane: &str, facts: LaneFacts) {
        if let Some(state) = self.lanes.get(lane) {
            state.lock().facts = facts;
        }
    }

    /// What another node wrote of a lane, unless this one has begun to work it meanwhile.
    pub(super) fn set_facts_of_other(&self, lane: &str, facts: LaneFacts) {
        if let Some(state) = self.lanes.get(lane).filter(|state| !state.held.load(Ordering::Relaxed)) {
            state.lock().facts = facts;
        }
    }

    /// How old an answer can be by the operator's documentation.
    #[must_use]
    pub fn declared_lag_seconds(&self, lane: &str) -> Option<u64> {
        self.lanes.get(lane)?.declared_lag_seconds
    }

    /// One more task waits: counts it and wakes the lane.
    pub fn added(&self, lane: &str, account: &str) {
        let Some(state) = self.lanes.get(lane) else { return };
        {
            let mut queues = state.lock();
            match queues.waiting.get_mut(account) {
                Some(waiting) => *waiting += 1,
                None => {
                    queues.waiting.insert(account.to_owned(), 1);
                }
            }
            if state.held.load(Ordering::Relaxed) && queues.pending.last().is_none_or(|last| last != account)
            {
                queues.pending.push(account.to_owned());
            }
        }
        state.work_added.notify_one();
    }

    /// An account has new work in a lane, from another node: wakes the lane if it is worked here.
    pub(super) fn mark_pending(&self, lane: &str, account: &str) {
        let Some(state) = self.lanes.get(lane).filter(|state| state.held.load(Ordering::Relaxed)) else {
            return;
        };
        state.lock().pending.push(account.to_owned());
        state.work_added.notify_one();
    }

    /// Whether this process works a lane.
    pub(super) fn set_held(&self, lane: &str, held: bool) {
        if let Some(state) = self.lanes.get(lane) {
            state.held.store(held, Ordering::Relaxed);
        }
    }

    /// The lanes that other nodes work (or nobody does).
    pub(super) fn held_elsewhere(&self) -> Vec<String> {
        let elsewhere = |state: &LaneState| !state.held.load(Ordering::Relaxed);
        self.lanes.iter().filter(|(_, state)| elsewhere(state)).map(|(lane, _)| lane.clone()).collect()
    }

    /// Tasks are done.
    pub(super) fn removed(&self, lane: &str, account: &str, count: u64) {
        let Some(state) = self.lanes.get(lane) else { return };
        let mut queues = state.lock();
        if let Some(waiting) = queues.waiting.get_mut(account) {
            *waiting = waiting.saturating_sub(count);
            if *waiting == 0 {
                queues.waiting.remove(account);
            }
        }
    }

    /// Replaces what is known by what was counted: other nodes add tasks, too.
    pub(super) fn counted(&self, lane: &str, counted: Counted) {
        if let Some(state) = self.lanes.get(lane) {
            let mut queues = state.lock();
            queues.waiting = counted.waiting;
            queues.oldest = counted.oldest;
        }
    }

    /// Every lane's queue, as far as is known.
    #[must_use]
    pub fn queues(&self) -> Vec<Queue> {
        let mut queues: Vec<Queue> = self
            .lanes
            .iter()
            .map(|(lane, state)| {
                let queues = state.lock();
                let waiting = queues.waiting.values().sum();
                Queue { lane: lane.clone(), waiting, oldest: queues.oldest.filter(|_| waiting > 0) }
            })
            .collect();
        queues.sort_unstable_by(|a, b| a.lane.cmp(&b.lane));
        queues
    }

    /// Readings per second that a lane's limits allow.
    #[must_use]
    pub fn readings_per_second(&self, lane: &str) -> Option<f64> {
        self.lanes.get(lane).map(|state| state.readings_per_second)
    }

    /// All waiting tasks of a lane.
    pub(super) fn waiting(&self, lane: &str) -> u64 {
        self.lanes.get(lane).map_or(0, |state| state.lock().waiting.values().sum())
    }

    /// Accounts with new work since the last call.
    pub(super) fn take_pending(&self, lane: &str) -> Vec<String> {
        self.lanes.get(lane).map(|state| std::mem::take(&mut state.lock().pending)).unwrap_or_default()
    }

    /// Waits for new work.
    pub(super) async fn wait_for_work(&self, lane: &str) {
        match self.lanes.get(lane) {
            Some(state) => state.work_added.notified().await,
            None => std::future::pending().await,
        }
    }
}

impl LaneState {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, and how long a new task of an account would wait for its turn.
    fn look(&self, account: &str) -> (LaneFacts, QueueWait) {
        let queues = self.lock();
        let own = queues.waiting.get(account).copied().unwrap_or(0);
        let others = queues.waiting.iter().filter(|(name, _)| *name != account).map(|(_, waiting)| *waiting);
        let rounds = tasks_until_done(own.saturating_sub(1), others);
        // An estimate in whole seconds: neither precision nor range are lost in a way that matters.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let seconds = (rounds as f64 / self.readings_per_second).ceil() as u64;
        let waiting = queues.waiting.values().sum();
        (queues.facts, QueueWait { waiting, turn: Duration::from_secs(seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simgauge_domain::waiting::{LaneBehind, OperatorState};

    fn registry(max_wait: u64) -> LaneRegistry {
        let entry = LaneEntry {
            lane: "l".into(),
            readings_per_second: 2.0,
            least_interval: Duration::from_secs(60),
            declared_lag_seconds: None,
        };
        LaneRegistry::new(vec![entry], Some(Duration::from_secs(max_wait)))
    }

    #[test]
    fn estimates_follow_the_rounds() {
        let registry = registry(60);
        registry.set_held("l", true);
        for _ in 0..200 {
            registry.added("l", "busy");
        }
        let now = UnixMs(100_000);
        assert_eq!(registry.estimate("l", "busy", None, now), Some(100));
        assert_eq!(
            registry.admit("l", "busy", now),
            Admission::TooFarBehind(LaneBehind {
                estimated_seconds: Some(100),
                operator: OperatorCondition::OK
            })
        );
        assert_eq!(
            registry.estimate("l", "newcomer", None, now),
            Some(1),
            "two rounds at two readings a second"
        );
        assert_eq!(
            registry.estimate("l", "newcomer", Some(UnixMs(70_000)), now),
            Some(30),
            "the SIM was read 30 s ago"
        );
        assert_eq!(registry.admit("l", "newcomer", now), Admission::Taken);
        assert_eq!(registry.admit("no", "busy", now), Admission::Unknown);
        registry.removed("l", "busy", 150);
        assert_eq!(registry.waiting("l"), 50);
        assert_eq!(registry.admit("l", "busy", now), Admission::Taken);
        assert_eq!(registry.take_pending("l"), ["busy"]);
        assert!(registry.take_pending("l").is_empty());
        registry.set_facts("l", LaneFacts { down_since: Some(now), ..LaneFacts::default() });
        assert_eq!(registry.estimate("l", "newcomer", None, now), None, "nobody knows");
        assert_eq!(
            registry.operator(["l", "no"], now).map(|operator| operator.state),
            Some(OperatorState::Down)
        );
    }
}
