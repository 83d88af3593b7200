//! One card: its figures, why they are as old as they are, and the button.

use super::why::{Facts, why};
use super::{EXPORT_PAGE, PAGE};
use crate::action::{Action, Outcome, perform};
use crate::chart::{Chart, Column};
use crate::export::csv;
use crate::live::{changes, digest};
use crate::page::{Act, PageError, PageResult, ReadSession, Shell, back, html};
use crate::state::ConsoleState;
use crate::view::{Badge, ViewContext, When, cooling, percent, used_tone};
use askama::Template;
use axum::extract::{Path, State};
use simgauge_admin::human;
use simgauge_domain::ids::CardId;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::answer::PackageAnswer;
use simgauge_service::answers;
use simgauge_store::{CardView, ProfileView, ReadingView, RefreshView};
use std::time::Duration;

/// Days in the chart.
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;
/// Refreshes and readings on the page.
const SHOWN: i64 = 10;

struct Gauge {
    name: String,
    used: String,
    total: Option<String>,
    left: Option<String>,
    percent: Option<u64>,
    tone: &'static str,
    from: Option<When>,
    to: Option<When>,
    is_over: bool,
}

struct ProfileRow {
    iccid: String,
    operator: String,
    status: Option<String>,
    used: Option<String>,
    total: Option<String>,
    period: String,
    as_of: Option<When>,
    synced: Option<When>,
}

pub(super) struct RefreshRow {
    pub(super) id: String,
    pub(super) card: String,
    pub(super) account: String,
    pub(super) by: String,
    pub(super) accepted: When,
    pub(super) state: Badge,
    pub(super) took: String,
    pub(super) change: String,
    pub(super) reason: Option<String>,
    pub(super) detail: String,
}

pub(super) fn refresh_row(refresh: &RefreshView, context: ViewContext<'_>) -> RefreshRow {
    let by = match refresh.appkey.strip_prefix("console:") {
        Some(admin) => context.t.fill("refreshes.by_console", &[admin]),
        None => refresh.appkey.clone(),
    };
    RefreshRow {
        id: refresh.id.to_string(),
        card: refresh.number.clone(),
        account: refresh.account.clone(),
        by,
        accepted: context.when(refresh.accepted_at),
        state: context.state(refresh.state),
        took: refresh.finished_at.map(|at| took(at.since(refresh.accepted_at), context)).unwrap_or_default(),
        change: context.change(refresh),
        reason: refresh.failure.as_ref().map(|failure| context.reason(failure)),
        detail: refresh.failure.as_ref().map(|failure| failure.detail.clone()).unwrap_or_default(),
    }
}

fn took(span: Duration, context: ViewContext<'_>) -> String {
    match span.as_millis() {
        0..1_000 => format!("{} ms", span.as_millis()),
        1_000..10_000 => format!("{:.1} s", span.as_secs_f64()),
        _ => context.span(span),
    }
}

struct ReadingRow {
    iccid: String,
    synced: When,
    as_of: Option<When>,
    used: String,
    delta: String,
    what: String,
}

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
    figure: Option<When>,
    synced: Option<When>,
    is_old: bool,
    state: Option<Badge>,
    /// Until when the button rests, in Unix milliseconds.
    cooling_until: Option<i64>,
    cooling_for: String,
    now_ms: i64,
    why: Vec<String>,
    gauges: Vec<Gauge>,
    overage: Option<String>,
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

async fn find(state: &ConsoleState, number: &str) -> PageResult<CardView> {
    // Letters of an ICCID are upper case in the store.
    state.services.store.card_of_any(&number.to_ascii_uppercase()).await?.ok_or(PageError::NotFound)
}

/// The page.
pub(crate) async fn page(
    State(state): State<ConsoleState>,
    Path(number): Path<String>,
    read: ReadSession,
) -> PageResult {
    shown(&state, &number, &read, None).await
}

async fn shown(
    state: &ConsoleState,
    number: &str,
    read: &ReadSession,
    problem: Option<String>,
) -> PageResult {
    let store = &state.services.store;
    let card = find(state, number).await?;
    let now = state.services.clock.now();
    let t = read.texts();
    let context = ViewContext { t, now, zone: &state.services.zone };
    let facts = Facts::of(state, &card).await?;
    let refreshes = store.refreshes_of_card(card.id, None, SHOWN).await?;
    let before = read.query.get("readings_before").parse().unwrap_or(i64::MAX);
    let readings = store.readings(card.id, UnixMs(before), PAGE.min(SHOWN)).await?;
    let more = i64::try_from(readings.len()).is_ok_and(|count| count >= SHOWN);
    let from = UnixMs(now.0 - (DAYS - 1) * DAY_MS);
    let days = store.daily_totals_since(card.id, &state.services.zone, from).await?;
    let answer = answers::card_answer(&state.services, card.clone(), t.0);
    let usage = answer.usage.as_ref();
    let cooling_until = cooling(&card, &state.services.rules, now);
    html(&CardPage {
        why: why(&card, &facts, context),
        used: usage.map(|usage| human::bytes(usage.used_bytes)),
        used_exact: usage
            .map(|usage| t.fill("card.exact", &[&human::count(usage.used_bytes)]))
            .unwrap_or_default(),
        total: usage.and_then(|usage| usage.total_bytes).map(human::bytes),
        left: usage.and_then(|usage| usage.remaining_bytes).map(human::bytes),
        figure: usage.map(|usage| context.when(UnixMs::from_seconds(usage.as_of.unwrap_or(usage.synced_at)))),
        synced: usage.map(|usage| context.when(UnixMs::from_seconds(usage.synced_at))),
        is_old: usage.is_some_and(|usage| usage.age_seconds > 86_400),
        gauges: gauges(&answer.packages, usage.map(|usage| (usage.used_bytes, usage.total_bytes)), context),
        overage: answer.overage_bytes.filter(|bytes| *bytes > 0).map(human::bytes),
        chart: chart(&days, now, context),
        days: days.iter().rev().map(|(day, bytes)| (day.clone(), signed(*bytes))).collect(),
        profiles: card.profiles.iter().map(|profile| profile_row(profile, context)).collect(),
        refreshes: refreshes.iter().map(|refresh| refresh_row(refresh, context)).collect(),
        older_readings: readings.last().filter(|_| more).map(|last| {
            format!("/console/cards/{}?readings_before={}#readings", card.number, last.began_at.0)
        }),
        newest_readings: before != i64::MAX,
        readings: readings.iter().map(|reading| reading_row(reading, context)).collect(),
        state: card.refresh.as_ref().map(|refresh| context.state(refresh.state)),
        cooling_for: cooling_until.map(|at| clock(at.since(now))).unwrap_or_default(),
        cooling_until: cooling_until.map(|at| at.0),
        now_ms: now.0,
        // Of what is shown: a change since then is one that the page has to be told of.
        digest: digest_of(card.refresh.as_ref()),
        kind: t.named("kind", card.kind.as_str()),
        status: context.card_status(&card.status),
        label: card.label.clone(),
        account: card.account.clone(),
        number: card.number.clone(),
        problem,
        shell: read.shell("cards", now),
    })
}

/// `4:58`.
fn clock(span: Duration) -> String {
    let seconds = simgauge_domain::time::whole_seconds_up(span);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn signed(bytes: i64) -> String {
    let sign = if bytes < 0 { "−" } else { "" };
    format!("{sign}{}", human::bytes(bytes.unsigned_abs()))
}

/// One for each package; where there is none, one for what the operator allows.
fn gauges(
    packages: &[PackageAnswer],
    usage: Option<(u64, Option<u64>)>,
    context: ViewContext<'_>,
) -> Vec<Gauge> {
    let gauge = |name: String, used: u64, total: Option<u64>, from: Option<i64>, to: Option<i64>| {
        let share = total.map(|total| percent(used, total));
        Gauge {
            name,
            used: human::bytes(used),
            total: total.map(human::bytes),
            left: total.map(|total| human::bytes(total.saturating_sub(used))),
            percent: share,
            tone: share.map_or("quiet", used_tone),
            from: from.map(|at| context.when(UnixMs::from_seconds(at))),
            to: to.map(|at| context.when(UnixMs::from_seconds(at))),
            is_over: to.is_some_and(|at| at <= context.now.seconds()),
        }
    };
    if packages.is_empty() {
        let own = usage.and_then(|(used, total)| Some((used, total?)));
        return own
            .map(|(used, total)| {
                gauge(context.t.get("card.allowance").to_owned(), used, Some(total), None, None)
            })
            .into_iter()
            .collect();
    }
    packages
        .iter()
        .map(|package| {
            let name = if package.name.is_empty() { &package.code } else { &package.name };
            gauge(name.clone(), package.used_bytes, package.total_bytes, package.valid_from, package.valid_to)
        })
        .collect()
}

fn chart(days: &std::collections::BTreeMap<String, i64>, now: UnixMs, context: ViewContext<'_>) -> Chart {
    let columns = (0..DAYS)
        .rev()
        .map(|back| {
            let day = context.when(UnixMs(now.0 - back * DAY_MS)).at.chars().take(10).collect::<String>();
            let bytes = days.get(&day).copied().unwrap_or(0);
            let class = if bytes < 0 { "warn" } else { "usage" };
            Column {
                label: day.chars().skip(5).collect(),
                title: format!("{day}: {}", signed(bytes)),
                parts: vec![(bytes.unsigned_abs(), class)],
            }
        })
        .collect();
    Chart::new(context.t.get("card.chart").to_owned(), columns, human::bytes)
}

fn profile_row(profile: &ProfileView, context: ViewContext<'_>) -> ProfileRow {
    let period = profile.period.as_ref().map(|period| {
        let day = |at: UnixMs| context.when(at).at.chars().take(10).collect::<String>();
        let span = match (period.start, period.end) {
            (Some(start), Some(end)) => format!(" {} – {}", day(start), day(end)),
            (Some(start), None) => format!(" {} –", day(start)),
            _ => String::new(),
        };
        format!("{}{span}", context.t.named("period", period.kind.as_str()))
    });
    ProfileRow {
        iccid: profile.iccid.clone(),
        operator: profile.operator_account.clone(),
        status: profile.status.map(|status| context.t.named("profile", status.as_str())),
        used: profile.used.map(human::bytes),
        total: profile.total.map(human::bytes),
        period: period.unwrap_or_default(),
        as_of: profile.as_of.map(|at| context.when(at)),
        synced: profile.synced_at.map(|at| context.when(at)),
    }
}

fn reading_row(reading: &ReadingView, context: ViewContext<'_>) -> ReadingRow {
    ReadingRow {
        iccid: reading.iccid.clone(),
        synced: context.when(reading.synced_at),
        as_of: reading.as_of.map(|at| context.when(at)),
        used: human::bytes(reading.used),
        delta: signed(reading.delta),
        what: context.t.named("what", reading.kind.as_str()),
    }
}

/// What is to be seen of the card's last refresh, as a number.
async fn seen(state: &ConsoleState, card: CardId) -> PageResult<String> {
    Ok(digest_of(state.services.store.refreshes_of_card(card, None, 1).await?.first()))
}

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
    read: ReadSession,
) -> PageResult {
    let card = find(&state, &number).await?.id;
    let of = state.clone();
    changes(&state, &read.visitor, read.query.get("seen"), Duration::from_millis(400), move || {
        let state = of.clone();
        async move { seen(&state, card).await }
    })
}

/// The button.
pub(crate) async fn refresh(
    State(state): State<ConsoleState>,
    Path(number): Path<String>,
    act: Act,
) -> PageResult {
    let card = find(&state, &number).await?;
    let path = format!("/console/cards/{}", card.number);
    let t = act.visitor.texts;
    let now = state.services.clock.now();
    let context = ViewContext { t, now, zone: &state.services.zone };
    let problem = match perform(&state, &act.who, Action::RefreshCard(Box::new(card))).await? {
        Outcome::Done => return Ok(back(&path, ("done", "refresh"))),
        // The page itself shows for how long.
        Outcome::Cooling => return Ok(back(&path, ("problem", "cooling"))),
        Outcome::LaneBehind(seconds) => t.fill("card.behind", &[&context.span(Duration::from_secs(seconds))]),
        Outcome::LaneUnknown(lane) => t.fill("why.unconfigured", &[&lane]),
        _ => return Err(PageError::NotFound),
    };
    let read = ReadSession { visitor: act.visitor, query: crate::fields::Fields::default() };
    shown(&state, &number, &read, Some(problem)).await
}

/// A card's readings as CSV.
pub(crate) async fn export_readings(
    State(state): State<ConsoleState>,
    Path(number): Path<String>,
    _: ReadSession,
) -> PageResult {
    let card = find(&state, &number).await?;
    let (number, card) = (card.number, card.id);
    let columns = ["iccid", "synced_at", "figure_of", "used_bytes", "delta_bytes", "kind"];
    let name = format!("readings-{number}");
    csv(&name, &columns, i64::MAX, move |before| {
        let state = state.clone();
        async move {
            let readings = state.services.store.readings(card, UnixMs(before), EXPORT_PAGE).await?;
            let full = i64::try_from(readings.len()).is_ok_and(|count| count >= EXPORT_PAGE);
            let next = readings.last().filter(|_| full).map(|last| last.began_at.0);
            let rows = readings
                .into_iter()
                .map(|reading| {
                    vec![
                        reading.iccid,
                        reading.synced_at.seconds().to_string(),
                        reading.as_of.map(|at| at.seconds().to_string()).unwrap_or_default(),
                        reading.used.to_string(),
                        reading.delta.to_string(),
                        reading.kind.as_str().to_owned(),
                    ]
                })
                .collect();
            Ok((rows, next))
        }
    })
}
