//! Bringing committed groups onto the disk, and answering their calls then.

use super::accept::NotAccepted;
use super::cooldown_cache::{CooldownCache, Known};
use super::inflight::{InflightLimit, InflightPermit};
use crate::clock::Clock;
use crate::lanes::LaneRegistry;
use crate::telemetry::Span;
use crate::telemetry::Telemetry;
use simgauge_domain::card_kind::CardKind;
use simgauge_protocol::sign::{Fingerprint, fingerprint};
use simgauge_store::{AcceptCall, AcceptOutcome, NotSynced, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Where a call's answer goes.
pub(super) type Reply = oneshot::Sender<Result<AcceptOutcome, NotAccepted>>;

/// A committed group.
pub(super) struct Group {
    pub(super) committed: NotSynced,
    pub(super) callers: Callers,
}

/// Who waits for a group's outcome.
pub(super) struct Callers {
    pub(super) calls: Vec<AcceptCall>,
    /// Where each call is in the room.
    pub(super) places: Vec<InflightPermit>,
    pub(super) replies: Vec<Reply>,
    /// When work on the group began.
    pub(super) began: Instant,
}

/// What was accepted so far, as far as this process remembers.
pub(super) struct Past {
    cards: CooldownCache,
    count: AtomicU64,
}

impl Past {
    pub(super) fn new() -> Self {
        Self { cards: CooldownCache::new(), count: AtomicU64::new(0) }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn known(&self, account: &str, kind: CardKind, number: &str, sign: &Fingerprint) -> Known {
        self.cards.get(account, kind, number, sign)
    }

    fn remember(&self, call: &AcceptCall, outcome: &AcceptOutcome) {
        let AcceptOutcome::Accepted { refresh, .. } = outcome else { return };
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(sign) = fingerprint(&call.sign) {
            self.cards.put(&call.account, call.kind, &call.number, sign, refresh.accepted_at);
        }
    }
}

/// Waits for the disk, then answers.
pub(super) struct Syncer {
    pub(super) store: Store,
    pub(super) registry: LaneRegistry,
    pub(super) clock: Clock,
    pub(super) telemetry: Telemetry,
    pub(super) past: Arc<Past>,
    pub(super) inflight: Arc<InflightLimit>,
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
                    for (callers, outcomes) in callers.into_iter().zip(outcomes) {
                        self.answer(callers, outcomes);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "refreshes were accepted, but their callers are told that they were not");
                    for reply in callers.into_iter().flat_map(|callers| callers.replies) {
                        let _ = reply.send(Err(NotAccepted::Store));
                    }
                }
            }
        }
    }

    fn answer(&self, callers: Callers, outcomes: Vec<AcceptOutcome>) {
        let Callers { calls, places, replies, began } = callers;
        if let Some(first) = places.first() {
            self.inflight.adjust(first.since.elapsed());
        }
        measure(&self.telemetry, &places, began);
        let committed = began.elapsed();
        for (((call, reply), outcome), permit) in calls.iter().zip(replies).zip(outcomes).zip(places) {
            self.past.remember(call, &outcome);
            if let AcceptOutcome::Accepted { tasks, .. } = &outcome {
                for task in tasks {
                    self.registry.added(&task.lane, &call.account);
                }
                trace(&self.telemetry, call, &self.clock, permit.since, began, committed);
            }
            // First of all: whoever has an answer may come again.
            drop(permit);
            // A caller that went away finds its refresh later.
            let _ = reply.send(Ok(outcome));
        }
    }
}

fn measure(telemetry: &Telemetry, places: &[InflightPermit], began: Instant) {
    let ended = Instant::now();
    for permit in places {
        telemetry.metrics.accept_seconds.observe(ended.duration_since(permit.since).as_secs_f64());
    }
    // At most GROUP_MAX.
    telemetry.metrics.group_calls.observe(f64::from(u32::try_from(places.len()).unwrap_or(u32::MAX)));
    let waited = places.first().map(|permit| began.duration_since(permit.since)).unwrap_or_default();
    telemetry.slow.commit(places.len(), waited, ended.duration_since(began));
}

/// The first spans of a refresh's trace: the call, from the queue's entrance on, and the commit that it shared with others.
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
