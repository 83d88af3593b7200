//! Why a card's usage is not newer, in plain words, the most important reason first.

use crate::error::PageResult;
use crate::lanes::{Lane, lanes};
use crate::state::ConsoleState;
use crate::view::{ViewContext, usage_time};
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardView, RefreshView, WaitingTask};
use std::collections::BTreeSet;
use std::time::Duration;

/// Usage this much older than the answer it came in is the operator's delay, not the network's.
const LAG_WORTH_TELLING: Duration = Duration::from_secs(120);
/// Usage this much older than other usage, or than now, is worth a sentence.
const OLD: Duration = Duration::from_secs(3_600);

/// What is known of one of the card's lanes.
struct CardLane {
    lane: Lane,
    /// How old this operator's usage can be by its own documentation.
    declared_lag: Option<Duration>,
    /// About how long until the card is read, where that is known.
    estimate: Option<Duration>,
    tasks: Vec<WaitingTask>,
}

/// The card's lanes.
async fn card_lanes(state: &ConsoleState, card: &CardView) -> PageResult<Vec<CardLane>> {
    let services = &state.services;
    let now = services.clock.now();
    let mut all = lanes(state).await?;
    let names: BTreeSet<&str> =
        card.profiles.iter().map(|profile| profile.operator_account.as_str()).collect();
    let open = card.refresh.as_ref().filter(|refresh| !refresh.state.is_ended());
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let own = card.profiles.iter().filter(|profile| profile.operator_account == name);
        let last_read = own.filter_map(|profile| profile.began_at).max();
        let estimate = services.registry.estimate(name, &card.account, last_read, now);
        found.push(CardLane {
            lane: all.remove(name).unwrap_or_else(|| Lane { name: name.to_owned(), ..Lane::default() }),
            declared_lag: services.registry.declared_lag_seconds(name).map(Duration::from_secs),
            estimate: estimate.map(Duration::from_secs),
            tasks: match open {
                Some(refresh) => services.store.waiting_tasks(name, refresh).await?,
                None => Vec::new(),
            },
        });
    }
    Ok(found)
}

/// The reasons.
pub(super) async fn why(
    state: &ConsoleState,
    card: &CardView,
    context: ViewContext<'_>,
) -> PageResult<Vec<String>> {
    let t = context.t;
    let lanes = card_lanes(state, card).await?;
    let mut reasons = Vec::new();
    for CardLane { lane, .. } in lanes.iter().filter(|of| of.lane.operator.is_none()) {
        reasons.push(t.fill("why.unconfigured", &[&lane.name]));
    }
    match &card.refresh {
        None => reasons.push(t.get("why.never_asked").to_owned()),
        Some(refresh) if !refresh.state.is_ended() => reasons.push(waiting(refresh, &lanes, context)),
        Some(refresh) => reasons.extend(ended(refresh, card, context)),
    }
    reasons.extend(lanes.iter().filter_map(|of| lane_trouble(&of.lane, context)));
    reasons.extend(lag(card, &lanes, context));
    if let Some(iccid) = older_profile(card) {
        reasons.push(t.fill("why.oldest_profile", &[iccid]));
    }
    Ok(reasons)
}

fn lane_trouble(lane: &Lane, context: ViewContext<'_>) -> Option<String> {
    let t = context.t;
    if let Some(pause) = &lane.pause {
        return Some(t.fill("why.paused", &[&lane.name, &pause.by, &context.ago(pause.at)]));
    }
    if lane.operator.is_some() && lane.holder.is_none() {
        return Some(t.fill("why.nobody", &[&lane.name]));
    }
    if let Some(until) = lane.status.limited_until {
        return Some(t.fill("why.limited", &[&lane.name, &context.ago(UnixMs(until))]));
    }
    let probe = context.ago(UnixMs::from_seconds(lane.status.probe_at?));
    let last = lane.status.errors.first().map(|error| t.named("reason", &error.kind)).unwrap_or_default();
    Some(t.fill("why.open", &[&lane.name, &probe, &last]))
}

fn waiting(refresh: &RefreshView, lanes: &[CardLane], context: ViewContext<'_>) -> String {
    let t = context.t;
    let since = context.ago(refresh.accepted_at);
    let tried = lanes.iter().flat_map(|of| &of.tasks).filter(|task| task.attempts > 0);
    if let Some(task) = tried.max_by_key(|task| task.not_before) {
        let attempts = task.attempts.to_string();
        return t.fill("why.retrying", &[&attempts, &context.ago(task.not_before)]);
    }
    if refresh.state == RefreshState::Running {
        return t.fill("why.running", &[&since]);
    }
    match lanes.iter().map(|of| of.estimate).collect::<Option<Vec<Duration>>>() {
        Some(estimates) => {
            let estimate = estimates.into_iter().max().unwrap_or_default();
            t.fill("why.queued", &[&since, &context.span(estimate)])
        }
        None => t.fill("why.queued_unknown", &[&since]),
    }
}

fn ended(refresh: &RefreshView, card: &CardView, context: ViewContext<'_>) -> Vec<String> {
    let t = context.t;
    let at = context.ago(refresh.finished_at.unwrap_or(refresh.accepted_at));
    if let Some(failure) = &refresh.failure {
        return vec![
            t.fill("why.failed", &[&at, &context.reason(failure)]),
            t.named("advice", failure.kind.as_str()),
        ];
    }
    let mut reasons = vec![t.fill("why.asked", &[&at])];
    if refresh.before.is_some() && refresh.before == refresh.after {
        reasons.push(t.get("why.unchanged").to_owned());
    }
    if usage_time(card).is_some_and(|at| context.now.since(at) > OLD) {
        reasons.push(t.get("why.nobody_asked_since").to_owned());
    }
    reasons
}

/// What of the age is the operator's own delay.
fn lag(card: &CardView, lanes: &[CardLane], context: ViewContext<'_>) -> Option<String> {
    let t = context.t;
    let behind = card
        .profiles
        .iter()
        .filter_map(|profile| Some(profile.synced_at?.since(profile.as_of?)))
        .max()
        .filter(|behind| *behind >= LAG_WORTH_TELLING);
    let declared = lanes.iter().filter_map(|of| of.declared_lag).max();
    match (behind, declared) {
        (Some(behind), Some(declared)) => {
            Some(t.fill("why.lag", &[&context.span(behind), &context.span(declared)]))
        }
        (Some(behind), None) => Some(t.fill("why.lag_undeclared", &[&context.span(behind)])),
        (None, Some(declared)) if !declared.is_zero() => {
            Some(t.fill("why.may_lag", &[&context.span(declared)]))
        }
        (None, _) => None,
    }
}

/// The profile whose usage makes the card's sum much older than the other profiles would, if there is one.
fn older_profile(card: &CardView) -> Option<&str> {
    let mut times: Vec<(UnixMs, &str)> = card
        .profiles
        .iter()
        .filter_map(|profile| Some((profile.as_of.or(profile.synced_at)?, profile.iccid.as_str())))
        .collect();
    times.sort_unstable();
    let ((oldest, iccid), (next, _)) = (times.first()?, times.get(1)?);
    (next.since(*oldest) > OLD).then_some(iccid)
}
