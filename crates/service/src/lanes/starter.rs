//! Which waiting reading may start, and when: the queue's window, the operator's limits, the breaker, pauses.

use super::context::LaneContext;
use super::running::RunningReadings;
use super::window::Window;
use simgauge_domain::breaker::Breaker;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_domain::waiting::LaneFacts;
use simgauge_operators::ReadError;
use simgauge_store::{DamagedTask, LaneHold, SetAside, Task};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long a lane that the operator limits without saying for how long starts nothing.
const LIMITED_PAUSE: Duration = Duration::from_secs(2);
/// A `Retry-After` of at least this much has a line of its own in the log.
const WORTH_TELLING: Duration = Duration::from_secs(10);
/// Where nothing but an event can change what may start.
const UNTIL_EVENT: Duration = Duration::from_secs(3600);

pub(super) struct ReadingStarter<'a> {
    context: &'a LaneContext,
    pub(super) window: Window,
    pub(super) breaker: Breaker,
    pub(super) running: RunningReadings,
    /// The operator asked not to be called until then. No probe is made before.
    limited_until: Option<UnixMs>,
    /// Since when somebody has paused the lane. Nothing is started before the store was asked.
    paused_since: Option<Option<UnixMs>>,
    /// When somebody last asked for the operator to be tried again.
    retry_asked_at: Option<UnixMs>,
    /// Tasks whose rows are damaged, to be ended.
    pub(super) damaged: Vec<DamagedTask>,
    damaged_before: HashSet<SetAside>,
}

impl<'a> ReadingStarter<'a> {
    pub(super) fn new(context: &'a LaneContext) -> Self {
        Self {
            context,
            window: Window::default(),
            breaker: Breaker::new(context.settings.breaker),
            running: RunningReadings::default(),
            limited_until: None,
            paused_since: None,
            retry_asked_at: None,
            damaged: Vec::new(),
            damaged_before: HashSet::new(),
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused_since.flatten().is_some()
    }

    pub(super) fn limited_until(&self) -> Option<UnixMs> {
        self.limited_until.filter(|until| *until > self.context.now())
    }

    /// What is known of the lane, for whoever tells a caller how long to wait.
    pub(super) fn facts(&self) -> LaneFacts {
        LaneFacts {
            paused_since: self.paused_since.flatten(),
            limited_until: self.limited_until(),
            down_since: self.breaker.down_since(),
            is_failing: self.breaker.is_failing(),
        }
    }

    /// Takes in what people, and the last holder of the lane, left in the store.
    pub(super) fn set_hold(&mut self, hold: &LaneHold) {
        let (lane, now) = (self.context.lane(), self.context.now());
        let is_first = self.paused_since.is_none();
        if self.paused_since != Some(hold.paused_since) {
            tracing::debug!(lane, paused = hold.paused_since.is_some(), "the lane is paused or goes on");
            self.paused_since = Some(hold.paused_since);
        }
        if is_first {
            self.limited_until = hold.limited_until;
            if let Some(until) = self.limited_until() {
                let seconds = whole_seconds_up(until.since(now));
                tracing::warn!(lane, seconds, "the operator asked before not to be called; still waiting");
            }
        } else if hold.retry_asked_at > self.retry_asked_at {
            tracing::info!(lane, "an admin asked for the operator to be tried again");
            self.limited_until = None;
            self.context.pacer.end_pause();
            self.context.setup.operator.forget_refused_logins();
            self.breaker.retry_now(now);
        }
        self.retry_asked_at = hold.retry_asked_at;
    }

    /// Starts as many readings as limits allow; answers when to try again.
    pub(super) async fn start_readings(&mut self) -> Instant {
        let at_event = Instant::now() + UNTIL_EVENT;
        if self.paused_since != Some(None) {
            return at_event;
        }
        let most = usize::try_from(self.context.setup.limits.max_concurrent).unwrap_or(usize::MAX);
        while self.running.count() < most {
            if !self.fill_window().await {
                return Instant::now() + self.context.settings.poll;
            }
            let now = self.context.now();
            if !self.window.has_ready(now) {
                return self.window.next_due().map_or(at_event, |at| Instant::now() + at.since(now));
            }
            let limited = self.limited_until.map(|until| until.since(now)).unwrap_or_default();
            let wait = limited.max(self.context.pacer.wait_for_step());
            if !wait.is_zero() {
                // Times are cut to whole milliseconds. A wait can be longer than an instant can tell.
                return Instant::now() + wait.min(UNTIL_EVENT) + Duration::from_millis(1);
            }
            let Some(task) = self.window.next(now) else { return at_event };
            if let Some(at) = self.too_soon(&task, now) {
                self.window.put_off(Task { not_before: at, ..task });
                continue;
            }
            if let Err(again) = self.breaker.admit(now) {
                self.window.put_in_front(task);
                return again.map_or(at_event, |at| Instant::now() + at.since(now));
            }
            // Never earlier than the acceptance, whatever the clocks of two nodes say; but no time of a clock
            // that was ahead.
            let accepted_at = task.key.refresh.made_at();
            let began_at = if accepted_at.is_of_a_clock_ahead(now) { now } else { now.max(accepted_at) };
            self.running.start(self.context, task, began_at);
            // The call is counted in its pace when the reading first runs.
            tokio::task::yield_now().await;
        }
        at_event
    }

    /// When this SIM may be read, if the operator wants more time between two readings of one.
    fn too_soon(&self, task: &Task, now: UnixMs) -> Option<UnixMs> {
        let least = Duration::from_secs(self.context.setup.limits.min_refresh_seconds.into());
        let last_read_at = task.last_read_at.filter(|at| !at.is_of_a_clock_ahead(now));
        last_read_at.map(|at| at.after(least)).filter(|at| *at > now)
    }

    /// Fetches what the window needs; answers whether the store could be read.
    async fn fill_window(&mut self) -> bool {
        let context = self.context;
        while let Some(account) = self.window.wants() {
            let limit = self.window.fetch_limit();
            let most = i64::try_from(limit).unwrap_or(i64::MAX);
            match context.settings.store.tasks_after(context.lane(), &account, None, most).await {
                Ok(found) => {
                    let is_full = found.len() >= limit;
                    let tasks = self.sound(found);
                    self.window.fetched(&account, tasks, is_full, context.now());
                }
                Err(error) => {
                    let lane = context.lane();
                    tracing::warn!(lane, %error, "waiting tasks could not be read; trying again");
                    return false;
                }
            }
        }
        true
    }

    /// Keeps damaged tasks apart, each once.
    fn sound(&mut self, found: Vec<Result<Task, DamagedTask>>) -> Vec<Task> {
        let mut tasks = Vec::with_capacity(found.len());
        for one in found {
            match one {
                Ok(task) => tasks.push(task),
                Err(damaged) => {
                    if self.damaged_before.insert(damaged.task.clone()) {
                        self.damaged.push(damaged);
                    }
                }
            }
        }
        tasks
    }

    /// Learns from an attempt that ended how the operator is. Answers until when it asked not to be called,
    /// where it did so in this answer and for longer than before.
    pub(super) fn attempt_ended(&mut self, failure: Option<&ReadError>, now: UnixMs) -> Option<UnixMs> {
        match failure {
            Some(error) if error.kind.is_operators() => self.breaker.failed(now),
            // An answer that only rejects the SIM shows that the operator works.
            _ => self.breaker.succeeded(),
        }
        let error = failure?;
        // The credential is limited, not this SIM.
        let wait = match error.retry_after {
            Some(wait) => wait,
            None if error.kind == FailureKind::RateLimited => LIMITED_PAUSE,
            None => return None,
        };
        self.limit(wait, now).filter(|_| error.retry_after.is_some())
    }

    /// The operator said in an answer that no calls are left. Answers until when, where that is worth
    /// keeping. The pacer sees to a shorter pause.
    pub(super) fn paused_by_headers(&mut self, wait: Duration, now: UnixMs) -> Option<UnixMs> {
        if wait < WORTH_TELLING { None } else { self.limit(wait, now) }
    }

    /// Answers until when nothing is read, where that is longer than before.
    fn limit(&mut self, wait: Duration, now: UnixMs) -> Option<UnixMs> {
        let until = now.after(wait);
        if self.limited_until.is_some_and(|known| known >= until) {
            return None;
        }
        self.limited_until = Some(until);
        if wait >= WORTH_TELLING {
            let (lane, seconds) = (self.context.lane(), whole_seconds_up(wait));
            tracing::warn!(
                lane,
                seconds,
                "the operator asked not to be called for a while; nothing is read until then"
            );
        }
        Some(until)
    }
}
