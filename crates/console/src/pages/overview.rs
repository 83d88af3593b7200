//! The first page: how much happens, how the lanes are, and what needs a person now.

use super::lane_row::{LaneRow, lane_row};
use crate::chart::{Chart, Column};
use crate::error::PageResult;
use crate::fields::query;
use crate::lanes::{LaneLoad, lane_loads};
use crate::live::{changes, digest};
use crate::page::{Shell, html};
use crate::request::PageRequest;
use crate::state::ConsoleState;
use crate::view::{ViewContext, percent};
use askama::Template;
use axum::extract::State;
use simgauge_admin::human;
use simgauge_domain::time::UnixMs;
use simgauge_store::{Activity, WaitingUnitChange};
use std::time::Duration;

/// Minutes in the chart.
const MINUTES: i64 = 60;
const MINUTE_MS: i64 = 60_000;
/// Dead notifications and suspect readings are counted up to here.
const COUNT_MAX: i64 = 1_000;
/// A refresh that waits longer needs a person.
const WAITING_LONG: Duration = Duration::from_secs(15 * 60);
/// Fewer refreshes than this say nothing about the share of failures.
const ENDED_ENOUGH: u64 = 10;

/// What the page is made of.
struct Overview {
    now: UnixMs,
    /// The first minute of the chart.
    from: UnixMs,
    minutes: Vec<(UnixMs, Activity)>,
    lanes: Vec<LaneLoad>,
    dead: u64,
    /// Readings that are held back.
    suspects: u64,
    /// Operator accounts whose unit may have changed.
    unit_changes: Vec<WaitingUnitChange>,
}

impl Overview {
    async fn read(state: &ConsoleState) -> PageResult<Self> {
        let store = &state.services.store;
        let now = state.services.clock.now();
        let from = UnixMs((now.0.div_euclid(MINUTE_MS) - MINUTES + 1) * MINUTE_MS);
        Ok(Self {
            now,
            from,
            minutes: store.activity_since(from).await?,
            lanes: lane_loads(state).await?,
            dead: store.count_dead_notifications(COUNT_MAX).await?,
            suspects: store.count_waiting_suspects(COUNT_MAX).await?,
            unit_changes: store.waiting_unit_changes().await?,
        })
    }

    fn digest(&self) -> String {
        let minutes: Vec<_> = self
            .minutes
            .iter()
            .map(|(at, counts)| (at.0, counts.accepted, counts.succeeded, counts.failed))
            .collect();
        let lanes: Vec<_> = self
            .lanes
            .iter()
            .map(|load| (&load.lane.name, load.lane.health().1, load.waiting, load.oldest.map(|at| at.0)))
            .collect();
        let changes: Vec<_> = self.unit_changes.iter().map(|change| &change.operator_account).collect();
        digest(&(minutes, lanes, self.dead, self.suspects, changes))
    }

    fn minute(&self, at: UnixMs) -> Activity {
        self.minutes
            .iter()
            .find(|(minute, _)| *minute == at)
            .map_or(Activity::default(), |(_, counts)| *counts)
    }

    fn last_whole_minute(&self) -> Activity {
        self.minute(UnixMs((self.now.0.div_euclid(MINUTE_MS) - 1) * MINUTE_MS))
    }

    fn hour(&self) -> Activity {
        self.minutes.iter().fold(Activity::default(), |sum, (_, counts)| sum.plus(*counts))
    }
}

/// Something that needs a person.
struct Concern {
    tone: &'static str,
    text: String,
    href: String,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    shell: Shell,
    /// Refreshes accepted in the last whole minute.
    accepted: String,
    per_minute: String,
    success: Option<u64>,
    success_tone: &'static str,
    ended: String,
    failed: String,
    waiting: String,
    oldest: Option<String>,
    chart: Chart,
    concerns: Vec<Concern>,
    lanes: Vec<LaneRow>,
    digest: String,
}

pub(crate) async fn page(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let context = state.view(request.texts());
    let overview = Overview::read(&state).await?;
    let hour = overview.hour();
    let ended = hour.succeeded + hour.failed;
    let success = (ended > 0).then(|| percent(hour.succeeded, ended));
    let oldest = overview.lanes.iter().filter_map(|load| load.oldest).min();
    html(&OverviewPage {
        shell: request.shell("overview"),
        accepted: human::count(overview.last_whole_minute().accepted),
        per_minute: format!("{:.1}", per_minute(hour.accepted)),
        success_tone: match success {
            Some(0..90) => "bad",
            Some(90..98) => "warn",
            _ => "good",
        },
        success,
        ended: human::count(ended),
        failed: human::count(hour.failed),
        waiting: human::count(overview.lanes.iter().map(|load| load.waiting).sum()),
        oldest: oldest.map(|at| context.span(context.now.since(at))),
        chart: chart(&overview, context),
        concerns: concerns(&overview, context),
        lanes: overview.lanes.iter().map(|load| lane_row(load, context)).collect(),
        digest: overview.digest(),
    })
}

/// Tells the page when to show itself anew.
pub(crate) async fn events(State(state): State<ConsoleState>, request: PageRequest) -> PageResult {
    let of = state.clone();
    changes(&state, &request.visitor, request.query.get("seen"), Duration::from_secs(3), move || {
        let state = of.clone();
        async move { Ok(Overview::read(&state).await?.digest()) }
    })
}

fn per_minute(of_hour: u64) -> f64 {
    // People need no more than 53 bits.
    #[allow(clippy::cast_precision_loss)]
    let mean = of_hour as f64 / MINUTES as f64;
    mean
}

fn chart(overview: &Overview, context: ViewContext<'_>) -> Chart {
    let t = context.t;
    let columns = (0..MINUTES)
        .map(|n| {
            let at = UnixMs(overview.from.0 + n * MINUTE_MS);
            let counts = overview.minute(at);
            let clock = context.when(at).at.chars().skip(11).take(5).collect::<String>();
            let [accepted, succeeded, failed] =
                [counts.accepted, counts.succeeded, counts.failed].map(human::count);
            let title = t.fill("overview.minute", &[&clock, &accepted, &succeeded, &failed]);
            Column { label: clock, title, parts: vec![(counts.succeeded, "good"), (counts.failed, "bad")] }
        })
        .collect();
    Chart::new(t.get("overview.chart").to_owned(), columns, human::count)
}

fn concerns(overview: &Overview, context: ViewContext<'_>) -> Vec<Concern> {
    let t = context.t;
    let mut found: Vec<Concern> =
        overview.lanes.iter().filter_map(|load| lane_concern(load, context)).collect();
    let mut add = |tone, text: String, href: &str| found.push(Concern { tone, text, href: href.to_owned() });
    let hour = overview.hour();
    let ended = hour.succeeded + hour.failed;
    if ended >= ENDED_ENOUGH && percent(hour.failed, ended) >= 20 {
        let share = percent(hour.failed, ended).to_string();
        add("bad", t.fill("concern.failing", &[&share]), "/console/refreshes?state=failed");
    }
    if overview.dead > 0 {
        let text = t.fill("concern.dead", &[&at_least(overview.dead)]);
        add("warn", text, "/console/notifications?state=dead");
    }
    for WaitingUnitChange { operator_account: lane, .. } in &overview.unit_changes {
        let href = format!("/console/suspects{}", query(&[("lane", lane)]));
        add("bad", t.fill("suspects.unit_change", &[lane]), &href);
    }
    if overview.suspects > 0 {
        let text = t.fill("concern.suspects", &[&at_least(overview.suspects)]);
        add("warn", text, "/console/suspects");
    }
    found
}

/// What was counted up to [`COUNT_MAX`].
fn at_least(count: u64) -> String {
    let is_all = i64::try_from(count).is_ok_and(|count| count < COUNT_MAX);
    format!("{}{}", if is_all { "" } else { "≥ " }, human::count(count))
}

fn lane_concern(load: &LaneLoad, context: ViewContext<'_>) -> Option<Concern> {
    let t = context.t;
    let LaneLoad { lane, waiting: count, oldest, .. } = load;
    let (name, waiting) = (lane.name.as_str(), human::count(*count));
    let waiting_since = oldest.map(|at| context.now.since(at)).filter(|since| *since > WAITING_LONG);
    let (tone, text) = if lane.pause.is_some() && *count > 0 {
        ("warn", t.fill("concern.paused", &[name, &waiting]))
    } else if lane.operator.is_none() && *count > 0 {
        ("bad", t.fill("concern.unconfigured", &[name, &waiting]))
    } else if lane.holder.is_none() {
        ("bad", t.fill("concern.nobody", &[name, &waiting]))
    } else if matches!(lane.status.health.as_str(), "open" | "probing") {
        let last = lane.status.errors.first().map(|error| t.named("reason", &error.kind));
        ("bad", t.fill("concern.open", &[name, &last.unwrap_or_default()]))
    } else {
        ("warn", t.fill("concern.waiting", &[name, &waiting, &context.span(waiting_since?)]))
    };
    Some(Concern { tone, text, href: format!("/console/operators#{name}") })
}
