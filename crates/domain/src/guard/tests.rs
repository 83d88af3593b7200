use super::held::{Held, SuspectReason};
use super::lane::LaneMemory;
use super::rule::GuardRule;
use super::unit::{UnitJump, unit_jump};
use super::{Seen, Verdict, judge, settle_held};
use crate::ids::ProfileId;
use crate::metering::delta::{Last, ReadingKind};
use crate::reading::{Bundle, Period, PeriodKind, Reading};
use crate::time::UnixMs;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const GIB: u64 = 1 << 30;

/// A profile in the hands of the guard, with the sum of its books.
#[derive(Default)]
struct Profile {
    id: i64,
    last: Option<Last>,
    held: Option<Held>,
    booked: i64,
}

impl Profile {
    /// Reads it; answers why the reading is held back, if it is.
    fn read(
        &mut self,
        rule: &GuardRule,
        lane: &mut LaneMemory,
        reading: &Reading,
        at: i64,
    ) -> Option<SuspectReason> {
        let seen = Seen {
            profile: ProfileId(self.id),
            last: self.last.as_ref(),
            held: self.held.as_ref(),
            reading,
            began_at: UnixMs(at),
        };
        let judged = judge(rule, lane, &seen);
        self.held = judged.held;
        let step = match judged.verdict {
            Verdict::Believed(step) => step,
            Verdict::Rejoined(rejoined) => rejoined.step,
            Verdict::Suspect(reason) => return Some(reason),
        };
        self.booked += step.delta;
        self.last = Some(step.last);
        None
    }

    fn alone(&mut self, reading: &Reading, at: i64) -> Option<SuspectReason> {
        self.read(&GuardRule::default(), &mut LaneMemory::default(), reading, at)
    }

    /// A day has passed, or a person accepts.
    fn settle(&mut self) {
        let held = self.held.take().expect("one is held");
        let step = settle_held(self.last.as_ref(), &held).expect("not late");
        self.booked += step.delta;
        self.last = Some(step.last);
    }
}

fn of(period: Period, used: u64) -> Reading {
    Reading { period, used, total: None, as_of: None, status: None, raw_status: None, bundles: vec![] }
}

fn period(kind: PeriodKind, key: &str) -> Period {
    Period { kind, key: key.to_owned(), start: None, end: None }
}

/// Of a cycle whose start the operator does not tell.
fn bare(used: u64) -> Reading {
    of(period(PeriodKind::BillingCycle, ""), used)
}

fn month(used: u64) -> Reading {
    of(period(PeriodKind::CalendarMonth, "2026-05"), used)
}

use SuspectReason::{Fall, ImpossiblePeriod, Sentinel, TooFast, UnitChange};

#[test]
fn zeros_that_pass_within_two_hours_book_nothing() {
    // Read within minutes, and so far apart that the zeros agree: the old usage comes back either way.
    for apart in [5 * MINUTE, 40 * MINUTE] {
        let mut profile = Profile::default();
        for (at, used) in (0..).zip([2_097_152, 0, 0, 2_097_152]) {
            profile.alone(&bare(used), at * apart);
        }
        assert_eq!((profile.booked, profile.held), (2_097_152, None), "{apart}");
    }
}

#[test]
fn ten_petabytes_are_never_booked() {
    for (used, reason) in [
        (10_485_759_959_105_536, TooFast),
        (u64::from(u32::MAX), Sentinel),
        (u64::MAX, Sentinel),
        (999_999_999 * 1024, Sentinel),
    ] {
        let mut profile = Profile::default();
        let held: Vec<_> = [2000, used, used, 3000]
            .into_iter()
            .zip(1..)
            .map(|(used, at)| profile.alone(&month(used), at * DAY))
            .collect();
        assert_eq!(held, [None, Some(reason), Some(reason), None]);
        assert_eq!((profile.booked, profile.held), (3000, None));
    }
    let mut first = Profile::default();
    assert_eq!(first.alone(&month(10_485_759_959_105_536), DAY), Some(TooFast), "more than in ten years");
}

#[test]
fn growth_is_measured_from_the_usages_own_time() {
    let rule = GuardRule { lag: std::time::Duration::ZERO, ..GuardRule::default() };
    // 150 Mbit/s carry 67.5 GB in an hour, and 10 GiB are free.
    let most = 67_500_000_000 + 10 * GIB;
    for (grown, held) in [(most, None), (most + 1, Some(TooFast))] {
        let mut profile = Profile::default();
        profile.read(&rule, &mut LaneMemory::default(), &month(5), 0);
        assert_eq!(profile.read(&rule, &mut LaneMemory::default(), &month(5 + grown), HOUR), held);
    }
    let mut profile = Profile::default();
    let timed = |used, as_of| Reading { as_of: Some(UnixMs(as_of)), ..month(used) };
    profile.alone(&timed(5, 0), 10 * DAY);
    assert_eq!(profile.alone(&timed(5 + most, HOUR), 10 * DAY + MINUTE), None, "an hour by its own time");
}

#[test]
fn a_fall_waits_for_a_reading_that_agrees() {
    let mut profile = Profile::default();
    profile.alone(&month(1000), 0);
    assert_eq!(profile.alone(&month(951), HOUR), None, "less than a twentieth");
    assert_eq!(profile.alone(&month(900), 2 * HOUR), Some(Fall));
    assert_eq!(profile.alone(&month(900), 2 * HOUR + 29 * MINUTE), Some(Fall), "it may come from a cache");
    assert_eq!(profile.booked, 951);
    assert_eq!(profile.alone(&month(910), 2 * HOUR + 30 * MINUTE), None);
    assert_eq!((profile.booked, profile.held.is_some()), (910, false));
    // One that falls further does not agree.
    assert_eq!(profile.alone(&month(500), 3 * HOUR), Some(Fall));
    assert_eq!(profile.alone(&month(100), 4 * HOUR), Some(Fall));
    assert_eq!(profile.alone(&month(100), 5 * HOUR), None);
    assert_eq!(profile.booked, 100);
}

#[test]
fn a_fall_of_a_cycle_without_a_known_start_is_an_assumed_period() {
    let mut profile = Profile::default();
    profile.alone(&bare(1000), 0);
    assert_eq!(profile.alone(&bare(600), HOUR), Some(Fall));
    assert_eq!(profile.alone(&bare(600), 2 * HOUR), None);
    let last = profile.last.expect("read");
    assert_eq!((profile.booked, last.cycle, last.counted), (1600, 1, 600));
    assert_eq!(last.assumed.expect("assumed").before.used, 1000);
}

#[test]
fn a_fall_is_booked_after_a_day() {
    let mut profile = Profile::default();
    profile.alone(&bare(1000), 0);
    assert_eq!(profile.alone(&bare(300), HOUR), Some(Fall));
    profile.settle();
    assert_eq!(profile.booked, 1300);
    // By a reading that does not agree, too.
    let mut profile = Profile::default();
    profile.alone(&month(1000), 0);
    assert_eq!(profile.alone(&month(300), HOUR), Some(Fall));
    assert_eq!(profile.alone(&month(200), 25 * HOUR), None);
    assert_eq!(profile.booked, 200);
}

#[test]
fn an_older_answer_does_not_settle_a_newer_one() {
    let timed = |used, as_of| Reading { as_of: Some(UnixMs(as_of)), ..month(used) };
    let mut profile = Profile::default();
    profile.alone(&timed(1000, 0), 0);
    assert_eq!(profile.alone(&timed(300, 10), 20), Some(Fall));
    assert_eq!(profile.alone(&timed(1010, 5), 30), None);
    assert!(profile.held.is_some(), "the fall is newer");
    assert_eq!(profile.alone(&timed(1020, 15), 40), None);
    assert_eq!((profile.booked, profile.held), (1020, None));
}

#[test]
fn what_is_a_new_period_or_an_ended_bundle_is_believed_at_once() {
    let mut profile = Profile::default();
    profile.alone(&month(1000), 0);
    let june = of(period(PeriodKind::CalendarMonth, "2026-06"), 3);
    assert_eq!((profile.alone(&june, DAY), profile.booked), (None, 1003));
    // Sets of bundles without a list: one ended.
    let set = |key: &str, used| of(period(PeriodKind::Bundle, key), used);
    let mut profile = Profile::default();
    assert_eq!([set("a,b", 900), set("b", 100)].map(|one| profile.alone(&one, 0)), [None, None]);
    assert_eq!(profile.booked, 1000);
}

#[test]
fn a_bundle_without_dates_that_falls_waits() {
    let bundle = |used| {
        let bundle =
            Bundle { code: "a".into(), name: String::new(), used, total: None, start: None, end: None };
        Reading { bundles: vec![bundle], ..of(period(PeriodKind::Bundle, "a"), used) }
    };
    let mut profile = Profile::default();
    for (at, used) in (0..).zip([2000, 0, 2000]) {
        profile.alone(&bundle(used), at * 5 * MINUTE);
    }
    assert_eq!(profile.booked, 2000);
    for (at, used) in (1..).zip([10, 20]) {
        profile.alone(&bundle(used), at * HOUR);
    }
    assert_eq!(profile.booked, 2020, "the next bundle of that code");
    assert_eq!(profile.last.expect("read").bundles.len(), 2);
}

#[test]
fn periods_that_cannot_be() {
    let dated = |start: i64, end: i64| Period {
        start: Some(UnixMs(start)),
        end: Some(UnixMs(end)),
        ..period(PeriodKind::BillingCycle, "x")
    };
    for (period, held) in [
        (dated(0, 30 * DAY), None),
        (dated(2, 1), Some(ImpossiblePeriod)),
        (dated(48 * HOUR, 60 * DAY), None),
        (dated(48 * HOUR + 1, 60 * DAY), Some(ImpossiblePeriod)),
        (Period { kind: PeriodKind::Bundle, ..dated(9 * DAY, 60 * DAY) }, None),
    ] {
        assert_eq!(Profile::default().alone(&of(period.clone(), 5), 0), held, "{period:?}");
    }
}

#[test]
fn jumps_by_units() {
    let mib = 1 << 20;
    for (last, new, jump) in [
        (mib, 1024 * mib, Some(UnitJump::ThousandUp)),
        (mib, 1000 * mib, Some(UnitJump::ThousandUp)),
        (mib, 1100 * mib, Some(UnitJump::ThousandUp)),
        (mib, 1130 * mib, None),
        (mib, 970 * mib, None),
        (mib / 16, 64 * mib, None),
        (1000, 1_000_000_000, Some(UnitJump::MillionUp)),
        (1000, 1000 << 20, Some(UnitJump::MillionUp)),
        (1024 * mib, mib, Some(UnitJump::ThousandDown)),
        (1000 * mib, mib, Some(UnitJump::ThousandDown)),
        (1000 << 20, 1000, Some(UnitJump::MillionDown)),
        (0, 1024 * mib, None),
    ] {
        assert_eq!(unit_jump(last, new), jump, "{last} {new}");
    }
}

#[test]
fn five_profiles_that_jump_hold_the_lane() {
    let (rule, mut lane) = (GuardRule::default(), LaneMemory::default());
    let mib: u64 = 1 << 20;
    let mut profiles: Vec<Profile> = (0..8).map(|id| Profile { id, ..Profile::default() }).collect();
    for profile in &mut profiles {
        assert_eq!(profile.read(&rule, &mut lane, &month(mib), 0), None);
    }
    let held: Vec<_> = (0..)
        .zip(&mut profiles)
        .map(|(at, profile)| profile.read(&rule, &mut lane, &month(1024 * mib), HOUR + at * MINUTE))
        .collect();
    assert_eq!(held[..4], [None; 4]);
    assert_eq!(held[4..], [Some(UnitChange); 4]);
    // Also what jumps no more, what is small, and what is read for the first time.
    let mut small = Profile { id: 9, ..Profile::default() };
    assert_eq!(small.read(&rule, &mut lane, &month(5), 2 * HOUR), Some(UnitChange));
    // What did not change needs no unit.
    assert_eq!(profiles[7].read(&rule, &mut lane, &month(mib), 2 * HOUR), None);
    // A person accepts: what waits is booked, and the others may jump, too.
    let mut lane = LaneMemory::new(None, Some(UnitJump::ThousandUp));
    profiles[5].settle();
    assert_eq!(profiles[5].booked, 1024 << 20);
    assert_eq!(profiles[7].read(&rule, &mut lane, &month(1024 * mib), 3 * HOUR), None);
    assert_eq!(lane.held(), None);
}

#[test]
fn one_profile_or_many_that_grow_otherwise_hold_nothing() {
    let (rule, mut lane) = (GuardRule::default(), LaneMemory::default());
    let mib: u64 = 1 << 20;
    // Read again and again, one profile is one. And of many that grow, a few grow a thousandfold.
    for at in 0..20 {
        let mut profile = Profile { id: at % 2, ..Profile::default() };
        profile.read(&rule, &mut lane, &month(mib), at * MINUTE);
        assert_eq!(profile.read(&rule, &mut lane, &month(1024 * mib), at * MINUTE + 1), None);
    }
    lane = LaneMemory::default();
    for at in 0..60 {
        let mut profile = Profile { id: 10 + at, ..Profile::default() };
        let grown = if at % 3 == 0 { 1024 } else { 300 };
        profile.read(&rule, &mut lane, &month(mib), at * MINUTE);
        assert_eq!(profile.read(&rule, &mut lane, &month(grown * mib), at * MINUTE + 1), None);
    }
}

#[test]
fn what_is_late_is_late_whatever_it_says() {
    let mut profile = Profile::default();
    profile.alone(&month(1000), DAY);
    assert_eq!(profile.alone(&month(9_000_000), 0), None);
    assert_eq!(profile.alone(&month(u64::MAX), 0), Some(Sentinel));
    assert_eq!(profile.held, None);
    assert_eq!(profile.last.expect("read").used, 1000);
    assert_eq!(ReadingKind::parse("assumed_period"), Some(ReadingKind::AssumedPeriod));
}
