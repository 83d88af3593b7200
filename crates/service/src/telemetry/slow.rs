//! One log line about whatever took longer than it should, with what took the time.

use super::settings::SlowThresholds;
use crate::reading::ReadTimes;
use simgauge_operators::CallKind;
use simgauge_protocol::{Code, OperationName};
use simgauge_store::Task;
use std::time::Duration;

/// How long an answer was held because its caller asked for that; a response's extension.
#[derive(Clone, Copy, Debug)]
pub struct Held(pub Duration);

/// From which duration on something is worth a line.
#[derive(Clone, Copy, Debug)]
pub struct SlowLog {
    call: Duration,
    reading: Duration,
    commit: Duration,
}

impl SlowLog {
    pub(super) fn new(thresholds: SlowThresholds) -> Self {
        let from = |ms| if ms == 0 { Duration::MAX } else { Duration::from_millis(ms) };
        Self {
            call: from(thresholds.call_ms),
            reading: from(thresholds.reading_ms),
            commit: from(thresholds.commit_ms),
        }
    }

    /// A call was answered. What it was held for on the caller's own wish does not count.
    pub fn call(
        &self,
        operation: OperationName,
        code: Code,
        took: Duration,
        held: Option<Held>,
        request_id: &str,
    ) {
        let held = held.map_or(Duration::ZERO, |held| held.0);
        if took.saturating_sub(held) >= self.call {
            tracing::warn!(
                operation = operation.short(),
                code = code.as_str(),
                took_ms = ms(took),
                held_ms = ms(held),
                request_id,
                "a call was slow"
            );
        }
    }

    /// A group of refreshes was made durable. `waited` is how long its first one had been in the queue
    /// before.
    pub fn commit(&self, calls: usize, waited: Duration, took: Duration) {
        if took >= self.commit {
            tracing::warn!(calls, waited_ms = ms(waited), commit_ms = ms(took), "a group commit was slow");
        }
    }

    /// An attempt to read ended.
    pub(crate) fn reading(&self, lane: &str, task: &Task, times: &ReadTimes) {
        if times.took >= self.reading {
            tracing::warn!(
                lane,
                card = task.number,
                iccid = task.iccid,
                refresh = %task.key.refresh,
                took_ms = ms(times.took),
                calls = times.calls.len(),
                logins = times.calls.iter().filter(|call| call.kind == CallKind::Login).count(),
                limits_ms = ms(times.waited()),
                operator_ms = ms(times.at_operator()),
                "a reading was slow"
            );
        }
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
