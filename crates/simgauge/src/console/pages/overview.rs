//! The first page: how much happens, how the lanes are, and what needs a person now.

use super::operators::{LaneRowView, lanes};
use crate::console::ConsoleState;
use crate::console::chart::{Chart, Column};
use crate::console::live::{changes, digest};
use crate::console::page::{Look, PageResult, Shell, html};
use crate::console::text::Texts;
use crate::console::view::{Eyes, percent};
use crate::human;
use askama::Template;
use axum::extract::State;
use simgauge_domain::time::UnixMs;
use simgauge_store::Activity;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Minutes in the chart.
const MINUTES: i64 = 60;
const MINUTE_MS: i64 = 60_000;
/// The ages of figures are looked up this often at most.
const AGES_EVERY: Duration = Duration::from_secs(60);
/// Places that are looked at for them.
const SAMPLES: u32 = 24;
/// Dead notifications are counted up to here.
const DEAD_MAX: i64 = 1_000;
/// A refresh that waits longer needs somebody to look.
const WAITING_LONG: Duration = Duration::from_secs(15 * 60);
/// Fewer ends than this say nothing about the share of failures.
const ENDS_ENOUGH: u64 = 10;

/// How old the figures of an operator account are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::console) struct Age {
    /// Half of them are at most so old.
    pub(crate) median: Option<Duration>,
    /// Nine in ten are at most so old.
    pub(crate) most: Option<Duration>,
    /// Percent of the profiles that were never read.
    pub(crate) never: u64,
    /// Profiles that were looked at.
    pub(crate) of: usize,
}

/// The ages that were looked up last.
#[derive(Default)]
pub(in crate::console) struct Ages(Mutex<HashMap<String, (Instant, Age)>>);

impl Ages {
    /// The age of an operator account's figures, at most a minute old itself.
    pub(in crate::console) async fn of(&self, state: &ConsoleState, operator: &str) -> PageResult<Age> {
        let mut known = self.0.lock().await;
        if let Some((at, age)) = known.get(operator)
            && at.elapsed() < AGES_EVERY
        {
            return Ok(*age);
        }
        let points: Vec<f64> =
            (0..SAMPLES).map(|n| (f64::from(n) + rand::random::<f64>()) / f64::from(SAMPLES)).collect();
        let figures = state.api.store.sample_usage_times(operator, &points).await?;
        let age = age_of(&figures, state.api.clock.now());
        // Names come from the configuration and from what the store knows of lanes: a few.
        known.insert(operator.to_owned(), (Instant::now(), age));
        Ok(age)
    }
}

fn age_of(figures: &[Option<UnixMs>], now: UnixMs) -> Age {
    let mut ages: Vec<Duration> = figures.iter().flatten().map(|at| now.since(*at)).collect();
    ages.sort_unstable();
    let at = |tenths: usize| ages.get((ages.len() * tenths / 10).min(ages.len().saturating_sub(1))).copied();
    let never = u64::try_from(figures.len() - ages.len()).unwrap_or(0);
    Age {
        median: at(5),
        most: at(9),
        never: percent(never, u64::try_from(figures.len()).unwrap_or(u64::MAX)),
        of: figures.len(),
    }
}

/// Something that somebody should look at.
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
    lanes: Vec<LaneRowView>,
    digest: String,
}

/// The page.
pub(in crate::console) async fn page(State(state): State<ConsoleState>, look: Look) -> PageResult {
    let now = state.api.clock.now();
    let eyes = Eyes { t: look.texts(), now, zone: &state.api.zone };
    let from = UnixMs((now.0.div_euclid(MINUTE_MS) - MINUTES + 1) * MINUTE_MS);
    let minutes = state.api.store.activity_since(from).await?;
    let hour = minutes.iter().fold(Activity::default(), |sum, (_, activity)| sum.plus(*activity));
    let ended = hour.succeeded + hour.failed;
    let success = (ended > 0).then(|| percent(hour.succeeded, ended));
    let last_whole = UnixMs((now.0.div_euclid(MINUTE_MS) - 1) * MINUTE_MS);
    let last = minutes.iter().find(|(at, _)| *at == last_whole).map_or(0, |(_, activity)| activity.accepted);
    let lanes = lanes(&state, eyes).await?;
    let dead = state.api.store.count_dead_notifications(DEAD_MAX).await?;
    let waiting: u64 = lanes.iter().map(|lane| lane.waiting_count).sum();
    let oldest = lanes.iter().filter_map(|lane| lane.oldest_at).min();
    html(&OverviewPage {
        accepted: human::count(last),
        per_minute: format!("{:.1}", mean(hour.accepted)),
        success_tone: match success {
            Some(0..90) => "bad",
            Some(90..98) => "warn",
            _ => "good",
        },
        success,
        ended: human::count(ended),
        failed: human::count(hour.failed),
        waiting: human::count(waiting),
        oldest: oldest.map(|at| eyes.span(now.since(at))),
        chart: chart(&minutes, from, eyes),
        concerns: concerns(&lanes, hour, dead, eyes),
        digest: shown(&minutes, &lanes, dead),
        lanes,
        shell: look.shell("overview", now),
    })
}

/// Tells the page when to show itself anew.
pub(in crate::console) async fn events(State(state): State<ConsoleState>, look: Look) -> PageResult {
    let (of, texts) = (state.clone(), look.texts());
    changes(&state, &look.visitor, look.query.get("seen"), Duration::from_secs(3), move || {
        let state = of.clone();
        async move {
            let now = state.api.clock.now();
            let from = UnixMs((now.0.div_euclid(MINUTE_MS) - MINUTES + 1) * MINUTE_MS);
            let minutes = state.api.store.activity_since(from).await?;
            let lanes = lanes(&state, Eyes { t: texts, now, zone: &state.api.zone }).await?;
            let dead = state.api.store.count_dead_notifications(DEAD_MAX).await?;
            Ok(shown(&minutes, &lanes, dead))
        }
    })
}

fn shown(minutes: &[(UnixMs, Activity)], lanes: &[LaneRowView], dead: u64) -> String {
    let minutes: Vec<_> =
        minutes.iter().map(|(at, pulse)| (at.0, pulse.accepted, pulse.succeeded, pulse.failed)).collect();
    let lanes: Vec<_> = lanes
        .iter()
        .map(|lane| (&lane.name, &lane.health.text, lane.waiting_count, lane.oldest_at.map(|at| at.0)))
        .collect();
    digest(&(minutes, lanes, dead))
}

fn mean(of_hour: u64) -> f64 {
    // For people's eyes.
    #[allow(clippy::cast_precision_loss)]
    let mean = of_hour as f64 / MINUTES as f64;
    mean
}

fn chart(minutes: &[(UnixMs, Activity)], from: UnixMs, eyes: Eyes<'_>) -> Chart {
    let t = eyes.t;
    let columns = (0..MINUTES)
        .map(|n| {
            let at = UnixMs(from.0 + n * MINUTE_MS);
            let pulse = minutes
                .iter()
                .find(|(minute, _)| *minute == at)
                .map_or(Activity::default(), |(_, activity)| *activity);
            let clock = eyes.when(at).at.chars().skip(11).take(5).collect::<String>();
            let title = t.fill(
                "overview.minute",
                &[
                    &clock,
                    &human::count(pulse.accepted),
                    &human::count(pulse.succeeded),
                    &human::count(pulse.failed),
                ],
            );
            Column { label: clock, title, parts: vec![(pulse.succeeded, "good"), (pulse.failed, "bad")] }
        })
        .collect();
    Chart::new(t.get("overview.chart").to_owned(), columns, human::count)
}

fn concerns(lanes: &[LaneRowView], hour: Activity, dead: u64, eyes: Eyes<'_>) -> Vec<Concern> {
    let t: Texts = eyes.t;
    let mut found = Vec::new();
    let mut say = |tone, text: String, href: &str| found.push(Concern { tone, text, href: href.to_owned() });
    for lane in lanes {
        let href = format!("/console/operators#{}", lane.name);
        let waiting = human::count(lane.waiting_count);
        if lane.is_paused && lane.waiting_count > 0 {
            say("warn", t.fill("concern.paused", &[&lane.name, &waiting]), &href);
        } else if !lane.is_configured && lane.waiting_count > 0 {
            say("bad", t.fill("concern.unconfigured", &[&lane.name, &waiting]), &href);
        } else if !lane.is_held {
            say("bad", t.fill("concern.nobody", &[&lane.name, &waiting]), &href);
        } else if lane.health_name == "open" || lane.health_name == "probing" {
            let why = lane.last_error_words.clone().unwrap_or_default();
            say("bad", t.fill("concern.open", &[&lane.name, &why]), &href);
        } else if lane.oldest_at.is_some_and(|at| eyes.now.since(at) > WAITING_LONG) {
            let since = lane.oldest.clone().unwrap_or_default();
            say("warn", t.fill("concern.waiting", &[&lane.name, &waiting, &since]), &href);
        }
    }
    let ended = hour.succeeded + hour.failed;
    if ended >= ENDS_ENOUGH && percent(hour.failed, ended) >= 20 {
        let share = percent(hour.failed, ended).to_string();
        say("bad", t.fill("concern.failing", &[&share]), "/console/refreshes?state=failed");
    }
    if dead > 0 {
        let count = if i64::try_from(dead).is_ok_and(|dead| dead >= DEAD_MAX) {
            format!("≥ {}", human::count(dead))
        } else {
            human::count(dead)
        };
        say("warn", t.fill("concern.dead", &[&count]), "/console/notifications?state=dead");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_of_a_sample() {
        let now = UnixMs(1_000_000);
        let figures: Vec<Option<UnixMs>> =
            (0..10).map(|n| (n > 0).then(|| UnixMs(now.0 - n * 1_000))).collect();
        let age = age_of(&figures, now);
        assert_eq!(age.median, Some(Duration::from_secs(5)));
        assert_eq!(age.most, Some(Duration::from_secs(9)));
        assert_eq!((age.never, age.of), (10, 10));
        assert_eq!(age_of(&[], now), Age::default());
        assert_eq!(age_of(&[None], now), Age { never: 100, of: 1, ..Age::default() });
    }
}
