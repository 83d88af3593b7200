//! Readings that are not believed and wait for a person, a later reading or a day.

use super::suspect_row::{Decision, SuspectRow, suspect_row};
use crate::action::{Action, Outcome, perform};
use crate::error::{PageError, PageResult};
use crate::fields::Fields;
use crate::list::{self, Choice, Frame, List, ListPage, Rows, cell, choices};
use crate::page::{Shell, back_done_to, back_problem, html};
use crate::request::{ActionRequest, PageRequest};
use crate::state::ConsoleState;
use crate::view::When;
use askama::Template;
use axum::extract::{Path, State};
use simgauge_domain::ids::ProfileId;
use simgauge_domain::time::UnixMs;
use simgauge_store::{SuspectFilter, SuspectPlace, SuspectView};
use std::collections::BTreeSet;

const PATH: &str = "/console/suspects";

/// The suspect readings that wait, by operator account and time.
#[derive(Clone)]
pub(crate) struct SuspectList {
    /// Only those of this operator account; empty: of all.
    lane: String,
}

impl List for SuspectList {
    const NAME: &'static str = "suspects";
    const COLUMNS: &'static [&'static str] = &[
        "operator_account",
        "card",
        "iccid",
        "account",
        "began_at",
        "used_bytes",
        "believed_bytes",
        "reason",
        "due_at",
    ];
    type Row = SuspectView;
    /// The reading before.
    type Place = Option<SuspectPlace>;

    fn parse(query: &Fields) -> (Self, Option<SuspectPlace>) {
        (Self { lane: query.get("lane").to_owned() }, place(query))
    }

    fn filter_fields(&self) -> Vec<(&'static str, String)> {
        vec![("lane", self.lane.clone())]
    }

    fn place_fields(place: &Option<SuspectPlace>) -> Vec<(&'static str, String)> {
        let Some(place) = place else { return Vec::new() };
        vec![
            ("after_lane", place.operator_account.clone()),
            ("after_time", place.began_at.0.to_string()),
            ("after_profile", place.profile.0.to_string()),
        ]
    }

    async fn fetch(
        &self,
        state: &ConsoleState,
        place: Option<SuspectPlace>,
        limit: i64,
    ) -> PageResult<Rows<Self>> {
        let lane = Some(self.lane.clone()).filter(|lane| !lane.is_empty());
        let filter = SuspectFilter { lane, card: None };
        let mut rows = state.services.store.waiting_suspects(&filter, place.as_ref(), limit + 1).await?;
        let shown = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > shown;
        rows.truncate(shown);
        let next = rows.last().filter(|_| more).map(|last| Some(last.place()));
        Ok(Rows { rows, next, cut: false })
    }

    fn cells(_: &ConsoleState, suspect: SuspectView) -> Vec<String> {
        vec![
            suspect.operator_account,
            suspect.number,
            suspect.iccid,
            suspect.account,
            suspect.began_at.seconds().to_string(),
            suspect.used.to_string(),
            cell(suspect.believed),
            suspect.reason.as_str().to_owned(),
            cell(suspect.due_at.map(UnixMs::seconds)),
        ]
    }
}

fn place(query: &Fields) -> Option<SuspectPlace> {
    Some(SuspectPlace {
        operator_account: query.get("after_lane").to_owned(),
        began_at: UnixMs(query.get("after_time").parse().ok()?),
        profile: ProfileId(query.get("after_profile").parse().ok()?),
    })
}

/// An operator account whose unit may have changed.
struct UnitChange {
    lane: String,
    since: When,
}

#[derive(Template)]
#[template(path = "console/suspects.html")]
struct SuspectsPage {
    shell: Shell,
    frame: Frame,
    lane: String,
    lanes: Vec<Choice>,
    unit_changes: Vec<UnitChange>,
    rows: Vec<SuspectRow>,
}

pub(crate) async fn page(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let context = state.view(request.texts());
    let ListPage { filter, rows, frame } = list::page::<SuspectList>(&state, &request.query).await?;
    let mut changes = state.services.store.waiting_unit_changes().await?;
    changes.retain(|change| filter.lane.is_empty() || change.operator_account == filter.lane);
    // A lane that has left the configuration may still have readings that wait.
    let mut lanes: BTreeSet<&str> = state.operators.keys().map(String::as_str).collect();
    lanes.extend(rows.iter().map(|row| row.operator_account.as_str()));
    lanes.extend(Some(filter.lane.as_str()).filter(|lane| !lane.is_empty()));
    html(&SuspectsPage {
        shell: request.shell("suspects"),
        frame,
        lanes: choices(lanes, str::to_owned, &filter.lane),
        unit_changes: changes
            .into_iter()
            .map(|change| UnitChange { lane: change.operator_account, since: context.when(change.since) })
            .collect(),
        rows: rows.into_iter().map(|suspect| suspect_row(suspect, context)).collect(),
        lane: filter.lane,
    })
}

/// Has one booked or dropped.
pub(crate) async fn decide(
    State(state): State<ConsoleState>,
    Path(decision): Path<String>,
    request: ActionRequest,
) -> PageResult {
    let decision = Decision::parse(&decision)?;
    let action = decision.of_form(&request.form)?.action();
    let lane = [("lane", request.form.get("lane"))];
    match perform(&state, &request.session, action).await? {
        Outcome::Done => Ok(back_done_to(PATH, decision.done, 1, &lane)),
        _ => Ok(back_problem(PATH, "suspect_gone")),
    }
}

/// Has all of an operator account booked or dropped, and decides about the change of its unit.
pub(crate) async fn decide_lane(
    State(state): State<ConsoleState>,
    Path(decision): Path<String>,
    request: ActionRequest,
) -> PageResult {
    let decision = Decision::parse(&decision)?;
    // Without a lane all would be meant.
    let lane = request.form.some("lane").ok_or(PageError::NotFound)?.to_owned();
    let action = Action::DecideSuspects { lane, accept: decision.accept };
    // They may be many: it goes on when the browser does not wait for it.
    let deciding = tokio::spawn(async move { perform(&state, &request.session, action).await });
    match deciding.await.map_err(PageError::internal)?? {
        Outcome::DoneTo(count) => Ok(back_done_to(PATH, decision.done_to, count, &[])),
        _ => Err(PageError::NotFound),
    }
}
