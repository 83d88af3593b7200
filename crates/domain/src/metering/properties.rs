//! Properties of whole histories: readings, differences, bookings.

use crate::metering::booking::{Ledger, Package};
use crate::metering::delta::{Last, ReadingKind, step};
use crate::metering::mirror;
use crate::reading::{Bundle, Period, PeriodKind, Reading};
use crate::time::UnixMs;
use proptest::prelude::*;

const DAY: i64 = 86_400_000;
/// The length of the periods in these histories, in days.
const LENGTH: i64 = 30;

/// An answer, when its reading began, and whether bytes would be lost without it: it is the last of its
/// period.
#[derive(Clone, Debug)]
struct Answer {
    reading: Reading,
    began_at: UnixMs,
    essential: bool,
}

/// How a profile's operator counts, and what its answers show.
#[derive(Clone, Copy, Debug)]
enum Operator {
    /// With keys and dates.
    Dated(PeriodKind),
    /// With keys only.
    Keyed(PeriodKind),
    /// One count that never ends.
    Lifetime,
    /// A billing cycle of unknown start.
    Unknown,
}

impl Operator {
    fn period(self, index: i64) -> Period {
        let at = |index: i64| Some(UnixMs(index * LENGTH * DAY));
        let bare = |kind, key| Period { kind, key, start: None, end: None };
        match self {
            Self::Dated(kind) => {
                Period { start: at(index), end: at(index + 1), ..bare(kind, format!("{index:03}")) }
            }
            Self::Keyed(kind) => bare(kind, format!("{index:03}")),
            Self::Lifetime => bare(PeriodKind::Lifetime, String::new()),
            Self::Unknown => bare(PeriodKind::BillingCycle, String::new()),
        }
    }
}

/// A profile's answers in the order of time. Usage goes up and down within each period. Where the start is
/// unknown it only goes up, and the first usage of a cycle is low: otherwise a new count could not be
/// recognised.
fn history() -> impl Strategy<Value = Vec<Answer>> {
    let operator = prop_oneof![
        Just(Operator::Dated(PeriodKind::CalendarMonth)),
        Just(Operator::Dated(PeriodKind::BillingCycle)),
        Just(Operator::Dated(PeriodKind::Bundle)),
        Just(Operator::Keyed(PeriodKind::CalendarMonth)),
        Just(Operator::Keyed(PeriodKind::BillingCycle)),
        Just(Operator::Lifetime),
        Just(Operator::Unknown),
    ];
    let periods = proptest::collection::vec(proptest::collection::vec(0_u64..100_000, 1..8), 1..5);
    (operator, periods, proptest::option::of(0_i64..DAY)).prop_map(|(operator, mut periods, lag)| {
        let mut answers = Vec::new();
        if let Operator::Unknown = operator {
            let mut before = 0;
            for usages in &mut periods {
                usages.sort_unstable();
                usages[0] = usages[0].min(before / 3);
                before = usages.iter().copied().max().unwrap_or(0);
            }
            // A cycle that ends below the first usage of the next cannot be told from it.
            periods.retain(|usages| usages.last() > Some(&3));
        }
        for (index, usages) in (0..).zip(periods) {
            let count = usages.len();
            for (nth, used) in usages.into_iter().enumerate() {
                let offset = i64::try_from(nth + 1).expect("small") * DAY * 2;
                let began_at = UnixMs(index * LENGTH * DAY + offset);
                let as_of = lag.map(|lag| UnixMs(began_at.0 - lag));
                let period = operator.period(index);
                let reading = Reading {
                    period,
                    used,
                    total: None,
                    as_of,
                    status: None,
                    raw_status: None,
                    bundles: vec![],
                };
                let first = nth == 0 && matches!(operator, Operator::Unknown);
                let last = nth + 1 == count && !matches!(operator, Operator::Lifetime);
                answers.push(Answer { reading, began_at, essential: first || last });
            }
        }
        if let Some(last) = answers.last_mut() {
            last.essential = true;
        }
        answers
    })
}

/// Counts and books answers; returns the sum of the differences, the last state and the books.
fn run(answers: &[Answer], books: &Ledger) -> (i128, Option<Last>, Ledger) {
    let mut books = books.clone();
    let mut last: Option<Last> = None;
    let mut sum = 0;
    for answer in answers {
        let step = step(last.as_ref(), &answer.reading, answer.began_at);
        let booked = books.book(step.delta, answer.began_at).expect("it fits");
        assert_eq!(booked.unbooked, 0, "a correction found what it corrects");
        sum += i128::from(step.delta);
        assert_eq!(i128::from(books.sum()), sum);
        last = Some(step.last);
    }
    (sum, last, books)
}

fn books() -> impl Strategy<Value = Ledger> {
    let bound = || proptest::option::of(0_i64..150);
    let package = (proptest::option::of(0_u64..200_000), bound(), bound());
    proptest::collection::vec(package, 0..4).prop_map(|packages| {
        let packages = (0..).zip(packages).map(|(index, (total, from, to)): (u32, _)| Package {
            code: index.to_string(),
            total,
            valid_from: from.map(|day| UnixMs(day * DAY)),
            valid_to: to.map(|day| UnixMs(day * DAY)),
            booked: 0,
        });
        Ledger { packages: packages.collect(), overage: 0 }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Only the last answer of each period matters: without any of the others, the sum of the differences and
    /// that of the bookings are the same. They are the sum of the periods' last usage.
    #[test]
    fn many_refreshes_count_as_one(
        answers in history(), books in books(), kept in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let some: Vec<Answer> = answers.iter().zip(kept.iter().cycle())
            .filter(|(answer, kept)| answer.essential || **kept).map(|(answer, _)| answer.clone()).collect();
        let only: Vec<Answer> = answers.iter().filter(|answer| answer.essential).cloned().collect();
        let (all_sum, all_last, all_books) = run(&answers, &books);
        let (some_sum, some_last, some_books) = run(&some, &books);
        prop_assert_eq!((all_sum, &all_last), (some_sum, &some_last));
        let (only_sum, only_last, _) = run(&only, &books);
        prop_assert_eq!((all_sum, all_last), (only_sum, only_last));
        prop_assert_eq!(all_books.sum(), some_books.sum());
        let unknown = answers.first().is_some_and(|first| {
            first.reading.period.kind == PeriodKind::BillingCycle && first.reading.period.key.is_empty()
        });
        if !unknown {
            let by_hand: i128 = only.iter().map(|answer| i128::from(answer.reading.used)).sum();
            prop_assert_eq!(all_sum, by_hand);
        }
    }

    /// Answers that are older than one that was counted change nothing, however many there are, in whatever
    /// order and place, with any usage and any older or present period.
    #[test]
    fn late_answers_change_nothing(
        answers in history(), books in books(),
        strays in proptest::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_i64..50 * DAY, 0_u64..100_000),
            0..12,
        ),
    ) {
        prop_assume!(!answers.is_empty());
        let mut mixed = answers.clone();
        for (place, model, older, used) in strays {
            let place = place.index(mixed.len());
            let seen = &mixed[..=place];
            let newest = seen.iter().max_by_key(|answer| answer.began_at).expect("one at least").clone();
            let mut stray = model.get(seen).clone();
            stray.reading.used = used;
            stray.began_at = UnixMs(newest.began_at.0 - older);
            stray.reading.as_of = newest.reading.as_of.map(|as_of| UnixMs(as_of.0 - older));
            mixed.insert(place + 1, stray);
        }
        prop_assert_eq!(run(&mixed, &books), run(&answers, &books));
    }

    /// Within one period answers may come in any order: the newest usage is the total.
    #[test]
    fn the_order_within_a_period_does_not_matter(
        usages in proptest::collection::vec(0_u64..100_000, 1..10).prop_flat_map(|usages| {
            let timed: Vec<(i64, u64)> = (1..).zip(usages).collect();
            (Just(timed.clone()), Just(timed).prop_shuffle())
        }),
        timed in any::<bool>(),
    ) {
        let (in_order, shuffled) = usages;
        let answers = |usages: &[(i64, u64)]| -> Vec<Answer> {
            usages.iter().map(|(at, used)| Answer {
                reading: Reading {
                    period: Operator::Keyed(PeriodKind::CalendarMonth).period(0), used: *used, total: None,
                    as_of: timed.then_some(UnixMs(*at)), status: None, raw_status: None, bundles: vec![],
                },
                // Where the operator gives times, those of the readings may be in any order.
                began_at: UnixMs(if timed { 1000 - at } else { *at }), essential: true,
            }).collect()
        };
        let (sum, last, _) = run(&answers(&shuffled), &Ledger::default());
        prop_assert_eq!(Some(sum), in_order.last().map(|(_, used)| i128::from(*used)));
        prop_assert_eq!(last, run(&answers(&in_order), &Ledger::default()).1);
    }

    /// Bundles appear, grow, are used up and disappear. The differences sum up to the last usage of all
    /// bundles, whichever answers in between are left out, and in whatever order bundles are listed.
    #[test]
    fn bundles_sum_up_whatever_comes_and_goes(
        lives in proptest::collection::vec(
            (0_usize..12, 1_usize..8, proptest::collection::vec(0_u64..1000, 8)),
            1..6,
        ),
        kept in proptest::collection::vec(any::<bool>(), 20), backwards in any::<bool>(),
    ) {
        let listed = |at: usize, backwards: bool| {
            let mut bundles: Vec<Bundle> = lives.iter().enumerate().filter(|(_, (from, length, _))| {
                (*from..from + length).contains(&at)
            }).map(|(index, (from, _, growth))| Bundle {
                code: index.to_string(), name: String::new(), used: growth[..=at - from].iter().sum(),
                total: Some(10_000), start: None, end: None,
            }).collect();
            if backwards { bundles.reverse(); }
            bundles
        };
        let run = |kept: &dyn Fn(usize) -> bool, backwards: bool| {
            let mut last: Option<Last> = None;
            let mut sum = 0_i128;
            for at in (0..20).filter(|at| kept(*at)) {
                let bundles = listed(at, backwards);
                let period = Period { kind: PeriodKind::Bundle, key: String::new(), start: None, end: None };
                let used = bundles.iter().map(|bundle| bundle.used).sum();
                let reading = Reading {
                    period, used, total: None, as_of: None, status: None, raw_status: None, bundles,
                };
                let step = step(last.as_ref(), &reading, UnixMs(i64::try_from(at).expect("small")));
                assert!(!matches!(step.kind, ReadingKind::Late | ReadingKind::Correction));
                sum += i128::from(step.delta);
                last = Some(step.last);
            }
            let last = last.expect("the last answer is always kept");
            assert_eq!(i128::from(mirror::used(&last.bundles)), sum);
            assert_eq!(i128::from(last.counted), sum);
            sum
        };
        let last_listing = |at: usize| lives.iter().any(|(from, length, _)| from + length - 1 == at);
        let last_used = lives.iter().map(|(_, length, growth)| growth[..*length].iter().sum::<u64>());
        let by_hand: u64 = last_used.sum();
        prop_assert_eq!(run(&|_| true, false), i128::from(by_hand));
        prop_assert_eq!(run(&|at| kept[at] || last_listing(at) || at == 19, backwards), i128::from(by_hand));
    }
}
