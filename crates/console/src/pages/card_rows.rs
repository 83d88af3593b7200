//! Parts of a card's page: gauges, chart, profiles, readings.

use crate::chart::{Chart, Column};
use crate::view::{ViewContext, When, percent, used_tone};
use jiff::civil::Date;
use simgauge_admin::human;
use simgauge_admin::package_fields::{first_instant_of, last_day};
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::answer::{PackageAnswer, PackageState, Usage};
use simgauge_store::{ProfileView, ReadingView};
use std::collections::BTreeMap;

/// Days in the chart.
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

/// What of a package is used.
pub(super) struct Gauge {
    pub(super) name: String,
    pub(super) used: String,
    pub(super) total: Option<String>,
    pub(super) left: Option<String>,
    pub(super) percent: Option<u64>,
    pub(super) tone: &'static str,
    pub(super) from: Option<When>,
    pub(super) to: Option<When>,
    pub(super) is_over: bool,
    /// What the package is good for now; none: it is no package.
    pub(super) state: Option<String>,
}

/// One gauge for each package. If there is none, one for what the operator allows.
pub(super) fn gauges(
    packages: &[PackageAnswer],
    usage: Option<&Usage>,
    context: ViewContext<'_>,
) -> Vec<Gauge> {
    let gauge = |name: &str, used: u64, total: Option<u64>, from: Option<i64>, to: Option<i64>| {
        let is_over = to.is_some_and(|at| at <= context.now.seconds());
        let share = total.map(|total| percent(used, total));
        Gauge {
            name: name.to_owned(),
            used: human::bytes(used),
            total: total.map(human::bytes),
            left: total.map(|total| human::bytes(total.saturating_sub(used))),
            percent: share,
            tone: share.map_or("quiet", used_tone),
            from: from.map(|at| day_or_time(at, first_instant_of, context)),
            to: to.map(|at| day_or_time(at, last_day, context)),
            is_over,
            state: None,
        }
    };
    if packages.is_empty() {
        let allowance = context.t.get("card.allowance");
        let limited = usage.filter(|usage| usage.total_bytes.is_some());
        let own = limited.map(|usage| gauge(allowance, usage.used_bytes, usage.total_bytes, None, None));
        return own.into_iter().collect();
    }
    packages
        .iter()
        .map(|package| {
            let name = if package.name.is_empty() { &package.code } else { &package.name };
            let (from, to) = (package.valid_from, package.valid_to);
            let state = Some(context.t.named("package_state", state_name(package.state)));
            let gauge = gauge(name, package.used_bytes, package.total_bytes, from, to);
            Gauge { is_over: package.state == PackageState::Expired, state, ..gauge }
        })
        .collect()
}

/// A whole day as the day, as it was written; any other time as it is.
fn day_or_time(at: i64, day: impl Fn(UnixMs, &TimeZone) -> Option<Date>, context: ViewContext<'_>) -> When {
    let at = UnixMs::from_seconds(at);
    let when = context.when(at);
    match day(at, context.zone) {
        Some(day) => When { at: day.to_string(), ..when },
        None => when,
    }
}

const fn state_name(state: PackageState) -> &'static str {
    match state {
        PackageState::Active => "active",
        PackageState::Waiting => "waiting",
        PackageState::UsedUp => "used_up",
        PackageState::Expired => "expired",
    }
}

/// The first day of the chart.
pub(super) fn first_day(now: UnixMs) -> UnixMs {
    UnixMs(now.0 - (DAYS - 1) * DAY_MS)
}

/// `days`: bytes by day.
pub(super) fn chart(days: &BTreeMap<String, i64>, context: ViewContext<'_>) -> Chart {
    let columns = (0..DAYS)
        .rev()
        .map(|ago| {
            let day = day(UnixMs(context.now.0 - ago * DAY_MS), context);
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

/// `2027-01-15`.
fn day(at: UnixMs, context: ViewContext<'_>) -> String {
    context.when(at).at.chars().take(10).collect()
}

pub(super) fn signed(bytes: i64) -> String {
    let sign = if bytes < 0 { "−" } else { "" };
    format!("{sign}{}", human::bytes(bytes.unsigned_abs()))
}

pub(super) struct ProfileRow {
    pub(super) iccid: String,
    pub(super) operator: String,
    pub(super) status: Option<String>,
    pub(super) used: Option<String>,
    pub(super) total: Option<String>,
    pub(super) period: String,
    pub(super) as_of: Option<When>,
    pub(super) synced: Option<When>,
}

pub(super) fn profile_row(profile: &ProfileView, context: ViewContext<'_>) -> ProfileRow {
    let period = profile.period.as_ref().map(|period| {
        let span = match (period.start, period.end) {
            (Some(start), Some(end)) => format!(" {} – {}", day(start, context), day(end, context)),
            (Some(start), None) => format!(" {} –", day(start, context)),
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

pub(super) struct ReadingRow {
    pub(super) iccid: String,
    pub(super) synced: When,
    pub(super) as_of: Option<When>,
    pub(super) used: String,
    pub(super) delta: String,
    pub(super) kind: String,
}

pub(super) fn reading_row(reading: &ReadingView, context: ViewContext<'_>) -> ReadingRow {
    ReadingRow {
        iccid: reading.iccid.clone(),
        synced: context.when(reading.synced_at),
        as_of: reading.as_of.map(|at| context.when(at)),
        used: human::bytes(reading.used),
        delta: signed(reading.delta),
        kind: context.t.named("reading_kind", reading.kind.as_str()),
    }
}
