//! Shapes of real traffic. None of these readings is wrong, so none may wait longer than the design says:
//! falls until a reading that is half an hour younger, anything else not at all. The number of suspects is
//! printed.

use super::held::{Held, SuspectReason};
use super::lane::LaneMemory;
use super::rule::GuardRule;
use super::{Seen, Verdict, judge};
use crate::ids::ProfileId;
use crate::metering::delta::Last;
use crate::reading::{Bundle, Period, PeriodKind, Reading};
use crate::time::UnixMs;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const GIB: u64 = 1 << 30;

#[derive(Default)]
struct Lane {
    rule: GuardRule,
    memory: LaneMemory,
    profiles: BTreeMap<i64, (Option<Last>, Option<Held>)>,
    suspects: BTreeMap<&'static str, u32>,
    readings: u32,
}

impl Lane {
    fn read(&mut self, profile: i64, reading: &Reading, at: i64) -> Option<SuspectReason> {
        let (last, held) = self.profiles.entry(profile).or_default();
        let (id, began_at) = (ProfileId(profile), UnixMs(at));
        let seen = Seen { profile: id, last: last.as_ref(), held: held.as_ref(), reading, began_at };
        let judged = judge(&self.rule, &mut self.memory, &seen);
        *held = judged.held;
        self.readings += 1;
        match judged.verdict {
            Verdict::Believed(step) => *last = Some(step.last),
            Verdict::Rejoined(rejoined) => *last = Some(rejoined.step.last),
            Verdict::Suspect(reason) => {
                *self.suspects.entry(reason.as_str()).or_default() += 1;
                return Some(reason);
            }
        }
        None
    }

    fn report(&self, shape: &str) -> u32 {
        let all = self.suspects.values().sum();
        println!("{shape}: {all} suspect of {} readings {:?}", self.readings, self.suspects);
        all
    }
}

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn time(&mut self, most: i64) -> i64 {
        i64::try_from(self.below(most.unsigned_abs())).expect("small")
    }
}

fn of(period: Period, used: u64) -> Reading {
    Reading { period, used, total: None, as_of: None, status: None, raw_status: None, bundles: vec![] }
}

fn month(number: i64, used: u64) -> Reading {
    let (start, end) = (Some(UnixMs(number * 30 * DAY)), Some(UnixMs((number + 1) * 30 * DAY)));
    of(Period { kind: PeriodKind::CalendarMonth, key: format!("{number:03}"), start, end }, used)
}

#[test]
fn cards_first_read_after_months() {
    let (mut lane, mut numbers) = (Lane::default(), Numbers(1));
    for card in 0..5_000 {
        // A router may have used 900 GiB in this month, or 12 TiB in its life.
        let at = 300 * DAY + numbers.time(25 * DAY) + 5 * DAY;
        lane.read(card, &month(at / (30 * DAY), numbers.below(900 * GIB / 1000) * 100), at);
        let lifetime = Period { kind: PeriodKind::Lifetime, key: String::new(), start: None, end: None };
        lane.read(100_000 + card, &of(lifetime, numbers.below(12_000) * GIB), at);
    }
    assert_eq!(lane.report("cards first read after months"), 0);
}

#[test]
fn bundles_end_and_renew() {
    let (mut lane, mut numbers) = (Lane::default(), Numbers(2));
    let bundle = |code: String, used, start| Bundle {
        code,
        name: String::new(),
        used,
        total: Some(10 * GIB),
        start: Some(UnixMs(start)),
        end: Some(UnixMs(start + 30 * DAY)),
    };
    for card in 0..2_000 {
        let mut used = 0;
        for day in 0..90 {
            let (run, age) = (day / 30, day % 30);
            used = if age == 0 { 0 } else { (used + numbers.below(GIB / 4)).min(10 * GIB) };
            let code = if card % 2 == 0 { "plan".to_owned() } else { format!("plan-{run}") };
            let mut bundles = vec![bundle(code, used, run * 30 * DAY)];
            if age > 20 {
                bundles.push(bundle(format!("top-up-{run}"), numbers.below(1000), run * 30 * DAY + 20 * DAY));
                bundles[1].used = u64::try_from(age).expect("small") * 1_000_000;
            }
            let sum = bundles.iter().map(|bundle| bundle.used).sum();
            let key = bundles.iter().map(|bundle| bundle.code.as_str()).collect::<Vec<_>>().join(",");
            let period = Period { kind: PeriodKind::Bundle, key, start: None, end: None };
            lane.read(card, &Reading { bundles, ..of(period, sum) }, day * DAY + numbers.time(DAY));
        }
    }
    assert_eq!(lane.report("bundles that end and renew"), 0);
}

#[test]
fn monthly_corrections_wait_for_one_more_reading() {
    let (mut lane, mut numbers) = (Lane::default(), Numbers(3));
    let mut waited = 0;
    for card in 0..5_000 {
        let used = GIB + numbers.below(20 * GIB);
        let at = 30 * DAY + numbers.time(20 * DAY);
        lane.read(card, &month(1, used), at);
        // On one card of twenty the correction is 5 % or more.
        let percent = if card % 20 == 0 { 6 + numbers.below(40) } else { numbers.below(5) };
        let corrected = used - used / 100 * percent;
        let held = lane.read(card, &month(1, corrected), at + HOUR);
        waited += u32::from(held.is_some());
        assert_eq!(held, (percent >= 5).then_some(SuspectReason::Fall), "{percent}");
        assert_eq!(lane.read(card, &month(1, corrected + 1000), at + HOUR + 30 * MINUTE), None);
    }
    assert_eq!((lane.report("monthly corrections"), waited), (250, 250));
}

#[test]
fn lifetime_counters_only_grow() {
    let (mut lane, mut numbers) = (Lane::default(), Numbers(4));
    for card in 0..2_000 {
        let mut used = numbers.below(5000) * GIB;
        let mut at = 0;
        for _ in 0..50 {
            at += HOUR + numbers.time(40 * DAY);
            used += numbers.below(8 * GIB);
            let period = Period { kind: PeriodKind::Lifetime, key: String::new(), start: None, end: None };
            lane.read(card, &of(period, used), at);
        }
    }
    assert_eq!(lane.report("lifetime counters"), 0);
}

/// All cards of an operator turn their cycle in one hour, and are read before, in it and after. Where the
/// operator does not say when the cycle begins, each waits for its second reading.
#[test]
fn two_hundred_thousand_cards_turn_their_cycle_in_one_hour() {
    for tells in [true, false] {
        let (mut lane, mut numbers) = (Lane::default(), Numbers(5));
        let turn = 60 * DAY;
        let reading = |number: i64, used| match tells {
            true => month(number, used),
            false => of(
                Period { kind: PeriodKind::BillingCycle, key: String::new(), start: None, end: None },
                used,
            ),
        };
        for card in 0..200_000 {
            let used = (200 << 20) + numbers.below(GIB);
            lane.read(card, &reading(1, used), turn - HOUR - numbers.time(DAY));
        }
        let mut held = 0;
        for card in 0..200_000 {
            let at = turn + card * HOUR / 200_000;
            held += u32::from(lane.read(card, &reading(2, numbers.below(1 << 20)), at).is_some());
        }
        for card in 0..200_000 {
            // From a hundred KiB to a hundred MiB: some by a thousandfold.
            let at = turn + HOUR + card * HOUR / 200_000;
            assert_eq!(lane.read(card, &reading(2, (1 << 20) + numbers.below(180 << 20)), at), None);
        }
        assert_eq!(lane.memory.held(), None);
        let expected = if tells { 0 } else { 200_000 };
        let shape = "200,000 cards that turn their cycle";
        assert_eq!((lane.report(shape), held), (expected, expected));
    }
}
