//! From what the store holds to what the API answers.

use crate::services::Services;
use simgauge_domain::accept::cooling_until;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::metering::card::{ProfileUsage, counting};
use simgauge_domain::metering::delta::moment;
use simgauge_domain::metering::mirror::Mirrored;
use simgauge_domain::metering::package_state::{PackageState as StoredState, show_what_counts_first};
use simgauge_domain::refresh::RefreshState as Stored;
use simgauge_domain::time::UnixMs;
use simgauge_domain::waiting::OperatorCondition;
use simgauge_protocol::Language;
use simgauge_protocol::answer::{
    CardAnswer, OperatorAnswer, PackageAnswer, PackageState, ProfileAnswer, ReadingAnswer, RefreshReport,
    RefreshState, Usage, UsagePeriod,
};
use simgauge_store::{CardView, PackageView, ProfileView, ReadingView, RefreshView};

pub fn state_of(state: Stored) -> RefreshState {
    match state {
        Stored::Queued => RefreshState::Queued,
        Stored::Running => RefreshState::Running,
        Stored::Succeeded => RefreshState::Succeeded,
        Stored::Failed => RefreshState::Failed,
    }
}

/// A number as the field that fits the kind of card.
fn numbered(kind: Option<CardKind>, number: String) -> (Option<String>, Option<String>) {
    match kind {
        Some(CardKind::CloudEsim) => (None, Some(number)),
        _ => (Some(number), None),
    }
}

pub fn refresh_report(refresh: RefreshView, kind: Option<CardKind>, language: Language) -> RefreshReport {
    let (iccid, eid) = numbered(kind, refresh.number);
    RefreshReport {
        refresh_id: refresh.id.to_string(),
        iccid,
        eid,
        state: state_of(refresh.state),
        accepted_at: refresh.accepted_at.seconds(),
        finished_at: refresh.finished_at.map(UnixMs::seconds),
        before: refresh.before,
        after: refresh.after,
        reason: refresh.failure.as_ref().map(|failure| failure.kind.as_str().to_owned()),
        warning: refresh.warning.map(|reason| reason.as_str().to_owned()),
        warning_text: refresh
            .warning
            .map(|reason| simgauge_protocol::reason::warning(reason, language).to_owned()),
        reason_text: refresh.failure.map(|failure| simgauge_protocol::reason::sentence(&failure, language)),
        operator: None,
    }
}

/// How the operators of these lanes are, as it is told.
pub fn operator_answer<'a>(
    services: &Services,
    lanes: impl IntoIterator<Item = &'a str>,
) -> Option<OperatorAnswer> {
    let condition = services.registry.operator(lanes, services.clock.now())?;
    Some(operator_condition(&condition))
}

pub fn operator_condition(condition: &OperatorCondition) -> OperatorAnswer {
    OperatorAnswer { state: condition.state.as_str().to_owned(), until: condition.until.map(seconds_up) }
}

pub fn card_answer(services: &Services, card: CardView, language: Language) -> CardAnswer {
    let now = services.clock.now();
    let cooldown = services.rules.of(card.kind).cooldown;
    let next_refresh_at = card.accepted_at.and_then(|at| cooling_until(at, now, cooldown)).map(seconds_up);
    let packages = packages(&card, now);
    let lanes = card.profiles.iter().map(|profile| profile.operator_account.as_str());
    let operator = operator_answer(services, lanes);
    let (iccid, eid) = numbered(Some(card.kind), card.number);
    CardAnswer {
        iccid,
        eid,
        card_status: card.status,
        label: card.label,
        usage: card_usage(services, &card.profiles, now),
        overage_bytes: (!card.packages.is_empty()).then_some(card.overage.saturating_sub(card.overage_base)),
        packages,
        profiles: card.profiles.iter().map(|profile| profile_answer(services, profile, now)).collect(),
        refresh: card.refresh.map(|refresh| refresh_report(refresh, Some(card.kind), language)),
        next_refresh_at,
        operator,
    }
}

/// The platform's own packages; where there is none, the operator's bundles are the packages. What counts now
/// comes first.
fn packages(card: &CardView, now: UnixMs) -> Vec<PackageAnswer> {
    if !card.packages.is_empty() {
        let mut own: Vec<&PackageView> = card.packages.iter().collect();
        show_what_counts_first(&mut own, |own| own.package.state(now));
        return own.into_iter().map(|own| own_package(own, now)).collect();
    }
    let mut mirrored: Vec<&Mirrored> = card.profiles.iter().flat_map(|profile| &profile.bundles).collect();
    mirrored
        .sort_by_key(|mirrored| (mirrored.valid_to().is_none(), mirrored.valid_to(), mirrored.bundle.start));
    show_what_counts_first(&mut mirrored, |mirrored| mirrored.state(now));
    mirrored.into_iter().map(|mirrored| mirrored_package(mirrored, now)).collect()
}

fn own_package(own: &PackageView, now: UnixMs) -> PackageAnswer {
    let package = &own.package;
    PackageAnswer {
        code: package.code.clone(),
        name: own.name.clone(),
        state: package_state(package.state(now)),
        used_bytes: package.booked,
        total_bytes: package.total,
        remaining_bytes: package.remaining(),
        valid_from: package.valid_from.map(UnixMs::seconds),
        valid_to: package.valid_to.map(UnixMs::seconds),
    }
}

fn mirrored_package(mirrored: &Mirrored, now: UnixMs) -> PackageAnswer {
    PackageAnswer {
        code: mirrored.bundle.code.clone(),
        name: mirrored.bundle.name.clone(),
        state: package_state(mirrored.state(now)),
        used_bytes: mirrored.bundle.used,
        total_bytes: mirrored.bundle.total,
        remaining_bytes: mirrored.remaining(),
        valid_from: mirrored.bundle.start.map(UnixMs::seconds),
        valid_to: mirrored.valid_to().map(UnixMs::seconds),
    }
}

fn package_state(state: StoredState) -> PackageState {
    match state {
        StoredState::Active => PackageState::Active,
        StoredState::Waiting => PackageState::Waiting,
        StoredState::UsedUp => PackageState::UsedUp,
        StoredState::Expired => PackageState::Expired,
    }
}

pub fn reading_answer(reading: ReadingView) -> ReadingAnswer {
    ReadingAnswer {
        iccid: reading.iccid,
        synced_at: reading.synced_at.seconds(),
        as_of: reading.as_of.map(UnixMs::seconds),
        used_bytes: reading.used,
        delta_bytes: reading.delta,
        kind: reading.kind.as_str().to_owned(),
    }
}

/// A time rounded up to whole seconds: never earlier than the time itself.
pub fn seconds_up(at: UnixMs) -> i64 {
    UnixMs(at.0.saturating_add(999)).seconds()
}

fn profile_answer(services: &Services, profile: &ProfileView, now: UnixMs) -> ProfileAnswer {
    ProfileAnswer {
        iccid: profile.iccid.clone(),
        status: profile.status.map(|status| status.as_str().to_owned()),
        usage: profile_usage(services, profile, now),
    }
}

fn profile_usage(services: &Services, profile: &ProfileView, now: UnixMs) -> Option<Usage> {
    let (used, synced_at, period) = (profile.used?, profile.synced_at?, profile.period.as_ref()?);
    Some(Usage {
        used_bytes: used,
        total_bytes: profile.total,
        remaining_bytes: profile.total.map(|total| total.saturating_sub(used)),
        as_of: profile.as_of.map(UnixMs::seconds),
        synced_at: synced_at.seconds(),
        age_seconds: (now.seconds() - profile.as_of.unwrap_or(synced_at).seconds()).max(0),
        declared_lag_seconds: services.registry.declared_lag_seconds(&profile.operator_account),
        period: UsagePeriod {
            kind: period.kind.as_str().to_owned(),
            start: period.start.map(UnixMs::seconds),
            end: period.end.map(UnixMs::seconds),
            assumed: profile.assumed_at.is_some(),
        },
        warning: profile.held.as_ref().map(|held| held.reason.as_str().to_owned()),
    })
}

/// The sum over a card's profiles that count at present; nothing before each was read once, since a part
/// would look like the whole. The sum is as old as its oldest part.
pub fn card_usage(services: &Services, profiles: &[ProfileView], now: UnixMs) -> Option<Usage> {
    let read = profiles.iter().map(metered_usage).collect::<Option<Vec<_>>>()?;
    let current = profiles.iter().zip(counting(&read)).filter(|(_, counts)| *counts);
    let mut parts =
        current.map(|(profile, _)| profile_usage(services, profile, now)).collect::<Option<Vec<_>>>()?;
    let mut sum = parts.pop()?;
    for part in parts {
        sum.used_bytes = sum.used_bytes.saturating_add(part.used_bytes);
        sum.total_bytes = sum.total_bytes.zip(part.total_bytes).map(|(a, b)| a.saturating_add(b));
        sum.as_of = sum.as_of.zip(part.as_of).map(|(a, b)| a.min(b));
        sum.synced_at = sum.synced_at.min(part.synced_at);
        sum.age_seconds = sum.age_seconds.max(part.age_seconds);
        sum.declared_lag_seconds = sum.declared_lag_seconds.max(part.declared_lag_seconds);
        sum.warning = sum.warning.or(part.warning);
        sum.period.assumed |= part.period.assumed;
        if sum.period.kind != part.period.kind {
            "mixed".clone_into(&mut sum.period.kind);
        }
        if sum.period.start != part.period.start {
            sum.period.start = None;
        }
        if sum.period.end != part.period.end {
            sum.period.end = None;
        }
    }
    sum.remaining_bytes = sum.total_bytes.map(|total| total.saturating_sub(sum.used_bytes));
    Some(sum)
}

fn metered_usage(profile: &ProfileView) -> Option<ProfileUsage> {
    Some(ProfileUsage {
        period: profile.period.clone()?,
        used: profile.used?,
        total: profile.total,
        moment: moment(profile.as_of, profile.began_at?),
    })
}
