//! From an accepted answer to a reading.

use super::error::ReadError;
use super::profile::ProfileRef;
use crate::dates;
use crate::definition::plan::{AmountPlan, AnswerPlan, BundlesPlan, DatePlan, PeriodPlan};
use crate::jq::{Globals, Program, member, text_of};
use crate::units::{AmountError, Base, Decimal, Unit, split_unit};
use jaq_json::{Num, Val};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::identity::is_same_sim;
use simgauge_domain::reading::{Bundle, Period, PeriodKind, ProfileStatus, Reading};
use simgauge_domain::time::UnixMs;
use std::collections::BTreeMap;
use std::time::Duration;

/// An answer with more bundles for one card is rejected.
const MAX_BUNDLES: usize = 500;
const MAX_TEXT_CHARS: usize = 100;
/// How operators write that there is no total.
const NO_TOTAL: [&str; 9] = ["-", "--", "unlimited", "infinite", "n/a", "不限", "不限量", "无限", "无限量"];
/// A month or billing cycle that begins later than this is another one. Zones differ by less.
const MAX_AHEAD: Duration = Duration::from_secs(48 * 3600);
/// An answer with more used bytes is rejected: a SIM needs centuries for 2^60 of them. Amounts near 2^63 are
/// an operator's mark for something else, and must never reach a customer's books.
const MAX_USED: u64 = 1 << 60;

/// When a reading began and ended, by our clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) began: UnixMs,
    pub(super) ended: UnixMs,
}

/// How a number counts: where it has no unit of its own, by `unit`.
#[derive(Clone, Copy)]
struct Counted {
    unit: Option<Unit>,
    has_suffix: bool,
    base: Base,
}

/// The account's settings.
pub(super) type Settings = BTreeMap<String, String>;

/// Reads the answer `body` by the definition.
pub(super) fn reading(
    plan: &AnswerPlan,
    body: &Val,
    globals: &Globals,
    profile: &ProfileRef<'_>,
    settings: &Settings,
    span: Span,
) -> Result<Reading, ReadError> {
    if let Some(identity) = &plan.identity {
        check_identity(identity, body, globals, profile)?;
    }
    usage(plan, body, globals, settings, span)
}

/// The same where it is known already whom the answer is about.
pub(super) fn usage(
    plan: &AnswerPlan,
    body: &Val,
    globals: &Globals,
    settings: &Settings,
    span: Span,
) -> Result<Reading, ReadError> {
    let Some(used) = amount(&plan.used, body, globals, settings, "used amount")? else {
        return Err(ReadError::bad_answer("The operator's answer has no used amount."));
    };
    believable(used)?;
    let unlimited = plan.unlimited.as_ref().is_some_and(|unlimited| unlimited.holds(body, globals));
    let total = match &plan.total {
        Some(total) if !unlimited && !says_no_total(total, body, globals) => {
            amount(total, body, globals, settings, "total amount")?
        }
        _ => None,
    };
    let as_of = date(plan.as_of.as_ref(), body, globals)?;
    let raw_status = match &plan.status {
        Some(status) => value(&status.from, body, globals, "status")?.map(|value| short_text(&value)),
        None => None,
    };
    let status = plan
        .status
        .as_ref()
        .zip(raw_status.as_ref())
        .map(|(plan, raw)| plan.map.get(&raw.to_lowercase()).copied().unwrap_or(ProfileStatus::Unknown));
    Ok(Reading {
        period: period(&plan.period, body, globals, span)?,
        used,
        total,
        as_of,
        status,
        raw_status,
        bundles: match &plan.bundles {
            Some(plan) => bundles(plan, body, globals, settings)?,
            None => Vec::new(),
        },
    })
}

fn believable(used: u64) -> Result<(), ReadError> {
    if used > MAX_USED {
        let detail = "The used amount in the operator's answer is more than any SIM can use.";
        return Err(ReadError::bad_answer(detail));
    }
    Ok(())
}

fn check_identity(
    identity: &Program,
    body: &Val,
    globals: &Globals,
    profile: &ProfileRef<'_>,
) -> Result<(), ReadError> {
    let named = identity.outputs(body, globals).unwrap_or_default();
    let is_ours = |value: &Val| {
        let text = text_of(value);
        is_same_sim(&text, profile.iccid)
            || profile.eid.is_some_and(|eid| !eid.is_empty() && text.eq_ignore_ascii_case(eid))
    };
    if named.is_empty() || named.iter().any(|value| text_of(value).is_empty()) {
        return Err(ReadError::bad_answer("The operator's answer does not say which SIM it is about."));
    }
    if !named.iter().all(is_ours) {
        return Err(ReadError::bad_answer("The operator answered about another SIM."));
    }
    Ok(())
}

/// A text of the operator, cut to a length that may be stored.
fn short_text(value: &Val) -> String {
    text_of(value).trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect()
}

fn value(program: &Program, body: &Val, globals: &Globals, what: &str) -> Result<Option<Val>, ReadError> {
    program
        .one(body, globals)
        .map_err(|_| ReadError::bad_answer(format!("The operator's answer has no readable {what}.")))
}

fn unreadable(what: &str, error: AmountError) -> ReadError {
    ReadError::bad_answer(format!("The {what} in the operator's answer {error}."))
}

/// The amount in bytes. `None` where the answer has none.
fn amount(
    plan: &AmountPlan,
    body: &Val,
    globals: &Globals,
    settings: &Settings,
    what: &str,
) -> Result<Option<u64>, ReadError> {
    let base = plan.base.of(settings).ok_or_else(|| unreadable(what, AmountError::UnknownUnit))?;
    let unit = match &plan.unit_from {
        None => plan.unit,
        Some(from) => match value(from, body, globals, "unit")? {
            None => plan.unit,
            Some(name) => {
                let unit = Unit::parse_in(&text_of(&name), base);
                Some(unit.ok_or_else(|| unreadable(what, AmountError::UnknownUnit))?)
            }
        },
    };
    let counted = Counted { unit, has_suffix: plan.unit_suffix, base };
    let Some(plus) = sum(plan, &plan.add, counted, body, globals, what)? else { return Ok(None) };
    let exact = match &plan.subtract {
        None => Ok(plus),
        Some(subtract) => match sum(plan, subtract, counted, body, globals, what)? {
            Some(minus) => plus.minus(minus),
            None => return Ok(None),
        },
    };
    exact.and_then(Decimal::to_bytes).map(Some).map_err(|error| unreadable(what, error))
}

/// The sum of a program's outputs in bytes, not yet rounded.
fn sum(
    plan: &AmountPlan,
    program: &Program,
    counted: Counted,
    body: &Val,
    globals: &Globals,
    what: &str,
) -> Result<Option<Decimal>, ReadError> {
    let missing = |_| ReadError::bad_answer(format!("The operator's answer has no readable {what}."));
    let terms = program.outputs(body, globals).map_err(missing)?;
    if terms.is_empty() {
        return Ok(plan.none_is_zero.then_some(Decimal::ZERO));
    }
    if terms.iter().any(|term| matches!(term, Val::Null)) {
        return Ok(None);
    }
    let mut total = Decimal::ZERO;
    for term in &terms {
        let bytes = match in_bytes(term, counted) {
            Err(AmountError::Blank) if plan.blank_is_zero => Ok(Decimal::ZERO),
            other => other,
        };
        total = bytes.and_then(|bytes| total.plus(bytes)).map_err(|error| unreadable(what, error))?;
    }
    Ok(Some(total))
}

fn in_bytes(term: &Val, counted: Counted) -> Result<Decimal, AmountError> {
    let text = match term {
        // The result of arithmetic on fractions in jq. It is no longer exact, so it is rejected.
        Val::Num(Num::Float(_)) | Val::Bool(_) | Val::Null | Val::Arr(_) | Val::Obj(_) => {
            return Err(AmountError::NotANumber);
        }
        other => text_of(other),
    };
    let (number, own) =
        if counted.has_suffix { split_unit(&text, counted.base)? } else { (Decimal::parse(&text)?, None) };
    if number.is_negative() {
        return Err(AmountError::Negative);
    }
    let unit = own.or(counted.unit).ok_or(AmountError::UnknownUnit)?;
    if unit == Unit::B && !number.is_whole() {
        return Err(AmountError::FractionOfByte);
    }
    number.times(unit.bytes(counted.base))
}

/// Whether an operator writes that there is no total, in one of the ways that are seen: `-1`, a dash, a word.
fn is_no_total(value: &Val) -> bool {
    let text = text_of(value).trim().to_lowercase();
    NO_TOTAL.contains(&text.as_str()) || Decimal::parse(&text) == Ok(Decimal::MINUS_ONE)
}

fn says_no_total(plan: &AmountPlan, body: &Val, globals: &Globals) -> bool {
    plan.add.outputs(body, globals).is_ok_and(|outputs| outputs.iter().any(is_no_total))
}

fn date(plan: Option<&DatePlan>, body: &Val, globals: &Globals) -> Result<Option<UnixMs>, ReadError> {
    let Some(plan) = plan else { return Ok(None) };
    let Some(found) = value(&plan.from, body, globals, "date")? else { return Ok(None) };
    let text = text_of(&found);
    if text.trim().is_empty() {
        return Ok(None);
    }
    let read = plan.format.read(&text, &plan.zone);
    read.map(Some).ok_or_else(|| ReadError::bad_answer("A date in the operator's answer cannot be read."))
}

fn period(plan: &PeriodPlan, body: &Val, globals: &Globals, span: Span) -> Result<Period, ReadError> {
    let start = date(plan.start.as_ref(), body, globals)?;
    let end = date(plan.end.as_ref(), body, globals)?;
    refuse_reversed(start, end)?;
    let key = match &plan.key {
        Some(key) => value(key, body, globals, "period")?.map(|key| short_text(&key)),
        None => None,
    };
    let kind_name = match &plan.kind_from {
        Some(from) => value(from, body, globals, "period")?,
        None => None,
    };
    let kind = match kind_name {
        None => plan.kind,
        Some(name) => PeriodKind::parse(&text_of(&name)).ok_or_else(|| {
            ReadError::bad_answer("The period in the operator's answer is of no known kind.")
        })?,
    };
    let follows_the_clock = matches!(kind, PeriodKind::CalendarMonth | PeriodKind::BillingCycle);
    if follows_the_clock && start.is_some_and(|start| start > span.ended.after(MAX_AHEAD)) {
        return Err(ReadError::bad_answer("The period in the operator's answer has not begun yet."));
    }
    if kind == PeriodKind::CalendarMonth {
        let month_of = |at| {
            dates::month_of(at, &plan.zone)
                .ok_or_else(|| ReadError::bad_answer("A date in the operator's answer is out of range."))
        };
        let month = month_of(start.unwrap_or(span.began))?;
        if start.is_none() && month != month_of(span.ended)? {
            // Booked in the wrong month, the small usage of a new month would look like a correction.
            let detail = "The month ended while the operator was asked.";
            return Err(ReadError::new(FailureKind::Temporary, detail));
        }
        // An operator that returns both ends knows its own zone better.
        let (start, end) = start.zip(end).unwrap_or((month.start, month.end));
        return Ok(Period { kind, key: key.unwrap_or(month.key), start: Some(start), end: Some(end) });
    }
    // Where only the end is known the key stays empty, since the end moves when a bundle is prolonged.
    let key = key.or_else(|| start.map(|start| start.seconds().to_string())).unwrap_or_default();
    Ok(Period { kind, key, start, end })
}

fn refuse_reversed(start: Option<UnixMs>, end: Option<UnixMs>) -> Result<(), ReadError> {
    match start.zip(end) {
        Some((start, end)) if end <= start => {
            Err(ReadError::bad_answer("A period in the operator's answer ends before it begins."))
        }
        _ => Ok(()),
    }
}

fn bundles(
    plan: &BundlesPlan,
    body: &Val,
    globals: &Globals,
    settings: &Settings,
) -> Result<Vec<Bundle>, ReadError> {
    let unreadable = |_| ReadError::bad_answer("The operator's answer has no readable list of bundles.");
    let found = plan.each.outputs(body, globals).map_err(unreadable)?;
    if found.len() > MAX_BUNDLES {
        return Err(ReadError::bad_answer("The operator's answer lists too many bundles."));
    }
    let unknown = || self::unreadable("amount of a bundle", AmountError::UnknownUnit);
    let base = plan.base.of(settings).ok_or_else(unknown)?;
    let counted = Counted { unit: Some(plan.unit), has_suffix: false, base };
    let bundles: Vec<Bundle> =
        found.iter().map(|each| bundle(plan, counted, each)).collect::<Result<_, _>>()?;
    believable(bundles.iter().fold(0, |sum, bundle| sum.saturating_add(bundle.used)))?;
    Ok(bundles)
}

fn bundle(plan: &BundlesPlan, counted: Counted, each: &Val) -> Result<Bundle, ReadError> {
    let wrong = |error| unreadable("amount of a bundle", error);
    let bytes = |name| member(each, name).map(|value| in_bytes(value, counted)).transpose().map_err(wrong);
    let text = |name| member(each, name).map(short_text).unwrap_or_default();
    let when = |name| match member(each, name).map(text_of) {
        Some(text) if !text.trim().is_empty() => plan
            .date_format
            .read(&text, &plan.zone)
            .map(Some)
            .ok_or_else(|| ReadError::bad_answer("A date in the operator's answer cannot be read.")),
        _ => Ok(None),
    };
    let unlimited = matches!(member(each, "unlimited"), Some(Val::Bool(true)));
    let total = if member(each, "total").is_some_and(is_no_total) { None } else { bytes("total")? };
    let remaining = bytes("remaining")?;
    let (start, end) = (when("start")?, when("end")?);
    refuse_reversed(start, end)?;
    let used = match (bytes("used")?, total, remaining) {
        (Some(used), _, _) => used,
        (None, Some(total), Some(remaining)) => total.minus(remaining).map_err(wrong)?,
        _ => return Err(ReadError::bad_answer("A bundle in the operator's answer has no used amount.")),
    };
    let code = text("code");
    if code.is_empty() {
        return Err(ReadError::bad_answer("A bundle in the operator's answer has no id."));
    }
    let total = if unlimited { None } else { total };
    Ok(Bundle {
        name: Some(text("name")).filter(|name| !name.is_empty()).unwrap_or_else(|| code.clone()),
        code,
        used: used.to_bytes().map_err(wrong)?,
        total: total.map(Decimal::to_bytes).transpose().map_err(wrong)?,
        start,
        end,
    })
}

#[cfg(test)]
mod tests;
