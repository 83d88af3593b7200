use super::*;
use crate::reading::Bundle;
use proptest::prelude::*;

const DAY: i64 = 86_400_000;

fn period(kind: PeriodKind, key: &str) -> Period {
    Period { kind, key: key.to_owned(), start: None, end: None }
}

/// A cycle from day to day.
fn cycle(start: i64, end: i64) -> Period {
    let kind = PeriodKind::BillingCycle;
    Period { kind, key: start.to_string(), start: Some(UnixMs(start * DAY)), end: Some(UnixMs(end * DAY)) }
}

fn reading(period: Period, used: u64) -> Reading {
    Reading { period, used, total: None, as_of: None, status: None, raw_status: None, bundles: Vec::new() }
}

/// Counts readings taken one day after another, from day 100.
fn counted(readings: impl IntoIterator<Item = (Period, u64)>) -> Vec<(ReadingKind, i64)> {
    let mut last = None;
    let mut steps = Vec::new();
    for (at, (period, used)) in (100..).zip(readings) {
        let step = step(last.as_ref(), &reading(period, used), UnixMs(at * DAY));
        steps.push((step.kind, step.delta));
        last = Some(step.last);
    }
    steps
}

use ReadingKind::{AssumedPeriod, Correction, First, Late, NewPeriod, SamePeriod};

#[test]
fn the_plain_rules() {
    let month = |key, used| (period(PeriodKind::CalendarMonth, key), used);
    let steps = counted([month("5", 10), month("5", 30), month("5", 30), month("5", 4), month("6", 7)]);
    assert_eq!(steps, [(First, 10), (SamePeriod, 20), (SamePeriod, 0), (Correction, -26), (NewPeriod, 7)]);
    let lifetime = |used| (period(PeriodKind::Lifetime, ""), used);
    assert_eq!(counted([lifetime(100), lifetime(1)]), [(First, 100), (Correction, -99)]);
}

#[test]
fn cycles_without_a_known_start_go_by_the_figures() {
    let bare = |used| (period(PeriodKind::BillingCycle, ""), used);
    assert_eq!(
        counted([bare(100), bare(50)]),
        [(First, 100), (Correction, -50)],
        "half is not less than half"
    );
    assert_eq!(counted([bare(100), bare(49)]), [(First, 100), (AssumedPeriod, 49)]);
    assert_eq!(counted([bare(0), bare(0)]), [(First, 0), (SamePeriod, 0)]);
    // The same end is the same cycle. An end that has passed and changed is another cycle, whatever the
    // usage.
    let until = |end: i64, used| {
        (Period { end: Some(UnixMs(end * DAY)), ..period(PeriodKind::BillingCycle, "") }, used)
    };
    assert_eq!(counted([until(120, 100), until(120, 1)]), [(First, 100), (Correction, -99)]);
    assert_eq!(counted([until(101, 100), until(131, 120)]), [(First, 100), (NewPeriod, 120)]);
    assert_eq!(
        counted([until(110, 100), until(141, 120)]),
        [(First, 100), (SamePeriod, 20)],
        "not yet passed"
    );
}

#[test]
fn a_billing_day_that_is_configured_or_changed_in_mid_cycle_counts_nothing_twice() {
    let bare = |used| (period(PeriodKind::BillingCycle, ""), used);
    let steps = counted([bare(5000), (cycle(90, 120), 5100), (cycle(95, 125), 5200), (cycle(125, 155), 50)]);
    assert_eq!(steps, [(First, 5000), (SamePeriod, 100), (SamePeriod, 100), (NewPeriod, 50)]);
    // The operator gives the last day as the end, or uses another time zone: the cycles still follow each
    // other.
    assert_eq!(counted([(cycle(90, 121), 50), (cycle(120, 150), 60)]), [(First, 50), (NewPeriod, 60)]);
}

#[test]
fn a_cycle_that_was_over_before_the_last_began_is_an_old_answer() {
    let steps =
        counted([(cycle(60, 90), 900), (cycle(90, 120), 5), (cycle(60, 90), 950), (cycle(90, 120), 9)]);
    assert_eq!(steps, [(First, 900), (NewPeriod, 5), (Late, 0), (SamePeriod, 4)]);
}

#[test]
fn last_month_shown_once_more_is_an_old_answer() {
    // Two of the operator's machines at the turn of a month: 31 days from day 59 on, then 30.
    let month = |start, end| Period { kind: PeriodKind::CalendarMonth, ..cycle(start, end) };
    let steps =
        counted([(month(59, 90), 900), (month(90, 120), 5), (month(59, 90), 950), (month(90, 120), 9)]);
    assert_eq!(steps, [(First, 900), (NewPeriod, 5), (Late, 0), (SamePeriod, 4)]);
}

#[test]
fn bundle_sets_without_a_list_keep_their_count_through_a_top_up() {
    let set = |key, used| (period(PeriodKind::Bundle, key), used);
    let steps = counted([set("a", 800), set("a,b", 900), set("b", 100), set("c", 30)]);
    assert_eq!(steps, [(First, 800), (SamePeriod, 100), (NewPeriod, 100), (NewPeriod, 30)]);
}

#[test]
fn another_kind_is_compared_by_the_figures() {
    let steps = counted([
        (period(PeriodKind::BillingCycle, ""), 5000),
        (period(PeriodKind::CalendarMonth, "5"), 5100),
        (period(PeriodKind::Bundle, ""), 20),
    ]);
    assert_eq!(steps, [(First, 5000), (SamePeriod, 100), (AssumedPeriod, 20)]);
}

#[test]
fn bundles_are_counted_one_by_one() {
    let bundle = |code: &str, used| Bundle {
        code: code.into(),
        name: code.into(),
        used,
        total: Some(1000),
        start: None,
        end: None,
    };
    let of = |bundles: &[Bundle]| Reading {
        bundles: bundles.to_vec(),
        ..reading(period(PeriodKind::Bundle, ""), bundles.iter().map(|bundle| bundle.used).sum())
    };
    let answers = [
        (of(&[bundle("a", 900)]), First, 900),
        (of(&[bundle("a", 1000), bundle("b", 50)]), NewPeriod, 150),
        (of(&[bundle("b", 60)]), SamePeriod, 10),
        (of(&[bundle("a", 1000), bundle("b", 60)]), SamePeriod, 0),
        (of(&[]), SamePeriod, 0),
        (of(&[bundle("b", 55)]), Correction, -5),
    ];
    let mut last: Option<Last> = None;
    for (at, (answer, what, delta)) in (0..).zip(answers) {
        let step = step(last.as_ref(), &answer, UnixMs(at));
        assert_eq!((step.kind, step.delta), (what, delta), "answer {at}");
        last = Some(step.last);
    }
    let last = last.expect("counted");
    assert_eq!((last.counted, last.cycle, mirror::used(&last.bundles)), (1055, 0, 1055));
    // Bundles that appear on a profile that was counted as a whole are in its usage already.
    let whole = step(None, &reading(period(PeriodKind::Bundle, ""), 500), UnixMs(0)).last;
    let listed = step(Some(&whole), &of(&[bundle("a", 510)]), UnixMs(1));
    assert_eq!((listed.delta, listed.last.counted), (10, 510));
    assert_eq!(step(Some(&listed.last), &of(&[bundle("a", 530)]), UnixMs(2)).delta, 20);
}

#[test]
fn older_is_told_by_the_operators_time_then_by_ours() {
    let key = |used| reading(period(PeriodKind::CalendarMonth, "5"), used);
    let at = |as_of: i64, used| Reading { as_of: Some(UnixMs(as_of)), ..key(used) };
    let last = step(None, &at(50, 10), UnixMs(100)).last;
    let what = |reading: &Reading, began| step(Some(&last), reading, UnixMs(began)).kind;
    assert_eq!(what(&at(49, 99), 200), Late, "asked later, usage older");
    assert_eq!(what(&at(51, 99), 90), SamePeriod, "asked earlier, usage newer");
    assert_eq!(what(&at(50, 99), 99), Late, "usage of one time: by when asking began");
    assert_eq!(what(&at(50, 99), 101), SamePeriod);
    assert_eq!(what(&key(99), 99), Late);
    assert_eq!(what(&key(99), 101), SamePeriod);
    // After an answer without a time, older usage is still late.
    let untimed = step(Some(&last), &key(20), UnixMs(101)).last;
    assert_eq!(step(Some(&untimed), &at(49, 15), UnixMs(102)).kind, Late);
    // A time that is far ahead counts as the start of the reading, so that later readings are not late.
    let ahead = step(Some(&last), &at(i64::MAX, 20), UnixMs(101)).last;
    assert_eq!(ahead.as_of, Some(UnixMs(101)));
    assert_eq!(step(Some(&ahead), &at(102, 30), UnixMs(103)).kind, SamePeriod);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Any answers in any order: nothing overflows, and the bytes counted in a cycle are the sum of its
    /// differences. For profiles without bundles and with one kind of period they are the last usage.
    #[test]
    fn the_differences_of_a_cycle_sum_up_to_its_figure(
        kind in proptest::sample::select(vec![
            PeriodKind::BillingCycle, PeriodKind::CalendarMonth, PeriodKind::Bundle, PeriodKind::Lifetime]),
        answers in proptest::collection::vec((
            "[abc]?", proptest::option::of((0_i64..6, 1_i64..3)), prop_oneof![0_u64..1000, any::<u64>()],
            0_i64..200, proptest::option::of(0_i64..250)), 1..30),
    ) {
        let mut last: Option<Last> = None;
        let mut sums = std::collections::BTreeMap::new();
        for (key, span, used, day, as_of) in answers {
            let (start, end) = span.map(|(start, length)| (start, start + length)).unzip();
            let at = |day: Option<i64>| day.map(|day| UnixMs(day * DAY));
            let period = Period { kind, key, start: at(start), end: at(end) };
            let answer = Reading { as_of: at(as_of), ..reading(period, used) };
            let step = step(last.as_ref(), &answer, UnixMs(day * DAY));
            prop_assert_eq!(step.delta < 0, step.kind == Correction);
            prop_assert_eq!(step.kind == First, last.is_none());
            if step.kind == Late {
                prop_assert_eq!((step.delta, Some(&step.last)), (0, last.as_ref()));
            } else {
                prop_assert_eq!(step.last.used, used.min(MOST));
            }
            *sums.entry(step.last.cycle).or_insert(0_i128) += i128::from(step.delta);
            prop_assert_eq!(sums[&step.last.cycle], i128::from(step.last.counted));
            prop_assert_eq!(step.last.counted, step.last.used);
            last = Some(step.last);
        }
    }
}
