//! Operator accounts and their lanes: budget, breaker, last errors, pause and resume.

use super::lane_row::{LaneRow, lane_row};
use crate::action::{Action, Outcome, perform};
use crate::error::{PageError, PageResult};
use crate::lanes::{LaneLoad, lane_loads};
use crate::list::{self, Frame, LiveList, WholeList, cell};
use crate::page::{Shell, back_done, html};
use crate::request::{ActionRequest, PageRequest};
use crate::state::ConsoleState;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use simgauge_domain::names;
use simgauge_domain::time::UnixMs;
use std::hash::Hash;
use std::time::Duration;

/// Every lane.
#[derive(Clone, Default)]
pub(crate) struct LaneList;

impl WholeList for LaneList {
    const NAME: &'static str = "operators";
    const COLUMNS: &'static [&'static str] = &[
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
    const PAGE: i64 = 100;
    type Row = LaneLoad;

    async fn all(state: &ConsoleState) -> PageResult<Vec<LaneLoad>> {
        lane_loads(state).await
    }

    fn key(load: &LaneLoad) -> &str {
        &load.lane.name
    }

    fn cells(load: LaneLoad) -> Vec<String> {
        let LaneLoad { lane, waiting, oldest, .. } = load;
        let status = lane.status;
        vec![
            lane.name,
            cell(lane.operator.map(|operator| operator.definition)),
            status.health,
            cell(lane.pause.map(|pause| pause.by)),
            cell(lane.holder),
            waiting.to_string(),
            cell(oldest.map(UnixMs::seconds)),
            status.running.to_string(),
            cell(status.budget),
            status.succeeded.to_string(),
            status.failed.to_string(),
            cell(status.errors.into_iter().next().map(|error| error.detail)),
        ]
    }
}

impl LiveList for LaneList {
    const EVERY: Duration = Duration::from_secs(2);

    fn fingerprint(load: &LaneLoad) -> impl Hash {
        let (lane, status) = (&load.lane, &load.lane.status);
        let done = (status.running, status.budget, status.succeeded, status.failed);
        let note = lane.pause.as_ref().map(|pause| pause.note.clone());
        (lane.name.clone(), lane.health().1.to_owned(), load.waiting, done, lane.holder.clone(), note)
    }
}

#[derive(Template)]
#[template(path = "console/operators.html")]
struct OperatorsPage {
    shell: Shell,
    frame: Frame,
    lanes: Vec<LaneRow>,
    events: String,
}

pub(crate) async fn page(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let context = state.view(request.texts());
    let found = list::page::<LaneList>(&state, &request.query).await?;
    html(&OperatorsPage {
        shell: request.shell("operators"),
        events: found.events(&request.query),
        lanes: found.rows.iter().map(|load| lane_row(load, context)).collect(),
        frame: found.frame,
    })
}

/// Pauses a lane.
pub(crate) async fn pause(
    State(state): State<ConsoleState>,
    Path(lane): Path<String>,
    request: ActionRequest,
) -> PageResult {
    let note = names::label(request.form.get("note"))
        .map_err(|_| PageError::Bad(request.visitor.texts.get("apps.bad_label").to_owned()))?;
    if !is_known(&state, &lane).await? {
        return Err(PageError::NotFound);
    }
    match perform(&state, &request.session, Action::PauseLane { lane: lane.clone(), note }).await? {
        Outcome::Done => Ok(back_to(&lane, "paused")),
        _ => Err(PageError::NotFound),
    }
}

/// Lets a lane go on.
pub(crate) async fn resume(
    State(state): State<ConsoleState>,
    Path(lane): Path<String>,
    request: ActionRequest,
) -> PageResult {
    // A lane that is paused may have left the configuration.
    if !is_known(&state, &lane).await? && !state.services.store.is_lane_paused(&lane).await? {
        return Err(PageError::NotFound);
    }
    match perform(&state, &request.session, Action::ResumeLane { lane: lane.clone() }).await? {
        Outcome::Done => Ok(back_to(&lane, "resumed")),
        _ => Err(PageError::NotFound),
    }
}

/// Has an operator tried again at once.
pub(crate) async fn retry(
    State(state): State<ConsoleState>,
    Path(lane): Path<String>,
    request: ActionRequest,
) -> PageResult {
    if !is_known(&state, &lane).await? {
        return Err(PageError::NotFound);
    }
    match perform(&state, &request.session, Action::RetryLane { lane: lane.clone() }).await? {
        Outcome::Done => Ok(back_to(&lane, "retried")),
        _ => Err(PageError::NotFound),
    }
}

fn back_to(lane: &str, done: &str) -> Response {
    // A query stands before the fragment.
    back_done("/console/operators", &format!("{done}#{lane}"))
}

async fn is_known(state: &ConsoleState, lane: &str) -> PageResult<bool> {
    Ok(state.operators.contains_key(lane)
        || state.services.store.lanes().await?.iter().any(|row| row.name == lane))
}
