//! Which waiting reading may start, and when: the queue's window, the operator's limits, the breaker, pauses.

use super::context::LaneContext;
use super::running::RunningReadings;
use super::window::Window;
use simgauge_domain::breaker::Breaker;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use simgauge_operators::ReadError;
use simgauge_store::Task;
use std::time::Duration;
use tokio::time::Instant;

/// How long a lane that the operator limits without saying for how long starts nothing.
const LIMITED_PAUSE: Duration = Duration::from_secs(2);
/// Where nothing but an event can change what may start.
const UNTIL_EVENT: Duration = Duration::from_secs(3600);

pub(super) struct ReadingStarter<'a> {
    context: &'a LaneContext,
    pub(super) window: Window,
    pub(super) breaker: Breaker,
    pub(super) running: RunningReadings,
    /// The operator asked not to be called until then.
    quiet_until: Instant,
    /// Whether somebody paused the lane. Nothing is started before the store was asked.
    paused: Option<bool>,
}

impl<'a> ReadingStarter<'a> {
    pub(super) fn new(context: &'a LaneContext) -> Self {
        Self {
            context,
            window: Window::default(),
            breaker: Breaker::new(context.settings.breaker),
            running: RunningReadings::default(),
            quiet_until: Instant::now(),
            paused: None,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused == Some(true)
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        if self.paused != Some(paused) {
            tracing::debug!(lane = self.context.lane(), paused, "the lane is paused or goes on");
            self.paused = Some(paused);
        }
    }

    /// Starts as many readings as limits allow; answers when to try again.
    pub(super) async fn start_readings(&mut self) -> Instant {
        let at_event = Instant::now() + UNTIL_EVENT;
        if self.paused != Some(false) {
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
            let ready_at = self.quiet_until.max(Instant::now() + self.context.pacer.wait_for_step());
            if ready_at > Instant::now() {
                // Times are cut to whole milliseconds.
                return ready_at + Duration::from_millis(1);
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
                Ok(tasks) => self.window.fetched(&account, tasks, limit, context.now()),
                Err(error) => {
                    let lane = context.lane();
                    tracing::warn!(lane, %error, "waiting tasks could not be read; trying again");
                    return false;
                }
            }
        }
        true
    }

    /// Learns from an attempt that ended how the operator is.
    pub(super) fn attempt_ended(&mut self, failure: Option<&ReadError>, now: UnixMs) {
        match failure {
            Some(error) if error.kind.is_operators() => self.breaker.failed(now),
            // An answer that only rejects the SIM shows that the operator works.
            _ => self.breaker.succeeded(),
        }
        if let Some(error) = failure.filter(|error| error.kind == FailureKind::RateLimited) {
            // The credential is limited, not this SIM.
            self.quiet_until = Instant::now() + error.retry_after.unwrap_or(LIMITED_PAUSE);
        }
    }
}
