//! One attempt to read a profile, and what metrics, log and trace say of it.

use super::context::LaneContext;
use crate::reading::{CallTimes, ReadOutcome, ReadTimes};
use crate::telemetry::Span;
use simgauge_domain::time::UnixMs;
use simgauge_operators::CallKind;
use simgauge_store::Task;
use std::time::Duration;

/// An attempt that ended.
pub(super) struct Attempt {
    pub(super) task: Task,
    pub(super) began_at: UnixMs,
    pub(super) outcome: ReadOutcome,
    pub(super) times: ReadTimes,
}

impl Attempt {
    /// Counts, measures, logs and traces it.
    pub(super) fn report(&self, context: &LaneContext) {
        let Self { task, outcome, times, .. } = self;
        let error = outcome.as_ref().err();
        let failure = error.map(|error| error.kind);
        context.metrics.reading_ended(failure, times.took, times.calls.iter().map(CallTimes::took));
        context.settings.telemetry.slow.reading(context.lane(), task, times);
        if let Some(error) = error {
            tracing::warn!(
                lane = context.lane(),
                card = task.number,
                iccid = task.iccid,
                refresh = %task.key.refresh,
                attempt = task.attempts + 1,
                kind = %error.kind,
                http_status = error.http_status,
                detail = error.detail,
                "a reading failed"
            );
        }
        self.trace(context);
    }

    /// The attempt in its refresh's trace, with its HTTP calls below it.
    fn trace(&self, context: &LaneContext) {
        let Self { task, began_at, outcome, times } = self;
        let Some(trace) = context.settings.telemetry.traces.of(&task.key.refresh) else { return };
        let lane = || context.lane().to_owned();
        if task.attempts == 0 {
            let waited = began_at.since(task.key.refresh.made_at());
            trace.child(Span::ended("wait for turn", *began_at, waited).with("simgauge.lane", lane()));
        }
        let now = context.now();
        let error = outcome.as_ref().err();
        let read = trace.child(
            Span::ended("read", now, times.took)
                .with("simgauge.lane", lane())
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
            let ended_before = whole_ms(times.ended.duration_since(call.ended));
            let waited = whole_ms(call.began.duration_since(call.asked));
            let span = Span::ended(name, UnixMs(now.0.saturating_sub(ended_before)), call.took());
            trace.below(read, span.client().with("simgauge.limits_ms", waited));
        }
    }
}

fn whole_ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
