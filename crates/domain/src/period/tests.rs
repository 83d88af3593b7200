#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

/// Zones are written out, so that no test depends on the machine's zone files. Havana changes its clocks at
/// midnight, so that one day of the year begins at 01:00. The last zone is made up after Newfoundland's old
/// rule: clocks go back over midnight, at 00:01.
const ZONES: [&str; 7] = [
    "UTC0",
    "CST-8",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "EST5EDT,M3.2.0,M11.1.0",
    "CST5CDT,M3.2.0/0,M11.1.0/1",
    "<+14>-14",
    "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01",
];
const BERLIN: &str = ZONES[2];

fn zone(posix: &str) -> TimeZone {
    TimeZone::posix(posix).unwrap()
}

fn ms(text: &str) -> UnixMs {
    UnixMs(text.parse::<Timestamp>().unwrap().as_millisecond())
}

fn cycle(at: &str, posix: &str, day: i8) -> (String, UnixMs, UnixMs) {
    key_and_ends(billing_cycle(ms(at), &zone(posix), BillingDay::new(day).unwrap()).unwrap())
}

fn month(at: &str, posix: &str) -> (String, UnixMs, UnixMs) {
    key_and_ends(calendar_month(ms(at), &zone(posix)).unwrap())
}

fn key_and_ends(period: Period) -> (String, UnixMs, UnixMs) {
    (period.key, period.start.unwrap(), period.end.unwrap())
}

fn expected(key: &str, start: &str, end: &str) -> (String, UnixMs, UnixMs) {
    (key.to_owned(), ms(start), ms(end))
}

#[test]
fn months_by_hand() {
    // Shanghai is 8 hours ahead: its May begins on 30 April, 16:00 UTC.
    let may = expected("2026-05", "2026-04-30T16:00:00Z", "2026-05-31T16:00:00Z");
    assert_eq!(month("2026-04-30T16:00:00Z", "CST-8"), may);
    assert_eq!(month("2026-05-31T15:59:59.999Z", "CST-8"), may);
    assert_eq!(month("2026-04-30T15:59:59.999Z", "CST-8").0, "2026-04");
    // New York in May is 4 hours behind.
    let may = expected("2026-05", "2026-05-01T04:00:00Z", "2026-06-01T04:00:00Z");
    assert_eq!(month("2026-05-01T04:00:00Z", "EST5EDT,M3.2.0,M11.1.0"), may);
    assert_eq!(month("2026-05-01T03:59:59Z", "EST5EDT,M3.2.0,M11.1.0").0, "2026-04");
    // Berlin's March begins in winter time and ends in summer time: 31 days less one hour.
    let march = expected("2026-03", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
    assert_eq!(month("2026-03-29T01:30:00Z", BERLIN), march);
    assert_eq!(month("2025-12-31T23:00:00Z", BERLIN).0, "2026-01");
}

#[test]
fn cycles_by_hand() {
    let day_15 = expected("2026-05-15", "2026-05-15T00:00:00Z", "2026-06-15T00:00:00Z");
    assert_eq!(cycle("2026-05-15T00:00:00Z", "UTC0", 15), day_15);
    assert_eq!(cycle("2026-06-14T23:59:59Z", "UTC0", 15), day_15);
    assert_eq!(cycle("2026-05-14T23:59:59Z", "UTC0", 15).0, "2026-04-15");
    assert_eq!(cycle("2026-01-10T00:00:00Z", "UTC0", 15).0, "2025-12-15");
    // The 31st: on 28 February in a common year, on the 29th in a leap year, on the 30th of April.
    let february = expected("2026-02-28", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z");
    assert_eq!(cycle("2026-02-28T00:00:00Z", "UTC0", 31), february);
    assert_eq!(cycle("2026-02-27T23:59:59Z", "UTC0", 31).0, "2026-01-31");
    let leap = expected("2028-02-29", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z");
    assert_eq!(cycle("2028-03-30T12:00:00Z", "UTC0", 31), leap);
    assert_eq!(cycle("2028-02-28T12:00:00Z", "UTC0", 31).0, "2028-01-31");
    assert_eq!(cycle("2026-05-01T00:00:00Z", "UTC0", 31).0, "2026-04-30");
    // A cycle over Berlin's October night of 25 hours: local midnights, so 31 days and one hour.
    let october = expected("2026-10-01", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z");
    assert_eq!(cycle("2026-10-25T00:30:00Z", BERLIN, 1), october);
}

#[test]
fn a_day_without_a_midnight_and_one_with_two() {
    // Havana, 8 March 2026: 00:00 does not exist, the day begins at 01:00 summer time, 05:00 UTC.
    let march = cycle("2026-03-20T00:00:00Z", ZONES[4], 8);
    assert_eq!(march.1, ms("2026-03-08T05:00:00Z"));
    assert_eq!(cycle("2026-03-08T04:59:59Z", ZONES[4], 8).0, "2026-02-08");
    // 1 November 2026 at 01:00 summer time: clocks go back to 00:00. The first of the two midnights counts.
    assert_eq!(cycle("2026-11-20T00:00:00Z", ZONES[4], 1).1, ms("2026-11-01T04:00:00Z"));
    // Back over midnight: 1 November began at 02:30 UTC; a minute later clocks show 31 October once more.
    let late = ms("2026-11-01T03:00:00Z");
    assert_eq!(local_day(late, &zone(ZONES[6])).to_string(), "2026-10-31");
    assert_eq!(calendar_month(late, &zone(ZONES[6])).unwrap().key, "2026-11");
}

#[test]
fn only_what_is_not_told_is_derived() {
    let at = ms("2026-05-20T00:00:00Z");
    let bare = |kind| Period { kind, key: String::new(), start: None, end: None };
    let day = BillingDay::new(15);
    let key = |kind, day| dated(bare(kind), at, &TimeZone::UTC, day).key;
    assert_eq!(key(PeriodKind::CalendarMonth, None), "2026-05");
    assert_eq!(key(PeriodKind::BillingCycle, day), "2026-05-15");
    assert_eq!(key(PeriodKind::BillingCycle, None), "");
    assert_eq!(key(PeriodKind::Bundle, day), "");
    assert_eq!(key(PeriodKind::Lifetime, day), "");
    let period = Period { start: Some(at), ..bare(PeriodKind::BillingCycle) };
    assert_eq!(dated(period.clone(), at, &TimeZone::UTC, day), period);
}

#[test]
fn days_of_the_month() {
    assert_eq!(
        [0, 1, 31, 32, -1].map(|day| BillingDay::new(day).is_some()),
        [false, true, true, false, false]
    );
    assert!(serde_json::from_str::<BillingDay>("32").is_err());
    assert_eq!(serde_json::from_str::<BillingDay>("31").unwrap().get(), 31);
    assert_eq!(calendar_month(UnixMs(i64::MAX), &TimeZone::UTC), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// For any zone, day and time: the period contains the time, the next period begins where it ends, the
    /// one before ends where it begins, and their keys sort.
    #[test]
    fn periods_tile_time(
        at in -2_208_988_800_000_i64..32_503_680_000_000,
        near_turn in any::<bool>(),
        nudge in -7_200_000_i64..7_200_000,
        posix in proptest::sample::select(ZONES.to_vec()),
        day in 0_i8..=31,
    ) {
        let zone = zone(posix);
        let of = |at| match BillingDay::new(day) {
            Some(day) => billing_cycle(at, &zone, day),
            None => calendar_month(at, &zone),
        }.unwrap();
        let mut at = UnixMs(at);
        if near_turn {
            at = UnixMs(of(at).end.unwrap().0 + nudge);
        }
        let (key, start, end) = key_and_ends(of(at));
        prop_assert!(start <= at && at < end, "{at:?} is not in {start:?}..{end:?}");
        let (next_key, next_start, _) = key_and_ends(of(end));
        let (last_key, _, last_end) = key_and_ends(of(UnixMs(start.0 - 1)));
        prop_assert_eq!((next_start, last_end), (end, start));
        prop_assert!(last_key < key && key < next_key, "{last_key} {key} {next_key}");
        let days = (end.0 - start.0) / 3_600_000 / 24;
        prop_assert!((27..=31).contains(&days), "{days} days");
    }
}
