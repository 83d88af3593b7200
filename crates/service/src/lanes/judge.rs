//! What follows from an attempt to read: it is finished, or tried again later.

use super::attempt::Attempt;
use super::context::LaneContext;
use super::setup::LaneSetup;
use simgauge_domain::metering::delta::moment;
use simgauge_domain::period::dated;
use simgauge_domain::reading::Reading;
use simgauge_domain::refresh::Failure;
use simgauge_domain::retry::{FailedAttempt, Next};
use simgauge_domain::time::UnixMs;
use simgauge_operators::ProfileReading;
use simgauge_store::{Finished, Postponed, Task};
use std::time::Duration;

pub(super) enum Judgement {
    Finished(Box<Finished>),
    /// The task as it waits from now on, and what the store keeps of it.
    RetryLater(Box<Task>, Postponed),
}

/// Judges an attempt that ended at `now`. `chance` in `0.0..1.0` spreads retries.
pub(super) fn judge(context: &LaneContext, attempt: Attempt, now: UnixMs, chance: f64) -> Judgement {
    let Attempt { mut task, began_at, outcome, .. } = attempt;
    let error = match outcome {
        Ok(ProfileReading { reading, operator_id }) => {
            let reading = with_period(&context.setup, reading, began_at);
            return finished(task, began_at, now, Ok(reading), operator_id);
        }
        Err(error) => error,
    };
    task.attempts += 1;
    let first_attempt_at =
        task.first_attempt_at.filter(|at| !at.is_of_a_clock_ahead(now)).unwrap_or(began_at);
    task.first_attempt_at = Some(first_attempt_at);
    let failed = FailedAttempt {
        kind: error.kind,
        attempts: task.attempts,
        first_attempt_at,
        retry_after: error.retry_after,
    };
    match context.settings.retry.next(&failed, now, chance) {
        Next::RetryAt(at) => {
            task.not_before = at;
            let postponed = Postponed {
                key: task.key.clone(),
                attempts: task.attempts,
                first_attempt_at,
                not_before: at,
            };
            Judgement::RetryLater(Box::new(task), postponed)
        }
        Next::GiveUp => {
            finished(task, began_at, now, Err(Failure { kind: error.kind, detail: error.detail }), None)
        }
    }
}

fn finished(
    task: Task,
    began_at: UnixMs,
    ended_at: UnixMs,
    outcome: Result<Reading, Failure>,
    operator_id: Option<String>,
) -> Judgement {
    let Task { key, card, .. } = task;
    Judgement::Finished(Box::new(Finished { task: key, card, began_at, ended_at, outcome, operator_id }))
}

/// The moment the usage is of decides its period: when a cycle begins, an operator that lags still answers
/// with the last one.
fn with_period(setup: &LaneSetup, mut reading: Reading, began_at: UnixMs) -> Reading {
    let lag = Duration::from_secs(setup.declared_lag_seconds.unwrap_or(0));
    let usage_of = match reading.as_of {
        Some(_) => moment(reading.as_of, began_at),
        None => UnixMs(began_at.0.saturating_sub(i64::try_from(lag.as_millis()).unwrap_or(i64::MAX))),
    };
    reading.period = dated(reading.period, usage_of, &setup.zone, setup.billing_day);
    reading
}
