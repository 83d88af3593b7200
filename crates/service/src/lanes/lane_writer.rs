//! Writing the results of a lane's readings, in groups, beside the lane that goes on reading.

use super::result_writer::{Rest, ResultWriter, set_aside_task};
use super::settings::LaneSettings;
use crate::telemetry::LaneMetrics;
use crate::telemetry::Span;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::guard::rule::GuardRule;
use simgauge_domain::refresh::RefreshState;
use simgauge_store::{DamagedTask, Ended, Finished, LaneResults, Lease, Postponed, StoreError, TaskKey};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Results in one transaction at most.
const GROUP_MAX: usize = 256;
/// Pause after the store failed.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) enum ReadingResult {
    /// A reading ended for good.
    Finished(Box<Finished>),
    /// A reading failed and is tried again later.
    Postponed(Postponed),
    /// A reading has been under way for a while.
    Running(TaskKey),
    /// A task whose row is damaged: nobody can be asked for it.
    Damaged(Box<DamagedTask>),
}

/// What the lane gets back.
pub(super) enum Written {
    /// These tasks are out of the store.
    Done(Vec<TaskKey>),
    /// Another node has the lane. Nothing of the group was written.
    LeaseLost,
}

/// Writes the results of one lane under one lease.
pub(super) struct LaneWriter {
    pub(super) result_writer: ResultWriter,
    pub(super) lease: Lease,
    pub(super) reporter: OutcomeReporter,
    /// Once it is set, what the store does not take is left for the next holder, who reads again.
    pub(super) give_up: CancellationToken,
    pub(super) guard: GuardRule,
}

impl LaneWriter {
    /// Writes until the lane drops its end of the channel, or the lease is lost.
    pub(super) async fn run(
        self,
        mut results: mpsc::UnboundedReceiver<ReadingResult>,
        written: mpsc::UnboundedSender<Written>,
    ) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while results.recv_many(&mut group, GROUP_MAX).await > 0 {
            let damaged: Vec<ReadingResult> =
                group.extract_if(.., |one| matches!(one, ReadingResult::Damaged(_))).collect();
            for one in damaged {
                if let ReadingResult::Damaged(one) = one
                    && self.end_damaged(&one).await.is_break()
                {
                    return;
                }
            }
            let results = self.sorted(&mut group);
            if results.count() > 0 && self.write(results, &written).await.is_break() {
                return;
            }
        }
    }

    /// Writes a group, however often the store fails, until it is given up or the lease is lost.
    async fn write(
        &self,
        mut results: LaneResults,
        written: &mpsc::UnboundedSender<Written>,
    ) -> ControlFlow<()> {
        loop {
            let began = Instant::now();
            let outcome = self.result_writer.write(results).await;
            self.reporter.no_longer_waiting(&self.lease.name, &outcome.done.finished);
            self.reporter.ended(&outcome.ended, &outcome.done.finished, began.elapsed());
            if !outcome.done.finished.is_empty() {
                let keys = outcome.done.finished.into_iter().map(|one| one.task).collect();
                let _ = written.send(Written::Done(keys));
            }
            match outcome.rest {
                Rest::None => return ControlFlow::Continue(()),
                Rest::LeaseLost => {
                    let _ = written.send(Written::LeaseLost);
                    return ControlFlow::Break(());
                }
                Rest::Stopping => return ControlFlow::Break(()),
                Rest::Store(left) => {
                    self.pause().await?;
                    results = left;
                }
            }
        }
    }

    /// Ends the refresh of a damaged task.
    async fn end_damaged(&self, damaged: &DamagedTask) -> ControlFlow<()> {
        let DamagedTask { task, error } = damaged;
        let (lane, settings) = (self.lease.name.as_str(), &self.reporter.settings);
        settings.telemetry.metrics.result_set_aside();
        tracing::error!(
            lane, account = task.account, card_id = %task.card, refresh = task.refresh,
            profile = %task.profile, %error,
            "a waiting reading is damaged; its refresh ends as failed"
        );
        loop {
            match set_aside_task(&settings.store, &self.lease, task, settings.clock.now()).await {
                Ok(ended) => {
                    self.reporter.ended(&ended, &[], Duration::ZERO);
                    return ControlFlow::Continue(());
                }
                // The next write finds out, too.
                Err(StoreError::LeaseLost(_)) => return ControlFlow::Continue(()),
                Err(error) => {
                    tracing::error!(lane, %error, "a refresh could not be ended; trying again");
                    self.pause().await?;
                }
            }
        }
    }

    async fn pause(&self) -> ControlFlow<()> {
        match self.give_up.run_until_cancelled(tokio::time::sleep(PAUSE)).await {
            Some(()) => ControlFlow::Continue(()),
            None => ControlFlow::Break(()),
        }
    }

    fn sorted(&self, group: &mut Vec<ReadingResult>) -> LaneResults {
        let (mut finished, mut postponed, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for result in group.drain(..) {
            match result {
                ReadingResult::Finished(one) => finished.push(*one),
                ReadingResult::Postponed(one) => postponed.push(one),
                ReadingResult::Running(key) => running.push(key),
                // Taken out before.
                ReadingResult::Damaged(_) => {}
            }
        }
        // One that has ended meanwhile is no longer running.
        running.retain(|key| !finished.iter().any(|one| one.task == *key));
        let (lease, guard) = (self.lease.clone(), self.guard.clone());
        LaneResults { lease, running, postponed, finished, guard }
    }
}

/// Makes known what was written.
pub(super) struct OutcomeReporter {
    pub(super) metrics: LaneMetrics,
    pub(super) settings: LaneSettings,
}

impl OutcomeReporter {
    /// Before anybody hears of an end: whoever does may refresh again, and is admitted by what waits.
    fn no_longer_waiting(&self, lane: &str, finished: &[Finished]) {
        for one in finished {
            self.settings.registry.removed(lane, &one.task.account, 1);
        }
    }

    fn ended(&self, ended: &[Ended], finished: &[Finished], took: Duration) {
        for one in ended {
            let failure = one.failure.filter(|_| one.state == RefreshState::Failed);
            self.metrics.refresh_ended(failure);
            if let Some(reason) = one.warning {
                self.metrics.suspect(reason);
                let (refresh, reason) = (&one.id, reason.as_str());
                tracing::warn!(%refresh, card = one.number, reason, "a reading is held back");
            }
            match failure {
                Some(kind) => tracing::warn!(refresh = %one.id, card = one.number, %kind, "refresh failed"),
                None => tracing::debug!(refresh = %one.id, card = one.number, "refresh succeeded"),
            }
            self.trace(one, failure, finished, took);
        }
        self.settings.waiters.ended(ended);
    }

    /// The end in the refresh's trace, with a link to the refresh whose reading it joined.
    fn trace(&self, ended: &Ended, failure: Option<FailureKind>, finished: &[Finished], took: Duration) {
        let Some(trace) = self.settings.telemetry.traces.of(&ended.id) else { return };
        let mut span = Span::ended("write down", self.settings.clock.now(), took)
            .with("simgauge.state", ended.state.as_str())
            .failed(failure.map(|kind| kind.as_str().to_owned()));
        for joined in finished.iter().filter(|one| one.card == ended.card && one.task.refresh != ended.id) {
            span = span.linked(&joined.task.refresh);
        }
        trace.child(span);
    }
}
