//! Random histories with everything that goes wrong at operators.

use super::held::{Held, SuspectReason};
use super::lane::LaneMemory;
use super::rule::GuardRule;
use super::{Seen, Verdict, judge, settle_held};
use crate::ids::ProfileId;
use crate::metering::booking::Ledger;
use crate::metering::delta::{Last, moment};
use crate::reading::{Period, PeriodKind, Reading};
use crate::time::UnixMs;
use proptest::prelude::*;
use std::time::Duration;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const GIB: u64 = 1 << 30;

/// What goes wrong between two readings of the truth.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// A number that stands for none.
    Sentinel(u64),
    /// Zeros, so many, over so many minutes.
    Zeros(usize, i64),
    /// The last answer once more, by an upstream cache.
    Cached,
    /// An answer that was delivered before.
    Repeated(usize),
    /// All profiles of the lane show so many times as much.
    Unit(u64),
    /// An end before the start.
    BadPeriod,
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let sentinel = prop_oneof![
        Just(u64::MAX),
        Just(u64::from(u32::MAX)),
        Just(i64::MAX.unsigned_abs()),
        Just(999_999_999 * 1024),
        Just(10_485_759_959_105_536),
    ];
    let fault = prop_oneof![
        sentinel.prop_map(Fault::Sentinel),
        (1_usize..6, 1_i64..10 * 60).prop_map(|(count, minutes)| Fault::Zeros(count, minutes)),
        Just(Fault::Cached),
        (0_usize..50).prop_map(Fault::Repeated),
        prop_oneof![Just(1000), Just(1024), Just(1_000_000), Just(1 << 20)].prop_map(Fault::Unit),
        Just(Fault::BadPeriod),
    ];
    proptest::collection::vec(fault, 0..3)
}

/// One cycle of the truth.
#[derive(Clone, Debug)]
struct Cycle {
    /// Parts of what the cycle before left that the first two readings show, in thousandths.
    first: (u64, u64),
    /// Bytes between later readings, with the faults before each. A share that the operator corrects, in
    /// percent.
    growth: Vec<(u64, Vec<Fault>, Option<u64>)>,
    /// Faults between the first two.
    faults: Vec<Fault>,
}

#[derive(Clone, Debug)]
struct History {
    /// Whether the operator tells which period it counts.
    keyed: bool,
    lag: i64,
    timed: bool,
    cycles: Vec<Cycle>,
}

fn history() -> impl Strategy<Value = History> {
    let growth = (0..4 * GIB, faults(), proptest::option::of(5_u64..90));
    let cycle = (0_u64..900, 0_u64..900, proptest::collection::vec(growth, 0..4), faults()).prop_map(
        |(one, other, growth, faults)| Cycle { first: (one.min(other), one.max(other)), growth, faults },
    );
    let lag = prop_oneof![Just(0), Just(20 * MINUTE), Just(2 * DAY)];
    (any::<bool>(), lag, any::<bool>(), proptest::collection::vec(cycle, 1..4))
        .prop_map(|(keyed, lag, timed, cycles)| History { keyed, lag, timed, cycles })
}

/// A profile, its operator and its books.
struct World {
    history: History,
    rule: GuardRule,
    lane: LaneMemory,
    now: i64,
    cycle: usize,
    usage: u64,
    /// The last true usages of the cycles before.
    truth: u64,
    last: Option<Last>,
    held: Option<Held>,
    books: Ledger,
    delivered: Vec<(Reading, i64)>,
}

impl World {
    fn new(history: History) -> Self {
        let lag = Duration::from_millis(history.lag.unsigned_abs());
        Self {
            rule: GuardRule { lag, ..GuardRule::default() },
            lane: LaneMemory::default(),
            now: 100 * DAY,
            cycle: 0,
            usage: 0,
            truth: 0,
            last: None,
            held: None,
            books: Ledger::default(),
            delivered: Vec::new(),
            history,
        }
    }

    fn apart(&self) -> i64 {
        i64::try_from(self.rule.apart().as_millis()).expect("small")
    }

    fn reading(&self, used: u64) -> Reading {
        let kind = if self.history.keyed { PeriodKind::CalendarMonth } else { PeriodKind::BillingCycle };
        let key = if self.history.keyed { format!("{:03}", self.cycle) } else { String::new() };
        let as_of = self.history.timed.then_some(UnixMs(self.now - self.history.lag));
        let period = Period { kind, key, start: None, end: None };
        Reading { period, used, total: None, as_of, status: None, raw_status: None, bundles: vec![] }
    }

    fn deliver(&mut self, reading: &Reading, began_at: i64) -> Option<SuspectReason> {
        let seen = Seen {
            profile: ProfileId(1),
            last: self.last.as_ref(),
            held: self.held.as_ref(),
            reading,
            began_at: UnixMs(began_at),
        };
        let judged = judge(&self.rule, &mut self.lane, &seen);
        self.held = judged.held;
        let step = match judged.verdict {
            Verdict::Believed(step) => step,
            Verdict::Rejoined(rejoined) => rejoined.step,
            Verdict::Suspect(reason) => return Some(reason),
        };
        let counts = self.last.as_ref() != Some(&step.last);
        assert!(!counts || !self.rule.is_sentinel(reading.used), "a sentinel was booked: {reading:?}");
        let at = moment(reading.as_of, UnixMs(began_at));
        let booked = self.books.book(step.delta, at).expect("it fits");
        assert_eq!(booked.unbooked, 0);
        self.last = Some(step.last);
        None
    }

    fn read(&mut self, used: u64) -> Option<SuspectReason> {
        let reading = self.reading(used);
        self.delivered.push((reading.clone(), self.now));
        self.deliver(&reading, self.now)
    }

    fn fault(&mut self, fault: Fault) {
        self.now += 10 * MINUTE;
        match fault {
            Fault::Sentinel(used) => {
                assert!(self.read(used).is_some(), "a sentinel is never believed");
            }
            Fault::Zeros(count, minutes) => {
                let count = i64::try_from(count).expect("small");
                for _ in 0..count {
                    self.read(0);
                    self.now += minutes * MINUTE / count;
                }
            }
            Fault::Cached => {
                let answer = self.reading(self.usage);
                self.deliver(&answer, self.now);
            }
            Fault::Repeated(which) => {
                if let Some((reading, began_at)) = self.delivered.get(which).cloned() {
                    self.deliver(&reading, began_at);
                }
            }
            // Only usages that show it; smaller ones are taken for growth.
            Fault::Unit(times) if self.usage > 100 << 20 && self.usage < 1 << 43 => {
                for sibling in 2..7 {
                    let jump = super::unit::unit_jump(1 << 30, times << 30);
                    self.lane.observe(UnixMs(self.now), ProfileId(sibling), jump);
                }
                let wrong = self.reading(self.usage * times);
                assert_eq!(self.deliver(&wrong, self.now), Some(SuspectReason::UnitChange));
                // A person rejects the lane's readings, and the operator mends it.
                self.lane = LaneMemory::default();
                self.held = None;
            }
            Fault::Unit(_) => {}
            Fault::BadPeriod => {
                let mut reading = self.reading(self.usage);
                reading.period.start = Some(UnixMs(self.now));
                reading.period.end = Some(UnixMs(self.now - 1));
                assert_eq!(self.deliver(&reading, self.now), Some(SuspectReason::ImpossiblePeriod));
            }
        }
    }

    /// Reads the truth twice, far enough apart: from then on the books are right.
    fn settle(&mut self) {
        self.now += 10 * MINUTE;
        self.read(self.usage);
        self.now += self.apart();
        self.read(self.usage);
        let truth = self.truth + self.usage;
        assert_eq!(self.books.sum(), truth, "after the truth was read twice: {:#?}", self.history);
        assert_eq!(self.held, None);
    }

    fn run(mut self) {
        for (index, cycle) in self.history.cycles.clone().into_iter().enumerate() {
            let before = self.usage;
            if index > 0 {
                self.truth += before;
                self.cycle = index;
            }
            let of = |part: u64| if index == 0 { part << 20 } else { before / 1000 * part };
            self.usage = of(cycle.first.0);
            self.now += 2 * DAY;
            self.read(self.usage);
            for fault in cycle.faults {
                self.fault(fault);
            }
            self.usage = of(cycle.first.1);
            self.settle();
            // From now on a usage above that of the cycle before is no return of that.
            self.now += 2 * DAY;
            for (bytes, faults, corrected) in cycle.growth {
                for fault in faults {
                    self.fault(fault);
                }
                self.usage += bytes;
                if let Some(percent) = corrected.filter(|_| self.history.keyed) {
                    self.usage -= self.usage / 100 * percent;
                }
                self.settle();
                self.now += DAY;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Sentinels are never booked, and whenever the truth was read twice, the books equal it.
    #[test]
    fn books_equal_the_truth(history in history()) {
        World::new(history).run();
    }

    /// A true fall that one reading saw is booked after a day without another one.
    #[test]
    fn a_true_fall_is_booked_within_a_day(
        before in 20_u64..10 * GIB, part in 0_u64..95, keyed in any::<bool>(), timed in any::<bool>(),
        again in proptest::collection::vec(1_i64..DAY, 0..5), lag in 0_i64..2 * DAY,
    ) {
        let history = History { keyed, lag, timed, cycles: vec![] };
        let mut world = World::new(history);
        world.read(before);
        let after = before / 100 * part;
        let seen_at = world.now + DAY;
        let mut times: Vec<i64> = again.into_iter().map(|later| seen_at + later).collect();
        times.push(seen_at);
        times.sort_unstable();
        for at in times {
            world.now = at;
            world.read(after);
        }
        if let Some(held) = world.held.take() {
            prop_assert!(held.since.0 == seen_at, "it waits from the first on");
            let step = settle_held(world.last.as_ref(), &held).expect("newer than the last");
            world.books.book(step.delta, held.began_at).expect("it fits");
        }
        prop_assert_eq!(world.books.sum(), if keyed { after } else { before + after });
    }
}
