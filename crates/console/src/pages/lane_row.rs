//! A lane as the pages show it.

use crate::lanes::LaneLoad;
use crate::view::{Badge, ViewContext, When, percent};
use simgauge_admin::human;
use simgauge_domain::lane_status::LaneError;
use simgauge_domain::limits::{Limits, Scope};
use simgauge_domain::time::UnixMs;
use std::time::Duration;

/// A failure that a lane remembers.
pub(super) struct ErrorRow {
    pub(super) when: When,
    pub(super) reason: String,
    pub(super) detail: String,
    pub(super) number: String,
}

/// A lane in words.
pub(super) struct LaneRow {
    pub(super) name: String,
    pub(super) definition: String,
    pub(super) health: Badge,
    pub(super) is_configured: bool,
    pub(super) waiting: String,
    pub(super) oldest: Option<String>,
    pub(super) running: usize,
    pub(super) budget: Option<usize>,
    pub(super) rate: Option<String>,
    pub(super) limits: Vec<String>,
    pub(super) succeeded: String,
    pub(super) failed: String,
    /// Percent of the readings that succeeded; none while the lane stands still, since what it did before
    /// says nothing then.
    pub(super) success: Option<u64>,
    pub(super) data_age: Option<String>,
    pub(super) data_age_most: Option<String>,
    /// Percent of the profiles that were never read.
    pub(super) never: u64,
    pub(super) sampled: String,
    pub(super) holder: Option<String>,
    pub(super) probe: Option<String>,
    /// When the operator may be called again, where it asked not to be.
    pub(super) limited: Option<String>,
    pub(super) last_success: Option<When>,
    pub(super) errors: Vec<ErrorRow>,
    pub(super) pause: Option<PauseRow>,
    /// How long until what waits is read, at the allowed rate; none while the lane stands still.
    pub(super) clears: Option<String>,
}

pub(super) struct PauseRow {
    pub(super) by: String,
    pub(super) at: When,
    pub(super) note: String,
}

pub(super) fn lane_row(load: &LaneLoad, context: ViewContext<'_>) -> LaneRow {
    let LaneLoad { lane, waiting, oldest, rate, data_age } = load;
    let (status, operator) = (&lane.status, lane.operator.as_ref());
    let (tone, health) = lane.health();
    let ended = status.succeeded + status.failed;
    LaneRow {
        name: lane.name.clone(),
        definition: operator.map(|operator| operator.definition.clone()).unwrap_or_default(),
        health: Badge::new(tone, context.t.named("health", health)),
        is_configured: operator.is_some(),
        waiting: human::count(*waiting),
        oldest: oldest.map(|at| context.span(context.now.since(at))),
        running: status.running,
        budget: status.budget,
        rate: rate.map(|rate| format!("{rate:.2}")),
        limits: operator.map(|operator| limits_in_words(&operator.limits, context)).unwrap_or_default(),
        succeeded: human::count(status.succeeded),
        failed: human::count(status.failed),
        success: (ended > 0 && !lane.is_stalled()).then(|| percent(status.succeeded, ended)),
        data_age: data_age.median.map(|age| context.span(age)),
        data_age_most: data_age.ninth_decile.map(|age| context.span(age)),
        never: data_age.never,
        sampled: human::count(u64::try_from(data_age.sampled).unwrap_or(u64::MAX)),
        holder: lane.holder.clone(),
        probe: status.probe_at.map(|at| context.ago(UnixMs::from_seconds(at))),
        limited: status.limited_until.map(|at| context.ago(UnixMs(at))),
        last_success: status.last_success_at.map(|at| context.when(UnixMs::from_seconds(at))),
        errors: status.errors.iter().map(|error| error_row(error, context)).collect(),
        pause: lane.pause.as_ref().map(|pause| PauseRow {
            by: pause.by.clone(),
            at: context.when(pause.at),
            note: pause.note.clone(),
        }),
        clears: rate
            .filter(|_| *waiting > 0 && !lane.is_stalled())
            .map(|rate| context.span(time_to_clear(*waiting, rate))),
    }
}

fn error_row(error: &LaneError, context: ViewContext<'_>) -> ErrorRow {
    ErrorRow {
        when: context.when(UnixMs::from_seconds(error.at)),
        reason: context.t.named("reason", &error.kind),
        detail: error.detail.clone(),
        number: error.card.clone(),
    }
}

fn time_to_clear(waiting: u64, rate: f64) -> Duration {
    // People need no more than 53 bits.
    #[allow(clippy::cast_precision_loss)]
    let seconds = (waiting as f64 / rate.max(1e-6)).min(1e9);
    Duration::from_secs_f64(seconds)
}

fn limits_in_words(limits: &Limits, context: ViewContext<'_>) -> Vec<String> {
    let t = context.t;
    let mut lines: Vec<String> = limits
        .buckets
        .iter()
        .map(|bucket| {
            let scope = match bucket.scope {
                Scope::Credential => "credential",
                Scope::Host => "host",
                Scope::Iccid => "iccid",
                Scope::Login => "login",
            };
            let span = context.span(Duration::from_secs(bucket.per_seconds.into()));
            t.fill("operators.bucket", &[&bucket.limit.to_string(), &span, &t.named("scope", scope)])
        })
        .collect();
    lines.push(t.fill("operators.at_once", &[&limits.max_concurrent.to_string()]));
    if limits.min_refresh_seconds > 0 {
        let span = context.span(Duration::from_secs(limits.min_refresh_seconds.into()));
        lines.push(t.fill("operators.between", &[&span]));
    }
    lines
}
