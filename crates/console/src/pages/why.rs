//! Why a card's number is as old as it is, in plain words, the most important first.

use crate::page::PageResult;
use crate::state::ConsoleState;
use crate::view::{ViewContext, figure_of};
use simgauge_domain::lane_status::LaneStatus;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use simgauge_store::{CardView, LanePause, RefreshView, WaitingTask};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// A figure this much older than the answer it came in is the operator's delay, not the network's.
const LAG_WORTH_TELLING: Duration = Duration::from_secs(120);

/// What is known of one of the card's lanes.
pub(super) struct LaneFacts {
    pub(super) name: String,
    is_configured: bool,
    is_held: bool,
    pause: Option<LanePause>,
    status: LaneStatus,
    lag: Option<Duration>,
    /// About how long until the card's turn.
    estimate: Duration,
    tasks: Vec<WaitingTask>,
}

/// Everything that the answer is made of.
pub(super) struct Facts {
    lanes: Vec<LaneFacts>,
}

impl Facts {
    /// Looks everything up that concerns a card.
    pub(super) async fn of(state: &ConsoleState, card: &CardView) -> PageResult<Self> {
        let store = &state.services.store;
        let now = state.services.clock.now();
        let names: BTreeSet<&str> =
            card.profiles.iter().map(|profile| profile.operator_account.as_str()).collect();
        let mut pauses: HashMap<String, LanePause> =
            store.lane_pauses().await?.into_iter().map(|pause| (pause.lane.clone(), pause)).collect();
        let rows: HashMap<String, _> =
            store.lanes().await?.into_iter().map(|row| (row.name.clone(), row)).collect();
        let open = card.refresh.as_ref().filter(|refresh| !refresh.state.is_ended());
        let mut lanes = Vec::with_capacity(names.len());
        for name in names {
            let row = rows.get(name);
            let last_read = card
                .profiles
                .iter()
                .filter(|profile| profile.operator_account == name)
                .filter_map(|profile| profile.began_at)
                .max();
            let estimate = state.services.registry.estimate(name, &card.account, last_read, now);
            lanes.push(LaneFacts {
                name: name.to_owned(),
                is_configured: state.operators.contains_key(name),
                is_held: row.is_some_and(|row| row.lease_until > now.0),
                pause: pauses.remove(name),
                status: row.and_then(|row| serde_json::from_str(&row.status).ok()).unwrap_or_default(),
                lag: state.services.registry.declared_lag_seconds(name).map(Duration::from_secs),
                estimate: Duration::from_secs(estimate),
                tasks: match open {
                    Some(refresh) => store.waiting_tasks(name, refresh).await?,
                    None => Vec::new(),
                },
            });
        }
        Ok(Self { lanes })
    }
}

/// The answer.
pub(super) fn why(card: &CardView, facts: &Facts, context: ViewContext<'_>) -> Vec<String> {
    let t = context.t;
    let mut said = Vec::new();
    for lane in facts.lanes.iter().filter(|lane| !lane.is_configured) {
        said.push(t.fill("why.unconfigured", &[&lane.name]));
    }
    match &card.refresh {
        None => said.push(t.get("why.never_asked").to_owned()),
        Some(refresh) if !refresh.state.is_ended() => said.extend(waiting(refresh, facts, context)),
        Some(refresh) => said.extend(ended(refresh, card, context)),
    }
    for lane in &facts.lanes {
        if let Some(pause) = &lane.pause {
            said.push(t.fill("why.paused", &[&lane.name, &pause.by, &context.ago(pause.at)]));
        } else if lane.is_configured && !lane.is_held {
            said.push(t.fill("why.nobody", &[&lane.name]));
        } else if let Some(at) = lane.status.probe_at {
            let last =
                lane.status.errors.first().map(|error| t.named("reason", &error.kind)).unwrap_or_default();
            said.push(t.fill("why.open", &[&lane.name, &context.ago(UnixMs::from_seconds(at)), &last]));
        }
    }
    said.extend(lag(card, facts, context));
    if let Some(oldest) = older_profile(card) {
        said.push(t.fill("why.oldest_profile", &[&oldest]));
    }
    said
}

fn waiting(refresh: &RefreshView, facts: &Facts, context: ViewContext<'_>) -> Vec<String> {
    let t = context.t;
    let since = context.ago(refresh.accepted_at);
    let tried: Vec<&WaitingTask> =
        facts.lanes.iter().flat_map(|lane| &lane.tasks).filter(|task| task.attempts > 0).collect();
    if let Some(task) = tried.iter().max_by_key(|task| task.not_before) {
        let attempts = task.attempts.to_string();
        return vec![t.fill("why.retrying", &[&attempts, &context.ago(task.not_before)])];
    }
    if refresh.state == RefreshState::Running {
        return vec![t.fill("why.running", &[&since])];
    }
    let estimate = facts.lanes.iter().map(|lane| lane.estimate).max().unwrap_or_default();
    vec![t.fill("why.queued", &[&since, &context.span(estimate)])]
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
    let mut said = vec![t.fill("why.asked", &[&at])];
    if refresh.before.is_some() && refresh.before == refresh.after {
        said.push(t.get("why.unchanged").to_owned());
    }
    if figure_of(card).is_some_and(|figure| context.now.since(figure) > Duration::from_secs(3_600)) {
        said.push(t.get("why.nobody_asked_since").to_owned());
    }
    said
}

/// What of the age is the operator's own delay.
fn lag(card: &CardView, facts: &Facts, context: ViewContext<'_>) -> Option<String> {
    let t = context.t;
    let behind = card
        .profiles
        .iter()
        .filter_map(|profile| Some(profile.synced_at?.since(profile.as_of?)))
        .max()
        .filter(|behind| *behind >= LAG_WORTH_TELLING);
    let declared = facts.lanes.iter().filter_map(|lane| lane.lag).max();
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

/// The profile that makes the card's number older than its others would, where there is one.
fn older_profile(card: &CardView) -> Option<String> {
    let mut figures: Vec<(UnixMs, &str)> = card
        .profiles
        .iter()
        .filter_map(|profile| Some((profile.as_of.or(profile.synced_at)?, profile.iccid.as_str())))
        .collect();
    figures.sort_unstable();
    let (oldest, next) = (figures.first()?, figures.get(1)?);
    (next.0.since(oldest.0) > Duration::from_secs(3_600)).then(|| oldest.1.to_owned())
}
