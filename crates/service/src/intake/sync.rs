//! Bringing committed groups onto the disk, and answering their calls then.

use super::accepted::AcceptedRefreshes;
use super::group::{Callers, Group, NotAccepted};
use super::inflight::{InflightLimit, InflightPermit};
use super::write_health::WriteHealth;
use crate::clock::Clock;
use crate::lanes::LaneRegistry;
use crate::telemetry::Span;
use crate::telemetry::Telemetry;
use simgauge_store::{AcceptCall, AcceptOutcome, Store};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Waits for the disk, then answers.
pub(super) struct Syncer {
    pub(super) store: Store,
    pub(super) registry: LaneRegistry,
    pub(super) clock: Clock,
    pub(super) telemetry: Telemetry,
    pub(super) accepted: Arc<AcceptedRefreshes>,
    pub(super) inflight: Arc<InflightLimit>,
    pub(super) writes: WriteHealth,
}

impl Syncer {
    /// Works until nobody commits any more. Whatever was committed meanwhile goes onto the disk together.
    pub(super) fn run(&self, groups: &Receiver<Group>) {
        while let Ok(first) = groups.recv() {
            let (committed, callers): (Vec<_>, Vec<_>) = std::iter::once(first)
                .chain(groups.try_iter())
                .map(|group| (group.committed, group.callers))
                .unzip();
            match self.store.sync(committed) {
                Ok(outcomes) => {
                    // A group that only refused calls has written nothing.
                    let is_new = |outcome: &AcceptOutcome| matches!(outcome, AcceptOutcome::Accepted { .. });
                    if outcomes.iter().flatten().any(is_new) {
                        self.writes.ended(Ok(()));
                    }
                    for (callers, outcomes) in callers.into_iter().zip(outcomes) {
                        self.answer(callers, outcomes);
                    }
                }
                Err(error) => {
                    self.writes.ended(Err(error.in_plain_words()));
                    let message = "refreshes were accepted, but their callers are told that they were not";
                    tracing::error!(%error, "{message}");
                    for reply in callers.into_iter().flat_map(|callers| callers.replies) {
                        let _ = reply.send(Err(NotAccepted::from(&error)));
                    }
                }
            }
        }
    }

    fn answer(&self, callers: Callers, outcomes: Vec<AcceptOutcome>) {
        let Callers { calls, permits, replies, began } = callers;
        if let Some(first) = permits.first() {
            self.inflight.adjust(first.since.elapsed());
        }
        measure(&self.telemetry, &permits, began);
        let committed = began.elapsed();
        for (((call, reply), outcome), permit) in calls.iter().zip(replies).zip(outcomes).zip(permits) {
            self.accepted.remember(call, &outcome);
            if let AcceptOutcome::Accepted { tasks, .. } = &outcome {
                for task in tasks {
                    self.registry.added(&task.lane, &call.account);
                }
                trace(&self.telemetry, call, &self.clock, permit.since, began, committed);
            }
            // Before the answer: whoever has it may call again.
            drop(permit);
            // A caller that went away finds its refresh later.
            let _ = reply.send(Ok(outcome));
        }
    }
}

fn measure(telemetry: &Telemetry, permits: &[InflightPermit], began: Instant) {
    let ended = Instant::now();
    for permit in permits {
        telemetry.metrics.accept_seconds.observe(ended.duration_since(permit.since).as_secs_f64());
    }
    // At most GROUP_MAX.
    telemetry.metrics.group_calls.observe(f64::from(u32::try_from(permits.len()).unwrap_or(u32::MAX)));
    let waited = permits.first().map_or(Duration::ZERO, |permit| began.duration_since(permit.since));
    telemetry.slow.commit(permits.len(), waited, ended.duration_since(began));
}

/// The first spans of a refresh's trace: the call, from the queue's entrance on, and the commit that it
/// shared with others.
fn trace(
    telemetry: &Telemetry,
    call: &AcceptCall,
    clock: &Clock,
    since: Instant,
    began: Instant,
    committed: Duration,
) {
    let Some(trace) = telemetry.traces.of(&call.id) else { return };
    let now = clock.now();
    let span = Span::ended("accept refresh", now, began.duration_since(since) + committed);
    trace.root(
        span.server()
            .with("simgauge.refresh", call.id.to_string())
            .with("simgauge.account", call.account.clone())
            .with("simgauge.card", call.number.clone()),
    );
    trace.child(Span::ended("commit", now, committed));
}
