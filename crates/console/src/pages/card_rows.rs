//! Parts of a card's page: gauges, chart, profiles, readings.

use crate::chart::{Chart, Column};
use crate::view::{ViewContext, When, percent, used_tone};
use simgauge_admin::human;
use simgauge_domain::time::UnixMs;
use simgauge_protocol::answer::{PackageAnswer, Usage};
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
}

/// One gauge for each package. If there is none, one for what the operator allows.
pub(super) fn gauges(
    packages: &[PackageAnswer],
    usage: Option<&Usage>,
    context: ViewContext<'_>,
) -> Vec<Gauge> {
    let gauge = |name: &str, used: u64, total: Option<u64>, from: Option<i64>, to: Option<i64>| {
        let share = total.map(|total| percent(used, total));
        Gauge {
            name: name.to_owned(),
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
        let allowance = context.t.get("card.allowance");
        let limited = usage.filter(|usage| usage.total_bytes.is_some());
        let own = limited.map(|usage| gauge(allowance, usage.used_bytes, usage.total_bytes, None, None));
        return own.into_iter().collect();
    }
    packages
        .iter()
        .map(|package| {
            let name = if package.name.is_empty() { &package.code } else { &package.name };
            gauge(name, package.used_bytes, package.total_bytes, package.valid_from, package.valid_to)
        })
        .collect()
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
