//! The verdict on one reading.

use super::held::{Held, SuspectReason};
use super::lane::LaneMemory;
use super::rule::{GuardRule, SETTLES_WITHIN, is_impossible_period};
use super::unit::{unit_jump, would_show};
use crate::ids::ProfileId;
use crate::metering::delta::{
    Last, ReadingKind, Step, by_bundle, counted_usage, is_another_set, moment, step, step_after,
};
use crate::metering::rejoin::{Rejoined, rejoin};
use crate::metering::transition::AfterFall;
use crate::reading::{Bundle, Reading};
use crate::time::UnixMs;

/// A fall of less than this part of the usage is a correction that is believed at once.
const SMALL_FALL: u64 = 20;

/// A reading, and what is known of its profile.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The profile.
    pub profile: ProfileId,
    /// Its state; `None` before its first believed reading.
    pub last: Option<&'a Last>,
    /// Its suspect reading that waits.
    pub held: Option<&'a Held>,
    /// What was read.
    pub reading: &'a Reading,
    /// When the reading began.
    pub began_at: UnixMs,
}

/// Whether a reading is booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Believed(Step),
    /// It counts, and shows that the count went on which was taken for a new one.
    Rejoined(Rejoined),
    /// It is held back.
    Suspect(SuspectReason),
}

/// The verdict, and what is held back of the profile from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// The suspect reading that waits.
    pub held: Option<Held>,
}

/// Judges a reading. `lane` is what the other profiles of its operator account showed.
///
/// - A sentinel, and growth above what a bearer carries: held until a person decides, or an ordinary reading
///   comes.
/// - A jump by the ratio of two units that many profiles of the lane show: all readings of the lane that
///   change something are held until a person decides.
/// - A fall of 5 % or more without a new period and without a bundle that ended: held until a later reading
///   agrees, or for a day.
/// - A period that cannot be: held.
/// - A late reading changes nothing, whatever it says.
#[must_use]
pub fn judge(rule: &GuardRule, lane: &mut LaneMemory, seen: &Seen<'_>) -> Judged {
    let Seen { last, reading, began_at, .. } = *seen;
    let plain = step(last, reading, began_at);
    if plain.kind == ReadingKind::Late {
        let verdict = match says_nothing(rule, reading) {
            true => Verdict::Suspect(SuspectReason::Sentinel),
            false => Verdict::Believed(plain),
        };
        return Judged { verdict, held: seen.held.cloned() };
    }
    if says_nothing(rule, reading) {
        return seen.suspect(SuspectReason::Sentinel);
    }
    if is_impossible_period(reading, began_at) {
        return seen.suspect(SuspectReason::ImpossiblePeriod);
    }
    let used = counted_usage(reading);
    if let Some(last) = last.filter(|_| goes_on(plain.kind)) {
        let jump = unit_jump(last.used, used);
        if jump.is_some() && jump == lane.accepted() {
            return seen.believed(step_after(Some(last), reading, began_at, AfterFall::SameCount));
        }
        if would_show(last.used, used) {
            lane.observe(began_at, seen.profile, jump);
        }
    }
    if lane.held().is_some() && used != last.map_or(0, |last| last.used) {
        return seen.suspect(SuspectReason::UnitChange);
    }
    if last.is_some_and(|last| is_fall(last, reading, &plain)) {
        return seen.fell(rule);
    }
    if let Some(last) = last
        && let Some(back) = returned(last, reading, began_at)
        && let Some(assumed) = last.assumed.as_deref()
    {
        return match is_too_fast(rule, Some(&assumed.before), reading, began_at, &back.step) {
            true => seen.suspect(SuspectReason::TooFast),
            false => Judged { verdict: Verdict::Rejoined(back), held: seen.still_held() },
        };
    }
    if is_too_fast(rule, last, reading, began_at, &plain) {
        return seen.suspect(SuspectReason::TooFast);
    }
    seen.believed(plain)
}

/// What a held reading counts as where it is believed after all: by a person, or since a day has passed.
/// `None` where a later reading made it pointless.
#[must_use]
pub fn settle_held(last: Option<&Last>, held: &Held) -> Option<Step> {
    let fall = match held.reason {
        // The unit of one count changed: it did not begin anew.
        SuspectReason::UnitChange => AfterFall::SameCount,
        _ => AfterFall::NewCount,
    };
    let step = step_after(last, &held.reading, held.began_at, fall);
    (step.kind != ReadingKind::Late).then_some(step)
}

impl Seen<'_> {
    fn moment(&self) -> UnixMs {
        moment(self.reading.as_of, self.began_at)
    }

    fn believed(&self, step: Step) -> Judged {
        Judged { verdict: Verdict::Believed(step), held: self.still_held() }
    }

    /// What was held before stays so where it is newer than this reading.
    fn still_held(&self) -> Option<Held> {
        self.held.filter(|held| moment(held.reading.as_of, held.began_at) > self.moment()).cloned()
    }

    fn hold(&self, reason: SuspectReason, since: UnixMs, agreed_from: UnixMs) -> Judged {
        let (reading, began_at) = (self.reading.clone(), self.began_at);
        let held = Held { reason, reading, began_at, since, agreed_from };
        Judged { verdict: Verdict::Suspect(reason), held: Some(held) }
    }

    /// Holds the reading back. A fall that waits goes on waiting: this reading says nothing about it.
    fn suspect(&self, reason: SuspectReason) -> Judged {
        match self.held {
            Some(held) if held.reason == SuspectReason::Fall && reason != SuspectReason::UnitChange => {
                Judged { verdict: Verdict::Suspect(reason), held: Some(held.clone()) }
            }
            Some(held) if held.reason == reason => self.hold(reason, held.since, self.moment()),
            _ => self.hold(reason, self.began_at, self.moment()),
        }
    }

    /// Holds a fall back, or books it: where a reading agrees that is as much younger as the operator's
    /// answers can be old, or where it has waited for a day.
    fn fell(&self, rule: &GuardRule) -> Judged {
        let at = self.moment();
        let Some(held) = self.held.filter(|held| held.reason == SuspectReason::Fall) else {
            return self.hold(SuspectReason::Fall, self.began_at, at);
        };
        if at < moment(held.reading.as_of, held.began_at) {
            return Judged { verdict: Verdict::Suspect(SuspectReason::Fall), held: Some(held.clone()) };
        }
        let agrees = agrees(&held.reading, self.reading);
        let is_settled = agrees && at.since(held.agreed_from) >= rule.apart()
            || self.began_at.since(held.since) >= SETTLES_WITHIN;
        if is_settled {
            return self.believed(step_after(self.last, self.reading, self.began_at, AfterFall::NewCount));
        }
        self.hold(SuspectReason::Fall, held.since, if agrees { held.agreed_from } else { at })
    }
}

fn says_nothing(rule: &GuardRule, reading: &Reading) -> bool {
    let mut usages = reading.bundles.iter().map(|bundle| bundle.used);
    rule.is_sentinel(reading.used) || usages.any(|used| rule.is_sentinel(used))
}

/// Whether the count before goes on, as far as the operator tells. Where it may have begun anew, many fall to
/// about a thousandth at the turn of a cycle.
fn goes_on(kind: ReadingKind) -> bool {
    matches!(kind, ReadingKind::SamePeriod | ReadingKind::Correction)
}

fn is_fall(last: &Last, reading: &Reading, step: &Step) -> bool {
    if step.assumes() {
        return true;
    }
    let is_large = step.delta.unsigned_abs() >= last.used.div_ceil(SMALL_FALL);
    step.kind == ReadingKind::Correction && is_large && !is_another_set_of(last, reading)
}

/// A bundle ended or was added where the operator lists none: the usage is of another set.
fn is_another_set_of(last: &Last, reading: &Reading) -> bool {
    !by_bundle(last, reading) && is_another_set(&last.period, &reading.period)
}

/// Whether a later fall confirms an earlier one: it is of the same period, and no other fall.
fn agrees(earlier: &Reading, later: &Reading) -> bool {
    let (before, after) = (counted_usage(earlier), counted_usage(later));
    let is_same = earlier.period.kind == later.period.kind && earlier.period.key == later.period.key;
    is_same && after >= before - before / SMALL_FALL
}

/// Whether the usage is back from before a fall to nearly nothing that was taken for a new count.
fn returned(last: &Last, reading: &Reading, began_at: UnixMs) -> Option<Rejoined> {
    let assumed = last.assumed.as_deref()?;
    let before = assumed.before.used;
    let is_back = counted_usage(reading) >= before && last.used <= before / SMALL_FALL && before > 0;
    let is_soon = began_at.since(assumed.at) <= SETTLES_WITHIN;
    rejoin(last, reading, began_at).filter(|_| is_back && is_soon)
}

fn is_too_fast(
    rule: &GuardRule,
    last: Option<&Last>,
    reading: &Reading,
    began_at: UnixMs,
    step: &Step,
) -> bool {
    let Ok(bytes) = u64::try_from(step.delta) else { return false };
    let start = counted_from(last, reading);
    let since = match (last.map(|last| moment(last.as_of, last.began_at)), step.kind) {
        (None, _) => start,
        (Some(last), ReadingKind::NewPeriod) => Some(start.map_or(last, |start| start.min(last))),
        (Some(last), _) => Some(last),
    };
    !rule.can_have_grown(bytes, since, moment(reading.as_of, began_at))
}

/// When the count of a reading began, as far as the operator tells: of bundles, the earliest new one.
fn counted_from(last: Option<&Last>, reading: &Reading) -> Option<UnixMs> {
    let known = last.map(|last| last.bundles.as_slice()).unwrap_or_default();
    let is_new = |bundle: &&Bundle| !known.iter().any(|state| state.bundle == **bundle);
    let bundles = reading.bundles.iter().filter(is_new).map(|bundle| bundle.start);
    let earliest = bundles.collect::<Option<Vec<_>>>().and_then(|starts| starts.into_iter().min());
    match (reading.period.start, earliest) {
        (Some(start), Some(bundle)) => Some(start.min(bundle)),
        (start, bundle) => start.or(bundle),
    }
}
