//! Operator accounts and their lanes: budget, breaker, last errors, pause and resume.

use super::page_after;
use crate::action::{Action, Outcome, perform};
use crate::export::csv;
use crate::live::{changes, digest};
use crate::page::{Act, PageError, PageResult, ReadSession, Shell, back, html};
use crate::state::ConsoleState;
use crate::view::{Badge, ViewContext, When, percent};
use askama::Template;
use axum::extract::{Path, State};
use simgauge_admin::human;
use simgauge_domain::lane_status::LaneStatus;
use simgauge_domain::limits::{Limits, Scope};
use simgauge_domain::names;
use simgauge_domain::time::UnixMs;
use simgauge_service::lanes::Queue;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Lanes on a page.
const LANES: usize = 100;

/// A failure that a lane remembers.
pub(crate) struct ErrorView {
    when: When,
    reason: String,
    detail: String,
    card: String,
}

/// A lane as it is shown.
pub(crate) struct LaneRowView {
    pub(super) name: String,
    pub(super) definition: String,
    pub(super) health: Badge,
    pub(super) health_name: String,
    pub(super) is_paused: bool,
    pub(super) is_held: bool,
    pub(super) is_configured: bool,
    pub(super) waiting_count: u64,
    pub(super) waiting: String,
    pub(super) oldest_at: Option<UnixMs>,
    pub(super) oldest: Option<String>,
    pub(super) running: usize,
    pub(super) budget: Option<usize>,
    pub(super) rate: String,
    pub(super) limits: Vec<String>,
    pub(super) succeeded: String,
    pub(super) failed: String,
    pub(super) success: Option<u64>,
    pub(super) age: Option<String>,
    pub(super) age_most: Option<String>,
    pub(super) never: u64,
    pub(super) sample: String,
    pub(super) holder: String,
    pub(super) probe: Option<String>,
    pub(super) last_success: Option<When>,
    pub(super) last_error_words: Option<String>,
    pub(super) errors: Vec<ErrorView>,
    pub(super) paused_by: String,
    pub(super) paused_at: Option<When>,
    pub(super) pause_note: String,
    /// How long until what waits is read, at the allowed rate.
    pub(super) clears: Option<String>,
}

/// Every configured operator account and whatever lane the store knows, by name.
pub(crate) async fn lanes(state: &ConsoleState, context: ViewContext<'_>) -> PageResult<Vec<LaneRowView>> {
    let store = &state.services.store;
    let known: BTreeMap<String, _> =
        store.lanes().await?.into_iter().map(|lane| (lane.name.clone(), lane)).collect();
    let pauses: BTreeMap<String, _> =
        store.lane_pauses().await?.into_iter().map(|pause| (pause.lane.clone(), pause)).collect();
    let mut queues: HashMap<String, Queue> =
        state.services.registry.queues().into_iter().map(|queue| (queue.lane.clone(), queue)).collect();
    let names: BTreeSet<&String> = state.operators.keys().chain(known.keys()).collect();
    let mut shown = Vec::with_capacity(names.len());
    for name in names {
        let row = known.get(name);
        let status: LaneStatus =
            row.and_then(|row| serde_json::from_str(&row.status).ok()).unwrap_or_default();
        let is_held = row.is_some_and(|row| row.lease_until > context.now.0);
        let pause = pauses.get(name);
        let facts = state.operators.get(name);
        let queue = queues.remove(name);
        let oldest_at = queue.as_ref().and_then(|queue| queue.oldest);
        // A lane that is in this node's configuration no more was last counted by its holder.
        let waiting = queue.map_or(status.queue, |queue| queue.waiting);
        let age = state.ages.of(state, name).await?;
        let rate = state.services.registry.readings_per_second(name);
        let errors: Vec<ErrorView> = status
            .errors
            .iter()
            .map(|error| ErrorView {
                when: context.when(UnixMs::from_seconds(error.at)),
                reason: context.t.named("reason", &error.kind),
                detail: error.detail.clone(),
                card: error.card.clone(),
            })
            .collect();
        shown.push(LaneRowView {
            name: name.clone(),
            definition: facts.map(|facts| facts.definition.clone()).unwrap_or_default(),
            health: context.health(&status, pause.is_some(), is_held),
            is_paused: pause.is_some(),
            is_held,
            is_configured: facts.is_some(),
            waiting_count: waiting,
            waiting: human::count(waiting),
            oldest_at,
            oldest: oldest_at.map(|at| context.span(context.now.since(at))),
            running: status.running,
            budget: status.budget,
            rate: rate.map(|rate| format!("{rate:.2}")).unwrap_or_default(),
            limits: facts.map(|facts| limits_in_words(&facts.limits, context)).unwrap_or_default(),
            succeeded: human::count(status.succeeded),
            failed: human::count(status.failed),
            success: Some(status.succeeded + status.failed)
                .filter(|all| *all > 0)
                .map(|all| percent(status.succeeded, all)),
            age: age.median.map(|age| context.span(age)),
            age_most: age.most.map(|age| context.span(age)),
            never: age.never,
            sample: human::count(u64::try_from(age.of).unwrap_or(0)),
            holder: row.filter(|_| is_held).map(|row| row.holder.clone()).unwrap_or_default(),
            probe: status.probe_at.map(|at| context.ago(UnixMs::from_seconds(at))),
            last_success: status.last_success_at.map(|at| context.when(UnixMs::from_seconds(at))),
            last_error_words: errors.first().map(|error| error.reason.clone()),
            errors,
            paused_by: pause.map(|pause| pause.by.clone()).unwrap_or_default(),
            paused_at: pause.map(|pause| context.when(pause.at)),
            pause_note: pause.map(|pause| pause.note.clone()).unwrap_or_default(),
            clears: rate.filter(|_| waiting > 0).map(|rate| context.span(until_clear(waiting, rate))),
            health_name: status.health,
        });
    }
    Ok(shown)
}

fn until_clear(waiting: u64, rate: f64) -> Duration {
    // For people's eyes.
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

#[derive(Template)]
#[template(path = "console/operators.html")]
struct OperatorsPage {
    shell: Shell,
    lanes: Vec<LaneRowView>,
    next: Option<String>,
    digest: String,
}

/// The page.
pub(crate) async fn page(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let now = state.services.clock.now();
    let context = ViewContext { t: read.texts(), now, zone: &state.services.zone };
    let all = lanes(&state, context).await?;
    let digest = shown(&all);
    let (lanes, next) = page_after(all, read.query.get("after"), LANES, |lane| &lane.name);
    html(&OperatorsPage { shell: read.shell("operators", now), lanes, next, digest })
}

/// Tells the page when to show itself anew.
pub(crate) async fn events(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let (of, texts) = (state.clone(), read.texts());
    changes(&state, &read.visitor, read.query.get("seen"), Duration::from_secs(2), move || {
        let state = of.clone();
        async move {
            let now = state.services.clock.now();
            Ok(shown(&lanes(&state, ViewContext { t: texts, now, zone: &state.services.zone }).await?))
        }
    })
}

fn shown(lanes: &[LaneRowView]) -> String {
    let lanes: Vec<_> = lanes
        .iter()
        .map(|lane| {
            let state = (&lane.name, &lane.health.text, lane.waiting_count, lane.running, lane.budget);
            (state, &lane.succeeded, &lane.failed, &lane.holder, &lane.pause_note)
        })
        .collect();
    digest(&lanes)
}

/// The list as CSV.
pub(crate) async fn export(State(state): State<ConsoleState>, read: ReadSession) -> PageResult {
    let texts = read.texts();
    let columns = [
        "operator_account",
        "definition",
        "health",
        "paused_by",
        "holder",
        "waiting",
        "oldest_waiting_at",
        "running",
        "budget",
        "succeeded",
        "failed",
        "last_error",
    ];
    csv("operators", &columns, (), move |()| {
        let state = state.clone();
        async move {
            let now = state.services.clock.now();
            let lanes = lanes(&state, ViewContext { t: texts, now, zone: &state.services.zone }).await?;
            let rows = lanes
                .into_iter()
                .map(|lane| {
                    vec![
                        lane.name,
                        lane.definition,
                        lane.health_name,
                        lane.paused_by,
                        lane.holder,
                        lane.waiting_count.to_string(),
                        lane.oldest_at.map(|at| at.seconds().to_string()).unwrap_or_default(),
                        lane.running.to_string(),
                        lane.budget.map(|budget| budget.to_string()).unwrap_or_default(),
                        lane.succeeded.replace(',', ""),
                        lane.failed.replace(',', ""),
                        lane.errors.first().map(|error| error.detail.clone()).unwrap_or_default(),
                    ]
                })
                .collect();
            Ok((rows, None))
        }
    })
}

/// Lets a lane rest.
pub(crate) async fn pause(
    State(state): State<ConsoleState>,
    Path(lane): Path<String>,
    act: Act,
) -> PageResult {
    let note = names::label(act.form.get("note"))
        .map_err(|_| PageError::Bad(act.visitor.texts.get("apps.bad_label").to_owned()))?;
    if !is_known(&state, &lane).await? {
        return Err(PageError::NotFound);
    }
    let path = format!("/console/operators#{lane}");
    match perform(&state, &act.who, Action::PauseLane { lane, note }).await? {
        Outcome::Done => Ok(says(&path, "paused")),
        _ => Err(PageError::NotFound),
    }
}

/// Lets it go on.
pub(crate) async fn resume(
    State(state): State<ConsoleState>,
    Path(lane): Path<String>,
    act: Act,
) -> PageResult {
    // One that is paused may have left the configuration.
    if !is_known(&state, &lane).await? && !state.services.store.is_lane_paused(&lane).await? {
        return Err(PageError::NotFound);
    }
    let path = format!("/console/operators#{lane}");
    match perform(&state, &act.who, Action::ResumeLane { lane }).await? {
        Outcome::Done => Ok(says(&path, "resumed")),
        _ => Err(PageError::NotFound),
    }
}

fn says(path: &str, key: &str) -> axum::response::Response {
    // The query comes before the fragment.
    match path.split_once('#') {
        Some((page, fragment)) => back(page, ("done", &format!("{key}#{fragment}"))),
        None => back(path, ("done", key)),
    }
}

async fn is_known(state: &ConsoleState, lane: &str) -> PageResult<bool> {
    Ok(state.operators.contains_key(lane)
        || state.services.store.lanes().await?.iter().any(|row| row.name == lane))
}
