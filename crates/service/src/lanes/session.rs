//! One holding of a lane's lease: readings are started and their results passed on until it is over.

use super::attempt::Attempt;
use super::context::LaneContext;
use super::judge::{Judgement, judge};
use super::lane_writer::{LaneWriter, OutcomeReporter, ReadingResult, Written};
use super::other_nodes::waiting;
use super::running::SHOW_RUNNING_AFTER;
use super::starter::ReadingStarter;
use super::status::{Counts, StatusTracker};
use crate::interval::every;
use crate::lease::{ExitReason, HeldLease, LeaseEvent};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::lane_status::LaneStatus;
use simgauge_domain::refresh::Failure;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_domain::waiting::{OperatorCondition, OperatorState, WaitingReading, waited_too_long};
use simgauge_store::{Finished, Task, TaskKey};
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Readings of one account that waited too long and are ended at one poll.
const OVERDUE: i64 = 1000;

pub(super) struct LaneSession<'a> {
    context: &'a LaneContext,
    lease: HeldLease,
    starter: ReadingStarter<'a>,
    status: StatusTracker,
    results: mpsc::UnboundedSender<ReadingResult>,
    written: mpsc::UnboundedReceiver<Written>,
    writer: AbortOnDropHandle<()>,
    /// Tasks that are being ended since they waited too long.
    overdue: HashSet<TaskKey>,
    /// Until when the operator asked not to be called, as long as the store has not been told.
    limit_to_keep: Option<UnixMs>,
    /// Set when results that cannot be written are not worth another try.
    give_up: CancellationToken,
}

impl<'a> LaneSession<'a> {
    pub(super) fn new(context: &'a LaneContext, lease: HeldLease) -> Self {
        context.pacer.hold_until(lease.held_until());
        let (results, to_write) = mpsc::unbounded_channel();
        let (written_out, written) = mpsc::unbounded_channel();
        let give_up = CancellationToken::new();
        let writer = LaneWriter {
            result_writer: context.result_writer.clone(),
            lease: lease.lease().clone(),
            reporter: OutcomeReporter {
                metrics: context.metrics.clone(),
                settings: context.settings.clone(),
            },
            give_up: give_up.clone(),
            guard: context.guard_rule(),
        };
        Self {
            context,
            lease,
            starter: ReadingStarter::new(context),
            status: StatusTracker::new(),
            results,
            written,
            overdue: HashSet::new(),
            limit_to_keep: None,
            writer: AbortOnDropHandle::new(tokio::spawn(writer.run(to_write, written_out))),
            give_up,
        }
    }

    /// Works until it is over. Where the lease is still held then, answers with it and with how the lane did.
    pub(super) async fn work(mut self, stopping: &CancellationToken) -> Option<(HeldLease, LaneStatus)> {
        let lane = self.context.lane();
        let registry = &self.context.settings.registry;
        let mut poll = every(self.context.settings.poll);
        let mut show = every(SHOW_RUNNING_AFTER);
        let reason = loop {
            let wake_at = self.starter.start_readings().await;
            self.end_damaged();
            registry.set_facts(lane, self.starter.facts());
            tokio::select! {
                biased;
                () = stopping.cancelled() => break ExitReason::Stopping,
                event = self.lease.event() => match event {
                    LeaseEvent::Expired => break ExitReason::LeaseLost,
                    LeaseEvent::RenewalDue => if let Err(reason) = self.renew().await {
                        break reason;
                    },
                },
                Some(written) = self.written.recv() => match written {
                    Written::Done(keys) => self.forget(keys),
                    Written::LeaseLost => break ExitReason::LeaseLost,
                },
                Some(ended) = self.starter.running.next_ended() => match ended {
                    Ok(attempt) => {
                        self.ended(attempt);
                        self.keep_limit().await;
                    }
                    Err(error) => break ExitReason::Broken(error),
                },
                _ = poll.tick() => self.poll().await,
                () = registry.wait_for_work(lane) => {
                    for account in registry.take_pending(lane) {
                        self.starter.window.look_again(&account);
                    }
                }
                _ = show.tick(), if self.starter.running.count() > 0 => self.show_running(),
                () = sleep_until(wake_at) => {}
            }
        };
        self.shut_down(reason).await
    }

    /// Renews the lease, with how the lane does.
    async fn renew(&mut self) -> Result<(), ExitReason> {
        let context = self.context;
        let counts = Counts {
            queue: context.settings.registry.waiting(context.lane()),
            running: self.starter.running.count(),
            budget: context.pacer.budget(),
        };
        self.status.update(&counts, &self.starter.breaker, self.starter.limited_until());
        let paused = self.starter.is_paused();
        context.metrics.show(self.status.status(), paused);
        self.lease.renew(&self.status.to_json(context.lane(), paused)).await?;
        context.pacer.hold_until(self.lease.held_until());
        Ok(())
    }

    /// Looks for work that other nodes added, counts what waits, ends what waited too long, and finds out
    /// what people want of the lane.
    async fn poll(&mut self) {
        let (lane, settings) = (self.context.lane(), &self.context.settings);
        // A limit that the store does not know yet is not taken for one that somebody cleared.
        self.keep_limit().await;
        match settings.store.lane_hold(lane).await {
            Ok(hold) => self.starter.set_hold(&hold),
            Err(error) => {
                tracing::warn!(lane, %error, "whether the lane is paused is not known; it stays as it is");
            }
        }
        match waiting(&settings.store, lane).await {
            Ok(counted) => {
                for account in counted.waiting.keys() {
                    self.starter.window.look_again(account);
                }
                let accounts: Vec<String> = counted.waiting.keys().cloned().collect();
                settings.registry.counted(lane, counted);
                for account in accounts {
                    self.end_overdue(&account).await;
                }
            }
            Err(error) => tracing::warn!(lane, %error, "the queue could not be looked at; trying again"),
        }
    }

    /// Ends an account's readings that waited too long.
    async fn end_overdue(&mut self, account: &str) {
        let context = self.context;
        let (lane, settings, now) = (context.lane(), &context.settings, context.now());
        let Some(within) = settings.begin_within else { return };
        let operator = self.starter.facts().condition(now);
        let interval = Duration::from_secs(context.setup.limits.min_refresh_seconds.into());
        let before = (now.before(within), now.before(within).before(interval));
        let found = settings.store.overdue_tasks(lane, account, before, operator.is_stalled(), OVERDUE).await;
        let tasks = match found {
            Ok(tasks) => tasks,
            Err(error) => {
                tracing::warn!(lane, %error, "what waited too long could not be looked at; trying again");
                return;
            }
        };
        let mut ended = HashSet::new();
        for task in tasks {
            if self.starter.running.contains(&task.key) || self.overdue.contains(&task.key) {
                continue;
            }
            let Some(failure) = self.waited_too_long(&task, now) else { continue };
            ended.insert(task.key.clone());
            self.end(task, failure, now);
        }
        if !ended.is_empty() {
            let state = operator.state.as_str();
            tracing::warn!(lane, account, count = ended.len(), state, "refreshes waited too long and end");
            self.starter.window.withdraw(&ended);
        }
    }

    /// Why a task is not waited for any longer; nothing where it is.
    fn waited_too_long(&self, task: &Task, now: UnixMs) -> Option<Failure> {
        let context = self.context;
        let within = context.settings.begin_within?;
        let interval = Duration::from_secs(context.setup.limits.min_refresh_seconds.into());
        let operator = self.starter.facts().condition(now);
        let reading = WaitingReading {
            accepted_at: task.key.refresh.made_at(),
            may_begin_at: task.last_read_at.map(|at| at.after(interval)),
            has_begun: task.first_attempt_at.is_some(),
        };
        let kind = waited_too_long(&reading, &operator, within, now)?;
        Some(Failure { kind, detail: overdue_detail(kind, &operator, within) })
    }

    /// Ends a task that waited too long. Refreshes that were accepted later and share it go on waiting.
    fn end(&mut self, task: Task, failure: Failure, now: UnixMs) {
        let within = self.context.settings.begin_within.unwrap_or_default();
        let began_at = now.before(within).max(task.key.refresh.made_at());
        self.overdue.insert(task.key.clone());
        self.write(ReadingResult::Finished(Box::new(Finished {
            task: task.key,
            card: task.card,
            began_at,
            ended_at: now,
            outcome: Err(failure),
            operator_id: None,
        })));
    }

    /// Ends the refreshes of tasks whose rows are damaged.
    fn end_damaged(&mut self) {
        for damaged in std::mem::take(&mut self.starter.damaged) {
            self.write(ReadingResult::Damaged(Box::new(damaged)));
        }
    }

    /// Keeps until when the operator asked not to be called: a restart, or another node, has to honour it.
    async fn keep_limit(&mut self) {
        let Some(until) = self.limit_to_keep else { return };
        match self.context.settings.store.limit_lane(self.lease.lease(), until).await {
            Ok(()) => self.limit_to_keep = None,
            Err(error) => {
                let lane = self.context.lane();
                tracing::warn!(lane, %error, "a Retry-After could not be stored; trying again");
            }
        }
    }

    fn ended(&mut self, attempt: Attempt) {
        let now = self.context.now();
        attempt.report(self.context);
        let error = attempt.outcome.as_ref().err();
        let by_error = self.starter.attempt_ended(error, now);
        let by_headers =
            self.context.pacer.take_pause().and_then(|wait| self.starter.paused_by_headers(wait, now));
        self.limit_to_keep = by_headers.or(by_error).or(self.limit_to_keep);
        match error {
            None => self.status.succeeded(now),
            Some(error) => self.status.failed(&attempt.task.number, error, &self.starter.breaker, now),
        }
        match judge(self.context, attempt, now, rand::random()) {
            Judgement::Finished(finished) => self.write(ReadingResult::Finished(finished)),
            Judgement::RetryLater(task, postponed) => match self.waited_too_long(&task, now) {
                Some(failure) => self.end(*task, failure, now),
                None => {
                    self.write(ReadingResult::Postponed(postponed));
                    self.starter.window.put_off(*task);
                }
            },
        }
    }

    fn show_running(&mut self) {
        for key in self.starter.running.take_overdue() {
            self.write(ReadingResult::Running(key));
        }
    }

    fn write(&self, result: ReadingResult) {
        // A writer that is gone has reported that the lease is lost, or the process goes down.
        let _ = self.results.send(result);
    }

    /// Readings whose results are stored.
    fn forget(&mut self, keys: Vec<TaskKey>) {
        for key in keys {
            self.starter.window.forget(&key);
            self.overdue.remove(&key);
            // A refresh accepted while the reading ran may have left a new task.
            self.starter.window.look_again(&key.account);
        }
    }

    /// Lease lost: what runs is dropped and nothing more is written. Otherwise what runs is finished and
    /// written.
    async fn shut_down(mut self, reason: ExitReason) -> Option<(HeldLease, LaneStatus)> {
        let lane = self.context.lane();
        match reason {
            ExitReason::Stopping => {}
            ExitReason::Broken(error) => {
                tracing::error!(lane, %error, "a reading broke; starting the lane anew")
            }
            ExitReason::LeaseLost => {
                tracing::warn!(lane, "the lane's lease was lost; leaving it to its new holder");
                self.writer.abort();
                self.starter.running.abort().await;
                report_broken_writer(lane, self.writer.await);
                return None;
            }
        }
        while let Some(ended) = self.starter.running.next_ended().await {
            match ended {
                Ok(attempt) => self.ended(attempt),
                Err(error) => tracing::error!(lane, %error, "a reading broke; it is made again"),
            }
        }
        self.keep_limit().await;
        self.give_up.cancel();
        drop(self.results);
        report_broken_writer(lane, self.writer.await);
        Some((self.lease, self.status.into_status()))
    }
}

/// What is told of a refresh that waited too long.
fn overdue_detail(kind: FailureKind, operator: &OperatorCondition, within: Duration) -> String {
    let minutes = whole_seconds_up(within).div_ceil(60);
    match (kind, operator.state) {
        (FailureKind::OperatorDown, _) => {
            format!("The operator could not be reached; the refresh waited {minutes} min for it.")
        }
        (FailureKind::OperatorPaused, _) => {
            format!("The platform has paused calls to this operator; the refresh waited {minutes} min.")
        }
        (_, OperatorState::Limited) => {
            format!("The operator asked the platform not to call it; the refresh waited {minutes} min.")
        }
        _ => format!("The refresh waited {minutes} min for its turn at the operator."),
    }
}

fn report_broken_writer(lane: &str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(lane, %error, "writing the lane's results broke; what was not written is read again");
    }
}
