//! Writing down what became of a lane's readings, in groups, beside the lane that goes on reading.

use super::LaneSettings;
use super::scribe::{NotWritten, Scribe};
use crate::refresh::Waiters;
use crate::telemetry::{LaneMetrics, Span};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::refresh::RefreshState;
use simgauge_store::{Ended, Finished, LaneResults, Lease, Postponed, TaskKey};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Notes in one transaction at most.
const GROUP_MAX: usize = 256;
/// Pause after the store failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Something to write down.
pub(super) enum Note {
    /// A reading ended for good.
    Finished(Box<Finished>),
    /// A reading failed and is put off.
    Postponed(Postponed),
    /// A reading has been under way for a while.
    Running(TaskKey),
}

/// What the lane hears back.
pub(super) enum Written {
    /// The tasks are out of the store; whether one of these accounts has to be looked at again is the lane's to find out.
    Done(Vec<TaskKey>),
    /// Another node has the lane: nothing of the group was written.
    LeaseLost,
}

/// Writes until the lane drops its end of the channel; then everything is written or the lease is lost.
pub(super) async fn write_notes(
    scribe: Scribe,
    lease: Lease,
    waiters: Waiters,
    mut notes: mpsc::UnboundedReceiver<Note>,
    written: mpsc::UnboundedSender<Written>,
    give_up: CancellationToken,
    teller: Teller,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while notes.recv_many(&mut group, GROUP_MAX).await > 0 {
        let (mut finished, mut postponed, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for note in group.drain(..) {
            match note {
                Note::Finished(one) => finished.push(*one),
                Note::Postponed(one) => postponed.push(one),
                Note::Running(key) => running.push(key),
            }
        }
        // One that has ended meanwhile is no longer running.
        running.retain(|key| !finished.iter().any(|one| one.task == *key));
        let mut notes = LaneResults { lease: lease.clone(), running, postponed, finished };
        let began = Instant::now();
        let (notes, ended) = loop {
            match scribe.write(notes).await {
                Ok(written) => break written,
                Err(NotWritten::LeaseLost) => {
                    let _ = written.send(Written::LeaseLost);
                    return;
                }
                Err(NotWritten::Store(back)) => {
                    // The readings are not lost: they are written when the store is back, or made again by who comes next.
                    if give_up.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                        return;
                    }
                    notes = back;
                }
                Err(NotWritten::Stopping) => return,
            }
        };
        teller.ended(&ended, &notes.finished, began.elapsed());
        waiters.ended(&ended);
        if !notes.finished.is_empty() {
            let _ = written.send(Written::Done(notes.finished.into_iter().map(|one| one.task).collect()));
        }
    }
}

/// Tells those who watch what was written.
pub(super) struct Teller {
    pub(super) metrics: LaneMetrics,
    pub(super) settings: LaneSettings,
}

impl Teller {
    fn ended(&self, ended: &[Ended], finished: &[Finished], took: Duration) {
        for one in ended {
            let failure = one.failure.filter(|_| one.state == RefreshState::Failed);
            self.metrics.refresh_ended(failure);
            match failure {
                Some(kind) => tracing::warn!(refresh = %one.id, card = one.number, %kind, "refresh failed"),
                None => tracing::debug!(refresh = %one.id, card = one.number, "refresh succeeded"),
            }
            self.trace(one, failure, finished, took);
        }
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
