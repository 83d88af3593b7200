//! One lane: takes the lease, then works the queue until the lease is lost or the process stops.

use super::LaneSettings;
use super::finisher::{Note, Teller, Written, write_notes};
use super::pacer::{HostPaces, Pacer};
use super::scribe::Scribe;
use super::setup::LaneSetup;
use super::status::{ERRORS_KEPT, LaneError, LaneStatus, LastWords};
use super::watch::waiting;
use super::window::Window;
use crate::refresh::read::{CallTimes, ReadOutcome, ReadTimes, read_profile};
use crate::telemetry::{LaneMetrics, Span};
use simgauge_domain::breaker::Breaker;
use simgauge_domain::metering::delta::moment;
use simgauge_domain::period::dated;
use simgauge_domain::refresh::Failure;
use simgauge_domain::retry::{FailedAttempt, Next};
use simgauge_domain::time::UnixMs;
use simgauge_operators::{CallKind, ReadError};
use simgauge_store::{Before, Finished, Lease, LeaseKind, Postponed, StoreError, Task, TaskKey};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// A reading that takes longer than this is shown as running; a faster one is not worth a write of its own.
const SHOW_RUNNING_AFTER: Duration = Duration::from_millis(150);
/// How long a lane that the operator limits without saying for how long stays quiet.
const LIMITED_PAUSE: Duration = Duration::from_secs(2);

/// Everything one lane works with.
pub(super) struct LaneContext {
    setup: LaneSetup,
    settings: LaneSettings,
    pacer: Pacer,
    metrics: LaneMetrics,
    scribe: Scribe,
}

impl LaneContext {
    pub(super) fn new(setup: LaneSetup, settings: LaneSettings, hosts: &HostPaces, scribe: Scribe) -> Self {
        let pacer = Pacer::new(&setup.limits, setup.operator.host(), hosts);
        let metrics = settings.telemetry.metrics.lane(&setup.name);
        Self { setup, settings, pacer, metrics, scribe }
    }

    /// Goes on where the holder before left off: a hand-over is no leave for a burst.
    fn take_over(&self, before: &Before, now: UnixMs) {
        match before {
            Before::Nobody => {}
            Before::GivenBack(words) => {
                let words: Option<LastWords> = serde_json::from_str(words).ok();
                let handed_over =
                    words.as_ref().map(|words| (words.counting.as_slice(), now.since(UnixMs(words.at))));
                self.pacer.take_over(handed_over);
            }
            Before::Lost => self.pacer.take_over(None),
        }
    }
}

/// Works a lane whenever its lease can be had.
pub(super) async fn run(context: LaneContext, stopping: CancellationToken) {
    let lane = context.setup.name.as_str();
    let settings = &context.settings;
    while !stopping.is_cancelled() {
        let now = settings.clock.now();
        let held_until = Instant::now() + settings.lease;
        match settings
            .store
            .lease(LeaseKind::Lane, lane, &settings.node, now, now.after(settings.lease), settings.alone)
            .await
        {
            Ok(Some((lease, before))) => {
                tracing::debug!(lane, epoch = lease.epoch, "lane taken");
                context.take_over(&before, now);
                settings.board.set_held(lane, true);
                context.metrics.set_held(true);
                let last_words = Shift::new(&context, lease.clone(), held_until).work(&stopping).await;
                settings.board.set_held(lane, false);
                context.metrics.set_held(false);
                if let Some(words) = last_words {
                    give_back(&context, &lease, words).await;
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(lane, %error, "the lane could not be taken; trying again"),
        }
        stopping.run_until_cancelled(tokio::time::sleep(settings.lease / 4)).await;
    }
}

async fn give_back(context: &LaneContext, lease: &Lease, status: LaneStatus) {
    let words = LastWords { status, counting: context.pacer.hand_over(), at: context.settings.clock.now().0 };
    let words = serde_json::to_string(&words).unwrap_or_default();
    if let Err(error) = context.settings.store.release(lease, &words).await {
        tracing::warn!(lane = lease.name, %error, "the lease could not be given back; it will run out");
    }
}

/// One reading under way.
struct UnderWay {
    began: Instant,
    shown: bool,
}

/// One attempt to read, ended.
struct Attempt {
    task: Task,
    began_at: UnixMs,
    outcome: ReadOutcome,
    times: ReadTimes,
}

/// One holding of the lease.
struct Shift<'a> {
    context: &'a LaneContext,
    lease: Lease,
    window: Window,
    breaker: Breaker,
    readings: JoinSet<Attempt>,
    under_way: HashMap<TaskKey, UnderWay>,
    /// The operator asked for quiet until then.
    quiet_until: Instant,
    /// Whether somebody paused the lane; nothing until the store was asked, and then nothing is started either.
    paused: Option<bool>,
    status: LaneStatus,
    held_until: Instant,
    notes: mpsc::UnboundedSender<Note>,
    written: mpsc::UnboundedReceiver<Written>,
    writer: tokio::task::JoinHandle<()>,
    give_up: CancellationToken,
}

/// Why a shift is over.
enum Over {
    Stopping,
    LeaseLost,
    /// A reading panicked. Its task is still in the store; the next shift takes it up.
    Broken(tokio::task::JoinError),
}

impl<'a> Shift<'a> {
    fn new(context: &'a LaneContext, lease: Lease, held_until: Instant) -> Self {
        context.pacer.hold_until(held_until);
        let (notes, notes_in) = mpsc::unbounded_channel();
        let (written_out, written) = mpsc::unbounded_channel();
        let give_up = CancellationToken::new();
        let settings = &context.settings;
        let writer = tokio::spawn(write_notes(
            context.scribe.clone(),
            lease.clone(),
            settings.waiters.clone(),
            notes_in,
            written_out,
            give_up.clone(),
            Teller { metrics: context.metrics.clone(), settings: settings.clone() },
        ));
        Self {
            context,
            lease,
            window: Window::default(),
            breaker: Breaker::new(settings.breaker),
            readings: JoinSet::new(),
            under_way: HashMap::new(),
            quiet_until: Instant::now(),
            paused: None,
            status: LaneStatus { health: "ok".into(), ..LaneStatus::default() },
            held_until,
            notes,
            written,
            writer,
            give_up,
        }
    }

    fn now(&self) -> UnixMs {
        self.context.settings.clock.now()
    }

    fn lane(&self) -> &'a str {
        &self.context.setup.name
    }

    /// Works until it is over; answers with how the lane was if the lease is still ours to give back.
    async fn work(mut self, stopping: &CancellationToken) -> Option<LaneStatus> {
        let settings = &self.context.settings;
        let lane = self.lane();
        let mut heartbeat = tokio::time::interval(settings.lease / 4);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut poll = tokio::time::interval(settings.poll);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut show = tokio::time::interval(SHOW_RUNNING_AFTER);
        show.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);

        let over = loop {
            let wake_at = self.start_readings().await;
            tokio::select! {
                biased;
                () = stopping.cancelled() => break Over::Stopping,
                // Without a sign of life from the store the lease may be somebody else's by now.
                () = sleep_until(self.held_until) => break Over::LeaseLost,
                Some(written) = self.written.recv() => match written {
                    Written::Done(keys) => self.forget(keys),
                    Written::LeaseLost => break Over::LeaseLost,
                },
                Some(joined) = self.readings.join_next() => match joined {
                    Ok(ended) => self.ended(ended),
                    Err(error) => break Over::Broken(error),
                },
                _ = heartbeat.tick() => match self.renew().await {
                    Ok(()) => {}
                    Err(over) => break over,
                },
                _ = poll.tick() => self.poll().await,
                () = settings.board.bell(lane) => {
                    for account in settings.board.take_news(lane) {
                        self.window.look_again(&account);
                    }
                }
                _ = show.tick(), if !self.under_way.is_empty() => self.show_running(),
                () = sleep_until(wake_at) => {}
            }
        };
        self.wind_up(over).await
    }

    /// Starts as many readings as limits allow; answers when to look again.
    async fn start_readings(&mut self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        if self.paused != Some(false) {
            return far;
        }
        let most = usize::try_from(self.context.setup.limits.max_concurrent).unwrap_or(usize::MAX);
        while self.readings.len() < most {
            while let Some(account) = self.window.wants() {
                if !self.fetch(&account).await {
                    return Instant::now() + self.context.settings.poll;
                }
            }
            let now = self.now();
            if !self.window.has_ready(now) {
                return self.window.next_due().map_or(far, |at| Instant::now() + at.since(now));
            }
            let ready_at = self.quiet_until.max(Instant::now() + self.context.pacer.wait_for_step());
            if ready_at > Instant::now() {
                // Times are cut to whole milliseconds.
                return ready_at + Duration::from_millis(1);
            }
            let Some(task) = self.window.next(now) else { return far };
            if let Some(at) = self.too_soon(&task, now) {
                self.window.put_off(Task { not_before: at, ..task });
                continue;
            }
            if let Err(again) = self.breaker.admit(now) {
                self.window.give_back(task);
                return again.map_or(far, |at| Instant::now() + at.since(now));
            }
            self.start(task);
            // The call's place in the pace is taken when the reading first runs.
            tokio::task::yield_now().await;
        }
        far
    }

    /// When this SIM may be read again, if the operator wants more time between two readings of one.
    fn too_soon(&self, task: &Task, now: UnixMs) -> Option<UnixMs> {
        let least = Duration::from_secs(self.context.setup.limits.min_refresh_seconds.into());
        task.last_read_at.map(|at| at.after(least)).filter(|at| *at > now)
    }

    async fn fetch(&mut self, account: &str) -> bool {
        let limit = self.window.fetch_limit();
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        match self.context.settings.store.tasks_after(self.lane(), account, None, most).await {
            Ok(tasks) => {
                let now = self.now();
                self.window.fetched(account, tasks, limit, now);
                true
            }
            Err(error) => {
                tracing::warn!(lane = self.lane(), %error, "waiting tasks could not be read; trying again");
                false
            }
        }
    }

    fn start(&mut self, task: Task) {
        // Never earlier than the acceptance, whatever the clocks of two nodes say: it was read from the store after it.
        let began_at = self.now().max(task.key.refresh.made_at());
        self.under_way.insert(task.key.clone(), UnderWay { began: Instant::now(), shown: false });
        let operator = std::sync::Arc::clone(&self.context.setup.operator);
        let pacer = self.context.pacer.clone();
        self.readings.spawn(async move {
            let (outcome, times) = pacer.while_held(read_profile(&operator, &task, &pacer)).await;
            Attempt { task, began_at, outcome, times }
        });
    }

    fn ended(&mut self, attempt: Attempt) {
        self.tell(&attempt);
        let Attempt { task, began_at, outcome, .. } = attempt;
        self.under_way.remove(&task.key);
        match outcome {
            Ok(mut reading) => {
                // The instant the figure is of decides its period: at the turn of a cycle an operator that lags still tells
                // the old one's.
                let setup = &self.context.setup;
                let lag = Duration::from_secs(setup.declared_lag_seconds.unwrap_or(0));
                let figure_of = match reading.as_of {
                    Some(_) => moment(reading.as_of, began_at),
                    None => UnixMs(began_at.0 - whole_ms(lag)),
                };
                reading.period = dated(reading.period, figure_of, &setup.zone, setup.billing_day);
                self.breaker.succeeded();
                self.status.succeeded += 1;
                self.status.last_success_at = Some(self.now().seconds());
                self.status.health = "ok".into();
                self.finish(task, began_at, Ok(reading));
            }
            Err(error) => self.failed(task, began_at, &error),
        }
    }

    /// Tells those who watch.
    fn tell(&self, attempt: &Attempt) {
        let Attempt { task, outcome, times, .. } = attempt;
        let failure = outcome.as_ref().err().map(|error| error.kind);
        self.context.metrics.reading_ended(failure, times.took, times.calls.iter().map(CallTimes::took));
        self.context.settings.telemetry.slow.reading(self.lane(), task, times);
        self.trace(attempt);
    }

    /// The attempt in its refresh's trace, with its HTTP calls below it.
    fn trace(&self, attempt: &Attempt) {
        let Attempt { task, began_at, outcome, times } = attempt;
        let Some(trace) = self.context.settings.telemetry.traces.of(&task.key.refresh) else { return };
        if task.attempts == 0 {
            let waited = began_at.since(task.key.refresh.made_at());
            trace.child(
                Span::ended("wait for turn", *began_at, waited).with("simgauge.lane", self.lane().to_owned()),
            );
        }
        let now = self.now();
        let error = outcome.as_ref().err();
        let read = trace.child(
            Span::ended("read", now, times.took)
                .with("simgauge.lane", self.lane().to_owned())
                .with("simgauge.iccid", task.iccid.clone())
                .with("simgauge.attempt", i64::from(task.attempts) + 1)
                .with("simgauge.outcome", error.map_or("succeeded", |error| error.kind.as_str()))
                .failed(error.map(|error| error.detail.clone())),
        );
        for call in &times.calls {
            let name = match call.kind {
                CallKind::Login => "log in at operator",
                CallKind::Step => "call operator",
            };
            let ended_before = i64::try_from(times.ended.duration_since(call.ended).as_millis()).unwrap_or(0);
            let waited = i64::try_from(call.began.duration_since(call.asked).as_millis()).unwrap_or(0);
            let span = Span::ended(name, UnixMs(now.0 - ended_before), call.took());
            trace.below(read, span.client().with("simgauge.limits_ms", waited));
        }
    }

    fn failed(&mut self, mut task: Task, began_at: UnixMs, error: &ReadError) {
        let now = self.now();
        tracing::warn!(
            lane = self.lane(),
            card = task.number,
            iccid = task.iccid,
            refresh = %task.key.refresh,
            attempt = task.attempts + 1,
            kind = %error.kind,
            http_status = error.http_status,
            detail = error.detail,
            "a reading failed"
        );
        if error.kind.is_operators() {
            self.breaker.failed(now);
        } else {
            self.breaker.succeeded();
        }
        if error.kind == simgauge_domain::failure::FailureKind::RateLimited {
            // It is the credential that is limited, not this SIM.
            self.quiet_until = Instant::now() + error.retry_after.unwrap_or(LIMITED_PAUSE);
        }
        self.status.failed += 1;
        self.status.health = self.health_or("failing");
        self.status.last_error = Some(format!("{}: {}", error.kind, error.detail));
        self.status.last_error_at = Some(now.seconds());
        self.status.errors.truncate(ERRORS_KEPT - 1);
        let shown = LaneError {
            at: now.seconds(),
            kind: error.kind.to_string(),
            detail: error.detail.clone(),
            card: task.number.clone(),
        };
        self.status.errors.insert(0, shown);
        task.attempts += 1;
        let first_attempt_at = *task.first_attempt_at.get_or_insert(began_at);
        let attempt = FailedAttempt {
            kind: error.kind,
            attempts: task.attempts,
            first_attempt_at,
            retry_after: error.retry_after,
        };
        match self.context.settings.retry.next(&attempt, now, rand::random()) {
            Next::RetryAt(at) => {
                task.not_before = at;
                let _ = self.notes.send(Note::Postponed(Postponed {
                    key: task.key.clone(),
                    attempts: task.attempts,
                    first_attempt_at,
                    not_before: at,
                }));
                self.window.put_off(task);
            }
            Next::GiveUp => {
                let failure = Failure { kind: error.kind, detail: error.detail.clone() };
                self.finish(task, began_at, Err(failure));
            }
        }
    }

    /// What the breaker says, where it is not closed.
    fn health_or(&self, closed: &str) -> String {
        match self.breaker.name() {
            "closed" => closed.to_owned(),
            other => other.to_owned(),
        }
    }

    fn finish(
        &mut self,
        task: Task,
        began_at: UnixMs,
        outcome: Result<simgauge_domain::reading::Reading, Failure>,
    ) {
        let finished = Finished { task: task.key, card: task.card, began_at, ended_at: self.now(), outcome };
        // The writer outlives the shift, so this is heard.
        let _ = self.notes.send(Note::Finished(Box::new(finished)));
    }

    fn forget(&mut self, keys: Vec<TaskKey>) {
        let mut done: BTreeMap<String, u64> = BTreeMap::new();
        for key in keys {
            self.window.forget(&key);
            *done.entry(key.account).or_default() += 1;
        }
        for (account, count) in done {
            self.context.settings.board.removed(self.lane(), &account, count);
            // A refresh accepted while the reading ran may have left a new task.
            self.window.look_again(&account);
        }
    }

    fn show_running(&mut self) {
        for (key, under_way) in &mut self.under_way {
            if !under_way.shown && under_way.began.elapsed() >= SHOW_RUNNING_AFTER {
                under_way.shown = true;
                let _ = self.notes.send(Note::Running(key.clone()));
            }
        }
    }

    /// Extends the lease; until when is by this machine's steady clock.
    async fn renew(&mut self) -> Result<(), Over> {
        let settings = &self.context.settings;
        self.status.queue = settings.board.waiting(self.lane());
        self.status.running = self.readings.len();
        self.status.budget = self.context.pacer.room();
        self.status.probe_at = self.breaker.opens_at().map(UnixMs::seconds);
        self.status.health = self.health_or(&self.status.health);
        let mut shown = self.status.clone();
        if self.paused == Some(true) {
            "paused".clone_into(&mut shown.health);
        }
        self.context.metrics.show(&self.status, self.paused == Some(true));
        let status = serde_json::to_string(&shown).unwrap_or_default();
        let asked = Instant::now();
        match settings.store.renew(&self.lease, self.now().after(settings.lease), &status).await {
            Ok(()) => {
                self.held_until = asked + settings.lease;
                self.context.pacer.hold_until(self.held_until);
                Ok(())
            }
            Err(StoreError::LeaseLost(_)) => Err(Over::LeaseLost),
            Err(error) => {
                tracing::warn!(lane = self.lane(), %error, "the lease could not be extended; trying again");
                Ok(())
            }
        }
    }

    /// Looks for work that nobody told of, counts what waits, and finds out whether somebody paused the lane.
    async fn poll(&mut self) {
        match self.context.settings.store.is_lane_paused(self.lane()).await {
            Ok(paused) if Some(paused) != self.paused => {
                tracing::debug!(lane = self.lane(), paused, "the lane was paused or may go on");
                self.paused = Some(paused);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(lane = self.lane(), %error, "whether the lane is paused is not known; it stays as it is");
            }
        }
        match waiting(&self.context.settings.store, self.lane()).await {
            Ok(counted) => {
                for account in counted.waiting.keys() {
                    self.window.look_again(account);
                }
                self.context.settings.board.counted(self.lane(), counted);
            }
            Err(error) => {
                tracing::warn!(lane = self.lane(), %error, "the queue could not be looked at; trying again");
            }
        }
    }

    /// Lease lost: nothing more is written, and what runs is dropped. Otherwise what runs is finished and written.
    async fn wind_up(mut self, over: Over) -> Option<LaneStatus> {
        match over {
            Over::Stopping => {}
            Over::Broken(error) => {
                tracing::error!(lane = self.lane(), %error, "a reading broke; starting the lane anew")
            }
            Over::LeaseLost => {
                tracing::warn!(lane = self.lane(), "the lane's lease was lost; leaving it to its new holder");
                self.readings.abort_all();
                self.writer.abort();
                return None;
            }
        }
        while let Some(joined) = self.readings.join_next().await {
            if let Ok(ended) = joined {
                self.ended(ended);
            }
        }
        self.give_up.cancel();
        drop(self.notes);
        let _ = self.writer.await;
        Some(self.status)
    }
}

fn whole_ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
