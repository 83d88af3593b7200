//! One card: its usage, why that is not newer, and the button.

use super::card_rows::{
    Gauge, ProfileRow, ReadingRow, chart, first_day, gauges, profile_row, reading_row, signed,
};
use super::refresh_row::{RefreshRow, refresh_row};
use super::suspect_row::{Decision, SuspectRow, suspect_row};
use super::why::why;
use crate::action::{Action, Outcome, perform};
use crate::chart::Chart;
use crate::error::{PageError, PageResult};
use crate::export::{Batch, csv};
use crate::fields::Fields;
use crate::list::{EXPORT_BATCH, cell};
use crate::live::{changes, digest};
use crate::page::{Shell, back_done, back_problem, html};
use crate::request::{ActionRequest, PageRequest};
use crate::state::ConsoleState;
use crate::view::{Badge, When, cooling_end};
use crate::visitor::Visitor;
use askama::Template;
use axum::extract::{Path, State};
use simgauge_admin::human;
use simgauge_domain::identity::canonical_iccid;
use simgauge_domain::time::{UnixMs, whole_seconds_up};
use simgauge_service::answers;
use simgauge_store::{CardView, ReadingView, RefreshView, Store, SuspectFilter};
use std::time::Duration;

/// Refreshes and readings on the page.
const SHOWN: i64 = 10;

#[derive(Template)]
#[template(path = "console/card.html")]
struct CardPage {
    shell: Shell,
    number: String,
    kind: String,
    label: String,
    account: String,
    status: Badge,
    used: Option<String>,
    used_exact: String,
    total: Option<String>,
    left: Option<String>,
    usage_time: Option<When>,
    synced: Option<When>,
    is_old: bool,
    state: Option<Badge>,
    /// Until when the card cannot be refreshed, in Unix milliseconds.
    cooling_until: Option<i64>,
    cooling_for: String,
    now_ms: i64,
    why: Vec<String>,
    gauges: Vec<Gauge>,
    overage: Option<String>,
    /// Readings that are held back.
    suspects: Vec<SuspectRow>,
    /// Where it is decided about them.
    suspects_path: String,
    /// When a period began that was only assumed.
    assumed: Option<When>,
    chart: Chart,
    days: Vec<(String, String)>,
    profiles: Vec<ProfileRow>,
    refreshes: Vec<RefreshRow>,
    readings: Vec<ReadingRow>,
    /// Where the older readings begin.
    older_readings: Option<String>,
    newest_readings: bool,
    digest: String,
    problem: Option<String>,
}

async fn open(state: &ConsoleState, number: &str) -> PageResult<CardView> {
    find(&state.services.store, number).await?.ok_or(PageError::NotFound)
}

/// The card of exactly this number, or the one that it means in another spelling.
pub(super) async fn find(store: &Store, number: &str) -> PageResult<Option<CardView>> {
    let canonical = canonical_iccid(number);
    match store.card_of_any(&canonical).await? {
        Some(card) => Ok(Some(card)),
        None => Ok(store.find_card(&canonical).await?),
    }
}

pub(crate) async fn page(
    State(state): State<ConsoleState>,
    Path(number): Path<String>,
    request: PageRequest,
) -> PageResult {
    let card = open(&state, &number).await?;
    card_page(&state, card, &request.visitor, &request.query, None).await
}

async fn card_page(
    state: &ConsoleState,
    card: CardView,
    visitor: &Visitor,
    query: &Fields,
    problem: Option<String>,
) -> PageResult {
    let context = state.view(visitor.texts);
    let (store, t, now) = (&state.services.store, context.t, context.now);
    let why = why(state, &card, context).await?;
    let refreshes = store.refreshes_of_card(card.id, None, SHOWN).await?;
    let before = query.get("readings_before").parse().ok();
    let readings = store.readings(card.id, UnixMs(before.unwrap_or(i64::MAX)), SHOWN).await?;
    let days = store.daily_totals_since(card.id, &state.services.zone, first_day(now)).await?;
    let own = SuspectFilter { card: Some(card.number.clone()), lane: None };
    let suspects = store.waiting_suspects(&own, None, SHOWN).await?;
    let assumed = card.profiles.iter().filter_map(|profile| profile.assumed_at).min();
    let answer = answers::card_answer(&state.services, card.clone(), t.0);
    let usage = answer.usage.as_ref();
    let cooling_until = cooling_end(&card, &state.services.rules, now);
    html(&CardPage {
        shell: Shell::new(visitor, "cards"),
        why,
        used: usage.map(|usage| human::bytes(usage.used_bytes)),
        used_exact: usage
            .map(|usage| t.fill("card.exact", &[&human::count(usage.used_bytes)]))
            .unwrap_or_default(),
        total: usage.and_then(|usage| usage.total_bytes).map(human::bytes),
        left: usage.and_then(|usage| usage.remaining_bytes).map(human::bytes),
        usage_time: usage
            .map(|usage| context.when(UnixMs::from_seconds(usage.as_of.unwrap_or(usage.synced_at)))),
        synced: usage.map(|usage| context.when(UnixMs::from_seconds(usage.synced_at))),
        is_old: usage.is_some_and(|usage| usage.age_seconds > 86_400),
        gauges: gauges(&answer.packages, usage, context),
        overage: answer.overage_bytes.filter(|bytes| *bytes > 0).map(human::bytes),
        suspects: suspects.into_iter().map(|suspect| suspect_row(suspect, context)).collect(),
        suspects_path: format!("/console/cards/{}/suspects", card.number),
        assumed: assumed.map(|at| context.when(at)),
        chart: chart(&days, context),
        days: days.iter().rev().map(|(day, bytes)| (day.clone(), signed(*bytes))).collect(),
        profiles: card.profiles.iter().map(|profile| profile_row(profile, context)).collect(),
        refreshes: refreshes.iter().map(|refresh| refresh_row(refresh, context)).collect(),
        older_readings: next_readings(&readings, SHOWN)
            .map(|before| format!("/console/cards/{}?readings_before={before}#readings", card.number)),
        newest_readings: before.is_some(),
        readings: readings.iter().map(|reading| reading_row(reading, context)).collect(),
        state: card.refresh.as_ref().map(|refresh| context.state(refresh.state)),
        cooling_for: cooling_until.map(|at| clock(at.since(now))).unwrap_or_default(),
        cooling_until: cooling_until.map(|at| at.0),
        now_ms: now.0,
        // Made of the card that is shown: the page then hears of every change since it was read.
        digest: digest_of(card.refresh.as_ref()),
        kind: t.named("kind", card.kind.as_str()),
        status: context.card_status(&card.status),
        label: card.label,
        account: card.account,
        number: card.number,
        problem,
    })
}

/// Where the readings after these begin, if there can be more.
fn next_readings(readings: &[ReadingView], limit: i64) -> Option<i64> {
    let is_full = i64::try_from(readings.len()).is_ok_and(|count| count >= limit);
    readings.last().filter(|_| is_full).map(|last| last.began_at.0)
}

/// `4:58`.
fn clock(span: Duration) -> String {
    let seconds = whole_seconds_up(span);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Changes when the card's last refresh does.
fn digest_of(last: Option<&RefreshView>) -> String {
    let of = |refresh: &RefreshView| {
        (refresh.id.to_string(), refresh.state.as_str(), refresh.finished_at.map(|at| at.0))
    };
    digest(&last.map(of))
}

/// Tells the page when to show itself anew.
pub(crate) async fn events(
    State(state): State<ConsoleState>,
    Path(number): Path<String>,
    request: PageRequest,
) -> PageResult {
    let card = open(&state, &number).await?.id;
    let of = state.clone();
    changes(&state, &request.visitor, request.query.get("seen"), Duration::from_millis(400), move || {
        let state = of.clone();
        async move { Ok(digest_of(state.services.store.refreshes_of_card(card, None, 1).await?.first())) }
    })
}

/// The button.
pub(crate) async fn refresh(
    State(state): State<ConsoleState>,
    Path(number): Path<String>,
    request: ActionRequest,
) -> PageResult {
    let card = open(&state, &number).await?;
    let path = format!("/console/cards/{}", card.number);
    let context = state.view(request.visitor.texts);
    let t = context.t;
    let action = Action::RefreshCard(Box::new(card));
    let problem = match perform(&state, &request.session, action).await? {
        Outcome::Done => return Ok(back_done(&path, "refresh")),
        // The page itself shows for how long.
        Outcome::Cooling => return Ok(back_problem(&path, "cooling")),
        Outcome::LaneBehind(behind) => match behind.estimated_seconds {
            Some(seconds) => t.fill("card.behind", &[&context.span(Duration::from_secs(seconds))]),
            None => t.fill("card.stalled", &[&t.named("operator_state", behind.operator.state.as_str())]),
        },
        Outcome::LaneUnknown(lane) => t.fill("why.unconfigured", &[&lane]),
        _ => return Err(PageError::NotFound),
    };
    let card = open(&state, &number).await?;
    card_page(&state, card, &request.visitor, &Fields::default(), Some(problem)).await
}

/// Has a reading of the card that is held back booked or dropped.
pub(crate) async fn decide_suspect(
    State(state): State<ConsoleState>,
    Path((number, decision)): Path<(String, String)>,
    request: ActionRequest,
) -> PageResult {
    let decision = Decision::parse(&decision)?;
    let card = open(&state, &number).await?;
    let path = format!("/console/cards/{}", card.number);
    let suspect = decision.of_form(&request.form)?;
    if !card.profiles.iter().any(|profile| profile.id == suspect.profile) {
        return Err(PageError::NotFound);
    }
    match perform(&state, &request.session, suspect.action()).await? {
        Outcome::Done => Ok(back_done(&path, decision.done)),
        _ => Ok(back_problem(&path, "suspect_gone")),
    }
}

/// Takes back the new periods that were assumed on the card.
pub(crate) async fn reverse_period(
    State(state): State<ConsoleState>,
    Path(number): Path<String>,
    request: ActionRequest,
) -> PageResult {
    let number = open(&state, &number).await?.number;
    let path = format!("/console/cards/{number}");
    match perform(&state, &request.session, Action::ReversePeriods { number: format!("={number}") }).await? {
        Outcome::Done => Ok(back_done(&path, "period_reversed")),
        _ => Ok(back_problem(&path, "not_reversed")),
    }
}

/// A card's readings as CSV.
pub(crate) async fn export_readings(
    State(state): State<ConsoleState>,
    Path(number): Path<String>,
    _: PageRequest,
) -> PageResult {
    let CardView { id, number, .. } = open(&state, &number).await?;
    let columns = ["iccid", "synced_at", "figure_of", "used_bytes", "delta_bytes", "kind"];
    let name = format!("readings-{number}");
    csv(&name, &columns, i64::MAX, move |before| {
        let state = state.clone();
        async move {
            let readings = state.services.store.readings(id, UnixMs(before), EXPORT_BATCH).await?;
            let next = next_readings(&readings, EXPORT_BATCH);
            Ok(Batch { lines: readings.into_iter().map(cells).collect(), next })
        }
    })
}

fn cells(reading: ReadingView) -> Vec<String> {
    vec![
        reading.iccid,
        reading.synced_at.seconds().to_string(),
        cell(reading.as_of.map(UnixMs::seconds)),
        reading.used.to_string(),
        reading.delta.to_string(),
        reading.kind.as_str().to_owned(),
    ]
}
